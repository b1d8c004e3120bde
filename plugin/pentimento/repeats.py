"""Bodies of jobs that repeat the one in a result's record: with another seed, of what its layers
show now, with changes; and of the plan of such a job. Plain data, as wire.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, Optional, Sequence

import options
import wire
from wire import Body, Box, Sent, Sides

if TYPE_CHECKING:
    from answers import Asked, JobRequest, PlanRequest
    from option_values import Values
    from records import Guides, LayerRecord


def again_request(
    request: JobRequest,
    seed: int,
    size: Box,
    source: Optional[Sent] = None,
    mask: Optional[Sent] = None,
    controls: Sequence[Optional[Sent]] = (),
    guides: Optional[Guides] = None,
) -> JobRequest:
    """A recorded request once more, for one picture of that size with another seed. Its mask is the
    one that the layer carries, grown and feathered already. `controls` are the pictures of its
    controls, None for those that stay as they are; `guides` replace its references and regions."""
    dropped = (
        *("source", "mask", "mask_options", "client", "interactive", "composite", "count"),
        *("observe", "observe_steps", "stopped_at"),
    )
    kept = _only(request, [name for name in request if name not in dropped])
    if controls:
        recorded = list(kept.get("controls", ()))
        for number, picture in enumerate(controls):
            if picture:
                recorded[number] = {**recorded[number], "image": {"blob": picture.blob_id}}
        kept["controls"] = recorded
    if source is None:
        kept["width"], kept["height"] = size.width, size.height
    if guides:
        kept.update(guides)
    kept["seed"] = seed
    return wire.with_pixels(kept, source, mask)


def changed_request(request: JobRequest, values: Values, start: Values) -> JobRequest:
    """The request with the values that differ from those that Change Result began with; all else
    stays as it was recorded."""
    before, now = _changeable(start), _changeable(values)
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    kept = _only(request, [name for name in request if name not in names])
    kept.update(_only(now, names))
    return kept


def _changeable(values: Values) -> JobRequest:
    """The fields of a job that Change Result offers; those at "as it was" are left out."""
    strength = values["strength"]
    found: JobRequest = {
        "prompt": values["prompt"],
        "negative_prompt": values["negative-prompt"],
        "style": values["style"].strip(),
        "strength": float(strength) if strength >= 0 else None,
        "steps": int(values["steps"]) or None,
        "guidance": values["guidance"] or None,
        "sampler": options.sampler_of(values),
        "model": values["model"].strip(),
        "vae": values["vae"].strip(),
        "loras": options.loras_of(values),
    }
    return wire.given(found)


def changed_seed(values: Values, start: Values, recorded: int) -> int:
    """The seed of a changed result: the recorded one unless another is wanted."""
    if values["random-seed"]:
        return wire.new_seed()
    return recorded if values["seed"] == start["seed"] else int(values["seed"])


def change_plan(record: LayerRecord, values: Values, start: Values) -> PlanRequest:
    """The body of POST /v1/plan for a recorded job with changes, at the size it was made in."""
    request, box = record["record"]["request"], Box.from_rect(record["box"])
    fields: Asked = changed_request(request, values, start)
    kept = ("prompt", "strength", "steps", "guidance", "sampler", "model", "backend", "loras")
    whole = Box(0, 0, box.width, box.height).rect()
    plan: PlanRequest = {"mode": request["mode"], **_only(fields, kept)}
    if request["mode"] in (wire.OUTPAINT, wire.UPSCALE):
        sized = ("expand", "scale", "upscaler", "detail", "faithfulness")
        plan.update(_only(fields, sized))
        sides = Sides.of(request.get("expand"))
        times = request.get("scale") or 1.0
        old = Box(
            0,
            0,
            round((box.width - sides.left - sides.right) / times),
            round((box.height - sides.top - sides.bottom) / times),
        ).rect()
        return {**plan, "canvas": old, "source": old}
    if request["mode"] == wire.TXT2IMG:
        return {**plan, "width": box.width, "height": box.height}
    if request.get("mask"):
        plan["selection"] = whole
    return {**plan, "canvas": whole, "source": whole}


def _only(body: Body, names: Iterable[str]) -> Body:
    """Those of its fields."""
    kept: Any = {name: body[name] for name in names if name in body}
    return kept
