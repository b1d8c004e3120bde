"""What stand-ins of services with a queue have in common: an order gets a number, and its picture
is collected later from an address of its own."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from tests.remote.standins.base import Call, Reply, StandIn, json_reply

FILES = "/files/"


@dataclass
class Queue(StandIn):
    """`waiting`: orders stay in the queue; `looked` is set when somebody asks for one. `withdrawn`
    has the numbers of orders that were taken back, `filtered` says that pictures are withheld."""

    waiting: bool = False
    filtered: bool = False
    looked: threading.Event = field(default_factory=threading.Event)
    taken_back: threading.Event = field(default_factory=threading.Event)
    withdrawn: list[str] = field(default_factory=list)
    pictures: list[bytes | str] = field(default_factory=list)  # or the address of one

    def authorized(self, call: Call) -> bool:
        return call.path.startswith(FILES) or self.has_key(call)

    def has_key(self, call: Call) -> bool:
        raise NotImplementedError

    def taken(self, number: str) -> Reply:
        """The answer to an order."""
        raise NotImplementedError

    def with_image(self, image: bytes) -> Reply:
        return self._queued(image)

    def with_url(self, url: str) -> Reply:
        return self._queued(url)

    def _queued(self, picture: bytes | str) -> Reply:
        self.pictures.append(picture)
        return self.taken(str(len(self.pictures) - 1))

    def url_of(self, number: str) -> str:
        picture = self.pictures[int(number)]
        return picture if isinstance(picture, str) else f"{self.origin}{FILES}{number}"

    def file(self, call: Call) -> Reply:
        picture = self.pictures[int(call.path.removeprefix(FILES))]
        assert isinstance(picture, bytes)
        return 200, {"Content-Type": "image/png"}, picture

    def take_back(self, number: str) -> Reply:
        self.withdrawn.append(number)
        self.taken_back.set()
        return json_reply(200, {})

    def is_done(self) -> bool:
        self.looked.set()
        return not self.waiting
