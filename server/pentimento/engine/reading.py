"""What the words of each picture become: LoRAs, embeddings, areas, and what of them is not read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pentimento.backends.base import Words
from pentimento.engine import regions
from pentimento.engine.extras import Extras
from pentimento.engine.families.base import Embeddings
from pentimento.engine.loras import Wanted
from pentimento.engine.messages import EngineJob
from pentimento.engine.model import LoadedModel
from pentimento.engine.prompts import Unread
from pentimento.engine.regions import Area
from pentimento.imaging.geometry import Size
from pentimento.jobs.record import Notice
from pentimento.jobs.wording import notice
from pentimento.prompting import embedding_words


@dataclass(frozen=True, slots=True)
class Reading:
    """`facts` are those of the picture: words and LoRAs that are not as the request has them."""

    loras: tuple[Wanted, ...]
    embeddings: Embeddings
    areas: list[Area]
    notices: list[Notice]
    facts: dict[str, Any]


def of_pictures(model: LoadedModel, job: EngineJob, size: Size) -> list[Reading]:
    """One for each picture, in their order; the same words are read once. `size` in latents. The
    model's LoRAs are those of the first picture afterwards."""
    request = job.task.request
    guided = model.guided(float(request.guidance or 0))
    said = [job.task.words_of(image) for image in range(request.count)]
    read: dict[Words, Reading] = {}
    for words in said:
        if words not in read:
            loras = tuple(
                Wanted(job.addons[name], weight) for name, weight in words.loras if weight
            )
            model.use_loras(loras)
            read[words] = Reading(
                loras,
                model.embeddings(words.prompt, words.negative_prompt, guided=guided),
                _areas(model, job, words, size, guided=guided),
                [*_cut(model.unread, words, guided=guided), *_unused(job.extras, words, guided)],
                words.facts(request),
            )
    model.use_loras(read[said[0]].loras)
    return [read[words] for words in said]


def as_facts(notices: Sequence[Notice]) -> dict[str, Any]:
    """Each once; empty where there is nothing to say."""
    told = [one.model_dump() for one in notices]
    once = [one for number, one in enumerate(told) if one not in told[:number]]
    return {"notices": once} if once else {}


def _areas(
    model: LoadedModel, job: EngineJob, words: Words, size: Size, *, guided: bool
) -> list[Area]:
    said = zip(job.task.request.regions, words.regions, strict=True)
    return regions.areas(
        [region.model_copy(update={"prompt": prompt}) for region, prompt in said],
        job.task.inputs,
        size,
        lambda prompt: model.embeddings(prompt, words.negative_prompt, guided=guided),
    )


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


def _unused(extras: Extras, words: Words, guided: bool) -> Iterator[Notice]:
    """A word that names an embedding of other models is read as a word."""
    problems = {one.name: one for one in extras.embeddings if one.problem}
    prompts = (words.prompt, *words.regions, *([words.negative_prompt] if guided else []))
    for prompt in prompts:
        for mention in embedding_words.mentioned(prompt, problems):
            one = problems[mention.name]
            yield notice("embedding_unused", name=one.path.stem, problem=one.problem)
