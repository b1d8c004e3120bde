"""/v1/network and /v1/pair: other machines let in, with a code that a person carries over."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from starlette.requests import Request

from pentimento.api import other_machines, services
from pentimento.api.bodies import read_json
from pentimento.api.jsontext import Answer
from pentimento.api.other_machines import CODE_SECONDS, Network
from pentimento.core.identity import NONCE
from pentimento.schema.answers import NetworkState, Paired, PairingCode
from pentimento.schema.job import Strict


class PairingOffer(Strict):
    """Where to listen; what is left out stays as it was."""

    host: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    port: Annotated[int, Field(ge=0, le=65535)] | None = None


class PairingProof(Strict):
    nonce: Annotated[str, Field(pattern=NONCE.pattern, max_length=128)]
    proof: Annotated[str, Field(pattern=r"[0-9a-f]{64}", max_length=64)]


async def show(request: Request) -> Answer[NetworkState]:
    return Answer(_state(services.of(request).network))


async def offer(request: Request) -> Answer[PairingCode]:
    server = services.of(request)
    wanted = await read_json(request, PairingOffer, server.settings.limits)
    code = await server.network.new_code(wanted.host, wanted.port)
    state = _state(server.network)
    return Answer(
        PairingCode(
            code=code,
            seconds=CODE_SECONDS,
            addresses=state.addresses,
            fingerprint=str(state.fingerprint),
        )
    )


async def close(request: Request) -> Answer[NetworkState]:
    found = services.of(request).network
    await found.close(for_good=True)
    return Answer(_state(found))


async def pair(request: Request) -> Answer[Paired]:
    server = services.of(request)
    wanted = await read_json(request, PairingProof, server.settings.limits)
    token, proof = server.network.pair(wanted.nonce, wanted.proof)
    return Answer(Paired(token=token, proof=proof))


def _state(found: Network) -> NetworkState:
    return NetworkState(
        open=found.place is not None,
        addresses=other_machines.addresses(*found.place) if found.place else [],
        fingerprint=found.fingerprint,
    )
