"""A worker without a scheduler, and what DVC does that it is built around."""

import hashlib
import re
import shutil
from pathlib import Path

import pytest
from dvc.data_cloud import DataCloud
from dvc.stage.cache import StageCache
from dvc_data.hashfile.transfer import TransferResult
from toy import Toy

from stages.commands.cluster.clone import snapshot
from stages.commands.cluster.results import push_results, remember


@pytest.fixture
def toy(tmp_path):
    toy = Toy(tmp_path)
    toy.dvc("repro", "prepare")
    return toy


@pytest.fixture
def remote(toy, tmp_path):
    toy.dvc("remote", "add", "--local", "--default", "store", str(tmp_path / "store"))
    toy.dvc("push", "prepare")
    toy.dvc("push", "--run-cache", "prepare")
    toy.ran()
    return str(tmp_path / "store")


def work(toy, stage, *where):
    process = toy.command("work", snapshot(toy.folder), stage, "--repository", str(toy.folder), *where)
    assert process.returncode == 0, process.stdout + process.stderr


def test_through_a_folder_as_remote_the_head_restores_all_and_runs_none(toy, remote):
    for stage in ("train@a", "train@b", "join"):
        work(toy, stage, "--remote", remote)
    assert toy.ran() == ["join", "train a", "train b"]
    assert not (toy.folder / "joined").exists()
    toy.dvc("repro", "--pull", "join")
    assert toy.ran() == []
    assert (toy.folder / "plots/a.csv").read_text() == "epoch,loss\n0,1\n"
    assert (toy.folder / "joined").read_text() == "preparedapreparedb"


def test_a_worker_needs_to_know_where_results_go(toy):
    process = toy.command("work", snapshot(toy.folder), "train@a", "--repository", str(toy.folder))
    assert process.returncode == 2
    assert "one of the arguments --cache --remote is required" in process.stderr


def test_a_stage_that_is_not_there_is_an_error(toy):
    where = ["--repository", str(toy.folder), "--cache", str(toy.folder / ".dvc/cache")]
    process = toy.command("work", snapshot(toy.folder), "train@c", *where)
    assert process.returncode == 1
    assert process.stderr == "work: no stage train@c; dvc stage list names all\n"


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["prepare", "report"])
def test_a_stage_that_the_head_runs_is_refused(toy, stage):
    where = ["--repository", str(toy.folder), "--cache", str(toy.folder / ".dvc/cache")]
    process = toy.command("work", snapshot(toy.folder), stage, *where)
    assert process.returncode == 1
    assert process.stderr == f"work: {stage} runs on the head, not on workers; dvc repro {stage}\n"


@pytest.mark.slow
def test_a_commit_of_a_branch_will_do(toy):
    toy.commit()
    toy.ran()
    commit = toy.run("git", "rev-parse", "HEAD").stdout.strip()
    where = ["--repository", str(toy.folder), "--cache", str(toy.folder / ".dvc/cache")]
    process = toy.command("work", commit, "train@a", *where)
    assert process.returncode == 0, process.stdout + process.stderr
    assert toy.ran() == ["train a"]


def test_what_dvc_could_not_send_is_said(toy, remote, monkeypatch):
    """DVC logs it and goes on: the worker would be taken for done, and its stage run again by all that need it."""
    toy.dvc("repro", "train@a")
    with monkeypatch.context() as patch:
        patch.setattr(DataCloud, "push", lambda _, objects: TransferResult(set(), set(objects)))
        with pytest.raises(ValueError, match=rf"^\d+ objects could not be sent to {re.escape(remote)}$"):
            push_results(toy.folder)
    with monkeypatch.context() as patch:
        patch.setattr(StageCache, "push", lambda *_: [])
        with pytest.raises(ValueError, match=r"^1 records of runs could not be sent to "):
            push_results(toy.folder)
    push_results(toy.folder)


def test_what_is_up_to_date_is_recorded_and_nothing_else(toy):
    toy.dvc("repro", "train@a")
    shutil.rmtree(toy.folder / ".dvc/cache/runs")
    (toy.folder / "params.yaml").write_text((toy.folder / "params.yaml").read_text().replace("words: 1", "words: 2"))
    remember(toy.folder, ["prepare", "train@a", "train@b"])
    (record,) = (toy.folder / ".dvc/cache/runs").rglob("*/*/*")
    assert "train a" in record.read_text()


@pytest.mark.slow
def test_a_worker_whose_remote_takes_nothing_fails(toy, remote):
    for number in range(256):
        folder = Path(remote, "files/md5", f"{number:02x}")
        if not folder.exists():
            folder.touch()  # where a folder is wanted
    process = toy.command("work", snapshot(toy.folder), "train@a", "--repository", str(toy.folder), "--remote", remote)
    assert process.returncode == 1
    assert process.stderr.splitlines()[-1].startswith("work: ")
    assert toy.ran() == ["train a"]


