"""README.md's drawn parts are what the tracked files say."""

import shutil

import pandas as pd
from conftest import ROOT

from stages.commands import compare_published
from stages.commands.readme import comparison_rows, render, results, stage_diagram
from stages.foundation.params import read_yaml

SELECTED = "student_T1_alpha0.5"
PIPELINE = read_yaml(ROOT / "dvc.yaml")


def test_the_readme_is_up_to_date():
    text = (ROOT / "README.md").read_text()
    assert render(text, PIPELINE, ROOT / "metrics/ham10000") == text, "run `make readme`"


def test_the_diagram_has_every_stage_and_the_known_arrows():
    diagram = stage_diagram(PIPELINE)
    for arrow in (
        "synthesize_demo --> prepare_splits",
        "synthesize_demo --> pack_images",
        "pack_images --> train_teacher",
        "train_teacher --> soft_labels",
        "soft_labels --> distill",
        "distill --> quantize",
        "quantize --> evaluate_holdout",
        "baselines --> evaluate_holdout",
        "train_teacher --> evaluate_holdout",
        "evaluate_holdout --> explain",
        "explain --> report",
        "evaluate_holdout --> report",
    ):
        assert arrow in diagram
    assert "synthesize_demo --> train_teacher" not in diagram
    assert "report -->" not in diagram


def test_results_are_the_tables_with_intervals(finished):
    part = results(finished / "metrics/demo")
    models = pd.read_csv(finished / "metrics/demo/evaluation/models.csv", dtype={"at": str})
    found = models.set_index(["model", "split", "at", "metric"]).sort_index()
    row = found.loc[("student_int8", "holdout", "operating point", "specificity")]
    table, _ = part.split("Paired")
    (line,) = [line for line in table.splitlines() if line.startswith("| student ONNX int8 |")]
    assert f"{row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})" in line
    assert table.count("| student T=1 α=0.5 |") == 1
    assert "| student ONNX int8 | student ONNX fp32 | " in part


def test_a_difference_that_is_shown_says_which_way_it_goes():
    row = {"model": "student_int8", "reference": "student_fp32", "at": "all", "low": -0.01, "high": 0.03}
    shown = {"metric": "roc_auc", "difference": 0.01, "p_holm": 0.04, "verdict": "better"}
    open_ = {"metric": "ece", "difference": -0.01, "p_holm": 0.5, "verdict": "no difference shown"}
    *_, line = comparison_rows(pd.DataFrame([row | shown, row | open_]))
    assert line == (
        "| student ONNX int8 | student ONNX fp32 | +0.0100 (-0.0100 to +0.0300), p 0.040: **better** | - "
        "| -0.0100 (-0.0100 to +0.0300), p 0.500 |"
    )


def test_without_results_it_says_so(tmp_path):
    assert results(tmp_path).startswith("No results on HAM10000")


def test_published_models_and_the_measured_speed_stand_beside_ours(tiny):
    folder = tiny / "metrics/demo"
    predictions = pd.read_csv(folder / "predictions.csv").query("split == 'holdout'")
    (tiny / "metrics/published").mkdir()
    table = predictions[["image_id", "melanoma"]].assign(published_efficientnet_b1=predictions["resnet18"])
    table.to_csv(tiny / "metrics/published/demo.csv", index=False)
    compare_published.main()
    for name in ("deployment.csv", "machine.json"):
        shutil.copy(ROOT / "metrics/demo" / name, folder)
    part = results(folder)
    rows = {line.split(" | ")[0]: line for line in part.split("Paired")[0].splitlines()}
    cells = {name: rows[name].split(" | ")[1:] for name in ("| published EfficientNet-B1", "| ResNet-18")}
    ours, theirs = cells["| ResNet-18"], cells["| published EfficientNet-B1"]
    assert theirs[:5] == [*ours[:2], "-", "-", ours[4]]
    speed = pd.read_csv(folder / "deployment.csv").set_index(["model", "runtime"])["ms_p50_1_thread"]
    for name, key in (
        ("ResNet-18", ("resnet18", "pytorch")),
        ("student ONNX int8", (SELECTED, "onnx int8")),
    ):
        assert f"| {speed[key]:.2f} (" in rows[f"| {name}"]
    assert "| student ONNX int8 | published EfficientNet-B1 | " in part
    assert "one thread" in part
