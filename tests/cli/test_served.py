"""`pentimento run` through a server: started, shared, cancelled, and failing in sentences."""

from __future__ import annotations

import json
import signal
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
from tests.cli.shell import Shell, photo, read, square_mask, until

from pentimento.core.files import server_file

SLOW = ("run", "--steps", "200", "--output", "slow.png")


def test_pictures_are_numbered_by_how_little_their_edge_shows(served: Shell) -> None:
    photo(served.folder / "s.png")
    square_mask(served.folder / "sm.png")
    job = ("--input", "s.png", "--mask", "sm.png", "--prompt", "树 “é”", "--steps", "1")
    several = ("run", *job, "--seed", "5", "--count", "4", "--json")
    plain = json.loads(served(*several, "--output", "p.png").stdout)
    told = json.loads(served(*several, "--output", "o.png", "--by-seam").stdout)
    assert plain["seeds"] == [5, 6, 7, 8]
    assert told["seams"] == sorted(plain["seams"]) != plain["seams"]
    assert dict(zip(told["seeds"], told["seams"], strict=True)) == dict(
        zip(plain["seeds"], plain["seams"], strict=True)
    )
    for file, seed in zip(told["files"], told["seeds"], strict=True):
        same = plain["files"][plain["seeds"].index(seed)]
        assert (served.folder / file).read_bytes() == (served.folder / same).read_bytes()
    refused = served("run", "--input", "s.png", "--output", "x.png", "--by-seam")
    assert refused.returncode == 2
    assert "--mask" in refused.stderr


def test_run_starts_a_server_that_stays(shell: Shell) -> None:
    source = photo(shell.folder / "a.png")
    arguments = ("run", "--input", "a.png", "--strength", "0", "--output", "b.png")
    assert shell(*arguments).returncode == 0
    first = server_file(shell.data)
    assert shell(*arguments).returncode == 0
    assert first is not None
    assert server_file(shell.data) == first
    assert np.array_equal(read(shell.folder / "b.png"), source)


