"""Entry of the engine process: `python -m pentimento.engine.process`.

Three threads: a reader takes frames from the front and ends the process the moment the pipe
closes; a heart reports that the process lives and where the work stands; the main thread alone
touches torch.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pentimento.core import heap
from pentimento.core.errors import Cancelled, PentimentoError
from pentimento.engine.cancel import StopFlag
from pentimento.engine_ipc import messages
from pentimento.schema.task import Event

if TYPE_CHECKING:
    from pentimento.engine.worker import Worker

HEARTBEAT = 1.0  # s
OOM_SCORE = "700"  # Linux: when memory runs out, the engine goes before GIMP and the front
log = logging.getLogger("pentimento.engine")


class Front:
    """The front's end of the pipes; `send` may be called from any thread."""

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO) -> None:
        self.incoming = incoming
        self._outgoing = outgoing
        self._lock = threading.Lock()

    @classmethod
    def take_over_pipes(cls) -> Front:
        """Keeps stdin and stdout for frames; whatever prints goes to the log instead."""
        incoming, outgoing = os.dup(0), os.dup(1)
        if sys.platform == "win32":
            import msvcrt

            msvcrt.setmode(incoming, os.O_BINARY)
            msvcrt.setmode(outgoing, os.O_BINARY)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        return cls(os.fdopen(incoming, "rb"), os.fdopen(outgoing, "wb", buffering=0))

    def send(self, message: messages.Message, binary: bytes = b"") -> None:
        rest = memoryview(messages.pack_frame(message, binary))
        with self._lock:
            while rest:
                rest = rest[self._outgoing.write(rest) :]


class Engine:
    """Takes jobs one after the other, in the thread that calls `serve`."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._orders: queue.SimpleQueue[messages.Message] = queue.SimpleQueue()
        self._guard = threading.Lock()  # over the three below
        self._cancelled: set[str] = set()
        self._finishing: set[str] = set()
        self._running: tuple[str, StopFlag] | None = None
        self._warming: tuple[str, StopFlag] | None = None  # the model that is read in advance

    def listen(self) -> None:
        """Reader thread: what ends a job takes effect at once, the rest waits its turn."""
        with suppress(OSError, messages.BrokenStream):
            while (frame := messages.read_frame(self._front.incoming)) is not None:
                message = frame[0]
                if message["type"] == "cancel":
                    self._tell(message["job_id"], StopFlag.set, self._cancelled)
                elif message["type"] == "finish":
                    self._tell(message["job_id"], StopFlag.finish, self._finishing)
                else:
                    self._orders.put(message)
                    self._make_way(message)
        os._exit(0)  # the front is gone: nobody waits for what is being computed

    def beat(self, worker: Worker) -> None:
        """Heart thread: the front kills an engine that stops sending, or whose work stands still:
        `passed` counts the blocks of the networks that were entered, also inside a slow step."""
        while True:
            running = self._running
            passed = running[1].passed if running else 0
            self._front.send({"type": "beat", "passed": passed} | worker.condition())
            time.sleep(HEARTBEAT)

    def serve(self, worker: Worker) -> None:
        while True:
            order = self._orders.get()
            if order["type"] == "run":
                self._run(worker, messages.job_from_json(order["job"]))
            elif order["type"] == "warm" and self._orders.empty():
                self._warm(worker, messages.spec_from_json(order["model"]))

    def _warm(self, worker: Worker, model: messages.ModelSpec) -> None:
        stop = StopFlag()
        with self._guard:
            self._warming = (model.id, stop)
        try:
            worker.warm(model, stop)
        except Cancelled:
            log.info("another model is wanted than %s", model.id)
        except PentimentoError as error:  # the job that wants it will say so
            log.warning("%s cannot be read in advance: %s", model.id, error.message)
        finally:
            with self._guard:
                self._warming = None

    def _make_way(self, order: messages.Message) -> None:
        """What is read in advance may not keep a job for another model waiting."""
        with self._guard:
            if self._warming and order["type"] == "run":
                wanted = (order["job"]["model"] or {}).get("id")
                if wanted != self._warming[0]:
                    self._warming[1].set()

    def _tell(self, job_id: str, what: Callable[[StopFlag], None], early: set[str]) -> None:
        """A job that has not begun yet hears of it when it does."""
        with self._guard:
            if self._running and self._running[0] == job_id:
                what(self._running[1])
            else:
                early.add(job_id)

    def _begin(self, job_id: str) -> StopFlag:
        stop = StopFlag()
        with self._guard:
            self._running = (job_id, stop)
            if job_id in self._cancelled:
                self._cancelled.remove(job_id)
                stop.set()
            if job_id in self._finishing:
                self._finishing.remove(job_id)
                stop.finish()
        return stop

    def _run(self, worker: Worker, job: messages.EngineJob) -> None:
        job_id = job.task.job_id
        stop = self._begin(job_id)

        def emit(event: Event) -> None:
            message, binary = messages.event_to_json(event)
            self._front.send({"type": "event", "job_id": job_id} | message, binary)

        try:
            facts = worker.run(job, emit, stop)
        except Cancelled:
            answer: messages.Message = {"type": "cancelled"}
        except PentimentoError as error:
            log.warning("job %s failed: %s %s", job_id, error.message, error.details)
            answer = {"type": "failed", "error": messages.error_to_json(error)}
        else:
            answer = {"type": "done", "facts": facts}
        with self._guard:
            self._running = None
        self._front.send(answer | {"job_id": job_id, "state": worker.condition()})


def main() -> None:
    front = Front.take_over_pipes()
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the front, which ends us
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    engine = Engine(front)
    threading.Thread(target=engine.listen, daemon=True).start()  # before torch: it takes seconds

    from pentimento.engine import quiet

    quiet.silence()
    with heap.importing():  # a quarter of the engine's start
        from pentimento.engine.worker import Worker

    try:
        worker = Worker()
    except PentimentoError as error:  # a device that is not there, for example
        front.send({"type": "refused", "error": messages.error_to_json(error)})
        return
    front.send({"type": "hello"} | worker.hello())
    threading.Thread(target=engine.beat, args=(worker,), daemon=True).start()
    engine.serve(worker)


if __name__ == "__main__":
    main()
