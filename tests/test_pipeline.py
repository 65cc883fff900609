"""The graph is what it says: stages and modules, code and parameters declared and read, who sees the holdout."""

import ast
import importlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any, get_type_hints

import pandas as pd
import pytest
import yaml
from conftest import ROOT
from imports import all_imports, direct_imports, folder, unit

from stages.commands.main import COMMANDS
from stages.foundation.names import CONTROL
from stages.foundation.params import Part

PIPELINE: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
STAGES = {name: stage.get("do", stage) for name, stage in PIPELINE.items()}
SELECTED = "T${kd.temperature}_alpha${kd.alpha}"
GRID = [f"T${{kd.grid.temperatures[{T}]}}_alpha${{kd.grid.alphas[{alpha}]}}" for T in (0, 1) for alpha in (0, 1)]
STUDENTS = [*GRID, CONTROL, SELECTED]
OTHER_MODULE = {"repeat_student": "distill"}  # a repeat is another seed of a student
MODULES = sorted(path.relative_to(ROOT) for path in (ROOT / "stages").rglob("*.py"))
UNHASHED = {"size", "nfiles"}  # keys that DVC leaves out, at any depth, of what its run cache knows a run by
FOLDERS = {  # folder -> the folders it may import; every one may import foundation
    "foundation": set(),
    "images": set(),
    "pictures": {"images"},
    "networks": set(),
    "learning": {"networks"},
    "distillation": {"networks", "learning"},
    "features": set(),
    "deployment": set(),
    "statistics": {"deployment"},
    "export": {"networks", "statistics", "deployment"},
    "evaluation": {"statistics", "deployment", "pictures"},
    "reporting": set(),
}
TOOLS = sorted(path.relative_to(ROOT) for path in (ROOT / "tools").glob("*.py"))


@pytest.fixture(autouse=True)
def _at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def paths(stage: dict[str, Any], *keys: str) -> list[str]:
    entries = [entry for key in keys for entry in stage.get(key, [])]
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def module(stage: str) -> str:
    return OTHER_MODULE.get(stage, stage)


def test_the_modules_directly_below_are_the_stages():
    assert {path.stem for path in Path("stages").glob("*.py")} - {"__init__"} == set(map(module, STAGES))


def test_every_command_is_there_and_every_folder_named():
    for name in COMMANDS.values():
        assert Path("stages/commands", *name.split(".")).with_suffix(".py") in MODULES
    assert {folder(path) for path in MODULES} == {*FOLDERS, "commands", "stage"}


def test_what_no_stage_imports_stands_beside_the_pipeline_and_no_stage_imports_that():
    """A module in a folder that a stage depends on reruns the stage, whether it reads it or not."""
    read = {found for name in STAGES for found in all_imports(Path("stages", f"{module(name)}.py"))}
    beside = {path for path in MODULES if folder(path) == "commands"}
    assert {path for path in MODULES if path.name != "__init__.py"} - read == {
        path for path in beside if path.name != "__init__.py"
    }
    assert not read & beside
    assert not [path for path in MODULES if re.search(r"^ *(from|import) tools", path.read_text(), re.MULTILINE)]


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_runs_its_own_module(name):
    assert STAGES[name]["cmd"].split()[:3] == ["python", "-m", f"stages.{module(name)}"]


@pytest.mark.parametrize("name", STAGES)
def test_code_dependencies_are_the_units_it_imports(name):
    declared = [dep for dep in paths(STAGES[name], "deps") if dep.startswith("stages/")]
    imported = {unit(path) for path in all_imports(Path("stages", f"{module(name)}.py")) if path.name != "__init__.py"}
    assert sorted(declared) == sorted(imported)


@pytest.mark.parametrize("name", ["train_teacher", "distill", "quantize", "quantization_aware"])
def test_what_is_hashed_as_a_stages_code_is_what_it_depends_on(name):
    declared = {dep.removeprefix("stages/") for dep in paths(STAGES[name], "deps") if dep.startswith("stages/")}
    assert set(importlib.import_module(f"stages.{name}").CODE) == declared


