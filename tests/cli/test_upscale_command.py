"""`pentimento upscale`: the same picture with a server and without one."""

from __future__ import annotations

import numpy as np
from PIL import Image
from tests.cli.shell import Shell

NAME = "ein Bild 猫=“1”.png"


def test_the_shell_enlarges(served: Shell) -> None:
    picture = np.random.default_rng(2).integers(0, 256, (40, 60, 3), np.uint8)
    Image.fromarray(picture).save(served.folder / NAME)
    made = []
    for where in ((), ("--local",)):
        done = served("upscale", NAME, "--scale", "1.5", "-o", "größer 大.png", *where)
        assert done.returncode == 0, done.stderr
        image = Image.open(served.folder / "größer 大.png")
        assert image.size == (90, 60)
        made.append(np.asarray(image.convert("RGB")))
    np.testing.assert_array_equal(*made)


def test_what_cannot_be_is_said(shell: Shell) -> None:
    Image.new("RGB", (8, 8)).save(shell.folder / NAME)
    done = shell("upscale", NAME, "--scale", "9", "-o", "x.png", "--local")
    assert done.returncode == 1
    assert "scale" in done.stderr
    done = shell("upscale", NAME, "--method", "gibt-es-nicht", "-o", "x.png", "--local")
    assert done.returncode == 1
    assert "compact-photo" in done.stderr
    assert not (shell.folder / "x.png").exists()
