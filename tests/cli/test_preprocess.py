"""`pentimento preprocess`: the same map with a server and without one."""

from __future__ import annotations

import numpy as np
from tests.cli.shell import Shell, photo, read

from pentimento.imaging import control_maps, model_input, pixels


def test_a_map_is_drawn_by_the_server_and_without_it(served: Shell) -> None:
    source = photo(served.folder / "Foto “猫” ü.png")
    thresholds = ("--low", "20", "--high", "60")
    for output, where in (("b.png", ()), ("c.png", ("--local",))):
        done = served(
            "preprocess", "Foto “猫” ü.png", output, "--type", "canny", *thresholds, *where
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{output}\n"
    wanted = control_maps.draw("canny", model_input.seen_u8(pixels.with_alpha(source)), 20, 60)
    for output in ("b.png", "c.png"):
        found = pixels.to_depth(read(served.folder / output), np.uint8)
        assert np.array_equal(found[..., :3], wanted)


def test_what_cannot_be_drawn_says_what_it_takes(shell: Shell) -> None:
    photo(shell.folder / "Foto “猫” ü.png")
    done = shell("preprocess", "Foto “猫” ü.png", "b.png", "--type", "depth", "--local")
    assert done.returncode == 1
    assert "Depth Anything" in done.stderr
    assert not (shell.folder / "b.png").exists()
