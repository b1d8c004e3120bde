"""Every way in which a service can fail ends in a clear error, in time, and is never paid twice."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from tests.remote.standins.all import ADAPTERS, STAND_INS
from tests.remote.standins.base import HUGE, Call, StandIn
from tests.remote.standins.openai import OpenAI

from pentimento.core.errors import Cancelled
from pentimento.core.geometry import Size
from pentimento.services import adapter, records, session
from pentimento.services.adapter import ImageRequest, ImageResult
from pentimento.services.problems import RemoteProblem
from pentimento.services.records import Operation
from pentimento.services.session import Address, ServiceSession

FORBIDDEN = {  # what a 403 of the stand-in means; else the key
    "fal": "payment_required",
    "horde": "upfront_only",
    "openai": "moderated",
    "stability": "moderated",
}
OWN_WORDS = {  # of refusals that mean something else at one service
    ("fal", "422"): "moderated",
    ("a1111", "404"): "no_such_call",
    ("comfyui", "404"): "no_such_call",
    ("horde", "404"): "order_lost",
    ("openai", "404"): "no_such_call",
}
PROMPT = "a secret garden, 猫 “quoted” 🎨"
ASK = ImageRequest(Operation.TXT2IMG, PROMPT, Size(1024, 1024), seed=1)
PATIENT = 60.0  # seconds that nothing takes, however busy the machine
SECONDS = 1.5  # a deadline that is waited for


@dataclass
class Service:
    """A stand-in and a line to it."""

    id: str
    stand_in: StandIn
    line: ServiceSession

    def paint(self) -> ImageResult:
        return adapter.load(self.id).paint(ASK, self.line)

    @property
    def orders(self) -> list[Call]:
        return [call for call in self.stand_in.calls if self.stand_in.is_order(call)]

    def fails(self) -> RemoteProblem:
        with pytest.raises(RemoteProblem) as caught:
            self.paint()
        told = str(caught.value.body())
        assert self.stand_in.key not in told
        assert PROMPT not in told
        return caught.value


@pytest.fixture(params=ADAPTERS)
def service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr(session, "PAUSES", (0.01, 0.01, 0.01))
    monkeypatch.setattr(session, "FIRST_PAUSE", 0.01)
    stand_in = STAND_INS[request.param]()
    yield Service(request.param, stand_in, line_to(request.param, stand_in))
    stand_in.close()


@pytest.fixture
def openai(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """For what is the same for all of them."""
    monkeypatch.setattr(session, "PAUSES", (0.01, 0.01, 0.01))
    stand_in = OpenAI()
    yield Service("openai", stand_in, line_to("openai", stand_in))
    stand_in.close()


def line_to(
    service_id: str, stand_in: StandIn, key: str | None = None, seconds: float = PATIENT
) -> ServiceSession:
    found = adapter.load(service_id)
    headers = found.auth(key or stand_in.key)
    address = Address(service_id, "The service", stand_in.base_url, headers)
    return ServiceSession(address, found.meaning, time.monotonic() + seconds)


REFUSED = {
    "401": "key_refused",
    "402": "payment_required",
    "403": "key_refused",
    "404": "model_gone",
    "413": "too_large_there",
    "422": "bad_values",
    "429": "rate_limited",
    "429 late": "rate_limited",
    "500": "failed_there",
    "503": "service_unavailable",
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_refusal_is_told_and_not_repeated(service: Service, fault: str) -> None:
    service.stand_in.fault = fault
    error = service.fails()
    expected = REFUSED[fault]
    if fault == "403":
        expected = FORBIDDEN.get(service.id, expected)
    expected = OWN_WORDS.get((service.id, fault), expected)
    assert error.code == expected
    as_told = {("gemini", "401"): 400}  # how Google tells a wrong key
    assert error.details["status"] == as_told.get((service.id, fault), int(fault[:3]))
    assert error.details.get("retry_after") == (3600 if fault == "429 late" else None)
    assert len(service.orders) == 1
    assert service.line.accepted is False
    assert service.line.uncertain is (fault == "500")


@pytest.mark.parametrize("fault", ["429 soon", "503 soon"])
def test_a_service_that_asks_for_patience_gets_it(service: Service, fault: str) -> None:
    service.stand_in.fault, service.stand_in.times = fault, 2
    assert service.paint().image.startswith(b"\x89PNG")
    assert service.stand_in.accepted == 1


def test_patience_has_an_end(service: Service) -> None:
    service.stand_in.fault = "429 soon"
    assert service.fails().code == "rate_limited"
    assert len(service.orders) == session.TRIES


TAKEN = {
    "cut": "outcome_unknown",
    "half": "outcome_unknown",
    "garbage": "bad_answer",
    "huge": "bad_answer",
}


@pytest.mark.parametrize("fault", TAKEN)
def test_what_was_taken_is_not_ordered_again(service: Service, fault: str) -> None:
    service.stand_in.fault = fault
    assert service.fails().code == TAKEN[fault]
    assert service.stand_in.accepted == 1
    assert service.line.accepted or service.line.uncertain


@pytest.mark.parametrize("name", ["fal", "horde", "huggingface", "openai", "replicate"])
def test_a_result_at_a_private_address_is_not_loaded(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(session, "FIRST_PAUSE", 0.01)
    stand_in = STAND_INS[name](fault="private url")
    try:
        service = Service(name, stand_in, line_to(name, stand_in))
        assert service.fails().code == "unsafe_url"
        assert stand_in.accepted == 1
    finally:
        stand_in.close()


@pytest.mark.parametrize("hiccup", ["429", "500", "503", "cut", "half"])
@pytest.mark.parametrize("service", ["fal", "horde", "replicate"], indirect=True)
def test_an_order_that_is_waited_for_survives_a_hiccup(service: Service, hiccup: str) -> None:
    """The picture is being made and will be billed: one bad answer must not lose it."""
    service.stand_in.hiccup = hiccup
    assert service.paint().image.startswith(b"\x89PNG")
    assert service.stand_in.hiccup == ""
    assert service.stand_in.accepted == 1
    assert service.stand_in.withdrawn == []


@pytest.mark.parametrize("service", ["openai", "fal"], indirect=True)  # at once, and in a queue
def test_an_answer_that_drips_ends_with_the_deadline(service: Service) -> None:
    service.line = line_to(service.id, service.stand_in, seconds=SECONDS)
    service.stand_in.fault = "drip"
    assert service.fails().code == "outcome_unknown"
    assert service.stand_in.accepted == 1


def test_a_huge_answer_is_not_read_to_its_end(service: Service) -> None:
    service.stand_in.fault = "huge"
    service.fails()
    assert service.stand_in.sent < HUGE


def test_a_wrong_key_is_refused_before_anything_is_made(service: Service) -> None:
    service.line = line_to(service.id, service.stand_in, "wrong")
    assert service.fails().code == "key_refused"
    assert service.stand_in.accepted == 0


def test_nobody_there(service: Service) -> None:
    service.stand_in.server.shutdown()
    service.stand_in.server.server_close()
    assert service.fails().code == "service_unavailable"
    assert service.line.accepted is False
    assert service.line.uncertain is False


def test_a_cancelled_job_sends_nothing(service: Service) -> None:
    service.line.cut()
    with pytest.raises(Cancelled):
        service.paint()
    assert service.stand_in.accepted == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://example.com/picture.png",
        "file:///etc/passwd",
        "https://me:pw@example.com/a.png",
        "ftp://example.com/a.png",
        "//example.com/a.png",
        "https://[::1",
        "nonsense",
        "",
    ],
)
def test_unsafe_addresses_are_not_loaded(openai: Service, url: str) -> None:
    with pytest.raises(RemoteProblem) as caught:
        openai.line.fetch(url)
    assert caught.value.code == "unsafe_url"


def test_a_name_that_leads_inside_is_noticed_before_a_byte_is_sent(openai: Service) -> None:
    """Whatever the address looks like, the connection's other end decides."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def listen() -> None:
            connection, _ = listener.accept()
            heard.append(connection.recv(100))
            connection.close()

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        with pytest.raises(RemoteProblem) as caught:
            openai.line.fetch(f"https://localhost:{listener.getsockname()[1]}/a.png")
        thread.join(60)
    assert caught.value.code == "unsafe_url"
    assert heard == [b""]


