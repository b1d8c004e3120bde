"""An agent's program: the official MCP client, with the real `pentimento mcp` as its child."""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult
from PIL import Image
from tests.server.front import REPO

SECONDS = 120


class Agent:
    def __init__(self, portal: BlockingPortal, client: Client) -> None:
        self.portal, self.client = portal, client
        self.progress: list[float] = []
        self.heard: list[str] = []  # every text that the agent ever saw

    def tools(self) -> dict[str, Any]:
        found = self.portal.call(self.client.list_tools)
        return {tool.name: tool for tool in found.tools}

    def answer(self, name: str, **arguments: Any) -> CallToolResult:
        async def note(done: float, total: float | None, message: str | None) -> None:
            self.progress.append(done)

        async def call() -> CallToolResult:
            return await self.client.call_tool(name, arguments, SECONDS, note)

        answer = self.portal.call(call)
        self.heard += [getattr(block, "text", "") for block in answer.content]
        return answer

    def __call__(self, name: str, **arguments: Any) -> dict[str, Any]:
        """What a tool tells; fails where it refuses."""
        answer = self.answer(name, **arguments)
        assert not answer.is_error, answer.content
        return answer.structured_content

    def refused(self, name: str, **arguments: Any) -> str:
        """The words of a tool's refusal."""
        answer = self.answer(name, **arguments)
        assert answer.is_error, answer.content
        return answer.content[0].text


@contextmanager
def agent(data: Path, *folders: Path, wait: int = 45) -> Iterator[Agent]:
    command = ["-m", "pentimento", "mcp", "--data-dir", str(data), "--wait", str(wait)]
    for folder in folders:
        command += ["--folder", str(folder)]
    program = StdioServerParameters(
        command=sys.executable,
        args=command,
        env={"PYTHONPATH": str(REPO / "server"), "OMP_WAIT_POLICY": "passive"},
    )
    with start_blocking_portal() as portal:
        client = Client(program)
        with portal.wrap_async_context_manager(client):
            yield Agent(portal, client)


def shown(answer: CallToolResult) -> list[np.ndarray]:
    """The pictures of an answer."""
    blocks = [block for block in answer.content if block.type == "image"]
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one.data)))) for one in blocks]


def block(file: Path) -> dict[str, str]:
    """A file as image content."""
    data = base64.b64encode(file.read_bytes()).decode()
    return {"type": "image", "data": data, "mimeType": "image/png"}
