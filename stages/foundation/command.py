"""How a stage runs as a command: one at a time, stopped cleanly, a user's error is its message and exit status 1."""

import inspect
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from filelock import FileLock, Timeout

LOGS = Path("logs")  # untracked: durations differ from run to run
SECONDS = LOGS / "seconds.csv"
WATCH = 1.0  # seconds between two looks at the parent


def run(main: Callable[..., None]) -> None:
    """Call `main` with the command line's arguments and exit as a command should.

    SIGTERM ends it as Ctrl-C does: what is half-written goes, a training's last checkpoint stays. A second run of
    the same stage is refused while the first lives, and a stage whose dvc was killed stops by itself.
    """
    stage, *arguments = Path(sys.argv[0]).stem, *sys.argv[1:]
    wanted = inspect.signature(main).parameters
    if len(arguments) != len(wanted):
        sys.exit(f"{stage}: wanted {' '.join(wanted).upper() or 'no argument'}, found {' '.join(arguments) or 'none'}")
    name = "@".join([stage, *arguments])
    signal.signal(signal.SIGTERM, _stop)
    LOGS.mkdir(exist_ok=True)
    if "DVC_STAGE" in os.environ:
        threading.Thread(target=_watch_parent, args=(os.getppid(),), daemon=True).start()
    began = time.monotonic()
    try:
        with FileLock(LOGS / f"{name.replace(os.sep, '_')}.lock", timeout=0):
            main(*arguments)
    except Timeout:
        sys.exit(f"{name}: another process is running this stage; wait for it, or end it")
    except BrokenPipeError:  # whoever read our output has seen enough: `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (ValueError, OSError) as error:
        sys.exit(f"{stage}: {error}")
    except KeyboardInterrupt:
        sys.exit(f"{name}: interrupted; nothing half-written is left")
    with SECONDS.open("a", encoding="utf-8") as log:
        log.write(f"{name},{time.monotonic() - began:.1f}\n")


def dvc(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run DVC, the one beside this Python, and return its output and exit status."""
    return subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, check=False)


def _stop(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _watch_parent(parent: int) -> None:
    """Stop this process once the dvc that started it is gone: the next dvc would not know that it still writes."""
    while os.getppid() == parent:
        time.sleep(WATCH)
    os.kill(os.getpid(), signal.SIGTERM)