def read_keys(picked: type) -> set[str]:
    """Return the keys of params.yaml that a stage's Params picks, as dvc.yaml writes them."""
    keys = set()
    for section, kind in get_type_hints(picked).items():
        if (
            isinstance(kind, type)
            and issubclass(kind, Part)
            and (kind.model_config["extra"] == "ignore" or UNHASHED & set(kind.model_fields))
        ):
            keys |= {f"{section}.{key}" for key in kind.model_fields}
        else:
            keys.add("data.name" if section == "data" else section)
    return keys


@pytest.mark.parametrize("name", sorted(set(STAGES) - {"check_params"}))
def test_declared_parameters_are_the_ones_read(name):
    declared = {re.sub(r"^init\..*", "init", key) for key in STAGES[name]["params"]}
    assert declared == read_keys(importlib.import_module(f"stages.{module(name)}").Params)


def test_every_section_is_read_by_a_stage_or_a_command():
    read = {key.split(".")[0] for name in STAGES if name != "check_params" for key in STAGES[name]["params"]}
    read |= {"tracking", "teacher"}  # commands/track.py; check_params, which writes each teacher's plan
    assert read == set(yaml.safe_load(Path("params.yaml").read_text()))  # commands/track.py


def test_check_params_reruns_on_every_key():
    params = yaml.safe_load(Path("params.yaml").read_text())
    image = {f"image.{key}" for key in params.pop("image")}
    assert set(STAGES["check_params"]["params"]) == {*params} | image


def nested_keys(content: object) -> set[str]:
    if not isinstance(content, dict):
        return set()
    return set(content).union(*map(nested_keys, content.values()))


@pytest.mark.parametrize("name", STAGES)
def test_no_parameter_is_hidden_from_the_run_cache(name):
    params = yaml.safe_load(Path("params.yaml").read_text())
    for key in STAGES[name]["params"]:
        value = params
        for part in key.split("."):
            value = value[part]
        assert not UNHASHED & nested_keys(value), key


def test_only_evaluate_holdout_reads_the_holdout():
    readers = {name for name, stage in STAGES.items() if any("holdout.csv" in dep for dep in paths(stage, "deps"))}
    assert readers == {"evaluate_holdout"}
    mentions = {path for path in MODULES if re.search(r"[\"'/]holdout[\"'.]", path.read_text())}
    # splits names the splits, and prepare_splits writes them from there; reporting and the commands read tables of
    # the evaluation, whose outputs no stage reads that makes a choice: see the next test
    assert {folder(path) for path in mentions} <= {"foundation", "evaluation", "reporting", "commands", "stage"}
    for name in set(STAGES) - {"evaluate_holdout", "report"}:
        read = mentions & all_imports(Path("stages", f"{module(name)}.py"))
        assert read <= {Path("stages/foundation/splits.py")}, name


def test_no_choice_can_follow_from_the_evaluation():
    written = set(paths(STAGES["evaluate_holdout"], "outs", "metrics", "plots"))
    readers = {name for name, stage in STAGES.items() if written & set(paths(stage, "deps"))}
    assert readers == {"explain", "report"}
    written = {out for name in readers for out in paths(STAGES[name], "outs", "plots")}
    assert {name for name, stage in STAGES.items() if written & set(paths(stage, "deps"))} == {"report"}


def test_no_stage_depends_on_the_folder_that_holds_the_holdout():
    for stage in STAGES.values():
        assert not [dep for dep in paths(stage, "deps") if dep.endswith("processed/${data.name}")]


def test_nothing_under_outs_is_uncached():
    for name, stage in STAGES.items():
        assert all(isinstance(out, str) for out in stage.get("outs", [])), name


def test_the_students_are_the_grid_the_control_and_the_selected_one():
    assert list(PIPELINE["distill"]["foreach"]) == STUDENTS


def test_evaluation_names_every_student():
    students = [dep for dep in paths(STAGES["evaluate_holdout"], "deps") if "/students" in dep]
    assert students == [f"models/${{data.name}}/predictions/students/{key}" for key in STUDENTS]