@pytest.mark.slow
def test_a_record_whose_objects_are_gone_stops_nobody(toy, remote):
    """As `dvc gc`, or a push that was killed, leaves it."""
    (record,) = (path for path in Path(remote, "files/md5").parents[1].rglob("runs/*/*/*"))
    text = re.sub(r"md5: \w{32}\.dir", f"md5: {'0' * 32}.dir", record.read_text())
    assert ".dir" in text
    other = record.parents[1] / ("f" * 64) / ("e" * 64)
    other.parent.mkdir(parents=True)
    other.write_text(text)
    work(toy, "train@a", "--remote", remote)
    toy.ran()
    toy.dvc("repro", "--pull", "train@a")
    assert toy.ran() == []


def test_what_cannot_be_restored_is_named_and_not_run_again(toy):
    """A worker that trained its stage's teacher once more would take hours, and nobody would know."""
    where = ["--cache", str(toy.folder / ".dvc/cache")]
    work(toy, "train@a", *where)
    work(toy, "train@b", *where)
    toy.ran()
    digest = hashlib.md5(b"prepareda", usedforsecurity=False).hexdigest()
    (toy.folder / ".dvc/cache/files/md5" / digest[:2] / digest[2:]).unlink()
    process = toy.command("work", snapshot(toy.folder), "join", "--repository", str(toy.folder), *where)
    assert process.returncode == 1
    assert process.stderr.splitlines()[-1] == (
        f"work: train@a was made, but cannot be restored: {where[1]} lacks models/a ({digest})"
    )
    assert toy.ran() == []


@pytest.mark.slow
def test_a_half_copied_file_of_a_killed_worker_is_no_hindrance(toy, tmp_path):
    where = ["--cache", str(toy.folder / ".dvc/cache")]
    work(toy, "train@a", *where)
    (clone,) = tmp_path.glob("melanoma-kd*/*/clone0")
    (clone / "data/.XyZ.tmp").write_text("half")  # beside what prepare makes
    toy.ran()
    work(toy, "train@b", *where)
    assert toy.ran() == ["train b"]


class Elsewhere:
    """The toy on another machine: a clone with an empty cache, and the same remote."""

    def __init__(self, toy, remote, folder):
        self.toy, self.folder = toy, folder
        toy.run("git", "clone", "-q", str(toy.folder), str(folder))
        self.run("remote", "add", "--local", "--default", "store", remote)

    def run(self, *arguments):
        return self.toy.run("python", "-m", "dvc", "--cd", str(self.folder), *arguments, check=False)


@pytest.fixture
def elsewhere(toy, remote, tmp_path):
    toy.dvc("repro", "train@a")
    toy.commit()
    shutil.rmtree(tmp_path / "site", ignore_errors=True)
    return lambda: Elsewhere(toy, remote, tmp_path / "elsewhere")


def without_lock(clone):
    """The other machine has the code alone: what was run is known by the run cache."""
    (clone.folder / "dvc.lock").unlink()
    clone.toy.ran()


@pytest.mark.slow
def test_dvc_does_not_push_the_objects_of_uncached_plots(toy, elsewhere):
    """Why `push_results` exists: with `dvc push --run-cache` alone the other machine trains again."""
    toy.dvc("push", "--run-cache")
    clone = elsewhere()
    without_lock(clone)
    clone.run("repro", "--pull", "train@a")
    assert toy.ran() == ["train a"]


@pytest.mark.slow
def test_dvc_restores_nothing_from_a_pulled_run_cache_alone(toy, elsewhere):
    """Why the head runs `dvc repro --pull`."""
    toy.dvc("push", "--run-cache")
    clone = elsewhere()
    without_lock(clone)
    clone.run("pull", "--run-cache")
    clone.run("repro", "prepare")
    assert toy.ran() == ["prepare"]


@pytest.mark.slow
def test_dvc_does_not_pull_a_folder_for_a_single_item(toy, elsewhere):
    """Why a worker checks out what its stage depends on before it runs the stage."""
    clone = elsewhere()
    toy.ran()
    process = clone.run("repro", "--pull", "--single-item", "--force", "train@a")
    assert process.returncode != 0
    assert "No such file or directory: 'data/text'" in process.stderr  # the stage ran without it


@pytest.mark.slow
def test_dvc_refuses_a_second_process_in_one_folder(toy):
    """Why every worker has a clone of its own."""
    first = toy.popen("dvc", "repro", "train@a", TOY_SECONDS="4")
    toy.wait_for("train a")
    second = toy.run("python", "-m", "dvc", "repro", "train@a", check=False)
    first.communicate(timeout=60)
    assert first.returncode == 0
    assert second.returncode != 0
    assert re.search(r"is busy|Unable to acquire lock", second.stderr), second.stderr
