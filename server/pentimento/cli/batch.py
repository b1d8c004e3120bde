"""`pentimento batch`: one recipe over a folder of pictures.

What is done is kept in a journal beside the results, line by line, so that a batch that was killed
goes on where it was. Jobs are sent with a key made of the recipe and the file: one that the server
was still computing when this command died is fetched, not computed again.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from pentimento.cli import outputs, pictures, running
from pentimento.cli.arguments import data_folder_of
from pentimento.cli.outputs import Outputs
from pentimento.cli.progress import Bar
from pentimento.cli.run_options import JobFile, read_record
from pentimento.cli.running import INTERRUPTED, LocalRunner, Outcome, Runner, ServerRunner
from pentimento.core.errors import BadInput, Cancelled, PentimentoError
from pentimento.core.files import try_lock
from pentimento.imaging import pixels
from pentimento.schema.job import OF_A_SOURCE, Mode

PARTLY, NOTHING_DONE = 3, 1  # exit codes
JOURNAL, REPORT, LOCK = ".pentimento-batch.jsonl", "report.json", ".pentimento-batch.lock"
KINDS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm")
ALPHA, BESIDE = "alpha", "beside"
TELLING = ("seam", "band_color_error", "clipped")  # facts of a result that the report has


def command(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The pictures.")],
    recipe: Annotated[
        Path,
        typer.Option(
            exists=True, dir_okay=False, help="A job: its record, a layer's, or plain fields."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", file_okay=False, help="Where the results go.")
    ],
    mask: Annotated[
        str,
        typer.Option(
            help="Masks of an inpaint recipe: alpha (what is transparent), red, green, blue, or "
            "beside:ENDING, a file beside the picture such as beside:-mask.png."
        ),
    ] = "beside:-mask.png",
    suffix: Annotated[str, typer.Option(help="Kind of the results: .png, .jpg or .webp.")] = ".png",
    local: Annotated[bool, typer.Option("--local", help="Compute here, without a server.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    data: Annotated[Path | None, typer.Option("--data-dir", help="The data folder.")] = None,
) -> None:
    """Run one recipe over a folder; goes on where it was if it was killed. Ends with 0 where all
    is done, 3 where some failed, 1 where nothing could be done."""
    wanted = _recipe(recipe)
    if suffix.lower() not in pictures.WRITABLE:
        raise BadInput(
            "bad_request",
            f"{suffix} is no kind of picture that can be written.",
            f"Use one of {' '.join(pictures.WRITABLE)}.",
        )
    output.mkdir(parents=True, exist_ok=True)
    outputs.check_folder(output)
    with (output / LOCK).open("ab") as lock:
        if not try_lock(lock):
            raise BadInput("bad_request", f"Another batch writes into {output}.", "Wait for it.")
        batch = _Batch(wanted, folder, output, _Masks.of(mask), suffix, data_folder_of(data), local)
        with Bar(quiet=as_json, guesses=False) as bar:
            interrupted = batch.run(bar)
        report = batch.report()
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        _tell(report, output)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if report["failed"]:
        raise typer.Exit(PARTLY if report["done"] else NOTHING_DONE)


def _recipe(file: Path) -> dict[str, Any]:
    """The fields of a job, without its pictures. Raises BadInput."""
    try:
        told: Any = json.loads(file.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise BadInput("bad_request", f"{file} is no JSON file.", "") from error
    plain = isinstance(told, dict) and "mode" in told and "request" not in told
    fields = dict(told) if plain else dict(read_record(file).request)
    for name in ("source", "mask", "made_with", "client", "interactive", "image", "place"):
        fields.pop(name, None)
    for name in ("controls", "references", "regions"):
        if any(
            isinstance(one, dict) and one.get("image", one.get("mask"))
            for one in fields.get(name, ())
        ):
            raise BadInput(
                "bad_request",
                f"The recipe has pictures of its own under “{name}”.",
                "A batch has one picture for each job: take them out of the recipe.",
            )
    if fields.get("mode", Mode.IMG2IMG.value) not in {mode.value for mode in OF_A_SOURCE}:
        raise BadInput(
            "bad_request",
            f"A recipe of the mode {fields['mode']} starts from no picture.",
            f"Use one of {', '.join(mode.value for mode in OF_A_SOURCE)}.",
        )
    fields.setdefault("mode", Mode.IMG2IMG.value)
    fields.setdefault("seed", 0)  # so that a file that is done again comes out the same
    return fields


@dataclass(frozen=True, slots=True)
class _Masks:
    """Where the masks of an inpaint recipe come from."""

    way: str
    ending: str = ""

    @classmethod
    def of(cls, text: str) -> _Masks:
        way, _, ending = text.partition(":")
        if way == BESIDE and ending:
            return cls(way, ending)
        if way in (ALPHA, *_CHANNELS) and not ending:
            return cls(way)
        raise BadInput(
            "bad_request",
            f"“{text}” says no way to a mask.",
            "Use alpha, red, green, blue or, for example, beside:-mask.png.",
        )

    def is_mask(self, file: Path, names: set[str]) -> bool:
        """Whether a file of the folder is the mask of another one."""
        if self.way != BESIDE or not file.name.endswith(self.ending):
            return False
        stem = file.name.removesuffix(self.ending)
        return any(name != file.name and Path(name).stem == stem for name in names)

    def path_of(self, file: Path, folder: Path) -> Path:
        """The file with the mask; one that is made lies in `folder`."""
        if self.way == BESIDE:
            return file.with_name(file.stem + self.ending)
        values = pixels.with_alpha(pictures.read_unchanged(file).values)
        channel = values[..., _CHANNELS.get(self.way, 3)]
        mask = np.iinfo(channel.dtype).max - channel if self.way == ALPHA else channel
        made = folder / ".pentimento-batch-mask.png"
        outputs.write(made, pixels.encode_png(np.ascontiguousarray(mask[..., None])))
        return made


_CHANNELS = {"red": 0, "green": 1, "blue": 2}


@dataclass(slots=True)
class _Batch:
    recipe: dict[str, Any]
    folder: Path
    output: Path
    masks: _Masks
    suffix: str
    data: Path
    local: bool
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)  # of the journal, by file

    def run(self, bar: Bar) -> bool:
        """Whether it was interrupted. What fails is kept in the journal and does not stop it."""
        self._read_journal()
        files = self._files()
        wanted = self._wanted(files)
        started, done = time.monotonic(), 0
        for number, file in enumerate(files):
            left = ""
            if done:
                each = (time.monotonic() - started) / done
                left = f" · {_span(each * (len(files) - number))} left"
            bar.show(f"{number + 1} of {len(files)}: {file.name}{left}", number / len(files))
            try:
                done += self._one(file, wanted[file], bar)
            except KeyboardInterrupt:
                return True
            except Cancelled:
                bar.say(f"{file}: cancelled")
            except PentimentoError as error:
                bar.say(f"{file}: {error.message}")
                self._note(file, "failed", reason=error.message, code=error.code)
        return False

    def _one(self, file: Path, target: Path, bar: Bar) -> bool:
        """Whether something had to be done."""
        known = self.entries.get(file.name, {})
        digest = self._digest(file)
        same = known.get("digest") == digest
        if same and known.get("status") == "done" and self._all_there(known):
            return False
        ours = bool(known) and known.get("output") == target.name
        if os.path.lexists(target) and not ours:
            raise BadInput(
                "bad_request",
                f"{target} is there already and was not made by this batch.",
                "Choose another folder, or move it away.",
            )
        tries = known.get("tries", 0) + (1 if same and known.get("status") == "failed" else 0)
        about = {"digest": digest, "output": target.name, "tries": tries if same else 0}
        self._note(file, "begun", **about)
        job = self._job(file)
        runner: Runner
        if self.local:
            runner = LocalRunner(self.data)
        else:
            runner = ServerRunner(self.data, f"batch-{digest[:64]}-{about['tries']}")
        started = time.monotonic()
        try:
            outcome = runner.run(job, _Part(bar))  # type: ignore[arg-type]
        except (KeyboardInterrupt, Cancelled) as stopped:
            # The key of a cancelled job would bring back nothing else.
            self._note(file, "failed", **about, reason="It was cancelled.", code="cancelled")
            if isinstance(stopped, KeyboardInterrupt):
                runner.cancel()
            raise
        names = self._write(outcome, file, target)
        seams = [{key: facts[key] for key in TELLING if key in facts} for facts in outcome.facts]
        self._note(
            file,
            "done",
            **about,
            files=names,
            seconds=round(time.monotonic() - started, 2),
            seed=outcome.record["request"].get("seed"),
            seams=seams,
        )
        return True

    def _job(self, file: Path) -> JobFile:
        files = {"source": file}
        if self.recipe["mode"] == Mode.INPAINT:
            mask = self.masks.path_of(file, self.output)
            if not mask.is_file():
                raise BadInput("bad_request", f"{mask} is not there.", "See --mask.")
            files["mask"] = mask
        return running.checked(dict(self.recipe), JobFile(files=files))

    def _write(self, outcome: Outcome, file: Path, target: Path) -> list[str]:
        made = pictures.made_of(outcome.record["request"], file, outcome.pictures)
        keeper, names = Outputs(self.data), []
        for number, picture in enumerate(made):
            place = pictures.numbered(target, number, len(made))
            keeper.write(place, pictures.encoded(picture, self.suffix))
            names.append(place.name)
        keeper.finish()
        return names

    def _all_there(self, known: dict[str, Any]) -> bool:
        return all((self.output / name).is_file() for name in known.get("files", ()))

    def _files(self) -> list[Path]:
        """The pictures of the folder, by their names; masks of others are none."""
        found = sorted(
            file
            for file in self.folder.iterdir()
            if file.suffix.lower() in KINDS and not file.name.startswith(".") and file.is_file()
        )
        names = {file.name for file in found}
        masked = self.recipe["mode"] == Mode.INPAINT
        return [file for file in found if not (masked and self.masks.is_mask(file, names))]

    def _wanted(self, files: list[Path]) -> dict[Path, Path]:
        """Where each result goes; `a.jpg` and `a.png` keep their endings in the name."""
        stems = Counter(file.stem for file in files)
        return {
            file: self.output / ((file.name if stems[file.stem] > 1 else file.stem) + self.suffix)
            for file in files
        }

    def _digest(self, file: Path) -> str:
        """Of all that decides how the result comes out."""
        told = hashlib.sha256(json.dumps(self.recipe, sort_keys=True).encode())
        told.update(self.suffix.encode() + self.masks.way.encode())
        parts = [file]
        if self.recipe["mode"] == Mode.INPAINT and self.masks.way == BESIDE:
            parts.append(self.masks.path_of(file, self.output))
        for part in parts:
            if part.is_file():
                told.update(hashlib.sha256(part.read_bytes()).digest())
        return told.hexdigest()

    # The journal

    def _read_journal(self) -> None:
        """A line that was cut by a kill tells nothing, and what it was about is done anew."""
        try:
            lines = (self.output / JOURNAL).read_bytes().splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                entry = json.loads(line)
                self.entries[entry["file"]] = entry
            except (ValueError, KeyError, TypeError):
                continue

    def _note(self, file: Path, status: str, **about: Any) -> None:
        name = file.name
        entry = {**self.entries.get(name, {}), "file": name, "status": status, **about}
        if status != "failed":
            entry = {"file": name, "status": status, **about}
        self.entries[name] = entry
        with (self.output / JOURNAL).open("ab") as stream:
            stream.write(b"\n" + json.dumps(entry).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

    def report(self) -> dict[str, Any]:
        """Written beside the results, too."""
        told = [self.entries.get(file.name) for file in self._files()]
        entries = [entry for entry in told if entry]
        found = {
            "done": sum(entry["status"] == "done" for entry in entries),
            "failed": sum(entry["status"] == "failed" for entry in entries),
            "left": len(told) - sum(entry["status"] in ("done", "failed") for entry in entries),
            "files": [{k: v for k, v in entry.items() if k != "digest"} for entry in entries],
        }
        outputs.write(self.output / REPORT, (json.dumps(found, indent=2) + "\n").encode())
        (self.output / ".pentimento-batch-mask.png").unlink(missing_ok=True)
        return found


class _Part:
    """The bar of the whole batch, which a single job leaves alone."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar

    def show(self, words: str, fraction: float | None = None) -> None:
        pass

    def say(self, words: str) -> None:
        self._bar.say(words)


def _tell(report: dict[str, Any], output: Path) -> None:
    typer.echo(
        f"{report['done']} done, {report['failed']} failed, {report['left']} left; "
        f"{output / REPORT} has all of them."
    )


def _span(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"
