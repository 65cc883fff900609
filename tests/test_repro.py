"""Whole pipelines at tiny size through DVC: reproducible, and rerunning only what a change touches."""

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import copy_project, write_params

pytestmark = pytest.mark.slow

ENTRY = re.compile(r"^Running stage '([^']+)'", re.MULTILINE)


ELSEWHERE = {"TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8"}


class Project:
    """A project with tiny parameters, in which stages run through DVC, in another place and time zone than tests do."""

    def __init__(self, folder: Path) -> None:
        self.folder = copy_project(folder)
        write_params(folder)
        for path in ("dvc.lock", "metrics", "plots"):
            target = folder / path
            shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)

    def dvc(self, *words: str) -> str:
        environment = os.environ | ELSEWHERE
        done = subprocess.run(
            ["dvc", *words], cwd=self.folder, env=environment, umask=0o077, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr

    def ran(self, *words: str) -> list[str]:
        """Return the stages whose commands ran."""
        return ENTRY.findall(self.dvc(*words))

    def commit(self) -> None:
        for words in (["add", "-A"], ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "run"]):
            subprocess.run(["git", *words], cwd=self.folder, check=True)

    def results(self) -> dict[str, str]:
        """Return the hash of every metrics, plots, report and model file."""
        return results(self.folder)


def results(folder: Path) -> dict[str, str]:
    parts = ("metrics/demo", "plots/demo", "models/demo", "data/processed")
    paths = [path for part in parts for path in (folder / part).rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.name not in (".gitignore", "deployment.csv", "machine.json", "deployment.svg")  # times
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    built = Project(tmp_path_factory.mktemp("a projekt ü"))
    built.first = built.ran("repro")
    built.commit()
    return built


def test_everything_runs_once_and_then_nothing(project):
    assert project.first[0] == "check_params"
    assert project.first[-1] == "report"
    assert len(project.first) == 22
    assert project.ran("repro") == []


def test_twice_from_nothing_gives_the_same_bytes(project, finished):
    """Once through DVC, a process a stage; once by calling every stage's main() in one process."""
    assert len(project.results()) > 100
    assert project.results() == results(finished)


EXPORTED = ["quantization_aware", "quantize", "stress_test"]  # for another selected student


def test_a_selected_temperature_on_the_grid_trains_no_student_of_the_grid(project):
    tail = ["evaluate_holdout", "explain", "report"]
    assert project.ran("exp", "run", "-S", "kd.temperature=2") == ["check_params", *EXPORTED, *tail]


def test_a_new_temperature_trains_one_student_and_going_back_trains_none(project):
    assert project.ran("exp", "run", "-S", "kd.temperature=4", "distill") == ["check_params", "distill@T4_alpha0.5"]
    assert project.ran("exp", "run", "-S", "kd.temperature=1") == []
    assert project.ran("exp", "run", "-S", "kd.temperature=4", "distill") == []
    assert project.ran("exp", "run", "-S", "kd.temperature=1") == []


def test_another_archive_and_back_trains_nothing_twice(project):
    shutil.copytree(project.folder / "data/raw/demo", project.folder / "data/raw/other")
    target = "distill@T1_alpha0.5"
    away = project.ran("exp", "run", "-S", "data.name=other", target)
    assert away[-3:] == ["train_teacher@resnet18", "soft_labels@resnet18", target]
    assert project.ran("exp", "run", "-S", "data.name=demo") == []
    assert project.ran("exp", "run", "-S", "data.name=other", target) == []
    assert project.ran("exp", "run", "-S", "data.name=demo") == []


def test_a_teacher_that_distils_nobody_reruns_no_student(project):
    ran = project.ran("exp", "run", "-S", "teachers=[resnet18,resnet34]")
    assert ran == ["check_params", "train_teacher@resnet34", "evaluate_holdout", "report"]
    assert project.ran("exp", "run", "-S", "teachers=[resnet18]") == []


def test_another_start_is_of_that_teacher_alone_and_another_seed_of_the_repeated_students(project):
    for change in ("init.resnet34=imagenet", "+teacher.changes.resnet34={epochs: 9}"):
        assert project.ran("exp", "run", "-S", change) == ["check_params"]
    project.ran("exp", "run", "-S", "init.resnet34=random", "-S", "~teacher.changes.resnet34")
    repeats = ["repeat_student@T1_alpha0-45", "repeat_student@T1_alpha0.5-45"]
    assert project.ran("exp", "run", "-S", "kd.seeds=[43,44,45]") == [
        "check_params",
        *repeats,
        "evaluate_holdout",
        "report",
    ]
    assert project.ran("exp", "run", "-S", "kd.seeds=[43,44]") == []


ALL = """
import pandas as pd
from pathlib import Path
from stages import (
    baselines, check_params, distill, evaluate_holdout, explain, pack_images, prepare_splits, quantization_aware,
    quantize, report, soft_labels, stress_test, synthesize_demo, train_teacher,
)
from stages.foundation.params import read_params
check_params.main()
synthesize_demo.main()
clinic = Path("data/raw/clinic")
Path("data/raw/demo").rename(clinic)
table = pd.read_csv(clinic / "HAM10000_metadata.csv", dtype=str)
table["dx"] = table["dx"].where(table["dx"] == "mel", "nv")
table[["dx_type", "age", "sex", "localization"]] = ""
table.to_csv(clinic / "HAM10000_metadata.csv", index=False)
prepare_splits.main()
pack_images.main()
train_teacher.main("resnet18")
soft_labels.main("resnet18")
for key in read_params(evaluate_holdout.Params).kd.students:
    distill.main(key)
for stage in (baselines, quantization_aware, quantize, stress_test, evaluate_holdout, explain, report):
    stage.main()
"""
STAGE = """
stages:
  all:
    cmd: python all.py
    deps: [all.py]
    params: [splits.fold, splits.folds, kd, data, target]
    outs:
      - plots/clinic/report
      - data/processed/clinic
      - models/clinic/predictions
"""


def test_folds_of_an_archive_of_ones_own_are_queued_and_compared(tmp_path):
    """Of an archive that knows melanoma or not, and nothing else; all stages in one process, as no stage is asked."""
    (tmp_path / "project").mkdir()
    project = Project(tmp_path / "project")
    write_params(project.folder, data={"name": "clinic"}, target="melanoma", kd={"seeds": [43]}, splits={"folds": 2})
    (project.folder / "all.py").write_text(ALL)
    (project.folder / "dvc.yaml").write_text(STAGE)
    project.commit()
    project.dvc("exp", "run", "--queue", "-S", "splits.fold=range(0,2)")
    project.dvc("exp", "run", "--run-all")
    shown = project.dvc("exp", "show", "--csv")
    assert {"0", "1"} <= set(pd.read_csv(io.StringIO(shown))["splits.fold"].astype(str))
    command = [sys.executable, "-m", "stages.commands.main", "compare_procedures"]
    done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(project.folder / "metrics/clinic/procedures.csv")
    assert table["folds"].unique().tolist() == [2]
    assert table["seeds"].unique().tolist() == [2]
    assert table["turns"].unique().tolist() == [1, 4]
    params = yaml.safe_load((project.folder / "params.yaml").read_text())
    assert table["size"].unique().tolist() == [params["image"]["size"]]
    assert table["teachers"].unique().tolist() == [" ".join(params["kd"]["teachers"])]
    assert set(table["metric"]) >= {"roc_auc", "average_precision", "log_loss"}


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("reporting/figures_curves.py", ["report"]),
        ("commands/readme.py", []),
        ("images/decoding.py", ["check_params", "prepare_splits", "pack_images", "quantize", "stress_test"]),
        ("export/weight_only.py", ["check_params", "quantization_aware", "quantize", "stress_test"]),
    ],
)
def test_an_edit_reruns_what_imports_its_folder_and_nothing_behind_equal_outputs(project, module, expected):
    path = project.folder / "stages" / module
    before = path.read_text()
    path.write_text(before + "\n# an edit\n")
    assert project.ran("repro") == expected
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
    assert ENTRY.findall(done.stdout) == ["check_params"]