def test_the_control_and_the_repeated_student_are_repeated_with_every_seed():
    assert PIPELINE["repeat_student"]["matrix"] == {"student": [CONTROL, "${kd.repeated}"], "seed": "${kd.seeds}"}


def test_dvc_yaml_is_read_in_a_minute():
    assert Path("dvc.yaml").read_text().count("\n") <= 280


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_go_one_way(path):
    own = folder(path)
    reached = {folder(found) for found in direct_imports(path) if found.name != "__init__.py"} - {own, "foundation"}
    if own in FOLDERS:
        assert reached <= FOLDERS[own]
    else:
        assert reached <= set(FOLDERS)


def test_dvcs_plots_can_show_every_metric_of_their_tables(finished):
    template = json.loads((ROOT / ".dvc/plots/intervals.json").read_text())
    options = set(template["params"][0]["bind"]["options"])
    plots = [plot for stage in STAGES.values() for plot in stage.get("plots", []) if isinstance(plot, dict)]
    tables = [path for plot in plots for path, how in plot.items() if how.get("template") == "intervals"]
    assert len(tables) == 5
    for path in tables:
        table = pd.read_csv(finished / path.replace("${data.name}", "demo"))
        assert set(table["metric"]) <= options, path


def test_dvc_shows_sixteen_tables_and_curves_of_the_evaluation():
    assert len(STAGES["evaluate_holdout"]["plots"]) == 16


def test_what_a_run_makes_is_cached_but_its_headline_and_git_ignores_it():
    """So that a clone stays clean on another processor, and `dvc plots diff` works from DVC's cache."""
    for name, stage in STAGES.items():
        assert not [plot for plot in stage.get("plots", []) if isinstance(plot, dict) and "cache" in str(plot)], name
    made = [path.replace("${data.name}", "demo") for stage in STAGES.values() for path in paths(stage, "outs", "plots")]
    ignored = subprocess.run(["git", "check-ignore", "--no-index", *made], capture_output=True, text=True, check=False)
    assert set(ignored.stdout.split()) == set(made)
    assert STAGES["evaluate_holdout"]["metrics"] == [{"metrics/${data.name}/headline.json": {"cache": False}}]
    tracked = subprocess.run(["git", "ls-files", "metrics", "plots"], capture_output=True, text=True, check=True)
    assert [name for name in tracked.stdout.split() if "demo" in name] == ["metrics/demo/headline.json"]


def third_party(path: Path) -> set[str]:
    trees = (ast.parse(found.read_text()) for found in all_imports(path))
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    names |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {name.split(".")[0] for name in names}


def test_what_only_reads_tables_starts_without_torch():
    with_torch = {path for path in MODULES if "torch" in third_party(path)}
    stages = {path.stem for path in with_torch if folder(path) == "stage"}
    assert stages == {
        "train_teacher",
        "soft_labels",
        "distill",
        "quantization_aware",
        "quantize",
        "stress_test",
        "explain",
    }
    beside = {path.parts[2] for path in with_torch if folder(path) == "commands"}
    assert beside == {"mobile"}
    folders = {folder(path) for path in with_torch} - {"stage", "commands"}
    assert folders == {"networks", "learning", "distillation", "export"}


UNSAFE = re.compile(
    r"\bpickle\b(?!s)|read_pickle|to_pickle|\bdill\b|shelve|marshal|cloudpickle|from torch import load|joblib|"
    r"allow_pickle=True|yaml\.(unsafe_|full_)?load\(|LOAD_TRUNCATED_IMAGES|\.glob\("
)
ALLOWED = {
    ("models.py", "pickle"),  # the message that refuses one
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


@pytest.mark.parametrize("path", [*MODULES, *TOOLS], ids=str)
def test_functions_and_files_stay_small(path):
    text = path.read_text()
    assert text.count("\n") <= 200
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    assert not [node.name for node in functions if (node.end_lineno or 0) - node.lineno >= 45]
