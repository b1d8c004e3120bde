"""`pentimento select`: the same mask with a server and without one, and the object cut out."""

from __future__ import annotations

import numpy as np
from PIL import Image
from tests.cli.shell import Shell
from tests.support.drawn_objects import scene

NAME = "ein Bild 猫=“1”.png"


def test_the_shell_selects_and_cuts_out(served: Shell) -> None:
    one = scene(6)
    box = ",".join(str(side) for side in (one.box.x, one.box.y, one.box.width, one.box.height))
    Image.fromarray(one.picture).save(served.folder / NAME)
    made = {}
    for where in ((), ("--local",)):
        done = served(
            "select", NAME, "--box", box, "--output", "m.png", "--cut-out", "o.png", *where
        )
        assert done.returncode == 0, done.stderr
        made[where] = np.asarray(Image.open(served.folder / "m.png").convert("L"))
        cut = np.asarray(Image.open(served.folder / "o.png"))
        assert (cut[..., 3] == made[where]).all()
        solid = made[where] == 255
        assert (cut[solid][:, :3] == one.picture[solid]).all()
    assert (made[()] == made[("--local",)]).all()
    assert one.agreement(made[()] / 255) > 0.9


def test_a_wrong_place_says_its_form(shell: Shell) -> None:
    Image.fromarray(scene(6).picture).save(shell.folder / NAME)
    done = shell("select", NAME, "--point", "links", "--output", "m.png", "--local")
    assert done.returncode == 1
    assert "X,Y" in done.stderr
