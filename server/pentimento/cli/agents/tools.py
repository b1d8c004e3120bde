"""The tools that an agent gets, and what they answer.

Every job goes through the server's own queue and admission: limits of money hold, and a service
gets nothing before the person has agreed to it. There is no tool that agrees, enters a key, changes
a limit, or looks at other people's jobs.
"""

from __future__ import annotations

import io
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio
import anyio.from_thread
import anyio.to_thread
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations
from PIL import Image
from pydantic import Field

from pentimento import __version__
from pentimento.cli import outputs, pictures, running
from pentimento.cli.agents import answers
from pentimento.cli.agents.answers import told, wrong
from pentimento.cli.agents.asked import JobSettings, Picture, Strength, Words
from pentimento.cli.agents.folders import AllowedFolders
from pentimento.cli.agents.own_jobs import OwnJobs
from pentimento.cli.run_options import JobFile
from pentimento.core import dataurl
from pentimento.core.errors import BadInput
from pentimento.schema.job import Expand, JobStatus, Mode, Point, Rect

INSTRUCTIONS = """\
Paints and changes pictures with Pentimento on this person's machine, or at a service that they have
agreed to. What is outside a mask stays as it is, pixel by pixel, in PNG files. If a tool
answers before its job is done, call `look` with the job's id. What you are shown is a preview:
`save` writes the exact picture, `job:ID` uses it in another tool. Ask `plan` first for what a job
will do and cost. Only the person can agree to a service, enter keys and set limits; if a job is
refused for one of these, tell them what the refusal says."""
READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
MAKES = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True)

Pixels = Annotated[int | None, Field(ge=1, le=8192)]


