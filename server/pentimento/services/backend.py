"""Jobs through a service: permission, one order a picture, the bill, and the result in its place.

All of it runs in a thread of the job's own, for HTTP and pixels block. A cancelled job is over at
once; its thread ends when the service has answered.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from pentimento.core.errors import BadInput, Cancelled, PentimentoError
from pentimento.schema.answers import Checked, EngineState
from pentimento.schema.task import Emit, Event, Loading, Preview, Result, Task
from pentimento.services import adapter as adapters
from pentimento.services.adapter import Adapter, ImageRequest, ImageResult
from pentimento.services.problems import RemoteProblem, problem
from pentimento.services.record_check import in_use, remarks
from pentimento.services.routing import route
from pentimento.services.terms import Remotes, Terms

if TYPE_CHECKING:
    from pentimento.services.session import ServiceSession

log = logging.getLogger(__name__)

MOST_MODELS = 2000  # names of a service's list, and what of each is told
LONGEST_NAME = 200
GRACE = 5.0  # s after a job's time is up until it is given up from outside


class RemoteBackend:
    """Implements `backends.base.Backend` for every service."""

    name = "remote"

    def __init__(self, remotes: Remotes) -> None:
        self._remotes = remotes
        self._running: dict[str, _Run] = {}

    async def run(self, task: Task, emit: Emit) -> dict[str, Any]:
        terms = self._remotes.terms(str(task.request.backend)).asked_for(task.request.model)
        loop = asyncio.get_running_loop()

        def emit_there(event: Event) -> None:
            loop.call_soon_threadsafe(hear, event)

        def hear(event: Event) -> None:
            if task.job_id in self._running:  # a job that was given up tells nothing any more
                emit(event)

        run = self._running[task.job_id] = _Run(task, terms, self._remotes, emit_there)
        try:
            return await run.finished(loop)
        finally:
            del self._running[task.job_id]

    async def cancel(self, job_id: str) -> None:
        if run := self._running.get(job_id):
            run.cancel()

    async def finish(self, job_id: str) -> bool:
        """No service gives a picture that is not finished."""
        return False

    async def status(self) -> EngineState:
        return EngineState(
            state="busy" if self._running else "idle",
            device=None,
            pid=None,
            memory_mb=None,
            loaded=[],
        )

    async def start(self, model: str | None = None) -> None:
        """There is nothing to warm up."""

    async def close(self) -> None:
        for run in list(self._running.values()):
            run.cancel()


class _Run:
    def __init__(
        self, task: Task, terms: Terms, remotes: Remotes, emit: Callable[[Event], None]
    ) -> None:
        self._task, self._terms, self._remotes, self._emit = task, terms, remotes, emit
        self._stop = threading.Event()
        self._cancelled = asyncio.Event()
        self._line: ServiceSession | None = None
        self._done = 0  # pictures
        self._prepared: Any = None  # set before anything is sent

    def cancel(self) -> None:
        """On the event loop. The service is told in a thread, for that may take seconds."""
        self._cancelled.set()
        self._stop.set()
        if self._line:
            threading.Thread(target=self._line.cut, daemon=True).start()

    async def finished(self, loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
        """The facts of the job; raises Cancelled or its problem."""
        outcome: asyncio.Future[dict[str, Any]] = loop.create_future()

        def settle(facts: dict[str, Any] | None, error: Exception | None) -> None:
            if outcome.done():
                return
            if error:
                outcome.set_exception(error)
            else:
                outcome.set_result(facts or {})

        def work() -> None:
            facts, error = None, None
            try:
                facts = self._work()
            except Exception as raised:
                error = as_told(raised, self._terms)
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, facts, error)

        threading.Thread(target=work, name=f"remote-{self._task.job_id}", daemon=True).start()
        stop = asyncio.create_task(self._cancelled.wait())
        patience = self._terms.service.deadline * self._task.request.count + GRACE
        try:
            both: set[asyncio.Future[Any]] = {outcome, stop}
            await asyncio.wait(both, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if self._cancelled.is_set():
                raise Cancelled
            if not outcome.done():
                self.cancel()
                raise self._problem("outcome_unknown")
            return outcome.result()
        finally:
            stop.cancel()
            outcome.cancel()

    # In the thread

    def _work(self) -> dict[str, Any]:
        from pentimento.services import pictures
        from pentimento.services.routing import choose

        task, terms = self._task, self._terms
        request = task.request
        self._emit(Loading("Preparing the picture"))
        way = choose(request, float(request.strength or 1.0), terms.capabilities)
        model = terms.model_for(way.operation, request.model)
        self._remotes.permit(terms, request.count, model)
        prepared = pictures.prepare(task, terms, way)
        if workflow := self._remotes.workflow(terms, model):
            prepared = replace(prepared, ask=replace(prepared.ask, workflow=workflow))
        self._prepared = prepared
        told = route(prepared.way, terms, prepared.frame, request)
        if prepared.canvas.mask is not None:
            seed = int(request.seed or 0)
            self._emit(pictures.save_mask(task, prepared, seed))
        adapter = adapters.load(terms.id)
        for index in range(request.count):
            self._done = index
            self._picture(adapter, prepared, index, told.model_dump(mode="json"))
        return {
            "backend": terms.id,
            "model": prepared.ask.model,
            "route": told.model_dump(mode="json"),
            "ignored": ignored(request, prepared.ask, terms),
        }

    def _picture(self, adapter: Adapter, prepared: Any, index: int, told: dict[str, Any]) -> None:
        from pentimento.services import pictures

        started = time.monotonic()
        seed = int(self._task.request.seed or 0) + index
        self._emit(Loading(f"Waiting for {self._terms.title}"))
        words = self._task.words_of(index)
        asked = pictures.with_words(prepared.ask, words, self._terms)
        painted = self._paid(adapter, pictures.with_seed(asked, seed, self._terms))
        try:
            picture, facts = pictures.place(prepared, painted.image, self._task.request)
        except BadInput:
            raise self._problem("bad_answer") from None
        if self._stop.is_set():
            raise Cancelled
        file = pictures.save(self._task, index, prepared, picture)
        size = prepared.frame.size
        facts |= {
            "strength": prepared.ask.strength,
            "generation": {"width": size.width, "height": size.height},
            "seconds": round(time.monotonic() - started, 3),
            "route": told,
            "seed_followed": follows_seed(self._terms, prepared.ask.model),
            **words.facts(self._task.request),
        }
        if painted.cost is not None:
            facts["cost"] = round(painted.cost, 6)
        taken = seed if painted.seed is None else painted.seed
        self._emit(Result(index, file, taken, facts))

    def _paid(self, adapter: Adapter, ask: ImageRequest) -> ImageResult:
        """One picture and its price in the ledger; the price goes back if nothing was taken."""
        terms = self._terms
        price = terms.price_of(ask.model)
        bill = self._remotes.spending.reserve(terms.service, terms.caps, price)
        line = self._line = self._new_line(adapter)
        try:
            painted = adapter.paint(ask, line)
        except Exception:
            if not (line.accepted or line.uncertain):
                bill.take_back()
            raise
        finally:
            self._line = None
            line.close()
        if painted.cost is not None:
            bill.settle(painted.cost)
        return painted

    def _new_line(self, adapter: Adapter) -> ServiceSession:
        return open_line(
            self._remotes,
            self._terms,
            adapter,
            self._terms.service.deadline,
            stop=self._stop,
            say=self._say,
            show=self._show if self._task.request.preview else None,
        )

    def _say(self, message: str, progress: float | None) -> None:
        """`progress` of one picture is told as that of the job."""
        if progress is not None:
            progress = (self._done + progress) / self._task.request.count
        self._emit(Loading(message, progress))

    def _show(self, picture: bytes, step: int) -> None:
        """A preview that cannot be read is passed over."""
        from pentimento.services import pictures

        try:
            small = pictures.preview(self._prepared, picture)
        except BadInput:
            return
        self._emit(Preview(small, step, self._done))

    def _problem(self, code: str) -> RemoteProblem:
        return problem(code, self._terms.id, self._terms.title)


def check(remotes: Remotes, terms: Terms, seconds: float) -> Checked:
    """Whether address and key work, without cost; the models that the service lists, and where it
    differs from its record. Raises RemoteProblem, whatever the service answers."""
    adapter = adapters.load(terms.id)
    line = open_line(remotes, terms, adapter, seconds)
    try:
        adapter.check(line)
        if observe := getattr(adapter, "observe", None):
            remotes.settings.note(terms.service, *observe(line))
        own = remotes.models_of(terms) if terms.service.own_workflows else []
        listed = [name[:LONGEST_NAME] for name in [*own, *adapter.models(line)][:MOST_MODELS]]
        asked = in_use(terms)
        offers = getattr(adapter, "offers", None)
        offered = offers(line, asked) if offers and asked else None
        return Checked(ok=True, models=listed, remarks=remarks(terms, offered, date.today()))
    except Exception as raised:
        raise as_told(raised, terms) from None
    finally:
        line.close()


def as_told(error: Exception, terms: Terms) -> Exception:
    """What an adapter fell over stays out of messages: it could hold the key or the prompt."""
    if isinstance(error, PentimentoError | Cancelled | OSError):
        return error
    where = traceback.extract_tb(error.__traceback__)[-1]
    log.error("%s: %s in %s, line %s", terms.id, type(error).__name__, where.name, where.lineno)
    return problem("bad_answer", terms.id, terms.title)


def open_line(
    remotes: Remotes, terms: Terms, adapter: Adapter, seconds: float, **options: Any
) -> ServiceSession:
    """A line to the service with the key that is kept for it. Raises key_missing."""
    from pentimento.services.session import Address, ServiceSession

    key, _ = remotes.key(terms)
    if terms.needs_key and not key:
        raise problem("key_missing", terms.id, terms.title)
    address = Address(
        terms.id,
        terms.title,
        terms.base_url,
        adapter.auth(key) if key else {},
        native_size=terms.sizes.native_size,
        extras=terms.extras,
        idempotency=terms.service.idempotency,
        origins=() if terms.elsewhere else terms.service.origins,
        dialect=terms.service.dialect,
        quality=terms.chosen.picture_quality or "",
        tokens=None if terms.another_server else terms.service.price.tokens,
    )
    return ServiceSession(address, adapter.meaning, time.monotonic() + seconds, **options)


def follows_seed(terms: Terms, model: str) -> bool:
    record = terms.service.record_of(model)
    return terms.capabilities.seed and (record is None or record.seed)


def ignored(request: Any, ask: ImageRequest, terms: Terms) -> list[str]:
    """The names of the fields that were given and that the service cannot follow."""
    able = terms.capabilities
    given = {
        "negative_prompt": bool(request.negative_prompt) and not able.negative_prompt,
        "steps": request.steps is not None and not able.steps,
        "guidance": request.guidance is not None and not able.guidance,
        "seed": not follows_seed(terms, ask.model),
    }
    return [name for name, lost in given.items() if lost]
