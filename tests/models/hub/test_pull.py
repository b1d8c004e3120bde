"""Downloads against a real hub on loopback: what arrives, what is asked for again, what is left."""

from __future__ import annotations

import hashlib
import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.models.hub.server import CUT_AFTER, HubServer, entry, own_catalogue, serving

from pentimento.core.errors import PentimentoError
from pentimento.core.files import try_lock
from pentimento.models.catalogue import load
from pentimento.models.download import pull as pulls
from pentimento.models.download.hub import Stopped
from pentimento.models.download.pull import Pull
from pentimento.models.download.settings import HubPatience, HubSettings
from pentimento.models.library.registry import Registry

SIZE = 2_500_000
HASTE = HubPatience(
    connect=2, read=2, window=0.3, least=1000, pauses=(0.01, 0.01, 0.01), longest_wait=5
)
WEIGHTS = "weights.safetensors"


def safetensors(size: int, seed: int = 0) -> bytes:
    """A whole safetensors file of one tensor of `size` bytes."""
    told = {"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    head = json.dumps(told).encode()
    block = hashlib.shake_128(bytes([seed])).digest(65_536)
    data = (block * (size // len(block) + 1))[:size]
    return len(head).to_bytes(8, "little") + head + data


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / WEIGHTS).write_bytes(safetensors(SIZE))
    (folder / "config.json").write_text('{"a": 1}')
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    return folder


@pytest.fixture
def hub(repo: Path) -> Iterator[HubServer]:
    with serving({"studio/tiny": repo}) as server:
        yield server


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    own_catalogue(folder, entry(), entry("guarded", licence="strict"))
    return folder


def make(data: Path, hub: HubServer, name: str = "tiny", token: str | None = None, **more) -> Pull:
    catalogue = load(data)
    found = catalogue.get(name)
    settings = HubSettings(hub.endpoint, token=token, patience=more.pop("patience", HASTE))
    return Pull(data, found, catalogue.licence(found), settings, more.pop("reserve", 0))


def run(data: Path, hub: HubServer, name: str = "tiny", **more) -> None:
    make(data, hub, name, **more).run(lambda progress: None)


def failure(data: Path, hub: HubServer, **more) -> PentimentoError:
    """The problem; nothing may be under the final name."""
    with pytest.raises(PentimentoError) as caught:
        run(data, hub, **more)
    assert not (data / "models" / "tiny").exists()
    return caught.value


def is_whole(data: Path, repo: Path) -> bool:
    installed = data / "models" / "tiny"
    same = all(
        (installed / name).read_bytes() == (repo / name).read_bytes()
        for name in (WEIGHTS, "config.json")
    )
    return same and not (data / ".pulls" / "tiny").exists()


def part(data: Path) -> Path:
    return data / ".pulls" / "tiny" / "files" / (WEIGHTS + ".part")


def test_a_model_arrives_whole_and_without_pickles(data, hub, repo):
    run(data, hub)
    assert is_whole(data, repo)
    assert not (data / "models/tiny/pytorch_model.bin").exists()
    sums = json.loads((data / "models/tiny/checksums.json").read_text())
    assert sums == {WEIGHTS: hashlib.sha256((repo / WEIGHTS).read_bytes()).hexdigest()}
    assert json.loads((data / "models/tiny/pentimento.json").read_text())["licence"] == "Ours"


def test_a_cut_goes_on_where_it_broke_off(data, hub, repo):
    hub.fault("cut", times=2)
    run(data, hub)
    assert is_whole(data, repo)
    starts = [one.start for one in hub.cdn_asked if one.path.endswith(WEIGHTS)]
    assert starts == [0, CUT_AFTER, 2 * CUT_AFTER]
    assert hub.sent(WEIGHTS) == (repo / WEIGHTS).stat().st_size  # no byte twice


def test_a_later_run_asks_only_for_the_rest(data, hub, repo):
    hub.fault("cut", times=4)
    assert failure(data, hub).code == "hub_unreachable"
    came = part(data).stat().st_size
    assert came == 4 * CUT_AFTER
    run(data, hub)
    assert is_whole(data, repo)
    assert hub.cdn_asked[-2].start == came  # the last one is config.json
    assert hub.sent(WEIGHTS) == (repo / WEIGHTS).stat().st_size


def test_a_hub_that_knows_no_ranges_is_asked_from_the_beginning(data, hub, repo):
    hub.fault("cut")
    hub.fault("no-range")
    run(data, hub)
    assert is_whole(data, repo)


def test_too_long_a_part_is_thrown_away(data, hub, repo):
    hub.fault("cut", times=4)
    failure(data, hub)
    with part(data).open("ab") as stream:
        stream.truncate(SIZE * 2)
    run(data, hub)
    assert is_whole(data, repo)


def test_416_begins_anew(data, hub, repo):
    hub.fault("cut")
    hub.fault("416")
    run(data, hub)
    assert is_whole(data, repo)
    starts = [one.start for one in hub.cdn_asked if one.path.endswith(WEIGHTS)]
    assert starts == [0, CUT_AFTER, 0]


def test_a_wrong_hash_leaves_nothing_of_the_file(data, hub, repo):
    hub.fault("wrong")
    assert failure(data, hub).code == "wrong_hash"
    assert not part(data).exists()
    assert not part(data).with_suffix("").exists()
    run(data, hub)
    assert is_whole(data, repo)


def test_a_small_file_is_held_against_its_git_hash(data, hub):
    hub.fault("wrong", only="config.json")
    assert failure(data, hub).code == "wrong_hash"


def test_what_is_not_weights_is_not_installed(data, hub, repo):
    (repo / WEIGHTS).write_bytes(b"\x80\x04 a pickle under another name")
    assert failure(data, hub).code == "download_damaged"
    assert not (data / ".pulls" / "tiny").exists()


@pytest.mark.parametrize("status", ["429", "503"])
def test_a_busy_hub_is_asked_again_when_it_says(data, hub, repo, status):
    hub.fault(status, times=2, retry_after="0.05")
    run(data, hub)
    assert is_whole(data, repo)


@pytest.mark.parametrize("only", ["list", ".safetensors"])
def test_a_hub_that_is_busy_for_long_is_told_of(data, hub, only):
    hub.fault("429", only=only, retry_after="3600")
    problem = failure(data, hub)
    assert problem.code == "hub_busy"
    assert problem.details == {"retry_after": 3600}


def test_gated_models_are_explained_and_fetched_with_the_token(data, hub, repo):
    hub.token = "hf_canary"
    assert failure(data, hub).code == "model_gated"
    refused = failure(data, hub, token="hf_wrong")
    assert refused.code == "token_refused"
    assert "hf_wrong" not in str(refused.body())
    run(data, hub, token="hf_canary")
    assert is_whole(data, repo)
    assert "hf_canary" in str([one.headers for one in hub.asked])
    assert "hf_canary" not in str([one.headers for one in hub.cdn_asked])
    assert not any("hf_canary" in f.read_text("latin-1") for f in data.rglob("*") if f.is_file())


def test_a_missing_repository_and_a_missing_file(data, hub, repo):
    (repo / WEIGHTS).unlink()
    assert failure(data, hub).code == "not_on_hub"
    hub.folders.clear()
    assert failure(data, hub).code == "not_on_hub"


def test_an_endless_drip_ends(data, hub):
    hub.fault("drip", times=99)
    assert failure(data, hub).code == "hub_unreachable"


def test_a_stop_comes_through_while_nothing_arrives(data, hub):
    hub.fault("hang")
    pull = make(data, hub, patience=HubPatience(read=60))
    heard = threading.Event()
    ended: list[BaseException] = []

    def work() -> None:
        try:
            pull.run(lambda progress: heard.set() if progress.done >= CUT_AFTER else None)
        except BaseException as end:
            ended.append(end)

    thread = threading.Thread(target=work)
    thread.start()
    assert heard.wait(60)
    pull.stop()
    thread.join(60)
    assert isinstance(ended[0], Stopped)
    assert part(data).stat().st_size == CUT_AFTER


def test_a_full_disk_is_said_before_and_while(tmp_path, hub, repo):
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", small], check=True)
    try:
        data = small / "data"
        own_catalogue(data, entry())
        problem = failure(data, hub)
        assert problem.code == "disk_full"
        assert problem.details["needed"] > SIZE > problem.details["free"]
        assert hub.cdn_asked == []  # not a byte was asked for
        subprocess.run(["mount", "-o", "remount,size=4m", small], check=True)
        pull = make(data, hub)
        ballast = small / "ballast"

        def fill(progress: object) -> None:
            if not ballast.exists():
                ballast.write_bytes(bytes(2_200_000))

        with pytest.raises(PentimentoError) as caught:
            pull.run(fill)
        assert caught.value.code == "disk_full"
        assert not (data / "models/tiny").exists()
        ballast.unlink()
        subprocess.run(["mount", "-o", "remount,size=8m", small], check=True)
        run(data, hub)
        assert is_whole(data, repo)
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def test_a_hub_may_not_lead_to_an_address_without_tls(data, hub):
    settings = HubSettings("https://hub.example.com")
    catalogue = load(data)
    pull = Pull(data, catalogue.get("tiny"), catalogue.licence(catalogue.get("tiny")), settings, 0)
    with pytest.raises(PentimentoError) as caught:
        pull._hub._safe(hub.cdn + "/studio/tiny/config.json")
    assert caught.value.code == "unsafe_url"


def test_two_processes_do_not_fetch_the_same(data, hub):
    hub.fault("cut", times=4)
    failure(data, hub)
    with pulls.arrivals(data, load(data).get("tiny")).joinpath("lock").open("ab") as stream:
        assert try_lock(stream)
        assert failure(data, hub).code == "pull_elsewhere"


def test_loras_and_upscalers_are_one_file_and_an_adapter_leaves_folders_out(tmp_path, hub, repo):
    (repo / "deep").mkdir()
    (repo / "deep" / "part.fp16.safetensors").write_bytes(safetensors(100))
    data = tmp_path / "data"
    deep = ("deep/part.safetensors | deep/part.fp16.safetensors",)
    own_catalogue(
        data,
        entry("style", role="lora", files=(WEIGHTS,)),
        entry("large", role="upscaler", files=(WEIGHTS,)),
        entry("face", role="ip-adapter", files=deep, variant="fp16", strip=["deep/"]),
    )
    for name in ("style", "large", "face"):
        run(data, hub, name)
    for file in ("loras/style.safetensors", "upscalers/large.safetensors"):
        assert (data / file).read_bytes() == (repo / WEIGHTS).read_bytes()
    assert next(one.id for one in Registry(data).upscalers.list()) == "large"
    assert (data / "ip_adapters" / "face" / "part.safetensors").is_file()


@pytest.mark.parametrize(
    "path", ["../up.safetensors", "/etc/x.safetensors", "a/../x.safetensors", "a\\b.safetensors"]
)
def test_paths_that_lead_out_are_never_taken(path):
    from pentimento.models.download.plan import _is_safe

    assert not _is_safe(path)


def test_a_licence_that_is_not_open_has_to_be_agreed_to(data):
    catalogue = load(data)
    with pytest.raises(PentimentoError) as caught:
        pulls.agreed(catalogue, catalogue.get("guarded"), False, data)
    assert caught.value.code == "licence_needed"
    assert caught.value.details["url"] == "https://example.com/strict"
    pulls.agreed(catalogue, catalogue.get("guarded"), True, data)
    pulls.agreed(catalogue, catalogue.get("tiny"), False, data)
