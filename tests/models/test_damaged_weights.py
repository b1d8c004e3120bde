"""Files that are no weights, or damaged ones: each is refused with the reason, and at once."""

from __future__ import annotations

import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.models.weight_files import safetensors, write, write_gguf

from pentimento.models.weights import header as headers
from pentimento.models.weights.header import Damaged

MOST_SECONDS = 0.020  # for one file


def raw(header: str, weights: int = 0) -> bytes:
    return len(header).to_bytes(8, "little") + header.encode() + bytes(weights)


def entry(start: int, end: int, shape: str = "[4]", dtype: str = "U8") -> str:
    return f'{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{start},{end}]}}'


def zipped(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00.")


def bytes_of(data: bytes) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(data)


ADVERSARIES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "pickle": (bytes_of(b"\x80\x02}q\x00." + bytes(99)), "pickle", "models.md"),
    "pickle-protocol-4": (bytes_of(b"\x80\x04\x95\x0a" + bytes(9000)), "pickle", "is a pickle"),
    "zip": (zipped, "pickle", "is a pickle"),
    "empty": (bytes_of(b""), "not_weights", "not a safetensors file"),
    "seven bytes": (bytes_of(b"\x02\0\0\0\0\0\0"), "not_weights", "not a safetensors file"),
    "html": (bytes_of(b"<!DOCTYPE html><html>" * 9), "not_weights", "not a safetensors file"),
    "git-lfs": (bytes_of(b"version https://git-lfs.github.com/spec/v1\n"), "not_weights", "not a"),
    "huge length": (bytes_of(b"\xff" * 8 + b"{" + bytes(99)), "not_weights", "not a safetensors"),
    "length beyond the file": (
        bytes_of((10**6).to_bytes(8, "little") + b'{"a":'),
        "cut_short",
        "cut short",
    ),
    "length over the limit": (
        lambda file: write_sparse(file, (33 * 2**20).to_bytes(8, "little") + b"{", 34 * 2**20),
        "not_weights",
        "not a safetensors",
    ),
    "truncated": (bytes_of(raw(f'{{"a":{entry(0, 4)}}}', 3)), "cut_short", "cut short"),
    "too long": (bytes_of(raw(f'{{"a":{entry(0, 4)}}}', 5)), "cut_short", "bytes long instead"),
    "no JSON": (bytes_of(raw("{nothing}")), "header", "header that cannot be read"),
    "nested": (bytes_of(raw('{"a":' + "[" * 100_000)), "header", "header that cannot be read"),
    "same name twice": (
        bytes_of(raw(f'{{"a":{entry(0, 4)},"a":{entry(0, 4)}}}', 4)),
        "header",
        "header that cannot be read",
    ),
    "overlap": (
        bytes_of(raw(f'{{"a":{entry(0, 4)},"b":{entry(2, 6)}}}', 6)),
        "header",
        "overlap",
    ),
    "hole": (bytes_of(raw(f'{{"a":{entry(0, 4)},"b":{entry(8, 12)}}}', 12)), "header", "hole"),
    "backwards": (bytes_of(raw(f'{{"a":{entry(4, 0)}}}', 4)), "header", "cannot be read"),
    "negative": (bytes_of(raw(f'{{"a":{entry(-4, 0)}}}')), "header", "cannot be read"),
    "shape of another size": (
        bytes_of(raw(f'{{"a":{entry(0, 4, "[9]")}}}', 4)),
        "header",
        "cannot be read",
    ),
    "shape of words": (
        bytes_of(raw(f'{{"a":{entry(0, 4, "[true]", "X")}}}', 4)),
        "header",
        "cannot be read",
    ),
    "type twice": (
        bytes_of(raw(f'{{"a":{entry(0, 4)[:-1]},"dtype":"I8"}}}}', 4)),
        "header",
        "cannot be read",
    ),
    "metadata that is a list": (bytes_of(raw('{"__metadata__":[1]}')), "header", "cannot be read"),
    "gguf version": (bytes_of(b"GGUF\x63\0\0\0" + bytes(99)), "header", "version"),
    "gguf huge counts": (
        bytes_of(b"GGUF\x03\0\0\0" + b"\xff" * 16 + bytes(99)),
        "header",
        "cannot be read",
    ),
    "gguf cut in its header": (
        bytes_of(b"GGUF\x03\0\0\0" + b"\x01" + bytes(7) + b"\x01" + bytes(7) + b"\xff\0"),
        "cut_short",
        "cut short",
    ),
    "gguf cut in its weights": (
        lambda file: cut(write_gguf(file, {"a": [256]})),
        "cut_short",
        "cut short",
    ),
    "gguf overlap": (
        lambda file: file.write_bytes(
            write_gguf(file, {"a": [256], "b": [256]})
            .read_bytes()
            .replace(struct.pack("<IQ", 12, 160), struct.pack("<IQ", 12, 32))
        ),
        "header",
        "overlap",
    ),
    "gguf same name twice": (
        lambda file: file.write_bytes(
            write_gguf(file, {"a": [256], "b": [256]}).read_bytes().replace(b"b", b"a")
        ),
        "header",
        "twice",
    ),
}


def write_sparse(file: Path, start: bytes, size: int) -> None:
    file.write_bytes(start)
    with file.open("r+b") as stream:
        stream.truncate(size)


def cut(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size - 32)


@pytest.mark.parametrize("case", ADVERSARIES)
def test_what_is_no_weight_file_is_refused_with_the_reason(tmp_path: Path, case: str) -> None:
    make, reason, words = ADVERSARIES[case]
    file = tmp_path / "file.safetensors"
    make(file)
    times = []
    for _ in range(8):
        start = time.thread_time()
        with pytest.raises(Damaged, match=words) as caught:
            headers.read(file)
        times.append(time.thread_time() - start)
    assert caught.value.reason == reason
    assert min(times) < MOST_SECONDS


def test_words_of_the_format_may_be_names(tmp_path: Path) -> None:
    file = write(tmp_path / "a.safetensors", {"shape": [1]}, dtype="F16", **{"dtype ": "shape"})
    assert set(headers.read(file).tensors) == {"shape"}


def test_the_header_that_the_format_writes_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(safetensors({"a": []}) + bytes(2))
    assert headers.read(tmp_path / "a.safetensors").tensors["a"].shape == ()
