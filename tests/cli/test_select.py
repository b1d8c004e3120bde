"""`pentimento select`: the same mask with a server and without one, and the object cut out; and the
layers of `pentimento run --mode harmonize`."""

from __future__ import annotations

import numpy as np
from PIL import Image
from tests.cli.shell import Shell
from tests.imaging.test_harmony import pasted
from tests.support.drawn_objects import scene

from pentimento.imaging import harmony_layers

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


def test_a_pasted_object_gets_its_three_layers(served: Shell) -> None:
    source, mask = pasted(6)
    Image.fromarray(source).save(served.folder / NAME)
    Image.fromarray(mask).save(served.folder / "m.png")
    wanted = harmony_layers.of(source, mask)
    asked = ("run", "--mode", "harmonize", "--input", NAME, "--mask", "m.png", "--output", "o.png")
    for where in ((), ("--local",)):
        done = served(*asked, *where)
        assert done.returncode == 0, done.stderr
        told = done.stdout.split()
        for number, name in enumerate(harmony_layers.NAMES, 1):
            assert told[2 * number - 2 :][:2] == [f"o-{number}.png", f"({name})"]
            made = np.asarray(Image.open(served.folder / f"o-{number}.png").convert("RGBA"))
            assert (made == getattr(wanted, name)).all()
