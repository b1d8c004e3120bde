"""How tools answer: facts as JSON, pictures as image content, and our errors in words."""

from __future__ import annotations

import base64
import inspect
import io
import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, ImageContent, TextContent
from PIL import Image

from pentimento.cli import pictures
from pentimento.cli.pictures import Picture
from pentimento.core.errors import BadInput, PentimentoError

PREVIEW = 768  # px of the longer side of pictures that are only shown


def told(facts: dict[str, Any], *shown: ImageContent) -> CallToolResult:
    """The facts both as text, which every client reads, and as JSON."""
    text = TextContent(type="text", text=json.dumps(facts, ensure_ascii=False))
    return CallToolResult(content=[text, *shown], structured_content=facts)


def exact(picture: Picture) -> ImageContent:
    """A PNG with all of its pixels."""
    return _content(pictures.encoded(picture, ".png"))


def preview(picture: Picture) -> ImageContent:
    """A smaller PNG where the picture is large."""
    image = Image.open(io.BytesIO(pictures.encoded(picture, ".png")))
    if max(image.size) <= PREVIEW:
        return exact(picture)
    image.thumbnail((PREVIEW, PREVIEW))
    held = io.BytesIO()
    image.save(held, "PNG")
    return _content(held.getvalue())


def _content(png: bytes) -> ImageContent:
    return ImageContent(data=base64.b64encode(png).decode(), mime_type="image/png")


def wrong(message: str, hint: str) -> BadInput:
    return BadInput("bad_request", message, hint)


def answering(tool: Callable[..., Any]) -> Callable[..., Any]:
    """The tool with our errors as its answer: the code, what is the matter, and the remedy."""
    if inspect.iscoroutinefunction(tool):

        @wraps(tool)
        async def answered_later(*given: Any, **named: Any) -> CallToolResult:
            try:
                return await tool(*given, **named)
            except PentimentoError as error:
                raise _as_answer(error) from None

        return answered_later

    @wraps(tool)
    def answered(*given: Any, **named: Any) -> CallToolResult:
        try:
            return tool(*given, **named)
        except PentimentoError as error:
            raise _as_answer(error) from None

    return answered


def _as_answer(error: PentimentoError) -> ToolError:
    return ToolError(f"{error.code}: {error.message} {error.hint}".strip())


ABILITIES = ("txt2img", "img2img", "inpaint", "edit", "loras", "seed", "strength")


OF_A_PLACE = (
    *("id", "title", "model", "models", "price", "price_per_picture", "receives", "privacy"),
    *("quality", "speed", "caps", "spent_today", "consented"),
)
OF_A_PART = (
    *("id", "title", "family", "kind", "modes", "note", "ok", "problem"),
    *("native_size", "default_steps", "few_steps", "trigger", "suits"),
)


def place(entry: dict[str, Any]) -> dict[str, Any]:
    """What an agent is told of a place where jobs can run; nothing about keys."""
    able = entry["capabilities"]
    return {name: entry[name] for name in OF_A_PLACE} | {
        "ready": entry["configured"],
        "can": [name for name in ABILITIES if able.get(name)],
        "control": able["control"],
        "references": able["references"],
    }


def installed(entry: dict[str, Any]) -> dict[str, Any]:
    """What is worth knowing of a model or a part, without where its file lies."""
    return {name: entry[name] for name in OF_A_PART if entry.get(name) not in (None, "", [])}
