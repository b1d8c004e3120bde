"""A second real server with TLS, as on another machine: paired with by a code in GIMP, it fills a
lasso with the same bytes as the one here. It has another data folder and a LoRA of its own."""

from __future__ import annotations

import json
import shutil

import pytest
from tests.gimp.companion import Companion
from tests.gimp.harness import REPO, HeadlessGimp

pytestmark = pytest.mark.gimp
LORA = REPO / "server/pentimento/starter/blueprint/pytorch_lora_weights.safetensors"
SCRIPT = "other_machine.py"


@pytest.fixture(scope="module")
def answers(version, tmp_path_factory):
    """What GIMP says and paints with the server itself, and with it as another machine."""
    data = tmp_path_factory.mktemp("studio") / "画室"
    (data / "loras").mkdir(parents=True, mode=0o700)
    data.chmod(0o700)
    shutil.copy(LORA, data / "loras" / "水墨.safetensors")
    gimp = HeadlessGimp(version, tmp_path_factory.mktemp("laptop") / "mobile “ノート”")
    with Companion(data) as server:
        loras = server.ask("/v1/models")["loras"]
        (own,) = [one["id"] for one in loras if one["title"] == "水墨"]
        lora = {"lora": own + ":0.7"}
        gimp.point_to(server.url, server.token)
        here = gimp.run(SCRIPT, lora, timeout=200)
        (gimp.data / "server.json").unlink()  # from now on none is here
        wanted = {"host": "127.0.0.1", "port": 0}
        told = server.ask("/v1/network/pairing", "POST", wanted)
        typed = {"address": told["addresses"][0], "code": told["code"].lower()}
        there = gimp.run(SCRIPT, lora | typed | {"wrong": "B" * 16}, timeout=200)
        kept = json.loads((gimp.config / "pentimento.json").read_text())
        server.ask("/v1/network", "DELETE")
        closed = gimp.run(SCRIPT, lora, timeout=200)
    old = {"address": "", "wrong": kept["token"], "code": ""}
    gimp.run(SCRIPT, old, timeout=100)  # as with the address cleared in the dialog
    back = json.loads((gimp.config / "pentimento.json").read_text())
    found = {"here": here, "there": there, "closed": closed}
    return found | {"kept": kept, "told": told, "back": back}


def test_the_other_machine_fills_with_the_same_bytes(answers):
    here, there = answers["here"]["fill"], answers["there"]["fill"]
    assert here["status"] == "success", here
    assert there == here
    assert here["seed"] == 41
    assert len(set(bytes.fromhex(here["pixels"]))) > 16  # it painted


def test_a_wrong_code_is_told_and_nothing_is_kept_of_it(answers):
    status, error = answers["there"]["wrong"]
    assert status == "execution-error"
    assert "The code is not the one that the other computer shows." in error


def test_the_right_one_is_kept_with_the_certificate(answers):
    status, report = answers["there"]["code"]
    assert status == "success", report
    kept, told = answers["kept"], answers["told"]
    assert kept["url"] == "https://" + told["addresses"][0]
    assert kept["fingerprint"] == told["fingerprint"]
    assert kept["token"] not in report
    assert f"The server runs at {kept['url']}." in report


def test_once_it_is_closed_the_action_says_so(answers):
    found = answers["closed"]["fill"]
    assert found["status"] == "execution-error"
    assert "can't be reached" in found["error"]


def test_without_an_address_nothing_is_left_of_the_other_machine(answers):
    """Its token would be tried at this computer's own server."""
    assert answers["back"] == {"url": "", "token": "", "fingerprint": ""}
