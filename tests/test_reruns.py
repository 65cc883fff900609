"""What a change of a parameter or an edit of a module runs again: the real graph, with stages that only hash.

Where it makes no difference, parameters are changed as `dvc exp run -S` changes them, and `dvc repro` runs, which takes
a third of the time. Going back from more teachers or seeds wants `dvc exp run` itself.
"""

import shutil
import subprocess

import pytest
from conftest import copy_project
from projects import RAN, Project
from stubs import write_stubs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("stubs"))
    write_stubs(folder)
    built = Project(folder)
    built.first = built.ran("repro")
    built.commit()
    return built


EXPORTED = ["quantization_aware", "quantize", "stress_test"]  # for another selected student
TAIL = ["evaluate_holdout", "explain", "report"]


def test_everything_runs_once_and_then_nothing(project):
    assert project.first[0] == "check_params"
    assert project.first[-1] == "report"
    assert len(project.first) == 22
    assert project.ran("repro") == []


def test_a_selected_temperature_on_the_grid_trains_no_student_of_the_grid(project):
    assert project.changed("kd.temperature=2") == ["check_params", *EXPORTED, *TAIL]
    project.changed("kd.temperature=1")


def test_a_new_temperature_trains_one_student_and_going_back_trains_none(project):
    assert project.changed("kd.temperature=4", target="distill") == ["check_params", "distill@T4_alpha0.5"]
    assert project.changed("kd.temperature=1") == []
    assert project.changed("kd.temperature=4", target="distill") == []
    assert project.changed("kd.temperature=1") == []


def test_another_archive_and_back_trains_nothing_twice(project):
    shutil.copytree(project.folder / "data/raw/demo", project.folder / "data/raw/other")
    target = "distill@T1_alpha0.5"
    away = project.changed("data.name=other", target=target)
    assert away[-3:] == ["train_teacher@resnet18", "soft_labels@resnet18", target]
    assert project.changed("data.name=demo") == []
    assert project.changed("data.name=other", target=target) == []
    assert project.changed("data.name=demo") == []


def test_a_teacher_that_distils_nobody_reruns_no_student(project):
    ran = project.ran("exp", "run", "-S", "teachers=[resnet18,resnet34]")
    assert ran == ["check_params", "train_teacher@resnet34", *TAIL]
    assert project.ran("exp", "run", "-S", "teachers=[resnet18]") == []


def test_another_start_is_of_that_teacher_alone_and_another_seed_of_the_repeated_students(project):
    for change in ("init.resnet34=imagenet", "+teacher.changes.resnet34={epochs: 9}"):
        assert project.changed(change) == ["check_params"]
    project.changed("init.resnet34=random", "~teacher.changes.resnet34")
    repeats = ["repeat_student@T1_alpha0-45", "repeat_student@T1_alpha0.5-45"]
    assert project.ran("exp", "run", "-S", "kd.seeds=[43,44,45]") == ["check_params", *repeats, *TAIL]
    assert project.ran("exp", "run", "-S", "kd.seeds=[43,44]") == []


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("stages/reporting/figures_curves.py", ["report"]),
        ("stages/commands/answering.py", []),
        ("tools/readme.py", []),
        ("stages/images/decoding.py", ["check_params", "prepare_splits", "pack_images", "quantize", "stress_test"]),
        ("stages/deployment/session.py", ["baselines", "quantize", "stress_test", "evaluate_holdout", "report"]),
        ("stages/export/weight_only.py", ["check_params", "quantization_aware", "quantize"]),
    ],
)
def test_an_edit_reruns_what_imports_its_folder_and_nothing_behind_equal_outputs(project, module, expected):
    path = project.folder / module
    before = path.read_text()
    path.write_text(before + "\n# an edit\n")
    assert sorted(project.ran("repro")) == sorted(expected)
    path.write_text(before)
    assert project.ran("repro") == []


def test_impossible_choices_stop_before_any_work(project):
    done = subprocess.run(
        ["dvc", "exp", "run", "-S", "kd.teachers=[efficientnet_b0]"],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    subprocess.run(["git", "checkout", "-q", "HEAD", "--", "params.yaml"], cwd=project.folder, check=True)
    assert done.returncode != 0
    assert "kd.teachers: ['efficientnet_b0'] not among the teachers ['resnet18']" in done.stdout + done.stderr
    assert RAN.findall(done.stdout) == ["check_params"]