def test_server_and_local_and_the_record_give_the_same_bytes_and_stages(served: Shell) -> None:
    source, mask = photo(served.folder / "a.png"), square_mask(served.folder / "m.png")
    job = ("--input", "a.png", "--mask", "m.png", "--prompt", "a tree", "--steps", "2")
    job += ("--seed", "5", "--record", "r.json")
    assert served("run", *job, "--output", "b.png").returncode == 0
    again = served("run", "--from-record", "r.json", "--output", "c.png", "--stages", "far")
    assert again.returncode == 0, again.stderr
    near = ("--local", "--stages", "near")
    local = served("run", *near, "--from-record", "r.json", "--output", "d.png")
    assert local.returncode == 0, local.stderr
    first, second, third = (read(served.folder / f"{name}.png") for name in "bcd")
    assert first.dtype == np.uint16
    assert np.array_equal(first[mask == 0], source[mask == 0])
    assert np.array_equal(first, second)
    assert np.array_equal(first, third)
    stages = [sorted((served.folder / name).glob("*.png")) for name in ("far", "near")]
    assert len(stages[0]) > 6
    assert [file.name for file in stages[0]] == [file.name for file in stages[1]]
    for one, other in zip(*stages, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_options_override_the_record(served: Shell) -> None:
    photo(served.folder / "a.png")
    job = ("--input", "a.png", "--steps", "2", "--strength", "0.9")
    assert (
        served("run", *job, "--seed", "5", "--output", "b.png", "--record", "r.json").returncode
        == 0
    )
    other = served("run", "--from-record", "r.json", "--seed", "6", "--output", "c.png")
    assert other.stdout == "c.png (seed 6)\n"
    assert not np.array_equal(read(served.folder / "b.png"), read(served.folder / "c.png"))


def test_several_pictures_are_numbered_and_count_their_seeds(served: Shell) -> None:
    job = ("--width", "64", "--height", "64", "--steps", "2", "--prompt", "a house")
    done = served("run", *job, "--count", "2", "--seed", "7", "--output", "t.png", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["files"] == ["t-1.png", "t-2.png"]
    assert served("run", *job, "--seed", "8", "--output", "u.png").returncode == 0
    assert np.array_equal(read(served.folder / "t-2.png"), read(served.folder / "u.png"))
    assert read(served.folder / "u.png").shape == (64, 64, 3)


def test_words_that_are_drawn_are_told_and_the_same_without_a_server(served: Shell) -> None:
    job = ("--width", "64", "--height", "64", "--steps", "2", "--seed", "7", "--count", "2")
    asked = (*job, "--prompt", "a {red|blue|green} house <lora:Blueprint:0.5>")
    done = served("run", *asked, "--output", "t.png")
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert [line.split(": ")[0] for line in told] == ["t-1.png (seed 7)", "t-2.png (seed 8)"]
    alone = served("run", *asked, "--local", "--output", "u.png", "--json", "--record", "r.json")
    answer = json.loads(alone.stdout)
    assert answer["prompts"] == [line.split(": ")[1] for line in told]
    assert answer["record"]["request"]["loras"] == [{"id": "blueprint", "weight": 0.5}]
    again = served("run", "--from-record", "r.json", "--output", "v.png")
    assert again.returncode == 0, again.stderr
    for number in (1, 2):
        same = [read(served.folder / f"{name}-{number}.png") for name in "tuv"]
        assert np.array_equal(same[0], same[1])
        assert np.array_equal(same[0], same[2])


def test_ctrl_c_cancels_the_job_and_the_next_one_works(served: Shell) -> None:
    client = served.client()
    process = served.start(*SLOW)
    until(lambda: client.status()["queue"]["running"] is not None, "the job did not start")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Cancelled" in said
    assert "Traceback" not in said
    until(lambda: client.status()["queue"]["running"] is None, "the job went on")
    assert served("run", "--steps", "1", "--output", "next.png").returncode == 0


def test_a_killed_command_does_not_leave_its_job_running(served: Shell) -> None:
    client = served.client()
    process = served.start(*SLOW)
    until(lambda: client.status()["queue"]["running"] is not None, "the job did not start")
    process.kill()
    process.communicate()
    until(lambda: client.status()["queue"]["running"] is None, "the job went on")


def test_what_the_server_refuses_is_a_sentence(served: Shell) -> None:
    photo(served.folder / "a.png")
    square_mask(served.folder / "m.png", width=70)
    size = served("run", "--input", "a.png", "--mask", "m.png", "--output", "b.png")
    model = served("run", "--model", "none", "--output", "b.png")
    assert (size.returncode, model.returncode) == (1, 1)
    assert "70 × 56" in size.stderr
    assert "no model called “none”" in model.stderr
    assert "Traceback" not in size.stderr + model.stderr


def test_status_tells_of_the_running_server(served: Shell) -> None:
    found = json.loads(served("status", "--json").stdout)
    assert found["data_dir"] == str(served.data)
    lines = served("status").stdout
    assert str(served.data) in lines
    assert "waiting (at most" in lines


class Stranger(BaseHTTPRequestHandler):
    """Another program that has taken the port."""

    def do_GET(self) -> None:
        self.send_response(404)
        self.end_headers()
        self.wfile.write(b"<h1>Not here</h1>")

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_stranger_on_the_port_is_recognised(shell: Shell) -> None:
    with HTTPServer(("127.0.0.1", 0), Stranger) as stranger:
        threading.Thread(target=stranger.serve_forever, daemon=True).start()
        shell.data.mkdir()
        url = f"http://127.0.0.1:{stranger.server_port}"
        server = {"url": url, "token": "t", "pid": 2**22 + 1, "version": "0"}
        (shell.data / "server.json").write_text(json.dumps(server))
        done = shell("status")
        stranger.shutdown()
    assert done.returncode == 1
    assert "not a Pentimento server" in done.stderr


def test_a_wrong_token_is_told(served: Shell, shell: Shell) -> None:
    right = json.loads((served.data / "server.json").read_text())
    shell.data.mkdir()
    wrong = right | {"token": "wrong", "pid": 2**22 + 1}
    (shell.data / "server.json").write_text(json.dumps(wrong))
    done = shell("status")
    assert done.returncode == 1
    assert "token" in done.stderr.lower()
