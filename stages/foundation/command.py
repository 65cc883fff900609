"""Run a stage as a command: one process a stage, clean interruption, errors as a message and exit status 1."""

import inspect
import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import psutil
from filelock import FileLock, Timeout

LOGS = Path("logs")  # untracked: durations differ from run to run
SECONDS = LOGS / "seconds.csv"
CHECKPOINTS = Path(".checkpoints")  # of trainings, untracked as well
POLL_SECONDS = 1.0  # between two checks that the parent process lives
SHELLS = {"sh", "dash", "bash", "zsh", "fish", "ksh"}  # through which DVC starts a stage; some stay in between
JOINED = "MELANOMA_KD_TRAINS_TOGETHER"  # set for the processes that torchrun starts for a stage, beside its RANK
PARENTS = psutil.Process().parents()  # as this module is imported: torch takes seconds, in which dvc may be killed


def run(main: Callable[..., None]) -> None:
    """Call a stage's `main` with the command line's arguments; exit with status 1 and a message on an error.

    SIGTERM ends it as Ctrl-C does: half-written outputs are removed, a training's last checkpoint stays. A second
    process of the same stage is refused, and a stage whose dvc was killed stops by itself.
    """
    stage, *arguments = Path(sys.argv[0]).stem, *sys.argv[1:]
    parameters = inspect.signature(main).parameters
    if len(arguments) != len(parameters):
        sys.exit(
            f"{stage}: wanted {' '.join(parameters).upper() or 'no argument'}, found {' '.join(arguments) or 'none'}"
        )
    name = "@".join([stage, *arguments])
    rank = os.environ.get("RANK") if JOINED in os.environ else None
    signal.signal(signal.SIGTERM, _stop)
    LOGS.mkdir(exist_ok=True)
    if {"DVC_STAGE", JOINED} & set(os.environ):  # started by DVC, or by torchrun
        stop_with_parent()
    start = time.monotonic()
    try:
        with FileLock(LOGS / f"{name.replace(os.sep, '_')}{f'.rank{rank}' if rank else ''}.lock", timeout=0):
            main(*arguments)
    except Timeout:
        sys.exit(f"{name}: another process is running this stage; wait for it, or end it")
    except BrokenPipeError:  # the reader of our output has closed it: `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (ValueError, OSError) as error:
        sys.exit(f"{stage}: {error}")
    except KeyboardInterrupt:
        sys.exit(f"{name}: interrupted; half-written outputs were removed")
    if rank:
        return
    with SECONDS.open("a", encoding="utf-8") as log:
        log.write(f"{os.environ.get('DVC_STAGE', name)},{time.monotonic() - start:.1f}\n")


def stop_with_parent() -> None:
    """End this process, as SIGTERM does, once the process that started it is gone."""
    signal.signal(signal.SIGTERM, _stop)
    _end_without(_started_by())


def end_with(parent: int) -> None:
    """End this process, one of a pool, once the process with this id is gone: one that is killed ends no pool."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end_without([psutil.Process(parent)])


def dvc(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the DVC of this Python environment and return its output and exit status."""
    return subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, check=False)


def at_work() -> bool:
    """Return whether a process with this working directory runs a stage."""
    for process in psutil.process_iter(["cwd", "cmdline"]):
        module = (process.info["cmdline"] or [])[2:3]  # python -m stages.report
        if module and process.info["cwd"] == str(Path.cwd()) and re.fullmatch(r"stages\.\w+", module[0]):
            return True
    return False


def _stop(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _started_by() -> list[psutil.Process]:
    """Return the process that started this one: its parent, or the shells between the two and what started these.

    Of one that torchrun started, the stage that started torchrun as well, which watches nobody.
    """
    launchers = 1 if JOINED in os.environ else 0
    shells = itertools.takewhile(_is_shell, PARENTS[launchers:])
    return PARENTS[: launchers + len(list(shells)) + 1]


def _is_shell(process: psutil.Process) -> bool:
    try:
        return process.name() in SHELLS
    except psutil.NoSuchProcess:
        return False


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _end_without(processes: list[psutil.Process]) -> None:
    threading.Thread(target=_watch, args=(processes,), daemon=True).start()


def _watch(processes: list[psutil.Process]) -> None:
    """Stop this process once one of these is gone; otherwise a second dvc might write at the same time."""
    while all(map(_lives, processes)):
        time.sleep(POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
