"""The pipeline on several workers, on a pipeline in miniature: the same lock, and nothing lost when something dies."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml
from conftest import copy_project
from distributed import LocalCluster
from projects import Project, results
from toy import Toy

from stages.commands.cluster import head

ALL = ["join", "prepare", "report", "train a", "train b"]


@pytest.fixture
def toy(tmp_path):
    return Toy(tmp_path)


def lock(folder):
    return yaml.safe_load((folder / "dvc.lock").read_text())


def working(toy):
    """Return the processes of `melanoma-kd work` on this toy."""
    processes = psutil.process_iter(["cmdline"])
    lines = {process: " ".join(process.info["cmdline"] or []) for process in processes}
    return [
        process
        for process, line in lines.items()
        if "stages.commands.main work" in line and f"--repository={toy.folder}" in line
    ]


def test_two_workers_give_the_lock_of_dvc_repro(toy, tmp_path):
    process = toy.command("cluster", "--workers", "2")
    assert process.returncode == 0, process.stdout + process.stderr
    assert toy.ran() == ALL
    assert "dashboard: http://127.0.0.1:" in process.stdout
    assert toy.dvc("status").strip().endswith("up to date.")
    (tmp_path / "alone").mkdir()
    alone = Toy(tmp_path / "alone")
    alone.dvc("repro")
    assert (toy.folder / "dvc.lock").read_bytes() == (alone.folder / "dvc.lock").read_bytes()
    assert (toy.folder / "metrics.json").read_bytes() == (alone.folder / "metrics.json").read_bytes()


def of_another_processor(toy):
    """Make the lock name outputs that no cache here has, as one that was committed elsewhere does."""
    toy.dvc("repro")
    lock_file = toy.folder / "dvc.lock"
    entry, changed = yaml.safe_load(lock_file.read_text()), lock_file.read_text()
    for stage in ("train@a", "train@b", "join"):
        for out in entry["stages"][stage]["outs"]:
            changed = changed.replace(out["md5"], out["md5"][::-1])
    lock_file.write_text(changed)
    toy.commit()
    shutil.rmtree(toy.folder / ".dvc/cache")
    for name in ("models", "joined", "data", "plots"):
        path = toy.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    toy.ran()


def test_what_a_lock_of_another_processor_names_is_trained_once(toy):
    """DVC looks for the lock's outputs, not into its run cache: each worker and the head would train it again."""
    of_another_processor(toy)
    before = [*lock(toy.folder)["stages"]]
    process = toy.command("cluster", "--workers", "2")
    assert process.returncode == 0, process.stdout + process.stderr
    assert toy.ran() == ALL
    assert [*lock(toy.folder)["stages"]] == before  # in their order
    assert toy.dvc("status").strip().endswith("up to date.")


@pytest.mark.slow
def test_experiments_of_such_a_lock_train_once_and_leave_it_as_it_is(toy):
    of_another_processor(toy)
    process = toy.command("cluster", "--experiments", "length=2,3")
    assert process.returncode == 0, process.stdout + process.stderr
    assert toy.ran().count("train a") == 1
    assert toy.run("git", "status", "--porcelain", "dvc.lock").stdout == ""


@pytest.mark.slow
def test_a_target_alone(toy):
    assert toy.command("cluster", "train@a").returncode == 0
    assert toy.ran() == ["prepare", "train a"]


@pytest.mark.slow
def test_a_second_run_has_nothing_to_do_and_a_changed_parameter_reruns_what_it_touches(toy):
    toy.command("cluster")
    toy.ran()
    assert toy.command("cluster").returncode == 0
    assert toy.ran() == []
    assert toy.command("cluster", "-S", "length=2").returncode == 0
    assert toy.ran() == ["report"]
    assert "length: 2" in (toy.folder / "params.yaml").read_text()


@pytest.mark.slow
def test_a_clone_with_a_whole_lock_and_an_empty_cache_trains_on_the_workers(toy):
    """As a fresh clone of this repository is: to DVC's --allow-missing nothing has changed."""
    toy.dvc("repro")
    shutil.rmtree(toy.folder / ".dvc/cache")
    for name in ("data", "models", "joined"):
        path = toy.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    toy.ran()
    process = toy.command("cluster")
    assert process.returncode == 0, process.stdout + process.stderr
    trained = [(name, "worker") for name in ("join", "train a", "train b")]
    assert sorted(toy.where()) == sorted([*trained, ("prepare", "head")])  # Git holds what report makes


@pytest.mark.slow
def test_a_clone_that_pulled_has_nothing_to_train(toy, tmp_path):
    toy.dvc("remote", "add", "--default", "store", str(tmp_path / "store"))
    toy.dvc("repro")
    toy.commit()
    toy.dvc("push")
    clone = toy.cloned(tmp_path / "clone")
    clone.dvc("pull")
    toy.ran()
    process = clone.command("cluster")
    assert process.returncode == 0, process.stdout + process.stderr
    assert toy.ran() == []
    assert clone.run("git", "status", "--porcelain").stdout == ""


