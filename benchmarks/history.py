"""What searching a history of many jobs costs the server: by words of several languages, by stars,
by image and page by page, each as the processor time of the store and of the snapshots.

    python benchmarks/history.py [--jobs 10000] [--repeats 20]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / "server"), str(REPO)]

from pentimento.jobs.job import Job, JobState
from pentimento.jobs.store import Search, Store, _insert_job, _job_row
from pentimento.schema.job import JobRequest

WORDS = [
    "yellow moon",
    "雪山 风景",
    "κόκκινο μήλο",
    "портрет",
    "🌄 sunrise",
    'a "quoted" cat',
    "لون",
]
IMAGES = 40
PAGE = 12  # as the panel asks


def state(number: int) -> JobState:
    prompt = f"{WORDS[number % len(WORDS)]}, number {number}, oil painting with a long description"
    asked = {"mode": "txt2img", "prompt": prompt, "seed": number, "model": "starter"}
    request = JobRequest.model_validate({**asked, "image": f"{number % IMAGES:032x}"})
    made = JobState(f"job{number:08}", request, 1.8e9 + number, 1e9, starred=number % 50 == 0)
    return made


async def fill(store: Store, count: int) -> None:
    def insert(db: Any) -> None:
        for number in range(count):
            _insert_job(db, _job_row(state(number)), None, "")

    await store._call(insert)


async def cost(search: Callable[[], Awaitable[object]], repeats: int) -> tuple[float, float]:
    """Processor time of the median and the longest in ms."""
    times = []
    for _ in range(repeats):
        begun = time.process_time()
        await search()
        times.append((time.process_time() - begun) * 1000)
    return statistics.median(times), max(times)


async def measure(jobs: int, repeats: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store.sqlite")
        await fill(store, jobs)
        searches = {
            "newest page": Search(limit=PAGE + 1),
            "a word in one of seven": Search(text="moon", limit=PAGE + 1),
            "two letters": Search(text="雪山", limit=PAGE + 1),
            "several words": Search(text="quoted oil number 77", limit=PAGE + 1),
            "in every job, newest page": Search(text="painting", limit=PAGE + 1),
            "nowhere": Search(text="nobody wrote this", limit=PAGE + 1),
            "of an image": Search(image=f"{7:032x}", limit=PAGE + 1),
            "starred": Search(starred=True, limit=PAGE + 1),
            "the last page": Search(text="oil", before=f"job{20:08}", limit=PAGE + 1),
            "500 at once": Search(limit=500),
        }
        print(f"{jobs} jobs, processor time in ms: median, longest of {repeats}; jobs found")
        for name, search in searches.items():
            found = 0

            async def look(search: Search = search) -> None:
                nonlocal found
                states = await store.jobs(search)
                json.dumps([Job(one).snapshot().model_dump(mode="json") for one in states])
                found = len(states)

            median, longest = await cost(look, repeats)
            print(f"{name:28} {median:7.1f} {longest:7.1f} {found:5}")
        store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    asyncio.run(measure(options.jobs, options.repeats))


if __name__ == "__main__":
    main()
