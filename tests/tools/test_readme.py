"""README.md, docs/ and their figure say what the tracked files say; what they name is there."""

import re
import shutil
import subprocess

import pandas as pd
import pytest
import yaml
from conftest import ROOT

from stages.commands.main import COMMANDS
from stages.commands.main import main as melanoma_kd
from stages.foundation.names import ARCHITECTURES
from stages.reporting.labels import label_of
from tools.clinic_table import clinic_table
from tools.readme import EVERY_ARCHITECTURE, HAM10000, diagram, render, replace_part
from tools.readme_parts import (
    architecture_table,
    difference_table,
    fold_table,
    headline_figure,
    headline_table,
    method_table,
    model_table,
    runtime_table,
)
from tools.results import Results

SELECTED = "student_T1_alpha0.5"
RANKING = ("average_precision", "roc_auc")
PUBLISHED = ROOT / "metrics/published/models.csv"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *DOCS]
PATH = re.compile(r"`((?:stages|tests|tools|docs|web|metrics|plots|models|data|build|logs)/[\w./@*<>{},-]+)`")


@pytest.fixture
def at_root(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_every_drawn_part_is_up_to_date(at_root):
    for path, text in render(Results(HAM10000), Results(EVERY_ARCHITECTURE)).items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: run `make readme`"


def test_the_first_screen_invites(at_root):
    text = (ROOT / "README.md").read_text()
    first = re.sub(r"!?\[[^\]]*\]\([^)]*\)|<!--.*?-->", "", text[: text.index("\n```")])
    assert len(re.findall(r"[A-Za-z][A-Za-z'-]*", first)) <= 360
    assert len(re.findall(r"[0-9]+(?:[.,][0-9]+)*", first)) <= 50
    assert "Nothing here is a medical device" in " ".join(text.splitlines()[:10])
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    assert len(pictures) >= 3
    assert all((ROOT / picture).stat().st_size < 500_000 for picture in pictures)
    assert text.index(pictures[0]) < 800


def test_what_is_linked_is_there():
    for page in PAGES:
        for link in re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_what_a_link_points_to_in_a_page_is_a_heading_of_it():
    for page in PAGES:
        for link, anchor in re.findall(r"\]\((?!http)([^)#]*)#([^)]+)\)", page.read_text()):
            headings = re.findall(r"^#+ (.+)$", (page.parent / link if link else page).read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{page.name}: {link}#{anchor}"


def test_every_command_in_the_documents_is_one():
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert len(targets) <= 16
    for page in [*PAGES, ROOT / "CHANGELOG.md"]:
        if page.name in ("history.md", "CHANGELOG.md"):  # they name what is gone, too
            continue
        text = page.read_text()
        for name in re.findall(r"melanoma-kd ([a-z_]+)", text):
            assert name in COMMANDS, f"{page.name}: melanoma-kd {name}"
        for name in re.findall(r"(?:`|^|&& )make ([a-z0-9-]+)", text, re.MULTILINE):
            assert name in targets, f"{page.name}: make {name}"
        for module in re.findall(r"python -m ((?:stages|tools)[\w.]*)", text):
            path = ROOT.joinpath(*module.split("."))
            assert path.with_suffix(".py").is_file() or path.is_dir(), f"{page.name}: {module}"


def test_every_path_in_the_documents_is_tracked_or_made_by_a_stage():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    made = (ROOT / "dvc.yaml").read_text() + (ROOT / "Makefile").read_text()
    sources = "".join(path.read_text() for folder in ("stages", "tools") for path in (ROOT / folder).rglob("*.py"))
    for page in PAGES:
        if page.name == "history.md":
            continue
        for name in PATH.findall(page.read_text()):
            known = any(path == name or path.startswith(name.rstrip("/") + "/") for path in listed)
            last = re.sub(r"[<{].*?[>}]", "", name.rstrip("/")).rsplit("/", 1)[-1].strip("*.")
            assert known or last in made or last in sources, f"{page.name}: {name}"


def test_the_pages_are_short():
    assert sum(page.read_text().count("\n") for page in DOCS if page.name != "history.md") <= 900


def test_the_folds_are_said_in_rows_or_that_they_were_not_measured(tmp_path):
    assert fold_table(tmp_path / "procedures.csv").endswith("not measured yet.")
    rows = ["-,5,3,1,T2_alpha0.9,-,T1_alpha0,all,log_loss,-0.02,-0.03,-0.01,better"]
    rows += [f"-,5,3,1,T2_alpha0.9,-,T1_alpha0,all,{name},0.01,-0.001,0.02,no difference shown" for name in RANKING]
    rows += [row.replace(",5,3,1,", ",5,3,4,") for row in rows]
    others = [row.replace(",all,", ",platt,") for row in rows]
    others += [row.replace("-,T1_alpha0,", "-,resnet18,") for row in rows]
    head = "changed,folds,seeds,turns,model,reference_changed,reference,at,metric,difference,low,high,verdict"
    rows, others = (
        [f"{row},128,resnet18 efficientnet_b0 resnet18_seed43" for row in group] for group in (rows, others)
    )
    (tmp_path / "procedures.csv").write_text("\n".join([f"{head},size,teachers", *rows, *others]))
    pair = "distilling (T=2 α=0.9, from 2 ResNet-18 and 1 EfficientNet-B0) - training alone | 5 folds, 3 seeds, 128 px"
    assert fold_table(tmp_path / "procedures.csv").splitlines()[2:] == [
        f"| {pair} | log loss | -0.0200 (-0.0300 to -0.0100) | better |",
        f"| {pair} | average precision | +0.0100 (-0.0010 to +0.0200) | no difference shown |",
        f"| {pair} | ROC-AUC | +0.0100 (-0.0010 to +0.0200) | no difference shown |",
    ]
    several = [row.replace("-,5", "a=1,5").replace("0.9,-", "0.9,a=1") for row in rows]
    several += [row.replace("a=1,5", "a=2,5") for row in several]
    (tmp_path / "procedures.csv").write_text("\n".join([f"{head},size,teachers", *several]))
    pairs = [line.split(" | ")[0] for line in fold_table(tmp_path / "procedures.csv").splitlines()[2::3]]
    assert pairs[0].endswith("1 EfficientNet-B0, a=1) - training alone")
    assert pairs[1].endswith("1 EfficientNet-B0, a=2) - the same, a=1")


def test_every_file_that_was_timed_has_its_row_and_no_time_stands_twice(at_root):
    results = Results(HAM10000)
    lines = [line.strip("| ").split(" | ") for line in runtime_table(results).splitlines()[2:]]
    timed = results.deployment()
    files = {(row["model"], row["runtime"]) for row in timed.to_dict("records")}
    shown = [(model, runtime) for model, runtime, *_ in lines]
    assert len(set(shown)) == len(shown)
    selected = label_of(results.index, role="selected")
    assert set(shown) == files
    assert {runtime for model, runtime in shown if model == selected} > {"pytorch", "onnx fp32", "onnx int8"}
    (released,) = [cells for model, runtime, *cells in lines if (model, runtime) == (selected, "onnx int8")]
    row = timed[(timed["model"] == selected) & (timed["runtime"] == "onnx int8")].iloc[0]
    assert released[2] == f"{row['ms_p50_1_thread']:.2f} ({row['ms_p95_1_thread']:.2f})"


def test_the_diagram_has_every_stage_and_no_arrow_that_others_imply(at_root):
    drawn = diagram()
    for arrow in (
        "synthesize_demo --> prepare_splits",
        "train_teacher --> soft_labels",
        "distill --> quantization_aware",
    ):
        assert arrow in drawn
    assert "train_teacher --> evaluate_holdout" not in drawn  # by way of soft_labels, distill and quantize
    assert "report -->" not in drawn


def test_the_method_that_was_taken_and_those_that_failed_are_said(tmp_path):
    head = "method,roc_auc_change,roc_auc_change_low,roc_auc_change_high,val_ece,megabytes,passes,chosen"
    rows = [
        "fp32,0,0,0,0.02,6.1,no,no",
        "a,-0.03,-0.04,-0.02,0.021,1.6,no,no",
        "b,0.001,-0.002,0.004,0.03,1.65,yes,yes",
    ]
    (tmp_path / "quantization.csv").write_text("\n".join([head, *rows]))
    assert method_table(tmp_path / "quantization.csv").splitlines()[2:] == [
        "| `a` | -0.0300 (-0.0400 to -0.0200) | 0.0210 | 1.600 | no |",
        "| `b` | +0.0010 (-0.0020 to +0.0040) | 0.0300 | 1.650 | yes, taken |",
    ]


@pytest.fixture
def tables(tiny):
    """Of a run that was kept."""
    shutil.copytree(tiny / "metrics/demo/evaluation", tiny / "metrics/demo/run/evaluation")
    return Results(tiny / "metrics/demo", PUBLISHED)


def test_results_are_the_tables_with_intervals(tables, finished):
    models = pd.read_csv(finished / "metrics/demo/evaluation/models.csv", dtype={"at": str})
    metrics = models.set_index(["model", "split", "at", "metric"]).sort_index()
    row = metrics.loc[("student_int8", "holdout", "operating point", "specificity")]
    (line,) = [line for line in model_table(tables).splitlines() if line.startswith("| student ONNX int8 weights |")]
    assert f"{row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})" in line
    assert model_table(tables).count("| student T=1 α=0.5 |") == 1
    auc = metrics.loc[("student_int8", "holdout", "all", "roc_auc")]
    (line,) = [line for line in headline_table(tables).splitlines() if "the released file" in line]
    assert f"| - | {auc['value']:.3f} | - |" in line  # without sources or clinics
    figure = headline_figure(tables)
    for name in ("teacher", "student, distilled", "the released file", "control: the student without a teacher"):
        assert name in figure


def test_every_architecture_stands_in_its_table_with_what_it_started_from(at_root):
    """Size and time are there, too: of a model that was not trained nothing could be."""
    header, _, *lines = architecture_table(Results(EVERY_ARCHITECTURE)).splitlines()
    assert header == "| model | start | ROC-AUC | average precision | MB | ms, p50 (p95) |"
    rows = {name: cells for name, *cells in (line.strip("| ").split(" | ") for line in lines)}
    trained = yaml.safe_load((EVERY_ARCHITECTURE / "run/params.yaml").read_text())["teachers"]
    assert rows.keys() == {ARCHITECTURES[key] for key in trained} | {"student T=1 α=0.5"}
    assert len(trained) == 13
    assert "-" not in [cell for cells in rows.values() for cell in cells]
    from_files = {"EfficientNet-B0", "EfficientNet-B1", "EfficientNet-B2", "student T=1 α=0.5"}
    assert {name for name, cells in rows.items() if cells[0] != "random"} == from_files


def test_each_pair_stands_among_the_shown_or_the_others_by_its_verdicts(tables):
    """A metric with a difference shown stands in the first table alone; what is shown of its margin follows it."""
    tables.comparisons = tables.comparisons.query("family == 'int8 against fp32'").assign(
        verdict=lambda table: [
            "worse" if name == "average_precision" else "no difference shown" for name in table["metric"]
        ],
        claim=lambda table: ["equivalent" if name == "roc_auc" else "-" for name in table["metric"]],
    )
    pair = r"\| student ONNX int8 weights - student ONNX fp32 \| "
    (shown,) = difference_table(tables, significant=True).splitlines()[2:]
    assert re.fullmatch(pair + r"average precision \| \S+ \| \S+ to \S+ \| worse \|", shown)
    others = difference_table(tables, significant=False).splitlines()[2:]
    assert re.fullmatch(pair + r"ROC-AUC.* \| .* \| no difference shown; within 0.005: equivalent \|", others[0])
    assert re.fullmatch(pair + r"log loss, recalibrated \| .* \| no difference shown \|", others[-1])
    assert not [line for line in others if "average precision" in line]


def test_each_model_is_asked_about_every_clinic(at_root):
    results = Results(HAM10000)
    head, _, *lines = clinic_table(results).splitlines()
    columns = head.strip("| ").split(" | ")[1:]
    cells = {
        row[0]: dict(zip(columns, row[1:], strict=True)) for row in (line.strip("| ").split(" | ") for line in lines)
    }
    int8 = results.models.query("model == @results.int8 and split == 'holdout' and metric == 'roc_auc'").set_index("at")
    for place, column in (("all", "pooled"), ("within sources", "within sources")):
        assert cells[results.int8][column].startswith(f"{float(int8.loc[place, 'value']):.3f} (")
    unseen = pd.read_csv(HAM10000 / "left_out.csv").query("at == 'all' and metric == 'roc_auc' and changed == '-'")
    control = unseen.set_index(["left_out", "model"])["value"]["rosendahl", "T1_alpha0"]
    assert cells[results.over_seeds("student_T1_alpha0")]["rosendahl, never seen"].startswith(f"{control:.3f} (")
    assert cells["random forest"]["rosendahl, never seen"] == "-"


def test_without_results_it_says_so(tmp_path):
    with pytest.raises(ValueError, match=r"model_index\.csv: no such table"):
        Results(tmp_path, PUBLISHED)


def test_a_part_without_its_markers_is_named():
    with pytest.raises(ValueError, match="wanted the markers <!-- results -->"):
        replace_part("no markers", "results", "")


def test_published_models_and_the_measured_speed_stand_beside_ours(tiny, tables):
    folder = tiny / "metrics/demo"
    predictions = pd.read_csv(folder / "evaluation/predictions.csv").query("split == 'holdout'")
    (tiny / "metrics/published").mkdir()
    names = pd.read_csv(PUBLISHED)["model"]
    table = predictions[["image_id", "melanoma"]].assign(**dict.fromkeys(names, predictions["resnet18"]))
    table.to_csv(tiny / "metrics/published/demo.csv", index=False)
    melanoma_kd(["compare_published"])
    tables = Results(folder, PUBLISHED)
    cells = {line.split(" | ")[0]: line.strip(" |").split(" | ")[1:] for line in headline_table(tables).splitlines()}
    assert cells["| student of the original study"] == [*cells["| teacher"][:2], "-", "-"]
    pairs = set(zip(tables.comparisons["model"], tables.comparisons["reference"], strict=True))
    assert ("student ONNX int8 weights", "published EfficientNet-B1") in pairs