@pytest.mark.slow
def test_a_change_behind_unchanged_trainings_finds_them_in_a_new_clone(toy, tmp_path):
    toy.dvc("repro")
    toy.ran()
    assert not list(tmp_path.glob("melanoma-kd*"))
    dvc_yaml = toy.folder / "dvc.yaml"
    dvc_yaml.write_text(dvc_yaml.read_text().replace("cmd: python toy.py join", "cmd: python toy.py join again"))
    toy.commit()
    process = toy.command("cluster")
    assert process.returncode == 0, process.stdout + process.stderr
    assert toy.ran() == ["join again"]


@pytest.mark.slow
def test_what_a_clone_had_made_for_another_commit_is_gone(toy):
    """The folder that join reads must hold what the head's holds, or the head would join once more."""
    dvc_yaml = toy.folder / "dvc.yaml"
    dvc_yaml.write_text(dvc_yaml.read_text().replace("foreach: [a, b]", "foreach: [a, b, c]"))
    toy.commit()
    assert toy.command("cluster").returncode == 0
    toy.ran()
    dvc_yaml.write_text(dvc_yaml.read_text().replace("foreach: [a, b, c]", "foreach: [a, b]"))
    toy.commit()
    refused = toy.command("cluster")
    assert refused.returncode == 1
    assert refused.stderr == (
        "cluster: models/c: written by no stage in dvc.yaml; workers do not have it, so results would differ: "
        "rm models/c\n"
    )
    (toy.folder / "models/c").unlink()
    process = toy.command("cluster")
    assert process.returncode == 0, process.stdout + process.stderr
    assert toy.where() == [("join", "worker")]


@pytest.mark.slow
def test_experiments_share_what_is_equal_and_leave_the_workspace_as_it_is(toy):
    toy.dvc("repro")
    toy.commit()
    toy.ran()
    process = toy.command("cluster", "--workers", "2", "--experiments", "length=2,3", "-S", "rate=5")
    assert process.returncode == 0, process.stdout + process.stderr
    assert toy.ran() == ["report", "report", "train a", "train b"]  # join found the same models again
    assert toy.run("git", "status", "--porcelain").stdout == ""
    table = toy.dvc("exp", "show", "--csv", "--only-changed")
    assert len(re.findall(r"^\w+-\w+,", table, re.MULTILINE)) == 2


@pytest.mark.slow
def test_experiments_reach_workers_by_another_repository(toy, tmp_path):
    toy.dvc("repro")
    toy.commit()
    toy.ran()
    toy.run("git", "clone", "-q", "--bare", str(toy.folder), str(tmp_path / "bare.git"))
    process = toy.command("cluster", "--experiments", "rate=5", "--repository", str(tmp_path / "bare.git"))
    assert process.returncode == 0, process.stdout + process.stderr
    trained = [name for name in toy.ran() if name.startswith("train")]
    assert trained == ["train a", "train b"]


@pytest.mark.slow
def test_a_failing_stage_is_named_and_the_others_are_kept(toy):
    process = toy.command("cluster", "--workers", "2", TOY_BROKEN="b")
    assert process.returncode == 1
    assert re.search(r"^cluster: train@b: exit status \d+$", process.stderr, re.MULTILINE)
    assert "train: broken" in process.stderr
    assert "Traceback" not in process.stderr
    assert toy.ran() == ["prepare", "train a", "train b", "train b"]  # once more, then loudly
    assert toy.command("cluster").returncode == 0
    assert toy.ran() == ["join", "report", "train b"]


def test_uncommitted_code_is_refused(toy):
    (toy.folder / "dvc.yaml").write_text((toy.folder / "dvc.yaml").read_text() + "# changed\n")
    process = toy.command("cluster")
    assert (process.returncode, process.stderr) == (
        1,
        "cluster: 1 files are not committed, and workers run committed code: dvc.yaml\n",
    )


def test_an_experiments_archive_and_device_are_its_overrides(toy, monkeypatch):
    monkeypatch.chdir(toy.folder)
    monkeypatch.setattr(head, "ROOT", toy.folder)
    (toy.folder / "data/raw/clinic").mkdir(parents=True)
    assert head.own_archive([]) is None
    assert head.own_archive(["data.name=clinic"]) == Path("data/raw/clinic")
    assert head.params_of(["compute.device=cuda"]).compute.device == "cuda"


def test_workers_out_of_range_are_named(toy):
    process = toy.command("cluster", "--workers", "0")
    assert process.returncode == 2
    assert "argument --workers: wanted 1 or more, found 0" in process.stderr


