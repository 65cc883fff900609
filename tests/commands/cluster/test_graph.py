"""The tasks of a pipeline: which stages they are, what they need, and which of them two experiments share."""

import pytest
from toy import Toy

from stages.commands.cluster.graph import Task, check_folders, make_tasks, priorities, split_stages


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    toy = Toy(tmp_path_factory.mktemp("toy"))
    toy.dvc("repro", "prepare")
    return toy


def keys(toy, targets=(), destination="cache"):
    return {task.stage: task.key for task in make_tasks(toy.folder, "commit", list(targets), destination)}


def test_tasks_are_the_stages_that_read_compute_and_others_outputs(toy):
    tasks = make_tasks(toy.folder, "commit", [], "cache")
    assert [task.stage for task in tasks] == ["train@a", "train@b", "join"]
    assert tasks[0].needs == tasks[1].needs == ()
    assert set(tasks[2].needs) == {tasks[0].key, tasks[1].key}
    assert split_stages(toy.folder, []) == (["prepare"], ["train@a", "train@b", "join"])


def test_a_target_takes_what_it_depends_on(toy):
    assert list(keys(toy, ["train@a"])) == ["train@a"]
    assert list(keys(toy, ["train"])) == ["train@a", "train@b"]
    assert split_stages(toy.folder, ["train@a"]) == (["prepare"], ["train@a"])
    with pytest.raises(ValueError, match="no stage train@c; dvc stage list names all"):
        split_stages(toy.folder, ["train@c", "prepare"])


def test_equal_work_has_an_equal_key_and_other_work_another(toy):
    before = keys(toy)
    elsewhere = keys(toy, destination="another cache")
    assert all(elsewhere[stage] != before[stage] for stage in before)
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

    before, tasks = ({name.split("@")[0] for name in names} for names in split_stages(ROOT, []))
    assert before == {"check_params", "synthesize_demo", "prepare_splits", "pack_images"}
    training = {"train_teacher", "soft_labels", "distill", "repeat_student", "baselines", "quantization_aware"}
    assert tasks == training | {"quantize", "stress_test"}


def test_a_file_that_no_stage_makes_is_refused_in_a_folder_that_a_task_reads(toy):
    toy.dvc("repro")
    check_folders(toy.folder, [])
    (toy.folder / "models/c").write_text("of a model that has left")
    (toy.folder / "plots/c.csv").write_text("read by the report alone, which is no task")
    with pytest.raises(ValueError, match=r"^models/c: written by no stage in dvc\.yaml; .*: rm models/c$"):
        check_folders(toy.folder, [])
    check_folders(toy.folder, ["train"])
    for name in ("models/c", "plots/c.csv"):
        (toy.folder / name).unlink()


def test_the_longest_chain_comes_first():
    tasks = [
        Task("short", "c", "short", ()),
        Task("long", "c", "long", ()),
        Task("after_short", "c", "after_short", ("short",)),
        Task("last", "c", "last", ("after_short", "long")),
    ]
    seconds = {"short": 1.0, "long": 10.0, "after_short": 20.0, "last": 5.0}
    assert priorities(tasks, seconds.__getitem__) == {"short": 26.0, "long": 15.0, "after_short": 25.0, "last": 5.0}
