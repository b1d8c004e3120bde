"""What large pictures take goes back to the system, several at once don't add up, and no answer up
to the largest that is allowed needs several copies of its picture."""

from __future__ import annotations

import base64
import io
import json
import re
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.fuzz.fuzz import Target, running
from tests.server.front import Front, until
from tests.support.large_pictures import as_png, by_pillow, stripes

from pentimento.core.geometry import Size
from pentimento.imaging import pixels, png_bands

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc; glibc's own trait")
SIDE = 9000  # px; 81 megapixels
MOST = 1000  # MiB; four whole copies of such a picture in 8 bits have more, two in 16


def of(pid: int, name: str) -> int:
    """MiB: VmRSS is what is held now, VmHWM the most there ever was."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) // 1024


def transparent(width: int, height: int, depth: type) -> np.ndarray:
    """Coloured noise whose alpha is 0 here and there."""
    few = np.random.default_rng(1).integers(0, 255, (40, 40, 4), np.uint8)
    few[::3, :, 3] = 0
    return pixels.to_depth(cv2.resize(few, (width, height)), depth)


def large(width: int, height: int, depth: type) -> bytes:
    return pixels.encode_png(transparent(width, height, depth))


def on_its_side(width: int, height: int) -> bytes:
    """A JPEG as telephones write it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    seen = Image.fromarray(transparent(height, width, np.uint8)[..., :3])
    seen.save(out, "JPEG", exif=exif)
    return out.getvalue()


def test_memory_of_large_pictures_goes_back(tmp_path: Path) -> None:
    """R16: 9 megapixels at both depths, with transparency and turned, over the protocol and a face,
    also three at once."""
    (tmp_path / "settings.json").write_text(json.dumps({"faces": ["a1111"]}))
    front = Front(tmp_path, None)
    pid = front.process.pid
    try:
        small = large(64, 64, np.uint8)
        ordinary, deep = large(3000, 3000, np.uint8), large(3000, 3000, np.uint16)
        photo = on_its_side(3000, 3000)

        def face(data: bytes, **size: int) -> int:
            job = {"init_images": [base64.b64encode(data).decode()], "denoising_strength": 0}
            return front.call("POST", "/sdapi/v1/img2img", job | size).status

        assert face(small, width=96, height=96) == 200
        before = of(pid, "VmRSS")
        for data, kind in ((ordinary, "png"), (deep, "png"), (photo, "jpeg")):
            kept = front.call("PUT", "/v1/blobs", data, {"Content-Type": f"image/{kind}"})
            assert kept.status == 201
            assert face(data, width=1000, height=750) == 200
        with ThreadPoolExecutor(3) as pool:
            assert list(pool.map(lambda _: face(deep, width=900, height=900), range(3)))
        until(lambda: of(pid, "VmRSS") - before < 40)
        assert of(pid, "VmHWM") < 500
    finally:
        front.stop()


