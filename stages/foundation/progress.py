"""Progress of long work: which stage of how many; a bar on a terminal, elsewhere a line for every tenth."""

import hashlib
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
ORDER = """
from dvc.repo import Repo
from dvc.repo.reproduce import plan_repro
with Repo() as repo:
    print(*[stage.addressing for stage in plan_repro(repo.index.graph)], sep="\\n")
"""


def position(stage: str, cache: Path) -> str:
    """Return "stage 3 of 23", in the order of `dvc repro`, or "" for what is no stage of the pipeline here.

    DVC takes a second to say its order: it is asked once for each content of dvc.yaml and params.yaml.
    """
    files = [path for path in (Path("dvc.yaml"), Path("params.yaml")) if path.is_file()]
    key = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    lines = cache.read_text(encoding="utf-8").splitlines() if cache.is_file() else []
    if lines[:1] != [key]:
        process = subprocess.run([sys.executable, "-c", ORDER], capture_output=True, text=True, check=False)
        lines = [key, *process.stdout.splitlines()]
        cache.write_text("\n".join(lines), encoding="utf-8")
    order = lines[1:]
    return f"stage {order.index(stage) + 1} of {len(order)}" if stage in order else ""


def track(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Yield the items and report how many of `total` are done."""
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, desc=what)
        return
    for count, item in enumerate(items, start=1):
        yield item
        if count * 10 // total > (count - 1) * 10 // total:
            print(f"{what}: {count} of {total}", flush=True)
