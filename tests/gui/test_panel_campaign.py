"""A short campaign with the panel: each of its processes is killed once. `python -m
tests.gui.campaign` runs longer ones."""

from __future__ import annotations

import random

import pytest
from tests.gimp import turns
from tests.gui import campaign
from tests.gui.gui import roots
from tests.gui.session import Session, wait


@pytest.mark.gui
def test_nothing_is_lost_and_nothing_left_when_processes_are_killed():
    version = next(one for one in campaign.SUITES if turns.taken("panel campaign", one))
    root = roots().get(campaign.SUITES[version])
    if root is None:
        pytest.skip(f"no root with GIMP {version}")
    with Session(root, size=campaign.SCREEN) as session:
        short = campaign.PanelCampaign(session, random.Random(2), actions=7, kills=1)
        short.run()
        report = short.report()
    assert report["wrong"] == [], report
    assert report["results kept"] >= 1
    wait(lambda: not campaign.left_over(session.data), "the end of all processes")
