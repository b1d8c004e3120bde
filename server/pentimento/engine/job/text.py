"""Encodes the prompts of each image: LoRAs, embeddings, regions, and notices of what is cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pentimento.core.geometry import Size
from pentimento.engine.architectures.base import Embeddings
from pentimento.engine.conditioning import regions
from pentimento.engine.conditioning.lora import Wanted
from pentimento.engine.conditioning.prompt_weighting import Unread
from pentimento.engine.conditioning.regions import Area
from pentimento.engine.loading.model import LoadedModel
from pentimento.engine_ipc.messages import EngineJob, Extras, ModelSpec
from pentimento.imaging.canvas import Canvas
from pentimento.models.library import vocabulary
from pentimento.models.library.parts.controlnet_lora import place_of
from pentimento.prompts import step_signs, syntax
from pentimento.schema.plan import Notice
from pentimento.schema.task import Words
from pentimento.schema.wording import notice


@dataclass(frozen=True, slots=True)
class Reading:
    """`facts` are those of the picture: words and LoRAs that are not as the request has them."""

    loras: tuple[Wanted, ...]
    embeddings: Embeddings
    areas: list[Area]
    notices: list[Notice]
    facts: dict[str, Any]


def of_pictures(model: LoadedModel, job: EngineJob, canvas: Canvas) -> list[Reading]:
    """One for each picture, in their order; the same words are read once. The model's LoRAs are
    those of the first picture afterwards."""
    request = job.task.request
    guided = model.guided(float(request.guidance or 0))
    said = [job.task.words_of(image) for image in range(request.count)]
    read: dict[Words, Reading] = {}
    for words in said:
        if words not in read:
            loras = tuple(
                Wanted(job.addons[place_of("lora", name)], weight)
                for name, weight in words.loras
                if weight
            )
            model.use_loras(loras)
            read[words] = Reading(
                loras,
                model.embeddings(words.prompt, words.negative_prompt, guided=guided),
                areas(model, job, words, canvas, guided=guided),
                [
                    *model.lora_notices,
                    *_not_understood(job.model, words),
                    *_cut(model.unread, words, guided=guided),
                    *_unused(job.extras, words, guided),
                    *_as_words(words, guided),
                ],
                words.facts(request),
            )
    model.use_loras(read[said[0]].loras)
    return [read[words] for words in said]


def as_facts(notices: Sequence[Notice]) -> dict[str, Any]:
    """Each once; empty where there is nothing to say."""
    told = [one.model_dump() for one in notices]
    once = [one for number, one in enumerate(told) if one not in told[:number]]
    return {"notices": once} if once else {}


def areas_of(model: LoadedModel, job: EngineJob, image: int, canvas: Canvas) -> list[Area]:
    """Where the prompts of one picture's regions count on a canvas."""
    guided = model.guided(float(job.task.request.guidance or 0))
    return areas(model, job, job.task.words_of(image), canvas, guided=guided)


def areas(
    model: LoadedModel, job: EngineJob, words: Words, canvas: Canvas, *, guided: bool
) -> list[Area]:
    """Where the prompts of regions count on a canvas."""
    said = zip(job.task.request.regions, words.regions, strict=True)
    size, factor = canvas.generation, model.factor
    return regions.areas(
        [region.model_copy(update={"prompt": prompt}) for region, prompt in said],
        job.task.inputs,
        Size(size.width // factor, size.height // factor),
        canvas.laid_mask,
        lambda prompt: model.embeddings(prompt, words.negative_prompt, guided=guided),
    )


def _not_understood(model: ModelSpec | None, words: Words) -> Iterator[Notice]:
    if model and not vocabulary.understands(model, words.prompt):
        yield notice("prompt_language")


def _cut(unread: Callable[[str], Unread | None], words: Words, *, guided: bool) -> Iterator[Notice]:
    """A prompt that is too long is used as far as it is read, but not in silence."""
    prompts: list[tuple[str, str, dict[str, int]]] = [("prompt_cut", words.prompt, {})]
    if guided:
        prompts.append(("negative_prompt_cut", words.negative_prompt, {}))
    for number, region in enumerate(words.regions, 1):
        prompts.append(("region_prompt_cut", region, {"region": number}))
    for code, prompt, where in prompts:
        if rest := unread(prompt):
            told = {"tokens": rest.tokens, "limit": rest.limit} | where
            yield notice(code, unread=rest.words, **told)


def _as_words(words: Words, guided: bool) -> Iterator[Notice]:
    """Another program's notation that has no effect here."""
    for prompt in (words.prompt, *words.regions, *([words.negative_prompt] if guided else [])):
        for text in step_signs.changing(prompt):
            yield notice("steps_as_words", text=text)
        if step_signs.joins(prompt):
            yield notice("and_as_word")


def _unused(extras: Extras, words: Words, guided: bool) -> Iterator[Notice]:
    """A word that names an embedding of other models is read as a word."""
    problems = {one.name: one for one in extras.embeddings if one.problem}
    prompts = (words.prompt, *words.regions, *([words.negative_prompt] if guided else []))
    for prompt in prompts:
        for mention in syntax.mentioned_embeddings(prompt, problems):
            one = problems[mention.name]
            yield notice("embedding_unused", name=one.path.stem, problem=one.problem)
