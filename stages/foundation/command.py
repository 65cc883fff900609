"""How a stage runs as a command: a user's error is its message and exit status 1, and its seconds go to a log."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

SECONDS = Path("logs/seconds.csv")  # untracked: durations differ from run to run


def run(main: Callable[..., None]) -> None:
    """Call `main` with the command line's arguments and exit as a command should."""
    stage = Path(sys.argv[0]).stem
    began = time.monotonic()
    try:
        main(*sys.argv[1:])
    except (ValueError, OSError) as error:
        sys.exit(f"{stage}: {error}")
    SECONDS.parent.mkdir(exist_ok=True)
    with SECONDS.open("a", encoding="utf-8") as log:
        log.write(f"{'@'.join([stage, *sys.argv[1:]])},{time.monotonic() - began:.1f}\n")
