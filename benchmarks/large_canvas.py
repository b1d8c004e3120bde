"""What large pictures and large canvases cost in real GIMP: seconds of an action at strength 0,
from the call to the placed layer, and the peak memory of the plug-in's process.

    python benchmarks/large_canvas.py [--gimp 3.2]

Needs a private GIMP (tools/gimp-root.sh make sid). tests/gimp/test_large.py runs the same cases.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / "server"), str(REPO)]

from tests.gimp.companion import Companion
from tests.gimp.harness import SUITES, HeadlessGimp
from tests.gimp.inside import large_cases
from tests.gimp.memory import PluginMemory

TABLE = "{:37} {:>14} {:>13} {:>8} {:>10}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gimp", choices=list(SUITES), default="3.2")
    version = parser.parse_args().gimp
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "gimp").mkdir()
        (work / "server").mkdir()
        with Companion(work / "server") as companion:
            headless = HeadlessGimp(version, work / "gimp")
            headless.point_to(companion.url, companion.token)
            with PluginMemory(headless.work) as memory:
                answer = headless.run("large.py", timeout=500)
    print(TABLE.format("", "canvas", "box", "seconds", "peak"))
    for case, peak in zip(large_cases.CASES, memory.peaks, strict=True):
        found = answer[case["name"]]
        canvas, box = (f"{width} x {height}" for width, height in (case["size"], found["size"]))
        peak_text = f"{peak / 2**20:.0f} MB"
        print(TABLE.format(case["name"], canvas, box, f"{found['seconds']:.2f}", peak_text))


if __name__ == "__main__":
    main()
