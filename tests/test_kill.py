"""`kill -9` at random moments of the pipeline, of dvc, of the stage, of both: what is run again ends as if nothing had.

KILLS=20 pytest tests/test_kill.py -s prints the table of docs/history.md; without it, three moments are tried on
the way to two students.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys

import psutil
import pytest
from conftest import copy_project
from dvc.dvcfile import Lockfile
from dvc.exceptions import DvcException
from dvc.repo import Repo
from projects import Project, results

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("KILLS", "3"))
LONGEST = 12.0  # seconds from a start to a kill
TARGETS = ("dvc", "stage", "both")
STUDENTS = [] if "KILLS" in os.environ else ["distill@T1_alpha0.5", "distill@T1_alpha0"]  # what DVC is asked for


def stages_of(folder):
    """Return the processes of our stages at work in a folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        line = process.info["cmdline"] or []
        if process.info["cwd"] == str(folder) and line[1:2] == ["-m"] and line[2].startswith("stages."):
            found.append(process)
    return found


def kill_at(folder, seconds, target):
    """Start dvc repro, kill after some seconds, and return what was killed; None when dvc had finished before.

    Where the stage is to be killed and none is at work, dvc is.
    """
    dvc = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", *STUDENTS],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        dvc.wait(seconds)
    except subprocess.TimeoutExpired:
        at_work = stages_of(folder)
        name = " ".join(at_work[0].info["cmdline"][2:]).removeprefix("stages.") if at_work else "between stages"
        for process in [dvc] if target in ("dvc", "both") or not at_work else []:
            process.send_signal(signal.SIGKILL)
        for process in at_work if target in ("stage", "both") else []:
            with contextlib.suppress(psutil.NoSuchProcess):  # it had just ended by itself
                process.kill()
        dvc.wait()
        _, alive = psutil.wait_procs(at_work, timeout=10)
        assert not alive, f"{name} lives on"
        return name
    return None


def mend(folder):
    """Do what `melanoma-kd doctor` says when dvc was killed as it wrote a file of its own: the next would not start."""
    locks = folder / ".dvc/tmp/rwlock"
    try:
        json.loads(locks.read_text() if locks.is_file() else "{}")
    except ValueError:
        locks.unlink()
    lock = folder / "dvc.lock"
    try:
        if lock.is_file():
            with Repo(folder) as repo:
                Lockfile(repo, str(lock)).load()
    except DvcException:
        lock.unlink()  # the project began without one; what has run comes from the run cache


def test_killed_at_random_moments_it_ends_in_the_bytes_of_an_uninterrupted_run(tmp_path, finished):
    (tmp_path / "project").mkdir()
    project = Project(copy_project(tmp_path / "project"))
    moments = random.Random(14)  # noqa: S311 - no secret
    rows = []
    for number in range(KILLS):
        seconds, target = moments.uniform(0.5, LONGEST), TARGETS[number % 3]
        name = kill_at(project.folder, seconds, target)
        if name is None:
            break
        mend(project.folder)
        rows.append((number + 1, round(seconds, 1), target, name))
    last = project.ran("repro", *STUDENTS)
    for row in rows:
        print("|", " | ".join(map(str, row)), "|")
    print(f"at last dvc repro ran {len(last)} stages; {len(project.results())} files compared")
    assert len(rows) == KILLS
    made, expected = project.results(), results(finished)
    assert made == {name: expected[name] for name in made}
    assert len(made) == len(expected) if not STUDENTS else "models/demo/students/T1_alpha0.safetensors" in made
    assert project.ran("repro", *STUDENTS) == []
    assert not list(project.folder.rglob(".partial-*"))
    assert not list((project.folder / ".checkpoints").iterdir())
