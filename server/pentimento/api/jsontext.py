"""The one edge where JSON comes in and goes out, for all routes and faces, streams too.

In comes what RFC 8259 allows, as UTF-8, in numbers and depths that can be held; all else is a
`bad_json`. Of a name that stands twice the last one counts, as everywhere. Out goes what every
parser reads: half a surrogate becomes U+FFFD, and numbers that JSON has no word for become null.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import secrets
from base64 import b64encode
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Generic, TypeVar

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, from_json, to_json
from starlette.responses import JSONResponse, Response, StreamingResponse

from pentimento.core.errors import BadInput, TooLarge

M = TypeVar("M", bound=BaseModel)

HALF_SURROGATE = re.compile("[\ud800-\udfff]")
INSTEAD = "\ufffd"
PIECE = 3 * 2**18  # bytes; three give four characters
AT_ONCE = 8  # values of a long list that are written between two other calls
# Values of one body: many small ones take a hundred times their bytes, and a mistake in each of
# 20,000 takes a tenth of a second to be told. The longest bodies that mean something have 2,000.
MOST_PARTS = 8_000
TEXTS_EACH = 2  # texts of one part: a name and a value
TEXT = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)  # up to its closing quote


def load(data: bytes) -> Any:
    """The value; raises BadInput."""
    try:
        return from_json(_bare(data), allow_inf_nan=False)
    except ValueError:  # its parser takes 200 levels, and no half surrogates
        raise bad_json() from None


def read(model: type[M], data: bytes, *, strict: bool = False) -> M:
    """The value as a `model`; raises ValidationError where it is none, or does not fit."""
    return model.model_validate_json(_bare(data), strict=strict)


def dump(value: Any) -> bytes:
    return b"".join(pieces(value))


class Base64:
    """A file whose bytes go out as base64, read while they are sent: a large picture is in memory
    neither as it is nor as text."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = _size(file)

    def __len__(self) -> int:
        """Of the text."""
        return (self._size + 2) // 3 * 4

    def close(self) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        while part := self._file.read(PIECE):
            yield b64encode(part)


def pieces(value: Any) -> Iterator[bytes]:
    """The JSON in parts, none of which takes long to send: what is `Base64` comes piece by piece
    and is neither copied nor searched for characters to be escaped."""
    for part in _parts(value):
        if isinstance(part, Base64):
            yield from part
        else:
            yield part


def _size(file: BinaryIO) -> int:
    file.seek(0, os.SEEK_END)
    return file.tell()


async def sent(
    made: Iterator[bytes], files: Sequence[Base64 | BinaryIO] = ()
) -> AsyncIterator[bytes]:
    """The same, made off the event loop; `files` are closed off it, too: to give back the blocks of
    a large one takes a while."""
    try:
        while (part := await asyncio.to_thread(next, made, None)) is not None:
            yield part
    finally:
        for file in files:
            asyncio.get_running_loop().run_in_executor(None, file.close)


def _parts(value: Any) -> Iterator[bytes | Base64]:
    packed: list[Base64] = []
    mark = f"base64-{secrets.token_hex(12)}-"

    def placed(inner: Any) -> str:
        if not isinstance(inner, Base64):
            raise TypeError(f"{type(inner).__name__} is no JSON")
        packed.append(inner)
        return f"{mark}{len(packed) - 1}."

    try:
        text = to_json(value, inf_nan_mode="null", fallback=placed)
    except (PydanticSerializationError, ValueError):
        plain = json.dumps(
            _sayable(value), ensure_ascii=False, separators=(",", ":"), default=placed
        )
        text = HALF_SURROGATE.sub(INSTEAD, plain).encode()
    if not packed:
        yield text
        return
    for number, part in enumerate(re.split(rb"%b(\d+)\." % mark.encode(), text)):
        if number % 2:
            yield packed[int(part)]
        else:
            yield part


class JSONAnswer(JSONResponse):
    def render(self, content: Any) -> bytes:
        return dump(content)


class Answer(JSONAnswer, Generic[M]):
    """What a route returns: the model of its annotation, by which the OpenAPI document knows it."""

    def __init__(
        self,
        content: M | bytes,  # bytes: the JSON of one, written already
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(content, status_code, headers)

    def render(self, content: M | bytes) -> bytes:
        return content if isinstance(content, bytes) else super().render(content)


def with_pictures(value: Any) -> Response:
    """An answer with `Base64` in it, sent piece by piece."""
    parts = list(_parts(value))
    length = str(sum(map(len, parts)))
    made = (piece for part in parts for piece in (part if isinstance(part, Base64) else (part,)))
    files = [part for part in parts if isinstance(part, Base64)]
    return StreamingResponse(
        sent(made, files), media_type="application/json", headers={"content-length": length}
    )


async def with_list(
    model: type[M], name: str, values: Iterable[Any], others: dict[str, Any]
) -> Answer[M]:
    """A `model` of `others` and a long list called `name`, whose values are made and written a few
    at a time: other calls have their turn meanwhile."""
    parts: list[bytes] = []
    for value in values:
        parts.append(dump(value))
        if len(parts) % AT_ONCE == 0:
            await asyncio.sleep(0)
    rest = dump({name: [], **others})
    begin = dump({name: []})[:-2]
    data = begin + b",".join(parts) + rest[len(begin) :]
    return Answer(data)


def with_file(file: BinaryIO, media_type: str) -> Response:
    """An answer that is one file, sent piece by piece."""
    length = _size(file)
    file.seek(0)
    made = iter(lambda: file.read(PIECE), b"")
    return StreamingResponse(
        sent(made, [file]), media_type=media_type, headers={"content-length": str(length)}
    )


class Parts:
    """Counts the values of a body while it arrives, roughly: by the marks outside of its texts."""

    def __init__(self) -> None:
        self._seen = 0
        self._texts = 0
        self._in_text = False
        self._escaped = False  # by a backslash at the end of what came last

    def add(self, data: bytes) -> None:
        """Raises TooLarge when there are too many."""
        at = 1 if self._escaped and data else 0
        self._escaped = self._escaped and not data
        while at < len(data):
            if self._in_text:
                at = self._after_text(data, at)
                continue
            begin = data.find(b'"', at)
            end = len(data) if begin < 0 else begin
            self._seen += sum(data.count(mark, at, end) for mark in b"[{,")
            self._texts += begin >= 0
            self._in_text = begin >= 0
            at = end + 1
            if self._seen > MOST_PARTS or self._texts > TEXTS_EACH * MOST_PARTS:
                raise TooLarge(
                    "too_large", "The body has too many parts.", "Send fewer values at once."
                )

    def _after_text(self, data: bytes, at: int) -> int:
        """Where the text ends that goes on at `at`, or the data."""
        end = data.find(b'"', at)
        if data.find(b"\\", at, len(data) if end < 0 else end) >= 0:
            found = TEXT.match(data, at)
            assert found is not None  # it takes nothing, too
            end = found.end()
            self._escaped = end == len(data) - 1 and data[end : end + 1] == b"\\"
            end = end if data[end : end + 1] == b'"' else -1
        self._in_text = end < 0
        return len(data) if end < 0 else end + 1


def bad_json() -> BadInput:
    return BadInput("bad_json", "The body is not valid JSON.", "Send one JSON object, as UTF-8.")


def _bare(data: bytes) -> bytes:
    """Without the mark that Windows programs write before it."""
    return data.removeprefix(BOM_UTF8)


def _sayable(value: Any) -> Any:
    match value:
        case BaseModel():
            return _sayable(value.model_dump())
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {str(name): _sayable(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_sayable(inner) for inner in value]
    return value