def deep_and_large(side: int) -> bytes:
    """Coloured stripes of 16 bits with transparent ones between them, in a small file."""
    stripes = (np.arange(side) // 500).astype(np.uint16)
    band = np.repeat(stripes[None, :, None] * 5001, 4, axis=2)
    band[..., 3] = np.where(stripes % 3, 65_535, 0)
    out = io.BytesIO()
    step = 100
    parts: Iterator[np.ndarray] = (np.repeat(band, step, axis=0) for _ in range(side // step))
    png_bands.write(out, Size(side, side), parts)
    return out.getvalue()


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Target, int]]:
    """A front with a stand-in for the engine, and the number of its process."""
    with running(tmp_path_factory.mktemp("数据 large")) as (started, process):
        yield started, process.pid


def sides(png: bytes) -> tuple[int, int]:
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


@pytest.mark.timeout(900)  # 15 s on an idle machine
def test_no_answer_takes_the_memory_of_several_pictures(target: tuple[Target, int]) -> None:
    """81 megapixels made from a prompt, and enlarged from a small picture of 16 bits with
    transparency; an object selected in a file of that kind with 36."""
    server, pid = target
    size = {"width": SIDE, "height": SIDE}
    made = server.call("POST", "/sdapi/v1/txt2img", {"prompt": "猫 قطة", "steps": 1} | size)
    picture = base64.b64decode(json.loads(made)["images"][0])
    assert (picture[:8], sides(picture)) == (b"\x89PNG\r\n\x1a\n", (SIDE, SIDE))
    assert picture.endswith(b"IEND\xaeB`\x82")
    assert of(pid, "VmHWM") < MOST / 4
    del made, picture

    small = base64.b64encode(large(64, 64, np.uint16)).decode()
    source = {"init_images": [small], "denoising_strength": 0}
    made = server.call("POST", "/sdapi/v1/img2img", source | size)
    picture = base64.b64decode(json.loads(made)["images"][0])
    assert (picture[24], picture[25]) == (16, 6)  # bits, RGB with alpha
    assert of(pid, "VmHWM") < MOST
    del made, picture

    side = SIDE * 2 // 3
    blob = json.loads(server.call("PUT", "/v1/blobs", deep_and_large(side), "image/png"))["id"]
    points = [{"x": side / 2, "y": side / 2, "label": 1}]
    asked = {"mode": "select", "source": {"blob": blob}, "points": points}
    job = json.loads(server.call("POST", "/v1/jobs", asked))["id"]
    told = until(lambda: final(server.call("GET", f"/v1/jobs/{job}?wait=30")), 300)
    assert told["status"] == "succeeded", told["error"]
    address = told["images"][0]["url"]
    assert sides(server.call("GET", address)) == (side, side)
    assert server.call("GET", f"{address}?thumbnail=256").startswith(b"RIFF")
    assert of(pid, "VmHWM") < MOST
    until(lambda: of(pid, "VmRSS") < MOST / 4)


def final(answer: bytes) -> dict | None:
    told = json.loads(answer)
    return told if told["status"] in ("succeeded", "failed", "cancelled") else None


@pytest.mark.timeout(900)  # 40 s on an idle machine
def test_no_form_of_a_file_takes_the_memory_of_several_pictures(
    target: tuple[Target, int],
) -> None:
    """81 megapixels as a JPEG that lies on its side, a WebP and an interlaced PNG, which no decoder
    gives in bands; the JPEG also with a mask whose place begins as its surroundings. 16 bits on
    their side have a limit of their own, which is told before they are decoded."""
    server, pid = target
    whole = stripes(SIDE, SIDE)
    files = {
        "jpeg": by_pillow(whole, "JPEG", 6),
        "webp": by_pillow(whole, "WEBP", method=0, quality=1),
        "png": as_png(whole, interlaced=True),
    }
    del whole
    for kind, data in files.items():
        server.call("PUT", "/v1/blobs", data, f"image/{kind}")
        assert of(pid, "VmHWM") < MOST, kind
    mask = base64.b64encode(as_png(stripes(64, 64, 1), interlaced=True)).decode()
    job = {"init_images": [base64.b64encode(files["jpeg"]).decode()], "mask": mask}
    size = {"width": SIDE, "height": SIDE, "inpaint_full_res": False}
    server.call("POST", "/sdapi/v1/img2img", job | size | {"prompt": "猫", "steps": 1})
    assert of(pid, "VmHWM") < MOST

    deep = as_png(np.zeros((1, 1, 4), np.uint16), interlaced=True)
    claims = deep.replace(deep[16:24], SIDE.to_bytes(4) * 2, 1)
    claims = claims[:29] + zlib.crc32(claims[12:29]).to_bytes(4) + claims[33:]
    status, refused = server.ask("PUT", "/v1/blobs", claims, "image/png")
    assert (status, json.loads(refused)["error"]["code"]) == (413, "too_large")
    assert "40 megapixels" in json.loads(refused)["error"]["message"]


def test_a_webp_that_would_take_minutes_is_refused_before_the_work(
    target: tuple[Target, int],
) -> None:
    server, _ = target
    jobs = server.call("GET", "/v1/jobs")
    asked = {"prompt": "猫", "output_format": "webp", "size": f"{SIDE}x{SIDE}"}
    status, refused = server.ask("POST", "/openai/v1/images/generations", asked)
    assert status == 400
    assert "megapixels" in json.loads(refused)["error"]["message"]
    assert server.call("GET", "/v1/jobs") == jobs
