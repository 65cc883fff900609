"""Progress of long work: a bar on a terminal, elsewhere a line for every tenth."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def track(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Yield the items and report how many of `total` are done."""
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, desc=what)
        return
    for count, item in enumerate(items, start=1):
        yield item
        if count * 10 // total > (count - 1) * 10 // total:
            print(f"{what}: {count} of {total}", flush=True)
