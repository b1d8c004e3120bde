"""`pentimento run`: one job from the shell, by the running server or (`--local`) without one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pentimento.cli import plot, run_options


def _several(form: str) -> str:
    return f"{form}; may be given several times."


def command(
    output: Annotated[Path, typer.Option(help="Where the picture goes: .png, .jpg or .webp.")],
    mode: Annotated[
        str | None,
        typer.Option(help="txt2img, img2img, inpaint, edit or harmonize; else by the input."),
    ] = None,
    input: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The source picture.")
    ] = None,
    mask: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="White is regenerated.")
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="What the picture should show.")] = None,
    negative: Annotated[str | None, typer.Option(help="What it should not show.")] = None,
    strength: Annotated[float | None, typer.Option(help="0 keeps the source, 1 is new.")] = None,
    steps: Annotated[int | None, typer.Option(help="1 to 200; else the model's own.")] = None,
    guidance: Annotated[float | None, typer.Option(help="How closely to follow the words.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same picture.")] = None,
    style: Annotated[
        str | None, typer.Option(help="See `pentimento styles list`; what is given here counts.")
    ] = None,
    sampler: Annotated[str | None, typer.Option(help='For example "DPM++ 2M Karras".')] = None,
    model: Annotated[str | None, typer.Option(help="See `pentimento models list`.")] = None,
    vae: Annotated[str | None, typer.Option(help="Another VAE than the model's own.")] = None,
    backend: Annotated[
        str | None, typer.Option(help="A service of `pentimento backends list`; else this machine.")
    ] = None,
    count: Annotated[int | None, typer.Option(help="Pictures, with seed, seed + 1 ...")] = None,
    by_seam: Annotated[
        bool,
        typer.Option(
            "--by-seam", help="Number the pictures of --count by how little their edge shows."
        ),
    ] = False,
    width: Annotated[int | None, typer.Option(help="px, txt2img only.")] = None,
    height: Annotated[int | None, typer.Option(help="px, txt2img only.")] = None,
    lora: Annotated[list[str] | None, typer.Option(help=_several(run_options.LORA_FORM))] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(help="Steer by a map. " + _several(run_options.CONTROL_FORM)),
    ] = None,
    draw_control: Annotated[
        list[str] | None,
        typer.Option(
            help="Steer by the map of a picture, else of the input. "
            + _several(run_options.DRAWN_FORM)
        ),
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            help="A picture to go by; KIND is reference, style or composition. "
            + _several(run_options.REFERENCE_FORM)
        ),
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option(help="Other words where MASK is white. " + _several(run_options.REGION_FORM)),
    ] = None,
    x: Annotated[
        str | None,
        typer.Option(
            "--x", help="An X/Y plot: what changes from left to right. " + plot.FORM + "."
        ),
    ] = None,
    y: Annotated[
        str | None, typer.Option("--y", help="What changes from top to bottom; with --x.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="A folder for each picture of the plot by itself.")
    ] = None,
    observe: Annotated[bool, typer.Option("--observe", help="Keep how it was made.")] = False,
    contact_sheet: Annotated[
        Path | None, typer.Option(help="A PNG of how it was made; means --observe.")
    ] = None,
    stages: Annotated[
        Path | None, typer.Option(help="A folder for its stages; means --observe.")
    ] = None,
    record: Annotated[Path | None, typer.Option(help="Write the job's record here.")] = None,
    from_record: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Run a record again; options override it."),
    ] = None,
    local: Annotated[bool, typer.Option("--local", help="Compute here, without a server.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    data: Annotated[Path | None, typer.Option("--data-dir", help="The data folder.")] = None,
) -> None:
    """Make a picture, or change one."""
    from pentimento.cli import running  # numpy, OpenCV, HTTP: not to answer `--help`

    fields: dict[str, Any] = {
        "mode": mode,
        "prompt": prompt,
        "negative_prompt": negative,
        "strength": strength,
        "steps": steps,
        "guidance": guidance,
        "seed": seed,
        "style": style,
        "sampler": sampler,
        "model": model,
        "vae": vae,
        "backend": backend,
        "count": count,
        "width": width,
        "height": height,
        "observe": True if observe or contact_sheet or stages else None,
    }
    call = run_options.RunCall(
        fields,
        [control, draw_control, reference, region, lora],
        {"source": input, "mask": mask},
        from_record,
        local,
        as_json,
        data,
    )
    if x or y or pictures:
        sheet = plot.Sheet(output, pictures, x or "", y or "")
        plot.run(call, sheet, unfit=[record, contact_sheet, stages, by_seam])
    else:
        running.run(call, running.Into(output, record, contact_sheet, stages, by_seam))
