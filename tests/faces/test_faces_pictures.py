"""Awkward pictures through the faces: seen as people see them, their words read and written once,
their sizes looked at before a pixel is made."""

from __future__ import annotations

import base64
import io
import json
import os
import textwrap
import threading
import time
import urllib.parse
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.faces.pictures import photo, png, unpacked
from tests.server.front import Front
from tests.support import awkward, awkward_pictures, picture_writers
from tests.support.awkward_pictures import BOMBS, DAMAGED, PICTURES, Sample

from pentimento.imaging import decode, file_header, pixels

TAKEN = (
    *("jpg_on_6", "png_on_5", "png16_on_8", "webp_on_3", "mpo", "jpeg_cmyk", "icc_swapped_8"),
    *("icc_swapped_jpeg", "icc_p3_16", "icc_grey_8", "trns_rgb_8", "webp_animated"),
)
JSON = {"Content-Type": "application/json"}
PARAMETERS = "old words\nSteps: 3, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 96x64"


def as_seen(data: bytes) -> np.ndarray:
    header = file_header.header(data)
    assert not header.turned
    return pixels.to_float(decode.srgb(decode.decode(data, header.size)))


def text_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def repaint(front: Front, picture: str, **changes: Any) -> Any:
    job = {
        "init_images": [picture],
        "denoising_strength": 0,
        "steps": 2,
        "seed": 1,
        "prompt": "new",
    }
    answer = front.call("POST", "/sdapi/v1/img2img", job | changes)
    assert answer.status == 200, answer.body
    return answer.json


def edit(front: Front, files: dict[str, bytes], **fields: str) -> Any:
    """POST images/edits as a form."""
    mark = "b0undary"
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, data in files.items():
        head = (
            f'--{mark}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'
        )
        parts.append(head.encode() + data + b"\r\n")
    body = b"".join([*parts, f"--{mark}--\r\n".encode()])
    headers = {"Content-Type": f"multipart/form-data; boundary={mark}"}
    return front.call("POST", "/openai/v1/images/edits", body, headers)


def check(sample: Sample, data: bytes) -> None:
    found = as_seen(data)
    assert found.shape == sample.seen.shape
    visible = sample.seen[..., 3] > 0
    assert np.abs(found - sample.seen)[visible].max() <= sample.exact


@pytest.mark.parametrize("sample", awkward.cases(PICTURES, *TAKEN))
def test_a1111_gives_a_picture_back_as_it_is_seen(front: Front, sample: Sample) -> None:
    (made,) = repaint(front, text_of(sample.data))["images"]
    check(sample, base64.b64decode(made))


@pytest.mark.parametrize("sample", awkward.cases(PICTURES, *TAKEN))
def test_openai_gives_a_picture_back_as_it_is_seen(front: Front, sample: Sample) -> None:
    answer = edit(front, {"image": sample.data}, prompt="x", strength="0", num_inference_steps="2")
    assert answer.status == 200, answer.body
    check(sample, base64.b64decode(answer.json["data"][0]["b64_json"]))


