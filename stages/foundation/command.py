"""Run a stage as a command: one process a stage, clean interruption, errors as a message and exit status 1."""

import argparse
import inspect
import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import psutil
from filelock import FileLock, Timeout

from stages.foundation.progress import position

LOGS = Path("logs")  # untracked: durations differ from run to run
SECONDS = LOGS / "seconds.csv"
CHECKPOINTS = Path(".checkpoints")  # of trainings, untracked as well
POLL_SECONDS = 1.0  # between two checks that the parent process lives
SHELLS = {"sh", "dash", "bash", "zsh", "fish", "ksh"}  # through which DVC starts a stage; some stay in between
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
    signal.signal(signal.SIGTERM, _stop)
    LOGS.mkdir(exist_ok=True)
    if "DVC_STAGE" in os.environ:
        stop_with_parent()
        if where := position(os.environ["DVC_STAGE"], LOGS / "order"):
            print(where, flush=True)
    start = time.monotonic()
    with ending(name):
        try:
            with FileLock(LOGS / f"{name.replace(os.sep, '_')}.lock", timeout=0):
                main(*arguments)
        except Timeout:
            raise ValueError("another process is running this stage; wait for it, or end it") from None
    with SECONDS.open("a", encoding="utf-8") as log:
        log.write(f"{os.environ.get('DVC_STAGE', name)},{time.monotonic() - start:.1f}\n")


def call(command: ModuleType, arguments: list[str] | None = None, *, prog: str) -> None:
    """Run a command: a module whose docstring is its help, with add_arguments(parser) and main(options).

    Ends with status 1 and a message on an error, with 2 on arguments that the parser refuses, as argparse does.
    """
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog=prog, description=command.__doc__, formatter_class=plain)
    command.add_arguments(parser)
    options = parser.parse_args(arguments)
    with ending(prog.rsplit(maxsplit=1)[-1]):
        command.main(options)


@contextmanager
def ending(name: str) -> Iterator[None]:
    """End the process with status 1 and a message that begins with the name, on an error of the user or the system."""
    try:
        yield
    except BrokenPipeError:  # the reader of our output has closed it: `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (ValueError, OSError) as error:
        sys.exit(f"{name}: {error}")
    except KeyboardInterrupt:
        sys.exit(f"{name}: interrupted; half-written outputs were removed")


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
    """Return the process that started this one: its parent, or the shells between the two and what started these."""
    return PARENTS[: len(list(itertools.takewhile(_is_shell, PARENTS))) + 1]


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
