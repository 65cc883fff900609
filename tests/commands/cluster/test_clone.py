"""Commits of workspaces, and clones of them."""

import pytest
from toy import Toy

from stages import pack_images
from stages.commands.cluster.clone import SOURCES, Source, check_committed, git, open_clone, snapshot


@pytest.fixture
def toy(tmp_path):
    return Toy(tmp_path)


@pytest.fixture
def source(toy):
    return Source(str(toy.folder), cache=str(toy.folder / ".dvc/cache"))


def test_a_clone_has_the_workspaces_parameters_and_the_commits_code(toy, source, tmp_path):
    toy.dvc("repro", "prepare")
    text = (toy.folder / "params.yaml").read_text().replace("rate: 1", "rate: 7")
    (toy.folder / "params.yaml").write_text(text)
    commit = snapshot(toy.folder)
    assert snapshot(toy.folder) == commit
    assert git(toy.folder, "log", "-1", "--format=%s") == "toy"  # the branch stands where it stood
    with open_clone(commit, source, tmp_path / "scratch") as clone:
        assert (clone / "params.yaml").read_text() == text
        assert (clone / "dvc.lock").read_bytes() == (toy.folder / "dvc.lock").read_bytes()
        for name in (".checkpoints", ".sources"):
            assert (clone / name).resolve() == toy.folder / name


def test_the_archives_hashes_are_where_pack_images_keeps_them():
    assert SOURCES == pack_images.SOURCES


def test_a_clone_is_used_again_and_never_by_two_at_once(toy, source, tmp_path):
    toy.dvc("repro", "prepare")
    commit, scratch = snapshot(toy.folder), tmp_path / "scratch"
    with open_clone(commit, source, scratch) as first, open_clone(commit, source, scratch) as second:
        assert first != second
        (first / "toy.py").write_text("altered")
        (first / ".git/index.lock").touch()  # as a killed Git leaves it
    with open_clone(commit, source, scratch) as again:
        assert again == first
        assert (again / "toy.py").read_text() == (toy.folder / "toy.py").read_text()


def test_start_weights_are_linked(toy, source, tmp_path):
    path = toy.folder / "params.yaml"
    path.write_text(path.read_text().replace("init: {}", "init: {resnet18: {file: weights/a.bin}, resnet34: random}"))
    (toy.folder / "weights").mkdir()
    (toy.folder / "weights/a.bin").write_text("weights")
    toy.dvc("repro", "prepare")
    with open_clone(snapshot(toy.folder), source, tmp_path / "scratch") as clone:
        assert (clone / "weights/a.bin").read_text() == "weights"


def test_code_that_is_not_committed_is_named(toy):
    (toy.folder / "params.yaml").write_text((toy.folder / "params.yaml").read_text() + "# changed\n")
    check_committed(toy.folder)
    (toy.folder / "stages").mkdir()
    (toy.folder / "stages/new.py").touch()
    with pytest.raises(ValueError, match=r"1 files are not committed, and workers run committed code: stages/"):
        check_committed(toy.folder)


def test_an_unknown_commit_is_gits_error(toy, source, tmp_path):
    with pytest.raises(ValueError, match=r"^git fetch: "), open_clone("0" * 40, source, tmp_path / "scratch"):
        pass
