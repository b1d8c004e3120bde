"""`pentimento bench --full`: what only the machine itself can show, in one table to send back."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Awaitable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pentimento import __version__
from pentimento.cli.benching.measuring import Bench, Measurement, drawn, engine
from pentimento.core.errors import PentimentoError
from pentimento.core.settings import PRECISIONS, EngineOptions
from pentimento.models import machine
from pentimento.models.library.model import ModelInfo
from pentimento.models.library.registry import Registry

SHARES = (1.0, 1.5, 2.0)  # of the model's own side
SEVERAL = 4  # pictures of one job
STRENGTH = 0.6
LARGE, FAINT = 3, 0.3  # a picture of so many times the model's side is refined so little
COLUMNS = ("what", "picture", "worked on at", "number type", "steps/s", "s a picture")
MORE = ("loading s", "encoding s", "steps s", "decoding s", "card's peak MiB")
PHASES = ("load", "encode", "denoise", "decode")


@dataclass(frozen=True, slots=True)
class Report:
    """`about`: the machine and the versions of what computed; nothing that tells whose it is."""

    about: dict[str, str]
    rows: list[Measurement]

    def as_json(self) -> dict[str, Any]:
        return {"about": self.about, "rows": [asdict(row) for row in self.rows]}

    def as_markdown(self) -> str:
        """In English, whoever asks: its readers are the developers."""
        lines = [f"- {name}: {value}" for name, value in self.about.items()]
        head = [*COLUMNS, *MORE]
        lines += ["", f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
        for row in self.rows:
            lines.append(f"| {' | '.join(_cells(row))} |")
        return "\n".join(lines)


async def report(
    folder: Path,
    registry: Registry,
    model: ModelInfo,
    options: EngineOptions,
    sides: list[int],
    steps: int,
) -> Report:
    """`sides` in px; none: from the model's own on. What cannot be done is a row with the reason;
    what cannot be done at all (no such device, a damaged model) raises PentimentoError."""
    own = model.native_size
    rows: list[Measurement] = []
    async with engine(folder, registry, options) as backend:
        bench = Bench(folder, backend, registry, model)
        rows.append(await bench.text(own, steps, way="first job, with loading"))
        facts = bench.facts
        for side in sides or [round(own * share) for share in SHARES]:
            rows.append(await _tried("text", bench.text(side, steps)))
        several = f"{SEVERAL} pictures of one job"
        rows.append(await _tried(several, bench.text(own, steps, SEVERAL, several)))
        with tempfile.TemporaryDirectory(prefix="pentimento-") as name:
            rows += await _refined(bench, own, steps, Path(name))
    for precision in PRECISIONS:
        if precision not in ("auto", options.precision):
            rows += await _in(folder, registry, model, replace(options, precision=precision), steps)
    return Report(_about(model, options, facts), rows)


async def _refined(bench: Bench, own: int, steps: int, folder: Path) -> list[Measurement]:
    source, large = drawn(own, 1, folder), drawn(own * LARGE, 2, folder)
    new, again, tiles = "image to image", "the same picture again", "refined in tiles"
    return [
        await _tried(new, bench.refine(own, steps, STRENGTH, source, new)),
        await _tried(again, bench.refine(own, steps, STRENGTH, source, again)),
        await _tried(tiles, bench.refine(own * LARGE, steps, FAINT, large, tiles)),
    ]


async def _in(
    folder: Path, registry: Registry, model: ModelInfo, options: EngineOptions, steps: int
) -> list[Measurement]:
    """A second job in another number type, as far as this device has it."""
    way = f"text, asked for {options.precision}"
    async with engine(folder, registry, options) as backend:
        bench = Bench(folder, backend, registry, model)
        first = await _tried(way, bench.text(model.native_size, steps))
        if first.problem:
            return [first]
        return [await _tried(way, bench.text(model.native_size, steps, way=way))]


async def _tried(way: str, job: Awaitable[Measurement]) -> Measurement:
    try:
        return await job
    except PentimentoError as error:
        return Measurement(way, problem=" ".join((error.message, error.hint)).strip())


def _about(model: ModelInfo, options: EngineOptions, facts: dict[str, Any]) -> dict[str, str]:
    found = machine.look()
    versions = {"pentimento": __version__, **facts.get("versions", {})}
    memory = f"{found.ram} GB" + (f", card {found.vram} GB" if found.vram else "")
    chosen = {name: str(value) for name, value in asdict(options).items() if value is not None}
    return {
        "when": datetime.now(UTC).strftime("%Y-%m-%d"),
        "device": str(facts.get("device", "")),
        "memory": memory,
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "Python": platform.python_version(),
        "versions": ", ".join(f"{name} {number}" for name, number in versions.items()),
        "threads": str(facts.get("threads", "")),
        "model": f"{model.title} ({model.family}, {model.native_size} px)",
        "settings": ", ".join(f"{name} {value}" for name, value in chosen.items()),
    }


def _cells(row: Measurement) -> list[str]:
    if row.problem:
        way, why = (text.replace("|", "/").replace("\n", " ") for text in (row.way, row.problem))
        return [way, why, *[""] * (len(COLUMNS) + len(MORE) - 2)]
    each = None if row.seconds is None else row.seconds / row.pictures
    told = [row.way, row.size, row.generation, row.precision, _number(row.steps_per_second)]
    phases = [_number(row.phases.get(name)) for name in PHASES]
    return [*told, _number(each), *phases, _number(row.device_peak_mb)]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)
