"""What DVC says: a lock passes as committed, not with a changed parameter, an edited module or a faked metric."""

import subprocess
import sys

import pytest
from conftest import ROOT, copy_project

from stages.commands.state import lock_faults as faults
from stages.commands.state import model_state


def dry_run(code: int, output: str) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess([], code, output, "")


def test_a_clean_dry_run_has_no_faults():
    assert faults(dry_run(0, "Data and pipelines are up to date.\n"), {"a"}, {"a"}) == []


def test_every_way_to_be_stale_is_a_fault():
    assert faults(dry_run(0, "Running stage 'a':\n> python"), {"a"}, {"a"}) == ["Running stage 'a':"]
    assert faults(dry_run(1, "ERROR: busy\n"), {"a"}, {"a"}) == ["ERROR: busy"]
    assert faults(dry_run(1, "something else\n"), {"a"}, {"a"}) == ["something else"]
    assert faults(dry_run(0, ""), {"a", "gone"}, {"a", "new"}) == [
        "gone: in dvc.lock but not in dvc.yaml",
        "new: in dvc.yaml but not in dvc.lock",
    ]


def test_a_model_is_missing_where_its_outputs_are_and_outdated_where_something_else_changed():
    assert model_state([{"changed deps": {"models/demo/soft_labels": "modified"}}]) == "outdated"
    assert model_state(["changed command"]) == "outdated"
    assert model_state([{"changed outs": {"models/demo/onnx": "deleted"}}, {"changed deps": {"x": "new"}}]) == "missing"


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.slow
def test_it_passes_as_committed_and_fails_on_each_tampering(tmp_path):
    project = copy_project(tmp_path)

    def check() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "stages.commands.main", "doctor", "lock"]
        return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)

    clean = check()
    assert clean.returncode == 0, clean.stderr
    headline = (project / "metrics/demo/headline.json").read_text()
    for path, old, new, stage in (
        ("params.yaml", "learning_rate: 0.001", "learning_rate: 0.0011", "check_params"),
        ("stages/learning/losses.py", "return -(targets", "return -2 * (targets", "train_teacher@resnet18"),
        ("metrics/demo/headline.json", '"roc_auc": 0.', '"roc_auc": 1.', "evaluate_holdout"),
    ):
        before = (project / path).read_text()
        edit(project / path, old, new)
        tampered = check()
        assert tampered.returncode == 1, path
        assert f"'{stage}'" in tampered.stdout
        (project / path).write_text(before)
    assert (
        (project / "metrics/demo/headline.json").read_text()
        == headline
        == (ROOT / "metrics/demo/headline.json").read_text()
    )
    assert check().returncode == 0
