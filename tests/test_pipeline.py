"""The graph is what it says: stages and modules, code and parameters declared and read, who sees the holdout."""

import ast
import importlib
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from imports import all_imports, direct_imports

from stages.foundation.names import CONTROL, GRID, repeat_keys
from stages.foundation.params import Part, Section

PIPELINE: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
STAGES = {name: stage.get("do", stage) for name, stage in PIPELINE.items()}
SELECTED = "T${kd.temperature}_alpha${kd.alpha}"
STUDENTS = [*GRID, CONTROL, SELECTED, *repeat_keys(CONTROL), *repeat_keys("${kd.repeated}")]
COMMANDS = {
    *("benchmark", "benchmark_training", "check_lock", "compare_published", "keep_run", "predict", "readme", "release"),
    *("summarize", "track", "web"),
}
MODULES = sorted(path.relative_to(ROOT) for path in (ROOT / "stages").rglob("*.py"))
WINGS = {
    "images": {"foundation"},
    "learning": {"images", "foundation"},
    "evidence": {"foundation"},
    "foundation": set(),
}


@pytest.fixture(autouse=True)
def _at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def paths(stage: dict[str, Any], *keys: str) -> list[str]:
    entries = [entry for key in keys for entry in stage.get(key, [])]
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def test_each_stage_is_a_module_and_each_module_a_stage_or_command():
    modules = {path.stem for path in Path("stages").glob("*.py")} - {"__init__"}
    assert modules == set(STAGES) | COMMANDS


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_runs_its_own_module(name):
    assert STAGES[name]["cmd"].split()[:3] == ["python", "-m", f"stages.{name}"]


@pytest.mark.parametrize("name", STAGES)
def test_code_dependencies_are_the_imports(name):
    declared = {dep for dep in paths(STAGES[name], "deps") if dep.startswith("stages/")}
    templates = {path.as_posix() for path in Path("stages").rglob("*.j2")} if name == "report" else set()
    assert declared == {path.as_posix() for path in all_imports(Path("stages", f"{name}.py"))} | templates


def read_keys(model: type[Section]) -> set[str]:
    """Return the keys of params.yaml that a stage's model reads, as dvc.yaml writes them."""
    keys = set()
    for section, field in model.model_fields.items():
        kind = field.annotation
        if section == "init":
            keys.add("init")
        elif isinstance(kind, type) and issubclass(kind, Part):
            keys |= {f"{section}.{key}" for key in kind.model_fields}
        else:
            keys.add(section)
    return keys


@pytest.mark.parametrize("name", sorted(set(STAGES) - {"check_params"}))
def test_declared_parameters_are_the_ones_read(name):
    declared = {re.sub(r"^init\..*", "init", key) for key in STAGES[name]["params"]}
    assert declared == read_keys(importlib.import_module(f"stages.{name}").Params)


def test_check_params_reruns_on_every_section():
    assert set(STAGES["check_params"]["params"]) == set(yaml.safe_load(Path("params.yaml").read_text()))


def test_only_evaluate_holdout_reads_the_holdout():
    readers = {name for name, stage in STAGES.items() if any("holdout.csv" in dep for dep in paths(stage, "deps"))}
    assert readers == {"evaluate_holdout"}
    mentions = {path.stem for path in MODULES if re.search(r"[\"'/]holdout[\"'.]", path.read_text())}
    evaluation = {path.stem for path in all_imports(Path("stages/evaluate_holdout.py"))} - {"metrics", "predictions"}
    behind = {path.stem for path in all_imports(Path("stages/report.py"))} - {"metrics", "predictions"}
    # labels names the splits, and prepare_splits writes them from there; nobody reads what the two commands write
    assert mentions <= evaluation | behind | {"benchmark", "compare_published"}
    for name in set(STAGES) - {"evaluate_holdout", "explain", "report"}:
        read = {path.stem for path in all_imports(Path("stages", f"{name}.py"))}
        assert not mentions & read - {"labels"}, name


