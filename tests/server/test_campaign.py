"""A short campaign: no job and no picture is lost. `python -m tests.support.campaign` runs longer
ones."""

from __future__ import annotations

import pytest
from tests.support import campaign


@pytest.mark.parametrize("seed", [1, 2])
def test_no_job_is_lost_whatever_is_done_to_the_server(tmp_path, seed):
    report = campaign.run(rounds=6, seed=seed, work=tmp_path)
    assert report["jobs"] >= 6
    assert report["lost"] == [], report
