"""Progress of long work: a bar on a terminal, a plain line every tenth of the way elsewhere."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def track(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Yield the items and say how many of `total` are done."""
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, desc=what)
        return
    for done, item in enumerate(items, start=1):
        yield item
        if done * 10 // total > (done - 1) * 10 // total:
            print(f"{what}: {done} of {total}", flush=True)