class Tools:
    """One session's. Each method named in `TOOLS` is a tool; what it raises of our errors becomes
    its answer."""

    def __init__(
        self, data_dir: Path, allowed: Sequence[Path], kept: Path, patience: float
    ) -> None:
        """`patience`: s that a tool waits for its job."""
        self._kept, self._patience = kept, patience
        self._folders = AllowedFolders(allowed, data_dir)
        self.jobs = OwnJobs(data_dir, kept)

    # What is there

    def places(self) -> CallToolResult:
        """Where jobs can run: what each place can do, what it costs, who receives the pictures, and
        whether the person has agreed to it. Only places that are `ready` take jobs."""
        return told({"places": [answers.place(entry) for entry in self.jobs.client().backends()]})

    def models(self) -> CallToolResult:
        """The models, LoRAs and other parts that are installed on this machine."""
        listed = self.jobs.client().models()
        kinds = {kind: entries for kind, entries in listed.items() if isinstance(entries, list)}
        return told(
            {kind: [answers.installed(one) for one in found] for kind, found in kinds.items()}
        )

    def plan(
        self,
        mode: Literal["txt2img", "img2img", "inpaint", "edit", "upscale", "outpaint"],
        prompt: Words = "",
        picture: Picture | None = None,
        area: Rect | None = None,
        strength: Strength = None,
        width: Pixels = None,
        height: Pixels = None,
        scale: Annotated[float | None, Field(ge=1, le=8)] = None,
        expand: Expand | None = None,
        settings: JobSettings | None = None,
    ) -> CallToolResult:
        """What a job would do, before anything is sent or computed: sizes, steps, time, and for a
        service the way it takes, its price and who receives what."""
        wanted = (settings or JobSettings()).fields()
        unplanned = ("negative_prompt", "seed", "vae", "references", "regions")
        fields = {name: value for name, value in wanted.items() if name not in unplanned}
        canvas = None
        if picture is not None:
            size = pictures.read_input(self._file(picture)).size
            canvas = {"x": 0, "y": 0, "width": size.width, "height": size.height}
        asked = {
            "mode": mode,
            "prompt": prompt,
            "canvas": canvas,
            "source": canvas,
            "selection": area.model_dump() if area else None,
            "strength": strength,
            "width": width,
            "height": height,
            "scale": scale,
            "expand": expand.model_dump() if expand else None,
        }
        known = {name: value for name, value in asked.items() if value is not None}
        return told({"plan": self.jobs.client().plan(fields | known)})

    # What is made

    async def paint(
        self,
        ctx: Context[Any, Any],
        prompt: Words,
        width: Pixels = None,
        height: Pixels = None,
        settings: JobSettings | None = None,
    ) -> CallToolResult:
        """Paints a new picture from words."""
        fields = {"mode": Mode.TXT2IMG, "prompt": prompt, "width": width, "height": height}
        return await self._made(ctx, fields, {}, settings)

    async def repaint(
        self,
        ctx: Context[Any, Any],
        picture: Picture,
        prompt: Words,
        strength: Strength = None,
        settings: JobSettings | None = None,
    ) -> CallToolResult:
        """Repaints a whole picture, as much as `strength` says."""
        fields = {"mode": Mode.IMG2IMG, "prompt": prompt, "strength": strength}
        return await self._made(ctx, fields, {"source": picture}, settings)

    async def fill(
        self,
        ctx: Context[Any, Any],
        picture: Picture,
        prompt: Words = "",
        area: Rect | None = None,
        mask: Picture | None = None,
        strength: Strength = None,
        settings: JobSettings | None = None,
    ) -> CallToolResult:
        """Paints a part of a picture anew: a rectangle `area` in px, or where `mask`, of the same
        size, is white. All else stays as it is. Without words it is filled plausibly;
        `settings.intent` "remove" takes away what is there."""
        if (area is None) == (mask is None):
            raise wrong("fill takes an area or a mask.", "Give one of both.")
        marked = mask if area is None else self._mask_of(area, picture)
        fields = {"mode": Mode.INPAINT, "prompt": prompt, "strength": strength}
        return await self._made(ctx, fields, {"source": picture, "mask": marked}, settings)

    async def edit(
        self,
        ctx: Context[Any, Any],
        picture: Picture,
        instruction: Words,
        mask: Picture | None = None,
        settings: JobSettings | None = None,
    ) -> CallToolResult:
        """Changes a picture as told: "make the car red". Needs a model or a service that follows
        instructions. With a mask only what is white there changes."""
        fields = {"mode": Mode.EDIT, "prompt": instruction}
        return await self._made(ctx, fields, {"source": picture, "mask": mask}, settings)

    async def expand(
        self,
        ctx: Context[Any, Any],
        picture: Picture,
        sides: Expand,
        prompt: Words = "",
        settings: JobSettings | None = None,
    ) -> CallToolResult:
        """Continues a picture beyond its borders by so many px on each side."""
        fields = {"mode": Mode.OUTPAINT, "prompt": prompt, "expand": sides.model_dump()}
        return await self._made(ctx, fields, {"source": picture}, settings)

    async def upscale(
        self,
        ctx: Context[Any, Any],
        picture: Picture,
        scale: Annotated[float, Field(ge=1, le=8)] = 2.0,
        upscaler: str = "auto",
        detail: Annotated[float, Field(ge=0, le=1)] = 0.0,
        prompt: Words = "",
        settings: JobSettings | None = None,
    ) -> CallToolResult:
        """Enlarges a picture; `detail` above 0 lets a model paint some over it."""
        fields = {
            "mode": Mode.UPSCALE,
            "scale": scale,
            "upscaler": upscaler,
            "detail": detail,
            "prompt": prompt,
        }
        return await self._made(ctx, fields, {"source": picture}, settings)

    async def select(
        self,
        ctx: Context[Any, Any],
        picture: Picture,
        points: list[Point] | None = None,
        box: Rect | None = None,
        text: Words = "",
    ) -> CallToolResult:
        """A soft mask of an object, for `fill` and `edit`: around points (label 0 is beside it), in
        a box, by words where a model can do that, or the subject."""
        fields = {
            "mode": Mode.SELECT,
            "points": [point.model_dump() for point in points or ()],
            "box": box.model_dump() if box else None,
            "text": text,
        }
        return await self._made(ctx, fields, {"source": picture}, None)

    async def control_map(
        self, ctx: Context[Any, Any], picture: Picture, type: str = "canny"
    ) -> CallToolResult:
        """The map of a picture that steers another one: canny, scribble, lineart, depth ..."""
        fields = {"mode": Mode.PREPROCESS, "controls": [{"type": type}]}
        return await self._made(ctx, fields, {"source": picture}, None)

    async def harmonize(
        self,
        ctx: Context[Any, Any],
        picture: Picture,
        mask: Picture,
        target: Picture | None = None,
    ) -> CallToolResult:
        """Layers that fit a pasted object, white in `mask`, to what is around it: edge, light and
        shadow, to be laid over the picture."""
        files = {"source": picture, "mask": mask, "target": target}
        return await self._made(ctx, {"mode": Mode.HARMONIZE}, files, None)

    # What becomes of it

    async def look(self, ctx: Context[Any, Any], job: str, full: bool = False) -> CallToolResult:
        """How far a job of yours is, and its pictures once it is done; with `full` the exact PNGs
        instead of previews."""
        return await self._followed(ctx, job, full=full)

    def cancel(self, job: str) -> CallToolResult:
        """Stops a job of yours."""
        self.jobs.cancel(job)
        return told({"job": job, "status": "cancelled"})

    def save(self, job: str, file: str, index: int = 0) -> CallToolResult:
        """Writes a picture of a job of yours to a new file in an allowed folder: .png (exact),
        .jpg or .webp. Nothing is ever replaced."""
        path = self._folders.new(file)
        pictures.check_output(path)
        outputs.write(path, pictures.encoded(self.jobs.picture(job, index), path.suffix))
        return told({"job": job, "file": str(path)})

    # Inside

    async def _made(
        self,
        ctx: Context[Any, Any],
        fields: dict[str, Any],
        given: Mapping[str, Picture | Path | None],
        settings: JobSettings | None,
    ) -> CallToolResult:
        """One job, sent and followed."""
        number = await anyio.to_thread.run_sync(self._begun, fields, given, settings)
        return await self._followed(ctx, number, full=False)

    def _begun(
        self,
        fields: dict[str, Any],
        given: Mapping[str, Picture | Path | None],
        settings: JobSettings | None,
    ) -> str:
        settings = settings or JobSettings()
        wanted = {place: one for place, one in given.items() if one is not None}
        files = {
            place: self._file(one) for place, one in (wanted | dict(settings.pictures())).items()
        }
        return self.jobs.begin(running.checked(settings.fields() | fields, JobFile(files=files)))

    async def _followed(self, ctx: Context[Any, Any], number: str, *, full: bool) -> CallToolResult:
        """A call that the agent takes back takes its job with it."""
        shown = 0.0

        def tell(words: str, done: float | None) -> None:
            nonlocal shown
            if done is not None and done > shown:  # it may only grow
                shown = done
                anyio.from_thread.run(ctx.report_progress, done, 1.0, words)

        follow = partial(self.jobs.follow, number, self._patience, tell)
        try:
            snapshot = await anyio.to_thread.run_sync(follow, abandon_on_cancel=True)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self.jobs.cancel, number)
            raise
        return await anyio.to_thread.run_sync(partial(self._shown, snapshot, full=full))

    def _shown(self, snapshot: dict[str, Any], *, full: bool) -> CallToolResult:
        about: dict[str, Any] = {"job": snapshot["id"], "status": snapshot["status"]}
        if snapshot["status"] != JobStatus.SUCCEEDED:
            return told(about | {"progress": snapshot["progress"]})
        made = self.jobs.pictures(snapshot["id"])
        facts = snapshot["record"]["facts"]
        about["pictures"] = [
            {"index": index, "width": one.values.shape[1], "height": one.values.shape[0]}
            | {"facts": image["facts"], "seed": image.get("seed")}
            for index, (one, image) in enumerate(zip(made, snapshot["images"], strict=True))
        ]
        about["request"] = snapshot["record"]["request"]
        about["notices"] = [notice["message"] for notice in facts.get("notices", ())]
        about["route"] = (facts.get("route") or {}).get("sentence")
        shown = [answers.exact(one) if full else answers.preview(one) for one in made]
        return told(about, *shown)

    def _file(self, picture: Picture | Path) -> Path:
        """Where a picture of the agent's lies. Raises BadInput for one that it may not see."""
        if isinstance(picture, Path):
            return picture
        if isinstance(picture, str):
            return self.jobs.file_of(picture) or self._folders.existing(picture)
        try:
            data = dataurl.read(picture.data)
        except ValueError:
            raise BadInput("bad_image", "The image content is not base64.") from None
        return self._keep(data)

    def _mask_of(self, area: Rect, picture: Picture) -> Path:
        """White in the area, which has to be in the picture."""
        size = pictures.read_input(self._file(picture)).size
        right, bottom = area.x + area.width, area.y + area.height
        if area.x < 0 or area.y < 0 or right > size.width or bottom > size.height:
            raise wrong(
                "The area reaches beyond the picture.",
                f"The picture has {size.width} x {size.height} px.",
            )
        mask = Image.new("L", (size.width, size.height))
        mask.paste(255, (area.x, area.y, right, bottom))
        held = io.BytesIO()
        mask.save(held, "PNG")
        return self._keep(held.getvalue())

    def _keep(self, data: bytes) -> Path:
        file = self._kept / f"given-{uuid.uuid4().hex}"
        file.write_bytes(data)
        return file