def test_the_key_does_not_leave_the_services_own_place(openai: Service) -> None:
    other = OpenAI()
    try:
        with pytest.raises(RemoteProblem) as caught:
            openai.line.look(f"{other.origin}/v1/models")
        assert caught.value.code == "unsafe_url"
        assert other.calls == []
    finally:
        other.close()


def test_a_result_at_the_services_own_place_is_loaded_without_the_key(
    openai: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai.stand_in, "authorized", lambda call: True)
    monkeypatch.setattr(openai.stand_in, "answer", lambda call: (200, {}, b"picture"))
    assert openai.line.fetch(f"{openai.stand_in.origin}/result.png") == b"picture"
    assert "authorization" not in openai.stand_in.calls[-1].headers


def test_an_idempotent_service_is_asked_again_with_the_same_key(openai: Service) -> None:
    stand_in = openai.stand_in
    address = openai.line.address
    openai.line = ServiceSession(
        Address(address.id, address.title, address.base_url, address.headers, idempotency=True),
        adapter.load(openai.id).meaning,
        time.monotonic() + PATIENT,
    )
    stand_in.fault, stand_in.times = "cut", 1
    assert openai.paint().image.startswith(b"\x89PNG")
    keys = [call.headers["idempotency-key"] for call in openai.orders]
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_a_picture_may_take_longer_than_a_question(
    openai: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a service sends its first byte when the picture is done; until the deadline it is
    waited for, or the picture is lost and paid."""
    monkeypatch.setattr(session, "READ_SECONDS", 0.1)
    openai.stand_in.fault = "hold"
    threading.Timer(1.0, openai.stand_in.released.set).start()
    assert openai.paint().image.startswith(b"\x89PNG")
    assert openai.stand_in.accepted == 1


SYNCHRONOUS = ("a1111", "gemini", "huggingface", "openai", "openrouter", "stability")
SCALE = 1 / 200  # of the clock in these tests


@pytest.mark.parametrize("seconds", [150, 400])
@pytest.mark.parametrize("name", SYNCHRONOUS)
def test_a_picture_that_takes_minutes_is_waited_for_and_paid_once(
    monkeypatch: pytest.MonkeyPatch, name: str, seconds: int
) -> None:
    """By the deadline of the service's own record, with a scaled clock."""
    monkeypatch.setattr(session, "READ_SECONDS", session.READ_SECONDS * SCALE)
    limit = records.service(name).deadline
    assert limit > seconds
    stand_in = STAND_INS[name](fault="hold")
    patience = limit * SCALE + PATIENT  # a loaded machine needs some, too
    slow = Service(name, stand_in, line_to(name, stand_in, seconds=patience))
    threading.Timer(seconds * SCALE, stand_in.released.set).start()
    try:
        assert slow.paint().image.startswith(b"\x89PNG")
        assert stand_in.accepted == 1
    finally:
        stand_in.close()


def test_a_silent_service_ends_at_its_own_deadline(openai: Service) -> None:
    openai.line = line_to("openai", openai.stand_in, seconds=SECONDS)
    openai.stand_in.fault = "hold"
    assert openai.fails().code == "outcome_unknown"
    assert openai.stand_in.accepted == 1


def test_progress_is_told_while_a_server_paints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "GLANCE_SECONDS", 0.02)
    stand_in = STAND_INS["a1111"](fault="hold")
    stand_in.progress = 0.4
    told: list[tuple[str, float | None]] = []

    def say(message: str, progress: float | None) -> None:
        told.append((message, progress))
        stand_in.released.set()

    found = adapter.load("a1111")
    address = Address("a1111", "The service", stand_in.base_url, found.auth(stand_in.key))
    line = ServiceSession(address, found.meaning, time.monotonic() + PATIENT, say=say)
    try:
        assert found.paint(ASK, line).image.startswith(b"\x89PNG")
        assert told[0] == ("The service is painting", 0.4)
    finally:
        stand_in.close()


def test_a_shut_down_model_is_named_as_gone(openai: Service) -> None:
    with pytest.raises(RemoteProblem) as caught:
        adapter.load("openai").paint(replace(ASK, model="gpt-image-1"), openai.line)
    assert caught.value.code == "model_gone"
