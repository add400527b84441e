"""What the measuring scripts share: running programs, ratios with intervals, results as JSON."""
import contextlib
import datetime
import json
import os
import platform
import random
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / "build/release/bin"
RESULTS = ROOT / "bench/results"


def hearth_bench(model, *flags):
    return run_json(BIN / "hearth", "bench", "-m", model, "--json", *flags)


def run_json(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout)


def make_model(shape, kind, folder):
    """A model of random weights, made anew when it is not there."""
    path = Path(folder) / f"{shape}-{kind.lower()}.gguf"
    if not path.exists():
        subprocess.run([BIN / "make_bench_model", "--shape", shape, "--type", kind, "-o", path],
                       check=True)
    return path


def machine():
    """Facts that a number is worth nothing without."""
    cpu = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text()
                .splitlines() if line.startswith("model name")), platform.processor())
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {"cpu": cpu, "cpus": len(os.sched_getaffinity(0)), "memory_gb": round(pages / 1e9),
            "system": f"{platform.system()} {platform.release()}"}


def revision():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT,
                          capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def steal():
    """Hundredths of seconds that the hypervisor gave to others so far."""
    return int(Path("/proc/stat").read_text().splitlines()[0].split()[8])


def interval(values, share=0.95, draws=2000):
    """The median and its bootstrap interval."""
    draw = random.Random(1)
    medians = sorted(statistics.median(draw.choices(values, k=len(values)))
                     for _ in range(draws))
    edge = int(draws * (1 - share) / 2)
    return statistics.median(values), medians[edge], medians[draws - 1 - edge]


def append(path, records):
    """Adds records to a JSON array in a file, with when, where and what was measured."""
    if path is None:
        return
    path = Path(path)
    known = json.loads(path.read_text()) if path.exists() else []
    stamp = {"when": datetime.datetime.now().isoformat(timespec="seconds"),
             "machine": machine(), "revision": revision()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known + [{**record, **stamp} for record in records], indent=1)
                    + "\n")


@contextlib.contextmanager
def busy(spec):
    """Busy neighbours: "normal:1" or "nice19:2" processes that only compute; None for quiet."""
    kind, _, count = (spec or "normal:0").partition(":")
    nice = ["nice", "-n", "19"] if kind == "nice19" else []
    neighbours = [subprocess.Popen([*nice, sys.executable, "-c", "while True: pass"])
                  for _ in range(int(count))]
    try:
        yield
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