TOOLS = (
    (READS, ("places", "models", "plan", "look")),
    (
        MAKES,
        (
            "paint",
            "repaint",
            "fill",
            "edit",
            "expand",
            "upscale",
            "select",
            "control_map",
            "harmonize",
            "cancel",
            "save",
        ),
    ),
)


def serve(data_dir: Path, allowed: Sequence[Path], patience: float) -> None:
    """Until the agent's program closes stdin; its jobs end then."""
    with tempfile.TemporaryDirectory(prefix="pentimento-mcp-") as kept:
        tools = Tools(data_dir, allowed, Path(kept), patience)
        server = MCPServer(
            "pentimento",
            title="Pentimento",
            version=__version__,
            instructions=INSTRUCTIONS,
            tools=[_tool(tools, name, hints) for hints, names in TOOLS for name in names],
            log_level="ERROR",
        )
        try:
            server.run("stdio")
        finally:
            tools.jobs.end()


def _tool(tools: Tools, name: str, hints: ToolAnnotations) -> Tool:
    """The method as a tool that refuses arguments it does not know: a typing error must not become
    a job, which may cost something."""
    made = Tool.from_function(
        answers.answering(getattr(tools, name)), annotations=hints, structured_output=False
    )
    arguments = made.fn_metadata.arg_model
    arguments.model_config["extra"] = "forbid"
    arguments.model_rebuild(force=True)
    made.parameters["additionalProperties"] = False
    return made
