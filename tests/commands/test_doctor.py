"""Each fault of a workspace is said, with the command that mends it."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from importlib.metadata import version

import pytest
from conftest import ROOT, write_params
from layouts import ham10000

from stages.commands import doctor
from stages.commands.main import main as melanoma_kd
from stages.foundation.params import read_params


def faults(check, folder, **changes):
    write_params(folder, **changes)
    return [(fault.what, fault.remedy) for fault in check(read_params(doctor.Params))]


def test_other_versions_are_named(project):
    (project / "constraints.txt").write_text("# pins\nnumpy==0.1\nof-no-extra==1.0\n")
    ((what, remedy),) = faults(doctor.environment, project)
    assert what.startswith("1 packages of other versions: numpy ")
    assert remedy.startswith("pip install --constraint constraints.txt")
    (project / "constraints.txt").write_text(f"numpy=={version('numpy')}\nof-no-extra==1.0\n")
    assert faults(doctor.environment, project) == []


def test_a_gpu_that_is_not_there_and_threads_without_cores(project, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    ((what, remedy),) = faults(doctor.gpu, project, compute={"device": "cuda", "threads": 1})
    assert what == "compute.device: cuda, found no GPU"
    assert "compute.device=auto" in remedy
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)))
    ((what, remedy),) = faults(doctor.gpu, project, compute={"threads": 8})
    assert (what, remedy) == ("compute.threads: 8, on 4 cores", "dvc exp run -S compute.threads=4")
    (project / "nvidia-smi").write_text("#!/bin/sh\necho 'GPU 0: A (UUID: a)'\n")
    (project / "nvidia-smi").chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(project / "nvidia-smi"))
    assert faults(doctor.gpu, project, compute={"device": "cuda", "threads": 8}) == []


@pytest.fixture
def repository(project):
    """A Git and DVC repository; it is the current directory."""
    for argv in (["git", "init", "-q"], ["dvc", "init", "-q"]):
        subprocess.run(argv, cwd=project, check=True)
    return project


def test_too_little_space(repository, monkeypatch):
    project = repository
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**11, 10**10, 9 * 10**10))
    assert faults(doctor.disk, project) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**10, 10**10, 10**8))
    ((what, remedy),) = faults(doctor.disk, project)
    assert what == "0.1 GB are free, a run takes about 3.0"
    assert remedy.startswith("dvc cache dir --local ")  # dvc gc would delete what runs are restored from


def test_a_remote_that_is_gone(project):
    for argv in (
        ["git", "init", "-q"],
        ["dvc", "init", "-q"],
        ["dvc", "remote", "add", "-q", "-d", "far", "/no/where"],
    ):
        subprocess.run(argv, cwd=project, check=True)
    ((what, remedy),) = faults(doctor.cache_and_remote, project)
    assert what == "remote /no/where: no such folder"
    assert remedy == "mkdir -p /no/where && dvc push"


def test_an_archive_that_is_missing(project):
    assert faults(doctor.archive, project) == []
    ((what, remedy),) = faults(doctor.archive, project, data={"name": "ham10000"})
    assert "HAM10000_metadata.csv: no such file" in what
    where = "put or link an archive at data/raw/ham10000 (docs/train.md)"
    assert remedy == f"melanoma-kd import SOURCE ham10000, or {where}"


def test_an_archive_with_too_few_melanomas_for_a_holdout(project):
    ham10000(project / "data/raw/few")
    ((what, remedy),) = faults(doctor.archive, project, data={"name": "few"})
    assert what.endswith("Of fewer than 20 melanomas a holdout has too few to show anything by them.")
    assert remedy.startswith("make cross-validate DATA=few ")


def test_start_weights_that_are_others(project):
    (project / "a.safetensors").write_text("weights")
    start = {"file": "a.safetensors", "sha256": hashlib.sha256(b"weights").hexdigest()}
    assert faults(doctor.start_weights, project, init={"resnet18": start}) == []
    (project / "a.safetensors").write_text("others")
    ((what, remedy),) = faults(doctor.start_weights, project, init={"resnet18": start})
    assert what.startswith("init.resnet18: a.safetensors: wanted sha256 ")
    assert remedy.startswith("put the file with that sha256 at a.safetensors")


def test_what_killed_runs_left(project):
    assert faults(doctor.left_behind, project) == []
    (project / ".checkpoints/old").mkdir(parents=True)
    (project / ".checkpoints/new").mkdir()
    (project / ".checkpoints/train_teacher@resnet18-0123.lock").touch()  # of melanoma-kd work
    os.utime(project / ".checkpoints/train_teacher@resnet18-0123.lock", (1, 1))
    long_ago = time.time() - 30 * 86_400
    os.utime(project / ".checkpoints/old", (long_ago, long_ago))
    (project / "data/x").mkdir(parents=True)
    (project / "data/x/.partial-pack").mkdir()
    found = faults(doctor.left_behind, project)
    assert found == [
        ("1 checkpoints are older than 14 days", "rm -r .checkpoints/old"),
        ("1 outputs were half-written as their stage was killed", "rm -r data/x/.partial-pack"),
    ]


def test_while_a_run_is_at_work_nothing_is_left_behind(project):
    (project / "data/x").mkdir(parents=True)
    (project / "data/x/.partial-pack").mkdir()
    (project / "stages").mkdir()
    (project / "stages/__init__.py").touch()
    (project / "stages/sleeper.py").write_text("import time; print(flush=True); time.sleep(60)")
    with subprocess.Popen([sys.executable, "-m", "stages.sleeper"], cwd=project, stdout=subprocess.PIPE) as stage:
        stage.stdout.readline()
        assert faults(doctor.left_behind, project) == []
        stage.kill()
    assert len(faults(doctor.left_behind, project)) == 1


def test_a_file_of_locks_that_dvc_was_killed_in_writing(project):
    for argv in (["git", "init", "-q"], ["dvc", "init", "-q"], ["dvc", "repro"]):
        subprocess.run(argv, cwd=project, check=False, capture_output=True)
    (project / ".dvc/tmp/rwlock").write_text("")
    refused = subprocess.run(["dvc", "repro"], cwd=project, check=False, capture_output=True, text=True)
    assert "Unable to read RWLock-file '.dvc/tmp/rwlock'" in refused.stderr
    ((what, remedy),) = faults(doctor.left_behind, project)
    assert what == ".dvc/tmp/rwlock is half-written, and dvc repro refuses it"
    subprocess.run(remedy.split(), cwd=project, check=True)
    assert faults(doctor.left_behind, project) == []


@pytest.mark.parametrize("missing", [True, False])
def test_a_lock_that_is_not_this_codes(project, missing):
    for argv in (["git", "init", "-q"], ["dvc", "init", "-q"]):
        subprocess.run(argv, cwd=project, check=True)
    if not missing:
        (project / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    ((what, remedy),) = faults(doctor.lock, project)
    assert what.startswith("dvc.lock: no such file" if missing else "dvc.lock: ")
    assert remedy == "dvc repro"


@pytest.mark.parametrize(
    "left",
    [
        "",
        "schema: '2.0'\n",
        "schema: '2.0'\nstages:\n  report:\n    cmd: 'pyth",
        "schema: '2.0'\nsta",
        "schema: '2.0'\nstages:\n  report:\n    deps:\n",
    ],
)
def test_a_lock_that_dvc_was_killed_in_writing(repository, left):
    project = repository
    (project / "dvc.lock").write_text(left)
    ((what, remedy),) = faults(doctor.lock, project)
    assert what.startswith("dvc.lock")
    assert remedy == "git checkout HEAD -- dvc.lock"


@pytest.mark.slow
def test_a_workspace_with_faults_ends_with_their_number():
    process = subprocess.run(
        [sys.executable, "-m", "stages.commands.main", "doctor"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = [line.split("  ")[0] for line in process.stdout.splitlines() if not line.startswith(" ")]
    assert names == [name.replace("_", " ") for name in doctor.CHECKS]
    faults = re.fullmatch(r"doctor: ([0-9]+) faults\n", process.stderr)
    assert process.returncode == bool(faults)
    assert bool(faults) == bool(process.stderr)


def test_checks_can_be_named_and_models_that_are_not_made_are_no_fault(repository, capsys):
    melanoma_kd(["doctor", "gpu", "models"])
    shown = capsys.readouterr().out
    assert re.search(r"^gpu +well$", shown, re.MULTILINE)
    assert "train_teacher@resnet18: missing\n" + " " * 22 + "dvc repro train_teacher@resnet18" in shown
    with pytest.raises(SystemExit, match=r"^doctor: no check gpus; wanted some of environment, gpu, "):
        melanoma_kd(["doctor", "gpus"])