def test_metrics_and_plots_speak_dvc(project):
    project.ran("exp", "run", "-S", "kd.temperature=2", "-n", "hotter")
    project.ran("exp", "run", "-S", "kd.temperature=1")
    shown = project.dvc("metrics", "show")
    assert "roc_auc" in shown
    assert max(map(len, shown.splitlines())) <= 120
    difference = project.dvc("metrics", "diff", "HEAD", "hotter")
    assert "headline.json" in difference
    project.dvc("plots", "diff", "HEAD", "hotter", "-o", "difference")
    page = (project.folder / "difference/index.html").read_text()
    for title in (
        "ROC on the holdout",
        "Precision-recall",
        "Reliability",
        "Sensitivity by threshold",
        "Validation ROC-AUC by epoch",
    ):
        assert title in page


def test_a_remote_gives_a_clone_all_of_it_and_nothing_runs(project, tmp_path):
    """A folder as remote is the same code as S3: push, clone, pull, and dvc repro has nothing to do."""
    project.dvc("repro")
    project.commit()
    project.dvc("remote", "add", "--local", "--default", "store", str(tmp_path / "store"))
    project.dvc("push")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(project.folder), str(clone)], check=True)
    for words in (["remote", "add", "--local", "--default", "store", str(tmp_path / "store")], ["pull"]):
        subprocess.run(["dvc", *words], cwd=clone, check=True, capture_output=True)
    done = subprocess.run(["dvc", "repro"], cwd=clone, capture_output=True, text=True, check=True)
    assert ENTRY.findall(done.stdout) == []
    assert results(clone) == project.results()
