"""Whatever goes wrong: a sentence with the remedy in GIMP, the image untouched, nothing hangs."""

from __future__ import annotations

import os
import signal

import pytest
from tests.gimp.companion import Companion
from tests.gimp.harness import HeadlessGimp
from tests.gimp.processes import plugin_process, wait_until
from tests.gimp.strangers import free_port, listener

pytestmark = pytest.mark.gimp

WEB_PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\nConnection: close\r\n\r\n<html>no</html"
NOT_HTTP = b"SSH-2.0-OpenSSH_9.9\r\n"
MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"

# name: (words of the sentence, words of the remedy)
SENTENCES = {
    "never started": ("is not running", "run install.sh"),
    "server gone": ("can't be reached", "pentimento serve"),
    "a web page": ("not a Pentimento server", "pentimento serve"),
    "a missing page": ("not a Pentimento server", "pentimento serve"),
    "not HTTP": ("can't be reached", "pentimento serve"),
    "silent": ("does not answer in time", "pentimento serve"),
    "wrong token": ("rejected the access token", "Filters > Pentimento > Setup > Server"),
    "unknown model": ("no-such-model", ""),
}


@pytest.fixture(scope="module")
def faults(version, companion, tmp_path_factory):
    """One GIMP that meets all of them in turn."""
    headless = HeadlessGimp(version, tmp_path_factory.mktemp("faults"))
    with (
        listener(WEB_PAGE) as page,
        listener(MISSING) as missing,
        listener(NOT_HTTP) as other,
        listener(None) as silent,
    ):
        ports = {"a web page": page, "a missing page": missing, "not HTTP": other, "silent": silent}
        ports["server gone"] = free_port()
        wrong = {name: (f"http://127.0.0.1:{port}", "any") for name, port in ports.items()}
        wrong["wrong token"] = (companion.url, "wrong")
        cases = [case(name, *place) for name, place in wrong.items()]
        cases[-1]["settings"] = cases[-1]["server"]  # in server.json it would be another's server
        good = (companion.url, companion.token)
        cases.append(case("unknown model", *good, options={"model": "no-such-model"}))
        cases.append(case("never started") | {"server": None})
        return headless.run("faults.py", cases)


def case(name, url="", token="", options=None):
    server = {"url": url, "token": token}
    return {"name": name, "action": "img2img", "options": options or {}, "server": server}


@pytest.mark.parametrize("name", SENTENCES)
def test_fault_is_a_sentence_with_a_remedy(faults, name):
    found = faults[name]
    sentence, remedy = SENTENCES[name]
    assert found["status"] == "execution-error"
    assert sentence in found["error"]
    assert remedy in found["error"]
    assert "Traceback" not in found["error"]


@pytest.mark.parametrize("name", SENTENCES)
def test_fault_leaves_the_image_as_it_was(faults, name):
    assert faults[name]["changed"] == []


@pytest.mark.parametrize("name", SENTENCES)
def test_fault_is_told_before_patience_ends(faults, name):
    assert faults[name]["seconds"] < 60


def jobs_of(companion, status):
    """Ids from the list of jobs: asking for the job itself would count as following it."""
    return [job["id"] for job in companion.ask(f"/v1/jobs?status={status}")["jobs"]]


def running_job(companion):
    """The id of the job that computes now."""
    jobs = companion.ask("/v1/jobs?status=running")["jobs"]
    return next((job["id"] for job in jobs if job["progress"]["phase"] == "denoising"), None)


@pytest.fixture
def disturbed(gimp, companion):
    """A long job under way in GIMP; gives its id, and `finish` for what GIMP says at its end."""
    gimp.point_to(companion.url, companion.token)
    with gimp.started("long_job.py") as process:
        job = wait_until(lambda: running_job(companion), 90, "a running job")
        yield job, lambda: gimp.finish("long_job.py", process, timeout=60)
        process.wait(60)


def test_a_dead_engine_is_told_and_the_next_job_works(disturbed, companion):
    job, finish = disturbed
    os.kill(companion.ask("/v1/status")["engine"]["pid"], signal.SIGKILL)
    found = finish()
    assert found["status"] == "execution-error"
    assert found["changed"] == []
    assert found["stray_images"] == 0
    error = companion.ask(f"/v1/jobs/{job}")["error"]
    assert error["code"] == "engine_died"
    assert found["error"] == f"{error['message']}\n{error['hint']}"


def test_cancel_in_gimp_ends_the_job(disturbed, gimp, companion):
    """GIMP's Cancel kills the plug-in's process; that is done here by hand."""
    job, finish = disturbed
    os.kill(plugin_process(gimp.work), signal.SIGKILL)
    wait_until(lambda: job in jobs_of(companion, "cancelled"), 60, "the job's end")
    found = finish()
    assert found["status"] == "calling-error"
    assert found["changed"] == []
    assert found["stray_images"] == 0


def test_a_job_cancelled_elsewhere_is_told(disturbed, companion):
    job, finish = disturbed
    companion.ask(f"/v1/jobs/{job}", "DELETE")
    found = finish()
    assert found["status"] == "execution-error"
    assert found["error"] == "The job was cancelled on the server."
    assert found["changed"] == []


def test_a_server_that_dies_in_the_middle_is_told(gimp, tmp_path_factory):
    with Companion(tmp_path_factory.mktemp("dying")) as companion:
        gimp.point_to(companion.url, companion.token)
        with gimp.started("long_job.py") as process:
            wait_until(lambda: running_job(companion), 90, "a running job")
            companion.process.kill()
            found = gimp.finish("long_job.py", process, timeout=60)
    assert found["status"] == "execution-error"
    assert "can't be reached" in found["error"]
    assert found["changed"] == []
