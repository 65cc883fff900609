"""The tasks of a pipeline: which stages they are, what they need, and which of them two experiments share."""

import pytest
from toy import Toy

from stages.scheduling.graph import Task, make_tasks, priorities, stages_before


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    toy = Toy(tmp_path_factory.mktemp("toy"))
    toy.dvc("repro", "prepare")
    return toy


def keys(toy, targets=()):
    return {task.stage: task.key for task in make_tasks(toy.folder, "commit", list(targets))}


def test_tasks_are_the_stages_that_read_compute_and_others_outputs(toy):
    tasks = make_tasks(toy.folder, "commit", [])
    assert [task.stage for task in tasks] == ["train@a", "train@b", "join"]
    assert tasks[0].needs == tasks[1].needs == ()
    assert set(tasks[2].needs) == {tasks[0].key, tasks[1].key}
    assert stages_before(toy.folder, []) == ["prepare"]


def test_a_target_takes_what_it_depends_on(toy):
    assert [task.stage for task in make_tasks(toy.folder, "commit", ["train@a"])] == ["train@a"]
    assert [task.stage for task in make_tasks(toy.folder, "commit", ["train"])] == ["train@a", "train@b"]
    assert stages_before(toy.folder, ["train@a"]) == ["prepare"]
    with pytest.raises(ValueError, match="no stage train@c; dvc stage list names all"):
        stages_before(toy.folder, ["train@c", "prepare"])


def test_equal_work_has_an_equal_key_and_other_work_another(toy):
    before = keys(toy)
    params = toy.folder / "params.yaml"
    text = params.read_text()
    try:
        params.write_text(text.replace("length: 1", "length: 2"))  # of report alone
        assert keys(toy) == before
        params.write_text(text.replace("rate: 1", "rate: 2"))  # of train, and so of what follows
        changed = keys(toy)
        assert all(changed[stage] != before[stage] for stage in before)
        params.write_text(text)
        (toy.folder / "data/text").write_text("other data")
        assert keys(toy)["train@a"] != before["train@a"]
    finally:
        params.write_text(text)
        (toy.folder / "data/text").write_text("prepared")
    assert keys(toy) == before


def test_the_real_pipelines_tasks_train():
    from conftest import ROOT  # noqa: PLC0415

    stages = {name.split("@")[0] for name in stages_before(ROOT, [])}
    assert stages == {"check_params", "synthesize_demo", "prepare_splits", "pack_images"}


def test_the_longest_chain_comes_first():
    tasks = [
        Task("short", "c", "short", ()),
        Task("long", "c", "long", ()),
        Task("after_short", "c", "after_short", ("short",)),
        Task("last", "c", "last", ("after_short", "long")),
    ]
    seconds = {"short": 1.0, "long": 10.0, "after_short": 20.0, "last": 5.0}
    assert priorities(tasks, seconds.__getitem__) == {"short": 26.0, "long": 15.0, "after_short": 25.0, "last": 5.0}