def test_other_machines_need_a_shared_cache_or_a_remote(toy):
    process = toy.command("cluster", "--scheduler", "tcp://127.0.0.1:1")
    assert process.returncode == 1
    assert process.stderr.startswith("cluster: workers on other machines need DVC's cache on a shared disk")


@pytest.mark.slow
def test_a_second_head_is_refused(toy):
    head = toy.start("cluster", TOY_SECONDS="5")
    toy.wait_for("train")
    second = toy.command("cluster")
    assert (second.returncode, second.stderr) == (
        1,
        "cluster: another cluster command is at work in this folder; wait for it, or end it\n",
    )
    head.communicate(timeout=120)
    assert head.returncode == 0
    assert toy.ran() == ALL


@pytest.mark.slow
def test_a_killed_head_costs_nothing_that_was_finished(toy):
    head = toy.start("cluster", "--workers", "1", TOY_SECONDS="3")
    toy.wait_for("train", count=2)  # the first is done
    head.kill()
    head.communicate(timeout=60)
    for process in working(toy):
        process.wait(60)
    process = toy.command("cluster", "--workers", "1")
    assert process.returncode == 0, process.stdout + process.stderr
    assert toy.ran().count("train a") == 1
    assert toy.dvc("status").strip().endswith("up to date.")


@pytest.mark.slow
def test_a_worker_killed_in_training_costs_that_training_alone(toy):
    head = toy.start("cluster", "--workers", "2", TOY_SECONDS="4")
    toy.wait_for("train", count=2)
    working(toy)[0].parent().kill()
    output = head.communicate(timeout=120)[0]
    assert head.returncode == 0, output
    assert toy.ran() in (sorted([*ALL, "train a"]), sorted([*ALL, "train b"]))
    assert toy.dvc("status").strip().endswith("up to date.")
    assert not working(toy)


@pytest.mark.slow
def test_the_scheduler_killed_is_said_and_a_rerun_goes_on(toy, tmp_path):
    toy.dvc("config", "--local", "cache.dir", str(toy.folder / ".dvc/cache"))
    found = tmp_path / "scheduler.json"  # where the scheduler says its address
    ports = ["--port", "0", "--dashboard-address", ":0", "--scheduler-file", str(found)]
    scheduler = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_scheduler", *ports], stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not (found.is_file() and found.read_text()):
        assert scheduler.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    address = json.loads(found.read_text())["address"]
    worker = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--resources", "threads=1"],
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
        env=toy.environment | {"TOY_SECONDS": "3"},
    )
    try:
        head = toy.start("cluster", "--scheduler", address)
        toy.wait_for("train", count=2)
        scheduler.kill()
        output = head.communicate(timeout=120)[0]
        assert head.returncode == 1, output
        assert "the scheduler was lost; the same command goes on where it stopped" in output
        assert "Traceback" not in output
    finally:
        scheduler.kill()
        worker.terminate()
        worker.wait(60)
    first = toy.ran()
    assert toy.command("cluster").returncode == 0
    assert sorted([*first, *toy.ran()]).count("train a") == 1


@pytest.fixture
def project(tmp_path):
    (tmp_path / "project").mkdir()
    built = Project(copy_project(tmp_path / "project"))
    built.commit()
    return built


def cluster(project, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "stages.commands.main", "cluster", *arguments],
        cwd=project.folder,
        env={**os.environ, "TMPDIR": str(project.folder.parent)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_real_stages_on_two_workers_train_once_and_give_the_bytes_of_one_process(project, finished):
    process = cluster(project, "--workers", "2", "distill@T1_alpha0.5", "distill@T1_alpha0")
    assert process.returncode == 0, process.stdout + process.stderr
    expected, actual = results(finished), results(project.folder)
    models = [name for name in actual if name.startswith("models/")]
    assert "models/demo/students/T1_alpha0.5.safetensors" in models
    assert {name: actual[name] for name in models} == {name: expected[name] for name in models}
    trained = [line.split(",")[0] for line in (project.folder / "logs/seconds.csv").read_text().splitlines()]
    assert sorted(name for name in trained if "@" in name) == [
        "distill@T1_alpha0",
        "distill@T1_alpha0.5",
        "soft_labels@resnet18",
        "train_teacher@resnet18",
    ]


@pytest.mark.slow
def test_workers_that_offer_too_little_are_named(toy):
    params = toy.folder / "params.yaml"
    params.write_text(params.read_text().replace("threads: 1", "threads: 2"))
    toy.commit()
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, resources={"threads": 1}, dashboard_address=":0")
    toy.dvc("config", "--local", "cache.dir", str(toy.folder / ".dvc/cache"))
    try:
        process = toy.command("cluster", "--scheduler", cluster.scheduler_address)
    finally:
        cluster.close()
    assert process.returncode == 1
    assert "cluster: a task asks for {'threads': 2}, the workers offer {'threads': 1" in process.stderr
