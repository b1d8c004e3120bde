"""Awkward pictures over HTTP: taken as they are, upright and in their colours in the result."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.server.front import Front
from tests.support import awkward
from tests.support.awkward_pictures import BOMBS, DAMAGED, PICTURES, TRAVELLING, Sample

from pentimento.imaging import decode, file_header, pixels, png_chunks


def sent(front: Front, sample: Sample) -> dict[str, str]:
    answer = front.call("PUT", "/v1/blobs", sample.data, {"Content-Type": str(sample.content_type)})
    assert answer.status in (200, 201), answer.body
    height, width = sample.seen.shape[:2]
    assert (answer.json["width"], answer.json["height"]) == (width, height)
    told = " ".join(answer.json["notices"])
    assert (sample.notice in told) if sample.notice else not told
    return {"blob": answer.json["id"]}


def kept(front: Front, source: dict[str, str]) -> bytes:
    """The PNG of a job at strength 0."""
    job = front.start({"mode": "img2img", "source": source, "strength": 0, "steps": 2})
    done = front.finished(job)
    assert done["status"] == "succeeded", done["error"]
    return front.call("GET", done["images"][0]["url"]).body


def as_seen(data: bytes) -> np.ndarray:
    """What a viewer makes of it that knows profiles and no orientation, so that none is left."""
    header = file_header.header(data)
    assert not header.turned
    return pixels.to_float(decode.srgb(decode.decode(data, header.size)))


def profile_of(data: bytes) -> bytes | None:
    return png_chunks.facts(data).profile


@pytest.mark.parametrize("sample", awkward.cases(TRAVELLING))
def test_a_picture_is_taken_and_given_back_as_it_is_seen(front: Front, sample: Sample) -> None:
    result = kept(front, sent(front, sample))
    found = as_seen(result)
    assert found.shape == sample.seen.shape
    visible = sample.seen[..., 3] > 0
    assert np.abs(found - sample.seen)[visible].max() <= sample.exact
    assert np.abs(found - sample.seen)[..., 3].max() <= 1 / 255
    if sample.stored is not None and sample.stored.shape[2] == 3:
        read = cv2.imdecode(np.frombuffer(result, np.uint8), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(read[..., 2::-1], sample.stored)
        assert sample.notice or profile_of(result) == sample.profile


@pytest.mark.parametrize("data", awkward.cases(DAMAGED))
@pytest.mark.parametrize("kind", ["image/png", "image/jpeg"])
def test_a_damaged_picture_is_refused(front: Front, data: bytes, kind: str) -> None:
    answer = front.call("PUT", "/v1/blobs", data, {"Content-Type": kind})
    assert answer.status == 400
    assert answer.code == "bad_image"


@pytest.mark.parametrize("data", awkward.cases(BOMBS))
def test_a_small_file_that_says_it_is_enormous_is_refused_unread(front: Front, data: bytes) -> None:
    kind = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
    answer = front.call("PUT", "/v1/blobs", data, {"Content-Type": kind})
    assert answer.status == 413
    assert answer.code == "too_many_pixels"


@pytest.mark.parametrize("name", ["png_on_6", "png16_on_5", "webp_on_8"])
def test_a_mask_that_was_stored_on_its_side_lies_on_its_picture(front: Front, name: str) -> None:
    source, mask = sent(front, PICTURES["jpg_on_6"]), sent(front, PICTURES[name])
    job = front.start({"mode": "inpaint", "source": source, "mask": mask, "strength": 0})
    done = front.finished(job)
    assert done["status"] == "succeeded", done["error"]
    assert (done["mask"]["width"], done["mask"]["height"]) == (48, 32)
    mask_png = front.call("GET", done["mask"]["url"]).body
    grey = np.asarray(Image.open(io.BytesIO(mask_png))) / 255
    luminance = PICTURES[name].seen[..., :3] @ pixels.LUMA
    assert np.abs(grey - luminance).max() < 0.01
