"""A campaign against a running server: it is killed, stopped, starved of memory and disk, its clock
jumps, its database gets lost; in between it is given jobs. Every job has to come to an end, and
every picture that it was said to have has to be there.

By one command, for as long as one likes: `python -m tests.support.campaign --rounds 50`
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.server.front import FINAL, Front, until
from tests.support import clocks, folders

PROMPTS = ("猫", "slow قطة", "a cat", "👩‍👩‍👧 slow")
MEMORY = 700 * 2**20  # bytes of address space beyond what the server has at its start
GONE = (OSError, http.client.HTTPException, AssertionError)


@dataclass
class Job:
    request: dict
    key: str
    pictures: dict[int, bytes] = field(default_factory=dict)  # that were seen
    status: str = ""


@dataclass
class Campaign:
    data: Path
    chance: random.Random
    disk: Path | None = None  # that can be filled
    jobs: dict[str, Job] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    front: Front | None = None

    def start(self) -> Front:
        self.front = Front(self.data, {"disk_reserve": 0, "queued": 500})
        return self.front

    def send(self, count: int) -> None:
        """Each with a key, so that one whose answer got lost is no second job."""
        assert self.front
        for _ in range(count):
            steps = self.chance.randint(1, 12)
            prompt = self.chance.choice(PROMPTS)
            request = {"prompt": prompt, "steps": steps, "count": 2, "width": 8, "height": 8}
            key = f"{self.chance.getrandbits(64):x}"
            with suppress(*GONE):
                self.jobs[self.front.start(request, **{"Idempotency-Key": key})] = Job(request, key)

    def look(self) -> None:
        """Takes down what there is of pictures: from now on they must stay."""
        assert self.front
        for job_id, job in self.jobs.items():
            with suppress(*GONE):
                told = self.front.job(job_id)
                job.status = told["status"]
                for image in told["images"]:
                    raw = {"Accept": "application/x-pixels"}
                    answer = self.front.call("GET", image["url"], headers=raw)
                    if answer.status == 200:
                        job.pictures.setdefault(image["index"], answer.body)

    def round(self) -> str:
        harm = self.chance.choice(self.harms())
        self.done[harm.__name__] += 1
        self.send(self.chance.randint(1, 5))
        self.look()
        time.sleep(self.chance.random() * 0.3)  # anywhere in a job
        harm()
        return harm.__name__

    def harms(self) -> list:
        harms = [self.kill, self.kill, self.halt, self.starve, self.jump, self.lose, self.end]
        return [*harms, self.fill] if self.disk else harms

    def kill(self) -> None:
        assert self.front
        self.front.kill()
        self.start()

    def end(self) -> None:
        assert self.front
        self.front.stop()
        self.start()

    def halt(self) -> None:
        assert self.front
        self.front.process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        self.front.process.send_signal(signal.SIGCONT)

    def starve(self) -> None:
        """Less memory than it may want, then a kill, as the system would end it."""
        assert self.front
        pid = self.front.process.pid
        with open(f"/proc/{pid}/statm") as told:
            has = int(told.read().split()[0]) * resource.getpagesize()
        resource.prlimit(pid, resource.RLIMIT_AS, (has + MEMORY, has + MEMORY))
        self.send(3)
        self.kill()

    def jump(self) -> None:
        assert self.front
        self.front.kill()
        clocks.put_forward(self.data, self.chance.choice((-400, 1, 400)) * clocks.DAY)
        self.start()

    def lose(self) -> None:
        """The database; jobs that wait are lost with it, results are not."""
        assert self.front
        self.look()
        until(lambda: self.front.call("GET", "/v1/status").json["queue"]["queued"] == 0, 120)
        self.front.idle()
        self.look()
        self.front.kill()
        (self.data / "jobs.sqlite").unlink()
        self.start()

    def fill(self) -> None:
        """The disk, while jobs run; then there is room again."""
        assert self.front
        assert self.disk
        ballast = folders.fill(self.disk, leave=self.chance.choice((0, 8192, 65536)))
        self.send(2)
        time.sleep(0.5)
        ballast.unlink(missing_ok=True)
        if self.chance.random() < 0.5:
            self.kill()

    def judge(self) -> None:
        """Every job has ended, and has at least the pictures that were seen."""
        assert self.front
        for job_id, job in self.jobs.items():
            answer = self.front.call("GET", f"/v1/jobs/{job_id}")
            if answer.status == 404 and self.done["lose"] and self._had_failed(job):
                job.status = "failed and forgotten with the database"
                continue
            if answer.status != 200:
                self.lost.append(f"{job_id}: {answer.status} {answer.body!r}")
                continue
            told = self.front.finished(job_id, 180)
            code = (told["error"] or {}).get("code")
            if job.status == "succeeded" and told["status"] != "succeeded":
                self.lost.append(f"{job_id}: was succeeded, is {told['status']} {code}")
            if told["status"] == "failed" and code not in ("server_restarted", "disk_full"):
                self.lost.append(f"{job_id}: failed with {code}")
            there = {image["index"]: image["url"] for image in told["images"]}
            if told["status"] == "succeeded" and len(there) != 2:
                self.lost.append(f"{job_id}: {len(there)} pictures of 2")
            for index, url in there.items():
                raw = {"Accept": "application/x-pixels"}
                body = self.front.call("GET", url, headers=raw).body
                if len(body) != 192 or job.pictures.get(index, body) != body:
                    self.lost.append(f"{job_id}: picture {index} is not what it was")
            if missing := set(job.pictures) - set(there):
                self.lost.append(f"{job_id}: pictures {missing} are gone")
            job.status = told["status"]
            assert job.status in FINAL

    @staticmethod
    def _had_failed(job: Job) -> bool:
        """Without a picture, so that there was no result to keep."""
        return job.status == "failed" and not job.pictures

    def report(self) -> dict:
        return {
            "jobs": len(self.jobs),
            "ended as": Counter(job.status for job in self.jobs.values()),
            "harms": self.done,
            "lost": self.lost,
        }


def run(rounds: int, seed: int, work: Path) -> dict:
    """The report of a campaign in an empty folder."""
    with ExitStack() as stack:
        disk = None
        if folders.can_mount():
            disk = stack.enter_context(folders.small_disk(work / "disk", "128m"))
        campaign = Campaign((disk or work) / "data 数据", random.Random(seed), disk)
        campaign.start()
        try:
            for number in range(rounds):
                harm = campaign.round()
                print(f"{number + 1}/{rounds} {harm}", file=sys.stderr, flush=True)
            campaign.judge()
        finally:
            if campaign.front:
                campaign.front.kill()
        return campaign.report()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=40)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as work:
        report = run(chosen.rounds, chosen.seed, Path(work))
    print(json.dumps(report, indent=2, ensure_ascii=False))
    sys.exit(bool(report["lost"]))


if __name__ == "__main__":
    main()