def test_no_choice_can_follow_from_the_evaluation():
    written = set(paths(STAGES["evaluate_holdout"], "outs", "metrics", "plots"))
    readers = {name for name, stage in STAGES.items() if written & set(paths(stage, "deps"))}
    assert readers == {"explain", "report"}
    written = {out for name in readers for out in paths(STAGES[name], "outs", "plots")}
    assert {name for name, stage in STAGES.items() if written & set(paths(stage, "deps"))} == {"report"}


def test_only_evaluate_holdout_reads_labels_beyond_train_and_val():
    for name, stage in STAGES.items():
        if name != "evaluate_holdout":
            assert not [
                dep for dep in paths(stage, "deps") if "labelled" in dep or dep.endswith("processed/${data.name}")
            ]


def test_nothing_under_outs_is_uncached():
    for name, stage in STAGES.items():
        assert all(isinstance(out, str) for out in stage.get("outs", [])), name


def test_the_grid_of_the_code_is_the_grid_of_dvc_yaml():
    assert list(PIPELINE["distill"]["foreach"]) == STUDENTS


def test_evaluation_names_every_student():
    students = [dep for dep in paths(STAGES["evaluate_holdout"], "deps") if "/students" in dep]
    assert students == [
        f"models/${{data.name}}/predictions/students/{key}.{end}" for key in STUDENTS for end in ("csv", "json")
    ]


def wing(path: Path) -> str:
    return path.parts[1] if len(path.parts) > 2 else "stage"


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_go_one_way(path):
    allowed = set(WINGS) if wing(path) == "stage" else WINGS[wing(path)] | {wing(path)}
    assert {wing(found) for found in direct_imports(path) if found.name != "__init__.py"} <= allowed


def third_party(path: Path) -> set[str]:
    trees = (ast.parse(found.read_text()) for found in all_imports(path))
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    names |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {name.split(".")[0] for name in names}


def test_what_only_reads_tables_starts_without_torch():
    with_torch = {path.stem for path in Path("stages").glob("*.py") if "torch" in third_party(path)}
    trains = {"train_teacher", "soft_labels", "distill", "quantize", "explain"}
    assert with_torch == {*trains, "benchmark", "benchmark_training"}
    assert {wing(path) for path in MODULES if "torch" in third_party(path)} == {"stage", "learning"}


UNSAFE = re.compile(
    r"\bpickle\b(?!s)|joblib|allow_pickle=True|yaml\.(unsafe_|full_)?load\(|LOAD_TRUNCATED_IMAGES|\.glob\("
)
ALLOWED = {
    ("params.py", "yaml.load("),  # with a SafeLoader that also refuses duplicate keys
    ("models.py", "pickle"),  # the message that refuses one
    ("checkpoints.py", "pickle"),
}


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_nothing_unpickles_globs_or_mends_images(path):
    text = path.read_text()
    code = re.sub(r'"""[\s\S]*?"""|#[^\n]*', "", text)
    found = {(path.name, match[0]) for match in UNSAFE.finditer(code)}
    assert found <= ALLOWED
    assert all("weights_only=True" in call for call in re.findall(r"torch\.load\([^)]*\)", code))


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a Git checkout")
    return [Path(name) for name in listed.stdout.split("\0") if name and Path(name).is_file()]


def test_git_holds_no_large_files_and_no_dataset_images():
    files = tracked_files()
    assert not [path for path in files if path.stat().st_size > 2_000_000]
    assert not [path for path in files if re.fullmatch(r"ISIC_\d+\.(jpe?g|png)", path.name, re.IGNORECASE)]


def test_the_lock_has_the_stages_of_the_pipeline():
    locked = {name.split("@")[0] for name in yaml.safe_load(Path("dvc.lock").read_text())["stages"]}
    assert locked == set(STAGES)


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_functions_and_files_stay_small(path):
    text = path.read_text()
    assert text.count("\n") <= 200
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    assert not [node.name for node in functions if (node.end_lineno or 0) - node.lineno >= 45]
