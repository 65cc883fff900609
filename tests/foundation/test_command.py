"""A failing stage prints one message and exits with 1; one process a stage; clean interruption (faults 1, 5, 8)."""

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import ROOT

from stages.foundation import command
from stages.foundation.progress import position

ENVIRONMENT = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin"}
WRITER = """
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from stages.foundation import command, files

def main():
    with files.writing(Path("out.txt")) as (partial,):
        files.write_text(partial, "half")
        time.sleep(60)

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by default where the tests run in the background
command.run(main)
"""


def run(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


def test_a_users_error_is_a_message(project):
    process = run(project, "stages.prepare_splits")
    assert process.returncode == 1
    assert process.stderr.startswith("prepare_splits: data/raw/demo/HAM10000_metadata.csv: no such file")
    assert "Traceback" not in process.stderr
    assert not (project / "data").exists()


def test_under_dvc_a_stage_says_which_of_how_many_it_is(tmp_path, monkeypatch):
    """In the order of dvc repro, which is asked once for each content of dvc.yaml and params.yaml."""
    for argv in (["git", "init", "-q"], ["dvc", "init", "-q"]):
        subprocess.run(argv, cwd=tmp_path, check=True)
    stages = {name: {"cmd": "true", "deps": deps} for name, deps in (("last", ["b"]), ("first", ["a"]))}
    stages["first"]["outs"] = ["b"]
    (tmp_path / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    monkeypatch.chdir(tmp_path)
    cache = tmp_path / "order"
    assert position("first", cache) == "stage 1 of 2"
    assert position("last", cache) == "stage 2 of 2"
    assert position("another", cache) == ""
    written = cache.read_text()
    cache.write_text(written.replace("first\n", "first\nmiddle\n"))
    assert position("last", cache) == "stage 3 of 3"  # not asked again
    (tmp_path / "params.yaml").write_text("a: 1")
    assert position("last", cache) == "stage 2 of 2"


def test_seconds_go_to_an_untracked_log(project):
    assert run(project, "stages.check_params").returncode == 0
    stage, seconds = (project / "logs/seconds.csv").read_text().strip().split(",")
    assert stage == "check_params"
    assert float(seconds) >= 0


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def writer(tmp_path):
    """A stage in the middle of writing."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER], cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for((tmp_path / ".partial-out.txt").exists)
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_stage_leaves_nothing_half_written(writer, tmp_path, number):
    writer.send_signal(number)
    assert "interrupted" in writer.communicate(timeout=20)[1]
    assert writer.returncode == 1
    assert not list(tmp_path.glob("*out.txt"))


def test_a_second_run_of_the_same_stage_is_refused_and_harms_nothing(writer, tmp_path):
    second = subprocess.run(
        [sys.executable, "-c", WRITER], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert second.returncode == 1
    assert "another process is running this stage" in second.stderr
    assert (tmp_path / ".partial-out.txt").read_text() == "half"


STARTS = {  # how DVC starts a stage: directly, where the shell replaces itself, or through a shell that stays
    "alone": "[sys.executable, 'writer.py']",
    "behind a shell": "['/bin/sh', '-c', sys.executable + ' writer.py; true']",
}


@contextmanager
def started(folder, argv, **environment):
    """Yield a process that has started another, and the other one's folder in /proc; argv: Python's text of a list."""
    code = f"import subprocess, sys; print(subprocess.Popen({argv}).pid, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        env=ENVIRONMENT | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield process, Path("/proc", process.stdout.readline().strip())


def has_ended(process):
    """Return whether the process of a folder of /proc is gone, or a zombie."""
    return not process.exists() or (process / "stat").read_text().split()[2] == "Z"


@pytest.mark.parametrize("start", STARTS)
def test_a_stage_whose_dvc_was_killed_stops(tmp_path, start):
    (tmp_path / "writer.py").write_text(WRITER)
    with started(tmp_path, STARTS[start], DVC_STAGE="writer") as (dvc, stage):
        wait_for((tmp_path / ".partial-out.txt").exists)
        dvc.kill()  # nobody has waited for it yet: it is a zombie
        wait_for(lambda: not (tmp_path / ".partial-out.txt").exists())
        wait_for(lambda: has_ended(stage))
    assert not (tmp_path / "out.txt").exists()


def test_a_stage_whose_dvc_was_killed_as_it_loaded_stops(tmp_path):
    loading = "Path('loading').touch()\ntime.sleep(2)  # as torch's import\n\ndef main"
    (tmp_path / "writer.py").write_text(WRITER.replace("def main", loading))
    with started(tmp_path, STARTS["alone"], DVC_STAGE="writer") as (dvc, stage):
        wait_for((tmp_path / "loading").exists)
        dvc.kill()
    wait_for(lambda: has_ended(stage))
    assert not list(tmp_path.glob("*out.txt"))


@pytest.mark.parametrize(("arguments", "message"), [([], "found none"), (["a", "b"], "found a b")])
def test_a_stage_without_its_key_or_with_one_too_many_says_so(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["stages/train_teacher.py", *arguments])
    with pytest.raises(SystemExit, match=rf"^train_teacher: wanted KEY, {message}$"):
        command.run(lambda key: None)


def test_a_reader_that_closes_the_pipe_ends_it_quietly(project):
    program = "from stages.foundation import command\ncommand.run(lambda: print('x' * 1_000_000, flush=True))"
    argv = [sys.executable, "-c", program]
    with subprocess.Popen(argv, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.read(10)
        process.stdout.close()
        assert process.wait() == 1
        assert process.stderr.read() == ""
