"""A stranger's hour: every action once in real GIMP 3.2, in Chinese, from a home with spaces and
Chinese letters, on a photo that lies on its side and has another profile than sRGB, while another
user's server has the default port."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.gimp.companion import Companion
from tests.gimp.harness import REPO, HeadlessGimp, root_of
from tests.gimp.processes import wait_until
from tests.gimp.profiles import SPACES, ciede2000, write_all
from tests.support.tiny_flow_models import write_flux2_klein

pytestmark = pytest.mark.gimp
DEFAULT_PORT = 8765
PROMPT = "一只红色的猫，“水墨画”，高清 🐈‍⬛"
UPRIGHT = (120, 160)
PATCH = (90, 30)  # in the upright photo
ORIENTATION, LYING = 0x0112, 6  # EXIF: to be turned clockwise
ACTIONS = ("unchanged", "repainted", "map", "steered", "filled", "again", "written", "edited")
CHINESE = re.compile("[\u4e00-\u9fff]")


def photo(folder: Path) -> str:
    """A JPEG of blocks of colours, red in the upper left; its pixels lie on their side."""
    write_all(folder)
    rng = np.random.default_rng(3)
    small = rng.integers(40, 220, (4, 3, 3), np.uint8)
    small[0, 0] = (230, 20, 20)
    small[0, 2] = (130, 150, 120)  # where PATCH is; inside of sRGB, too
    upright = Image.fromarray(small.repeat(40, 0).repeat(40, 1))
    assert upright.size == UPRIGHT
    exif = Image.Exif()
    exif[ORIENTATION] = LYING
    name = "照片 “一”.jpg"
    profile = (folder / "p3.icc").read_bytes()
    lying = upright.transpose(Image.Transpose.ROTATE_90)
    lying.save(folder / name, quality=95, subsampling=0, exif=exif, icc_profile=profile)
    return name


def chinese(folder: Path) -> dict[str, str]:
    """LANG=zh_CN.UTF-8, with the locale where this machine can make it; else by words only."""
    made = folder / "locale" / "zh_CN.UTF-8"
    made.parent.mkdir()
    compiler = shutil.which("localedef")
    if compiler and Path("/usr/share/i18n/locales/zh_CN").exists():
        command = [compiler, "-c", "-i", "zh_CN", "-f", "UTF-8", str(made)]
        subprocess.run(command, check=False, capture_output=True)
    if not made.is_dir():
        return {"LANG": "C.UTF-8", "LANGUAGE": "zh_CN:zh"}
    return {"LANG": "zh_CN.UTF-8", "LANGUAGE": "zh_CN:zh", "LOCPATH": str(made.parent)}


def port_for_the_other() -> int:
    with socket.socket() as probe:
        taken = probe.connect_ex(("127.0.0.1", DEFAULT_PORT)) == 0
    return 0 if taken else DEFAULT_PORT


@pytest.fixture(scope="module")
def hour(tmp_path_factory):
    """The answers of inside/strangers_hour.py, the stranger's own server and the other user's."""
    if not root_of("3.2").is_dir():
        pytest.skip("no root with GIMP 3.2: run ./install.sh --test")
    work = tmp_path_factory.mktemp("stranger") / "小明 的家"
    work.mkdir()
    gimp = HeadlessGimp("3.2", work, ("file-jpeg",))
    gimp.data = work / "home" / ".local" / "share" / "pentimento"
    (gimp.data / "logs").mkdir(parents=True)
    write_flux2_klein(gimp.data / "models" / "klein")
    outside = ["/usr/sbin/chroot", "/mnt", "/usr/bin/env", f"PYTHONPATH={REPO / 'server'}"]
    outside += [f"PENTIMENTO_DATA={gimp.data}", "OMP_NUM_THREADS=1"]
    command = [*outside, sys.executable, "-m", "pentimento", "serve", "--port", "0"]
    (gimp.data / "install.json").write_text(json.dumps({"command": command, "version": "test"}))
    variables = {"PENTIMENTO_DATA": "", "HOME": str(work / "home"), **chinese(work)}
    with Companion(tmp_path_factory.mktemp("other"), port_for_the_other()) as other:
        gimp.point_to(other.url, "ours-from-before-the-crash")
        arguments = {"photo": photo(work), "patch": PATCH}
        try:
            found = gimp.run("strangers_hour.py", arguments, timeout=500, variables=variables)
            own = Own(gimp.data)
            found["patch on the server"] = own.pixel(found["unchanged"]["job"], *PATCH)
            found["jobs of the other"] = other.ask("/v1/jobs")["jobs"]
            found["own url"], found["other url"] = own.url, other.url
        finally:
            stopped = gimp.run("start_and_stop.py", "stop", variables=variables)
        assert stopped["stop"] == ["success", ""]
        wait_until(lambda: not Path(f"/proc/{own.pid}").exists(), 60, "the server's end")
        yield found


class Own(Companion):
    """The server that the plug-in has started."""

    def __init__(self, data: Path) -> None:
        described = json.loads((data / "server.json").read_text())
        self.url, self.token, self.pid = described["url"], described["token"], described["pid"]

    def pixel(self, job: str, x: int, y: int) -> list[float]:
        """One pixel 0..1 of what a job gave; at strength 0 it is what was sent."""
        kind, data = self.fetch(f"/v1/jobs/{job}/images/0", "application/x-pixels")
        fields = dict(part.strip().split("=") for part in kind.split(";")[1:])
        assert fields["format"] == "rgba-f32"
        pixels = np.frombuffer(data, "<f4").reshape(int(fields["height"]), -1, 4)
        return pixels[y, x, :3].tolist()


def test_the_stranger_is_one(hour):
    assert " " in hour["home"]
    assert CHINESE.search(hour["home"])
    assert hour["locale"]
    assert hour["own url"] != hour["other url"]


def test_nothing_went_to_the_other_users_server(hour):
    assert hour["jobs of the other"] == []


def test_the_photo_stands_upright_with_its_profile(hour):
    assert hour["size"] == list(UPRIGHT)
    red, green, blue, _alpha = hour["corner"]
    assert red > 200 > 90 > max(green, blue)
    assert hour["profile"] == SPACES["p3"].label


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_works_and_touches_nothing_else(hour, action):
    found = hour[action]
    assert found["status"] == "success", found["error"]
    assert found["changed"] == []


@pytest.mark.parametrize("action", ["unchanged", "repainted", "steered", "filled", "again"])
def test_its_record_has_the_words(hour, action):
    assert hour[action]["prompt"] == PROMPT
    assert "一只红色的猫" in hour[action]["name"]


def test_strength_zero_keeps_every_bit_and_the_model_sees_the_right_colours(hour):
    found = hour["unchanged"]
    assert found["same"]
    assert found["place"] == [0, 0, *UPRIGHT]
    sent = np.array(hour["patch on the server"])
    shown = SPACES["p3"].lab(np.array(found["patch"][:3]) / 255)
    assert ciede2000(SPACES["srgb"].lab(sent), shown) < 0.2


def test_new_pictures_lie_where_they_belong(hour):
    assert hour["repainted"]["place"] == hour["map"]["place"] == [0, 0, *UPRIGHT]
    assert hour["repainted"]["differs"]
    assert hour["written"]["place"] == [28, 48, 64, 64]
    assert hour["edited"]["prompt"] == "变成冬天"
    assert hour["again"]["place"] == hour["filled"]["place"] == hour["reopened"]["place"]


def test_the_selection_is_the_mask_and_nothing_changes_outside(hour):
    found = hour["filled"]
    assert found["mask"]
    assert found["leaked"] == 0
    assert found["painted"] > 0


def test_a_saved_image_goes_on_after_it_is_opened_again(hour):
    assert hour["reopened"]["status"] == "success", hour["reopened"]["error"]
    assert hour["reopened"]["prompt"] == PROMPT


@pytest.mark.parametrize("name", ["server", "backends", "models", "doctor"])
def test_reports_are_in_chinese(hour, name):
    found = hour["reports"][name]
    assert found["status"] == "success", found["error"]
    assert CHINESE.search(found["report"]), os.linesep + found["report"]
