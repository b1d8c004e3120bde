"""What is put on a denoiser: its order is data, each pair works together, and nothing stays."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.engine.bench import Bench, photo
from tests.engine.test_controls import drawing
from tests.support.tiny_addons import write_ip_adapter, write_t2i_adapter
from torch import nn

from pentimento.engine.conditioning.conditioner import Conditioner, Kind, Steps, attached
from pentimento.engine.job import denoise
from pentimento.engine.memory import offload
from pentimento.engine.worker import Worker
from pentimento.models.library.registry import Registry

WIDTH, HEIGHT = 192, 128
SEEN = 96 * 96  # px that are seen at one time, where there are tiles
DOCUMENTED = (
    *(
        Kind.IP_ADAPTER,
        Kind.SLICED_ATTENTION,
        Kind.T2I_ADAPTER,
        Kind.CONTROLNET,
    ),
    *(
        Kind.REFERENCE_LATENTS,
        Kind.MASK_LATENTS,
        Kind.TILES,
        Kind.STOP,
    ),
)
OF_UNETS = (
    *(
        Kind.IP_ADAPTER,
        Kind.SLICED_ATTENTION,
        Kind.T2I_ADAPTER,
        Kind.CONTROLNET,
    ),
    *(Kind.MASK_LATENTS, Kind.TILES),
)
PAIRS = [*combinations(OF_UNETS, 2)]
NAMES = [f"{one.name}+{other.name}" for one, other in PAIRS]
STEPS = Steps(lambda: 0, 1)

Make = Callable[..., bytes]


@pytest.fixture(scope="module")
def bench(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    data = tmp_path_factory.mktemp("data")  # others count what lies in theirs
    for place in ("models/sdxl", "models/sdxl-inpaint", "controlnets/sdxl-canny"):
        shutil.copytree(data_dir / place, data / place)
    write_ip_adapter(data / "models" / "sdxl", data / "ip_adapters" / "pair-look")
    write_t2i_adapter(data / "controlnets" / "pair-depth")
    return Bench(Worker(), Registry(data), tmp_path_factory.mktemp("pairs"))


@pytest.fixture(scope="module")
def known() -> dict[object, bytes]:
    """Pictures that several cases are compared with."""
    return {}


@pytest.fixture
def make(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Make:
    sliced = offload.sliced_attention

    def made(*kinds: Kind) -> bytes:
        wanted: dict[str, Any] = {"mode": "img2img", "strength": 0.6, "steps": 3, "guidance": 2.0}
        wanted["source"] = photo(WIDTH, HEIGHT)
        if Kind.IP_ADAPTER in kinds:
            wanted["references"] = [{"image": photo(90, 60), "model": "pair-look"}]
        controls = [
            {"type": type, "image": drawing(WIDTH, HEIGHT), "model": model}
            for kind, type, model in (
                (Kind.CONTROLNET, "canny", "sdxl-canny"),
                (Kind.T2I_ADAPTER, "depth", "pair-depth"),
            )
            if kind in kinds
        ]
        if controls:
            wanted["controls"] = controls
        with monkeypatch.context() as patch:
            patch.setattr(
                offload,
                "sliced_attention",
                lambda denoiser, wanted: sliced(denoiser, wanted=Kind.SLICED_ATTENTION in kinds),
            )
            job = bench.job("sdxl-inpaint" if Kind.MASK_LATENTS in kinds else "sdxl", **wanted)
            assert job.model is not None
            whole = SEEN if Kind.TILES in kinds else WIDTH * HEIGHT
            job = replace(job, model=replace(job.model, whole_pixels=whole))
            return bench.run(job).pixels().tobytes()

    return made


def state(bench: Bench) -> list[Any]:
    """Whatever a conditioner could leave on a denoiser."""
    denoiser = next(
        part.value
        for part in bench.worker._shared.components._parts.values()
        if part.name == "unet"
    )
    hooks = [
        name
        for name, module in denoiser.named_modules()
        if module._forward_pre_hooks or module._forward_hooks or "forward" in vars(module)
    ]
    processors = {name: type(one) for name, one in denoiser.attn_processors.items()}
    return [hooks, processors, denoiser.encoder_hid_proj, denoiser.config.encoder_hid_dim_type]


@contextmanager
def nested(conditioners: Sequence[Conditioner], denoiser: Any, step: Steps) -> Iterator[None]:
    """By hand, in the order that is documented."""
    by_kind = {one.kind: one for one in conditioners}
    with ExitStack() as stack:
        for kind in DOCUMENTED:
            stack.enter_context(by_kind[kind]._hold(denoiser, step))
        yield


@pytest.mark.parametrize("pair", PAIRS, ids=NAMES)
def test_two_of_them_give_the_documented_combination_and_leave_nothing(
    bench: Bench,
    make: Make,
    known: dict[object, bytes],
    pair: tuple[Kind, Kind],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without = tuple(kind for kind in pair if kind is Kind.MASK_LATENTS)  # which is the model's own
    for alone in (without, *((*without, kind) for kind in pair if kind not in without)):
        if alone not in known:
            known[alone] = make(*alone)
    clean = known[without]
    assert make(*without) == clean
    before = state(bench)

    both = make(*pair)
    listed = denoise._conditioners
    with monkeypatch.context() as patch:  # the list's own order decides nothing
        patch.setattr(denoise, "_conditioners", lambda *given: listed(*given)[::-1])
        assert make(*pair) == both
    with monkeypatch.context() as patch:
        patch.setattr(denoise, "attached", nested)
        assert make(*pair) == both
    if Kind.SLICED_ATTENTION in pair:  # which computes the same in another way
        one = known[(*without, *(k for k in pair if k not in (Kind.SLICED_ATTENTION, *without)))]
        difference = np.frombuffer(both, np.uint8).astype(int) - np.frombuffer(one, np.uint8)
        assert np.abs(difference).max() <= 2
    else:
        alone = {known[(kind,)] for kind in pair if not without}
        assert both not in alone | {clean}
    assert make(*without) == clean
    assert state(bench) == before


def test_the_order_is_the_documented_one() -> None:
    assert tuple(Kind) == DOCUMENTED == tuple(sorted(Kind))


class Adds:
    """A conditioner that adds a number to what a network is given, and notes what it saw."""

    def __init__(self, kind: Kind, number: float, log: list[str], fails: bool = False) -> None:
        self.conditioner = Conditioner(kind, self.hold)
        self._kind, self._number, self._log, self._fails = kind, number, log, fails

    @contextmanager
    def hold(self, net: nn.Module, step: Steps) -> Iterator[None]:
        if self._fails:
            raise RuntimeError("no room")

        def add(_: nn.Module, args: Any) -> Any:
            self._log.append(f"{self._kind.name} saw {args[0].item():g}")
            return (args[0] + self._number,)

        with net.register_forward_pre_hook(add):
            yield
        self._log.append(f"{self._kind.name} off")


@torch.inference_mode()
def test_hooks_see_the_input_in_the_order_of_their_kinds_and_go_in_the_reverse() -> None:
    log: list[str] = []
    net = nn.Identity()
    adds = [
        Adds(kind, number, log).conditioner
        for kind, number in (
            (Kind.STOP, 100.0),
            (Kind.IP_ADAPTER, 1.0),
            (Kind.CONTROLNET, 10.0),
        )
    ]
    with attached(adds, net, STEPS):
        assert net(torch.tensor(0.0)).item() == 111
    assert net(torch.tensor(0.0)).item() == 0
    assert log == [
        *("IP_ADAPTER saw 0", "CONTROLNET saw 1", "STOP saw 11"),
        *("STOP off", "CONTROLNET off", "IP_ADAPTER off"),
    ]


def test_one_that_cannot_be_attached_takes_the_others_with_it() -> None:
    log: list[str] = []
    net = nn.Identity()
    good, bad = (
        Adds(Kind.IP_ADAPTER, 1, log),
        Adds(Kind.CONTROLNET, 1, log, fails=True),
    )
    pair = [bad.conditioner, good.conditioner]
    with pytest.raises(RuntimeError, match="no room"), attached(pair, net, STEPS):
        raise AssertionError("nothing is computed")
    assert log == ["IP_ADAPTER off"]
    assert not net._forward_pre_hooks
    bad.conditioner.detach()  # which never was attached


def test_two_of_one_kind_and_one_attached_twice_are_faults() -> None:
    log: list[str] = []
    net = nn.Identity()
    one, other = (Adds(Kind.TILES, 1, log).conditioner for _ in range(2))
    with pytest.raises(ValueError, match="one kind"), attached([one, other], net, STEPS):
        pass
    one.attach(net, STEPS)
    with pytest.raises(RuntimeError, match="already"):
        one.attach(net, STEPS)
    one.detach()
    assert not net._forward_pre_hooks