@pytest.mark.parametrize("kind", ["jpg", "png16", "webp"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_an_upright_mask_lies_on_a_photo_on_its_side(
    front: Front, orientation: int, kind: str
) -> None:
    sample = PICTURES[f"{kind}_on_{orientation}"]
    dark = awkward_pictures.scene()[..., 0] < 0.3
    mask = png(Image.fromarray(np.where(dark, 255, 0).astype(np.uint8)))
    (made,) = repaint(
        front,
        *(text_of(sample.data),),
        mask=text_of(mask),
        denoising_strength=1.0,
        mask_blur=0,
        inpaint_full_res=False,
    )["images"]
    changed = np.abs(as_seen(base64.b64decode(made)) - sample.seen)[..., :3].max(-1) > 0.031
    assert not changed[~dark].any()
    assert changed[dark].mean() > 0.5
    clear = np.full((*dark.shape, 4), 255, np.uint8)
    clear[dark, 3] = 0
    files = {"image": sample.data, "mask": png(Image.fromarray(clear))}
    answer = edit(front, files, prompt="snow", num_inference_steps="2")
    assert answer.status == 200, answer.body
    data = base64.b64decode(answer.json["data"][0]["b64_json"])
    changed = np.abs(as_seen(data) - sample.seen)[..., :3].max(-1) > 0.031
    assert not changed[~dark].any()
    assert changed[dark].mean() > 0.5


@pytest.mark.parametrize("sample", awkward.cases(PICTURES, "icc_p3_16", "icc_swapped_8"))
def test_only_masked_keeps_the_numbers_and_the_profile_of_the_rest(
    front: Front, sample: Sample
) -> None:
    white = np.zeros((32, 48), np.uint8)
    white[10:20, 12:30] = 255
    mask = text_of(png(Image.fromarray(white)))
    changes = {"denoising_strength": 0.6, "mask_blur": 0}
    (made,) = repaint(front, text_of(sample.data), mask=mask, **changes)["images"]
    data = base64.b64decode(made)
    decoded = decode.decode(data, file_header.header(data).size)
    assert decoded.profile is not None
    assert decoded.profile.data == sample.profile
    assert sample.stored is not None
    assert np.array_equal(decoded.values[white == 0], sample.stored[white == 0])
    assert (decoded.values[white > 0] != sample.stored[white > 0]).any(axis=1).mean() > 0.8


@pytest.mark.parametrize("sample", awkward.cases(PICTURES, "jpg_on_6", "icc_swapped_8", "mpo"))
def test_a_detector_and_the_upscaler_see_it_upright(front: Front, sample: Sample) -> None:
    picture = text_of(sample.data)
    made = front.call(
        "POST", "/sdapi/v1/extra-single-image", {"image": picture, "upscaler_1": "None"}
    ).json["image"]
    check(sample, base64.b64decode(made))
    detect = {"controlnet_module": "none", "controlnet_input_images": [picture]}
    (made,) = front.call("POST", "/controlnet/detect", detect).json["images"]
    check(sample, base64.b64decode(made))


@pytest.mark.parametrize("data", awkward.cases(DAMAGED))
def test_damaged_pictures_are_refused(front: Front, data: bytes) -> None:
    job = {"init_images": [text_of(data)], "prompt": "x"}
    answer = front.call("POST", "/sdapi/v1/img2img", job)
    assert answer.status == 400, answer.body
    assert front.call("POST", "/sdapi/v1/png-info", {"image": text_of(data)}).status == 400
    assert edit(front, {"image": data}, prompt="x").status == 400


# F7, F8, F9: generation data


def labelled() -> bytes:
    chunk = picture_writers.chunk(b"tEXt", b"parameters\0" + PARAMETERS.encode("latin-1"))
    return picture_writers.png(awkward_pictures.u8(awkward_pictures.scene()), 8, 2, chunk)


@pytest.mark.parametrize("prompt", awkward.cases(awkward.FEW))
def test_a_png_has_its_generation_data_once_and_they_are_the_new_ones(
    front: Front, prompt: str
) -> None:
    (made,) = repaint(front, text_of(labelled()), prompt=prompt)["images"]
    data = base64.b64decode(made)
    assert data.count(b"parameters\0") == 1
    told = front.call("POST", "/sdapi/v1/png-info", {"image": made}).json
    assert told["info"].startswith(prompt.strip() or "Steps")
    assert told["parameters"]["Seed"] == "1"
    assert told["parameters"]["Denoising strength"] in ("0", "0.0")


def test_no_old_generation_data_stay_where_none_are_wanted(front: Front) -> None:
    off = {"override_settings": {"enable_pnginfo": False}}
    (made,) = repaint(front, text_of(labelled()), **off)["images"]
    assert b"parameters" not in base64.b64decode(made)


@pytest.mark.parametrize("kind", ["jpg", "webp"])
@pytest.mark.parametrize("prompt", awkward.cases(awkward.FEW))
def test_other_formats_keep_generation_data_too(front: Front, kind: str, prompt: str) -> None:
    chosen = {"override_settings": {"samples_format": kind}}
    answer = repaint(front, text_of(labelled()), prompt=prompt, **chosen)
    (made,) = answer["images"]
    assert unpacked(made).format == {"jpg": "JPEG", "webp": "WEBP"}[kind]
    told = front.call("POST", "/sdapi/v1/png-info", {"image": made}).json
    assert told["info"] == json.loads(answer["info"])["infotexts"][0]
    assert told["parameters"]["Seed"] == "1"


COMMENT = f"a 猫\nNegative prompt: dog\n{PARAMETERS.rpartition(chr(10))[2]}"
CODED = {
    "big_endian": b"UNICODE\0" + COMMENT.encode("utf-16-be"),
    "little_endian": b"UNICODE\0" + COMMENT.encode("utf-16-le"),
    "marked_little_endian": b"UNICODE\0\xff\xfe" + COMMENT.encode("utf-16-le"),
    "marked_big_endian": b"UNICODE\0\xfe\xff" + COMMENT.encode("utf-16-be"),
    "utf8_as_ascii": b"ASCII\0\0\0" + COMMENT.encode() + bytes(2),
    "utf8_of_no_code": bytes(8) + COMMENT.encode(),
    "utf8_alone": COMMENT.encode(),
    "jis": b"JIS\0\0\0\0\0" + COMMENT.encode("iso2022_jp"),
}


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
@pytest.mark.parametrize("comment", awkward.cases(CODED))
def test_user_comments_of_other_programs_are_read(front: Front, kind: str, comment: bytes) -> None:
    exif = Image.Exif()
    words = COMMENT
    exif.get_ifd(0x8769)[0x9286] = comment
    target = io.BytesIO()
    photo().save(target, kind, exif=exif.tobytes())
    told = front.call("POST", "/sdapi/v1/png-info", {"image": text_of(target.getvalue())}).json
    assert told["info"] == words
    assert told["parameters"]["Prompt"] == "a 猫"
    assert told["parameters"]["Negative prompt"] == "dog"


def info_of(front: Front, text: str) -> dict[str, Any]:
    body = b"parameters\0\0\0\0\0" + text.encode("utf-8", "surrogatepass")
    data = picture_writers.png(np.zeros((2, 2, 3)), 8, 2, picture_writers.chunk(b"iTXt", body))
    answer = front.call("POST", "/sdapi/v1/png-info", {"image": text_of(data)})
    assert answer.status == 200, answer.body
    return answer.json


SETTINGS = "Steps: 3, Sampler: Euler, Seed: 1"


@pytest.mark.parametrize(
    ("written", "name", "value"),
    [
        (
            r'Model: "C:\models\new one, old.safetensors"',
            "Model",
            r"C:\models\new one, old.safetensors",
        ),
        ('Model: "a\tb, c"', "Model", "a\tb, c"),
        (r'Model: "half \ud800, b"', "Model", "half \ufffd, b"),
        ('Model: "left open', "Model", '"left open'),
        (r'Model: "said \"so\", then"', "Model", 'said "so", then'),
        ('Lora hashes: "a: 1, b: 2"', "Lora hashes", "a: 1, b: 2"),
        ("Model: 猫, Clip skip: 2", "Model", "猫"),
    ],
)
def test_settings_of_a_text_are_parsed(front: Front, written: str, name: str, value: str) -> None:
    for line in (f"{SETTINGS}, {written}", f"{written}, {SETTINGS}"):
        told = info_of(front, f"a cat\n{line}")["parameters"]
        if "left open" not in written:
            assert told[name] == value
        assert told["Seed"] == "1"
        assert told["Prompt"] == "a cat"


def test_words_of_the_prompt_are_not_taken_for_the_negative_prompt(front: Front) -> None:
    text = f'a sign "Negative prompt: x"\nsecond\nNegative prompt: dog\nmore\n{SETTINGS}'
    told = info_of(front, text)["parameters"]
    assert told["Prompt"] == 'a sign "Negative prompt: x"\nsecond'
    assert told["Negative prompt"] == "dog\nmore"
    assert info_of(front, "no settings: at all, here")["parameters"] == {}
    # its readers look at lines without the blanks around them, and for every such line
    text = f"a cat\r\n \tNegative prompt: dog \r\nNegative prompt: pig\r\n{SETTINGS}"
    told = info_of(front, text)["parameters"]
    assert (told["Prompt"], told["Negative prompt"]) == ("a cat", "dog\npig")


LONG_TEXTS: dict[str, str] = {
    "word": "a" * 50_000,
    "word_in_a_line_of_settings": f"{SETTINGS}, " + "b" * 99_000,
    "colons": "a:" * 49_000,
    "quotes": '"' * 99_000,
    "open_quotes": 'a: "' * 24_000,
    "backslashes": 'a: "' + "\\" * 99_000,
    "blanks": " " * 99_000 + "x",
    "lines": "a\n" * 49_000,
    "commas": "," * 99_000,
}


@pytest.mark.parametrize("text", awkward.cases(LONG_TEXTS))
def test_long_texts_are_parsed_while_others_are_answered(front: Front, text: str) -> None:
    """R3. Others are asked all the time meanwhile; none waits for the text."""
    waits: list[float] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            began = time.monotonic()
            front.call("GET", "/v1/health")
            waits.append(time.monotonic() - began)

    asking = threading.Thread(target=ask)
    asking.start()
    began = time.monotonic()
    info_of(front, text)
    spent = time.monotonic() - began
    done.set()
    asking.join()
    assert spent < 30  # it was 104 s; far from what a loaded machine needs
    assert max(waits) < 30


# F10: base64

WRITTEN = {
    "lines": lambda text: "\r\n".join(textwrap.wrap(text, 76)),
    "trailing_newline": lambda text: text + "\n",
    "no_padding": lambda text: text.rstrip("="),
    "for_addresses": lambda text: text.replace("+", "-").replace("/", "_"),
    "data_url": lambda text: "data:image/png;base64," + text,
    "data_url_in_lines": lambda text: (
        "DATA:image/png;charset=x;BASE64,\n" + text[:40] + "\n" + text[40:]
    ),
    "blanks": lambda text: "  " + text + "  ",
    "ends_as_strings_of_c": lambda text: text + "\0",
    "byte_order_mark": lambda text: "\ufeff" + text,
    "data_url_as_addresses_are_escaped": lambda text: (
        "data:image/png;base64," + urllib.parse.quote(text, safe="")
    ),
}


@pytest.mark.parametrize("write", awkward.cases(WRITTEN))
@pytest.mark.parametrize("extra", [0, 1, 2])
def test_base64_is_taken_as_programs_write_it(front: Front, write: Any, extra: int) -> None:
    data = labelled() + bytes(extra)
    told = front.call("POST", "/sdapi/v1/png-info", {"image": write(text_of(data))})
    assert told.status == 200, told.body
    assert told.json["info"] == PARAMETERS


@pytest.mark.parametrize(
    "text", ["", "data:image/png,abc", "猫", "data:,", "####", "data:image/png;base64", "A"]
)
def test_what_is_no_base64_is_refused(front: Front, text: str) -> None:
    answer = front.call("POST", "/sdapi/v1/png-info", {"image": text})
    assert answer.status == 400
    assert b"Traceback" not in answer.body


# R4: sizes


def memory(front: Front) -> int:
    """The most that the front has ever held, in MiB."""
    status = Path(f"/proc/{front.process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) // 1024


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads /proc")
def test_sizes_are_looked_at_before_pixels_are_made(front: Front) -> None:
    small = text_of(png(photo(8, 8)))
    strip = text_of(awkward_pictures.PICTURES["long_strip"].data)
    before = memory(front)
    unit = {"image": small, "module": "canny", "model": "None"}
    hard = {"prompt": "x", "steps": 1}
    huge = {"width": 20_000, "height": 20_000}
    calls: list[tuple[str, Any]] = [
        ("/sdapi/v1/img2img", hard | huge | {"init_images": [small]}),
        ("/sdapi/v1/img2img", hard | huge | {"init_images": [small], "resize_mode": 1}),
        ("/sdapi/v1/img2img", hard | huge | {"init_images": [small], "resize_mode": 2}),
        ("/sdapi/v1/img2img", hard | huge | {"init_images": [small], "mask": small}),
        ("/sdapi/v1/txt2img", hard | huge),
        (
            "/sdapi/v1/txt2img",
            hard | huge | {"alwayson_scripts": {"controlnet": {"args": [unit]}}},
        ),
        (
            "/sdapi/v1/extra-single-image",
            {"image": strip, "upscaler_1": "Lanczos", "upscaling_resize": 8}
            | {"resize_mode": 1, "upscaling_resize_w": 60_000, "upscaling_resize_h": 60_000},
        ),
        (
            "/controlnet/detect",
            {
                "controlnet_module": "canny",
                "controlnet_input_images": [strip],
                "controlnet_processor_res": 8192,
            },
        ),
        ("/openai/v1/images/generations", {"prompt": "x", "size": "60000x60000"}),
    ]
    for path, body in calls:
        answer = front.call("POST", path, body)
        assert answer.status in (400, 413), (path, answer.body[:300])
    answer = edit(front, {"image": png(photo(8, 8))}, prompt="x", size="60000x60000")
    assert answer.status in (400, 413), answer.body
    for data in BOMBS.values():
        job = {"init_images": [text_of(data)], "prompt": "x"}
        assert front.call("POST", "/sdapi/v1/img2img", job).status == 413
        assert edit(front, {"image": data}, prompt="x").status == 413
    assert memory(front) - before < 100


@pytest.mark.parametrize(("width", "height"), [(65_535, 1), (1, 65_535), (1, 1), (8192, 1)])
def test_strips_are_pictures(front: Front, width: int, height: int) -> None:
    """Brought to that size, and back to an ordinary one."""
    (strip,) = repaint(front, text_of(png(photo(8, 8))), width=width, height=height)["images"]
    assert unpacked(strip).size == (width, height)
    for mode in (0, 1, 2):
        (made,) = repaint(front, strip, width=24, height=16, resize_mode=mode)["images"]
        assert unpacked(made).size == (24, 16)


def test_a_text_that_unpacks_to_gigabytes_is_left_out(front: Front) -> None:
    bomb = picture_writers.chunk(b"zTXt", b"parameters\0\0" + zlib.compress(bytes(80_000_000)))
    data = picture_writers.png(np.zeros((2, 2, 3)), 8, 2, bomb)
    told = front.call("POST", "/sdapi/v1/png-info", {"image": text_of(data)})
    assert told.status == 200
    assert told.json["info"] == ""
