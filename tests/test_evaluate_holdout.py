"""Evaluation: every number from the frozen tables, choices on val, nothing globbed (row 47), no NaN (row 32)."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import question, write_params
from sklearn.metrics import roc_auc_score

from stages import evaluate_holdout
from stages.evaluation.roles import roles_of
from stages.foundation.probability import log_odds
from stages.foundation.settings import Baselines, Kd
from stages.reporting.labels import ablation_table, baseline_table, read_index, read_table
from stages.statistics.ranking import thresholds_at_sensitivity, unit_weights

TRAINED = [
    "resnet18", "student_T1_alpha0.5", "student_T1_alpha0.9", "student_T2_alpha0.5", "student_T2_alpha0.9",
    "student_T1_alpha0", "student_T1_alpha0_seed43", "student_T1_alpha0_seed44", "student_T1_alpha0.5_seed43",
    "student_T1_alpha0.5_seed44",
]  # fmt: skip
REPEATED = ["student_T1_alpha0.5", "student_T1_alpha0.5_seed43", "student_T1_alpha0.5_seed44",
            "student_T1_alpha0", "student_T1_alpha0_seed43", "student_T1_alpha0_seed44"]  # fmt: skip
TURNED = [f"{name}_turned" for name in ("resnet18", *REPEATED)]
OTHERS = ["student_fp32", "student_int8", "logistic_regression", "svm_rbf", "random_forest", "gradient_boosting"]
OTHERS.append("source_alone")  # the drawn archive has two cameras
MODELS = [*TRAINED, *OTHERS]
SCORED = [*TRAINED, *TURNED, *OTHERS]
MEANS = ["student_T1_alpha0.5, mean of 3 seeds", "student_T1_alpha0, mean of 3 seeds"]
MEANS += [f"{name}, four turns" for name in MEANS]


def read_models(folder):
    """Return models.csv with one row per (model, split, at, metric)."""
    table = pd.read_csv(folder / "metrics/demo/evaluation/models.csv", dtype={"at": str})
    return table.set_index(["model", "split", "at", "metric"]).sort_index()


def chosen_at(val, name):
    """Return the model's threshold for a sensitivity of 0.95 on val, by predictions.csv alone."""
    labels = val["melanoma"].to_numpy()
    return thresholds_at_sensitivity(labels, val[name].to_numpy(), 0.95, unit_weights(labels))[0]


def test_every_named_model_is_scored_on_both_splits(tiny):
    models = pd.read_csv(tiny / "metrics/demo/evaluation/models.csv")
    assert models["model"].unique().tolist() == [*SCORED, *MEANS]
    assert (models.groupby("model")["split"].unique().map(list).map(str) == "['val', 'holdout']").all()
    sizes = models.groupby(["model", "split"]).size()
    within = models[models["at"] == "within sources"].groupby("split").size()
    for (name, split), size in sizes.items():
        expected = (
            12 + 7 + 7 + 4 + (5 if split == "holdout" else 3) + (split in within)
        )  # all, 0.5, operating point, by lesion, platt
        upright = split == "holdout" and name in MODELS
        assert size == expected + upright * (8 + 1), (name, split)  # temperature, ECE if calibrated
    assert not models.isna().any().any()
    assert ((models["low"] <= models["value"]) & (models["value"] <= models["high"])).mean() > 0.99


def test_the_frozen_table_gives_every_number_again(tiny):
    frozen = pd.read_csv(tiny / "metrics/demo/evaluation/predictions.csv")
    models = read_models(tiny)["value"]
    thresholds = read_models(tiny)["threshold"]
    val, holdout = (frozen[frozen["split"] == name] for name in ("val", "holdout"))
    for name in SCORED:
        roc_auc = roc_auc_score(holdout["melanoma"], holdout[name])
        assert models[name, "holdout", "all", "roc_auc"] == pytest.approx(roc_auc, abs=1e-6)
        threshold = chosen_at(val, name)
        assert float(thresholds[name, "holdout", "operating point", "sensitivity"]) == pytest.approx(
            threshold, abs=1e-6
        )
        specificity = np.mean(holdout.loc[holdout["melanoma"] == 0, name] < threshold)
        assert models[name, "holdout", "operating point", "specificity"] == pytest.approx(specificity, abs=1e-6)
        assert models[name, "val", "operating point", "sensitivity"] >= 0.95


def flip_holdout(folder):
    path = folder / "data/processed/demo/holdout.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table["dx"] = ["nv" if dx == "mel" else "mel" for dx in table["dx"]]
    table["melanoma"] = [str(1 - int(value)) for value in table["melanoma"]]
    table.to_csv(path, index=False)


def test_no_choice_depends_on_the_holdout(tiny):
    before, headline = read_models(tiny), json.loads((tiny / "metrics/demo/headline.json").read_text())
    names = {"model_index": ["model", "temperature_slope", "platt_slope", "platt_intercept"]}
    chosen = {
        name: pd.read_csv(tiny / f"metrics/demo/evaluation/{name}.csv")[columns] for name, columns in names.items()
    }
    bounds = question(tiny, "decisions", "referral")[["model", "melanoma_from", "other_up_to"]]
    flip_holdout(tiny)
    evaluate_holdout.main()
    after = read_models(tiny)
    assert (question(tiny, "decisions", "referral")[bounds.columns] == bounds).all().all()
    # Only whether the holdout has pairs within a source is the holdout's.
    before, after = (table.drop("within sources", level="at", errors="ignore") for table in (before, after))
    assert (before["threshold"] == after["threshold"]).all()
    assert (before.xs("val", level="split") == after.xs("val", level="split")).all().all()
    assert json.loads((tiny / "metrics/demo/headline.json").read_text()) == headline
    for name, columns in names.items():
        assert (pd.read_csv(tiny / f"metrics/demo/evaluation/{name}.csv")[columns] == chosen[name]).all().all()
    assert (before.xs("holdout", level="split")["value"] != after.xs("holdout", level="split")["value"]).any()


def test_the_headline_is_the_selected_students(tiny):
    headline = json.loads((tiny / "metrics/demo/headline.json").read_text())
    models = read_models(tiny)["value"]
    selected = models["student_T1_alpha0.5", "holdout", "all", "roc_auc"]
    assert json.loads((tiny / "metrics/demo/holdout.json").read_text())["roc_auc"] == pytest.approx(selected, abs=5e-5)
    on_val = {key: models[f"student_{key}", "val", "all", "roc_auc"] for key in ("T1_alpha0.5", "T1_alpha0")}
    assert headline["val"]["roc_auc"] == pytest.approx(on_val["T1_alpha0.5"], abs=5e-5)
    if "within sources" not in pd.read_csv(tiny / "metrics/demo/evaluation/models.csv")["at"].tolist():
        assert headline["val"]["gain"] == pytest.approx(on_val["T1_alpha0.5"] - on_val["T1_alpha0"], abs=1e-4)
    size = (tiny / "models/demo/onnx/student_int8.onnx").stat().st_size
    assert headline["megabytes"] == pytest.approx(size / 1e6, rel=0.01)
    cells = {name: models[name, "val", "all", "roc_auc"] for name in MODELS[1:5]}
    assert headline["val"]["best"] == max(cells, key=cells.get).removeprefix("student_")


def test_comparisons_are_those_that_were_asked_for(tiny):
    table = pd.read_csv(tiny / "metrics/demo/evaluation/comparisons.csv")
    pairs = set(zip(table["family"], table["model"], table["reference"], strict=True))
    selected, control = "student_T1_alpha0.5", "student_T1_alpha0"
    assert {
        ("student against teacher", selected, "resnet18"),
        ("student against teacher, all seeds", f"{selected}, mean of 3 seeds", "resnet18"),
        ("distillation against control", selected, control),
        (
            "distillation against control, all seeds",
            f"{selected}, mean of 3 seeds",
            f"{control}, mean of 3 seeds",
        ),
        ("distillation against control, all seeds, four turns", MEANS[2], MEANS[3]),
        ("four turns against one", MEANS[2], MEANS[0]),
        ("int8 against fp32", "student_int8", "student_fp32"),
    } <= pairs
    assert sum(family == "cell against the best on val" for family, _, _ in pairs) == 3
    assert sum(family == "student against baseline" for family, _, _ in pairs) == 4
    models = read_models(tiny)["value"]
    pooled = (table["metric"] == "roc_auc") & (table["at"] == "all")
    row = table[(table["reference"] == "resnet18") & pooled].iloc[0]
    expected = models[selected, "holdout", "all", "roc_auc"] - models["resnet18", "holdout", "all", "roc_auc"]
    assert row["difference"] == pytest.approx(expected, abs=2e-6)
    means = table[(table["family"] == "distillation against control, all seeds") & pooled].iloc[0]
    runs = [
        np.mean([models[key + end, "holdout", "all", "roc_auc"] for end in ("", "_seed43", "_seed44")])
        for key in (selected, control)
    ]
    assert means["difference"] == pytest.approx(runs[0] - runs[1], abs=2e-6)
    assert means["compares"] == "trainings"
    claims = table[pooled].set_index(["family", "metric"])["claim"]
    assert claims["student against teacher", "roc_auc"].startswith("not inferior")
    assert claims["int8 against fp32", "roc_auc"].startswith("equivalent")


def test_a_mean_of_seeds_is_their_mean_and_has_no_threshold(tiny):
    models = read_models(tiny)
    runs = [models["value"][name, "holdout", "operating point", "sensitivity"] for name in REPEATED[:3]]
    row = models.loc[MEANS[0], "holdout", "operating point", "sensitivity"]
    assert row["value"] == pytest.approx(np.mean(runs), abs=2e-6)
    assert row["threshold"] == "-"


def test_a_turned_model_is_the_same_model_over_four_turns(tiny):
    frozen = pd.read_csv(tiny / "metrics/demo/evaluation/predictions.csv").set_index("image_id")
    for name, path in (("resnet18", "teachers/resnet18"), ("student_T1_alpha0_seed43", "repeats/T1_alpha0_seed43")):
        table = pd.read_csv(tiny / f"models/demo/predictions/{path}/turned.csv").set_index("image_id")
        assert np.allclose(frozen[f"{name}_turned"], table["p_melanoma"].loc[frozen.index])
    assert not np.allclose(frozen["resnet18_turned"], frozen["resnet18"], rtol=1e-3)


def test_several_teachers_are_scored_as_one_by_their_mean_log_odds(tiny):
    folder = tiny / "models/demo/predictions/teachers"
    shutil.copytree(folder / "resnet18", folder / "resnet18_seed43")
    for name in ("predictions", "turned"):
        table = pd.read_csv(folder / f"resnet18/{name}.csv")
        table["p_melanoma"] = 0.5 * table["p_melanoma"].iloc[::-1].to_numpy()
        table.to_csv(folder / f"resnet18_seed43/{name}.csv", index=False)
    teachers = ["resnet18", "resnet18_seed43"]
    write_params(tiny, teachers=teachers, kd={"teachers": teachers})
    evaluate_holdout.main()
    frozen = pd.read_csv(tiny / "metrics/demo/evaluation/predictions.csv")
    expected = np.mean([log_odds(frozen[name].to_numpy()) for name in teachers], axis=0)
    assert np.allclose(log_odds(frozen["teacher_ensemble"].to_numpy()), expected)
    index = pd.read_csv(tiny / "metrics/demo/evaluation/model_index.csv", dtype=str).set_index("model")
    assert index.loc["teacher_ensemble", ["label", "kind", "role", "detail"]].tolist() == [
        "mean of 2 teachers", "ensemble", "ensemble", "yes"
    ]  # fmt: skip
    assert "teacher_ensemble_turned" in index.index
    comparisons = pd.read_csv(tiny / "metrics/demo/evaluation/comparisons.csv")
    assert set(comparisons.query("family == 'ensemble against its teachers'")["reference"]) == set(teachers)
    assert set(comparisons.query("family == 'student against teacher'")["reference"]) == {"teacher_ensemble"}


def test_repeatability_and_consequences_are_of_the_frozen_decisions(tiny):
    frozen = pd.read_csv(tiny / "metrics/demo/evaluation/predictions.csv")
    val, holdout = (frozen[frozen["split"] == name] for name in ("val", "holdout"))
    repeated = holdout.groupby("lesion_id").filter(lambda images: len(images) > 1)
    table = question(tiny, "decisions", "repeatability").set_index(["model", "of"])
    for name in MODELS:
        cut = chosen_at(val, name)
        called = (repeated[name] >= cut).groupby(repeated["lesion_id"])
        assert table.loc[(name, "all"), "value"] == pytest.approx((called.nunique() > 1).mean(), abs=1e-6)
        assert table.loc[(name, "all"), "lesions"] == repeated["lesion_id"].nunique()
    table = question(tiny, "decisions", "consequences").set_index(["model", "prevalence", "metric"])["value"]
    melanomas = holdout[holdout["melanoma"] == 1]
    cut = chosen_at(val, "student_int8")
    found = (melanomas["student_int8"] >= cut).groupby(melanomas["lesion_id"]).mean().mean()  # a lesion counts once
    assert table["student_int8", 0.02, "melanomas_found_of_1000"] == pytest.approx(20 * found, abs=1e-3)
    assert set(table.index.get_level_values("prevalence")) == {0.11, 0.02}


def test_the_studys_tables_are_pivots_of_the_numbers(tiny):
    index = read_index(tiny / "metrics/demo/evaluation")
    table = read_table(tiny / "metrics/demo/evaluation/models.csv", index)
    ablation, baselines = ablation_table(table, index), baseline_table(table, index)
    cells = list(zip(ablation["temperature"], ablation["alpha"], strict=True))
    assert cells == [(1, 0.5), (1, 0.9), (2, 0.5), (2, 0.9), (1, 0)]
    assert (baselines["features"] == 208).all()
    models, names = read_models(tiny)["value"], index.set_index("label")["model"]
    for pivot in (ablation, baselines):
        for row in pivot.to_dict("records"):
            assert row["roc_auc"] == models[names[row["model"]], "holdout", "all", "roc_auc"]
            assert row["ppv"] == models[names[row["model"]], "holdout", "0.5", "ppv"]


def test_decisions_are_counted_as_they_are_scored(tiny):
    counts = question(tiny, "counts", "outcomes").set_index(["model", "at", "outcome"])["images"]
    models = read_models(tiny)["value"]
    for name, at in counts.index.droplevel("outcome").unique():
        found, missed = (counts[name, at, outcome] for outcome in ("true positives", "false negatives"))
        assert models[name, "holdout", at, "sensitivity"] == pytest.approx(found / (found + missed), abs=1e-6)


def test_models_left_behind_are_not_scored(tiny):
    folder = tiny / "models/demo/predictions"
    for kind, model, left in (("teachers", "resnet18", "resnet50"), ("students", "T1_alpha0.5", "T4_alpha0.5")):
        shutil.copytree(folder / kind / model, folder / kind / left)
    evaluate_holdout.main()
    models = pd.read_csv(tiny / "metrics/demo/evaluation/models.csv")
    assert models["model"].unique().tolist() == [*SCORED, *MEANS]


def test_a_model_without_predictions_is_named(tiny):
    write_params(tiny, teachers=["resnet18", "resnet34"])
    with pytest.raises(ValueError, match=r"teachers/resnet34/predictions\.csv: no such predictions"):
        evaluate_holdout.main()


def test_a_lesion_moved_into_the_holdout_by_hand_is_refused(tiny):
    path = tiny / "data/processed/demo/holdout.csv"
    train = (tiny / "data/processed/demo/train.csv").read_text().splitlines()
    path.write_text(path.read_text() + train[1] + "\n")
    with pytest.raises(ValueError, match=r"also in holdout: \['HAM_"):
        evaluate_holdout.main()


def test_the_index_explains_differences(tiny):
    run = pd.read_csv(tiny / "metrics/demo/evaluation/model_index.csv", dtype=str).set_index("model")
    assert list(run.index[run["versions"] != "-"]) == MODELS[:-1]  # the source alone was not trained
    assert run.loc["resnet18", "device"] == "cpu"
    assert run.loc["resnet18", "threads"] == "1"
    assert "torch 2" in run.loc["resnet18", "versions"]
    students = run.loc[[name for name in MODELS if name.startswith("student_T")]]
    assert students["params_sha256"].nunique() == len(students)


def test_the_data_of_every_figure_is_written(tiny):
    for name in ("roc", "pr", "reliability", "thresholds", "confidence"):
        table = pd.read_csv(tiny / f"plots/demo/data/{name}.csv")
        assert set(table["model"]) == set(MODELS)
        assert np.isfinite(table.select_dtypes("number").to_numpy()).all()
    principal = {"resnet18", "student_T1_alpha0.5", "student_T1_alpha0", "student_int8"}
    bands = pd.read_csv(tiny / "plots/demo/data/bands.csv")
    assert (bands["low"] <= bands["high"]).all()
    named = bands.groupby("curve")["model"].apply(set).to_dict()
    assert named.pop("net_benefit") == principal | {"treat all", "treat none"}
    assert named == dict.fromkeys(("roc", "precision_recall", "calibration", "risk_coverage"), principal)
    overview = pd.read_csv(tiny / "plots/demo/data/data_overview.csv")
    sizes = {name: len(pd.read_csv(tiny / f"data/processed/demo/{name}.csv")) for name in ("train", "val", "holdout")}
    for _, part in overview.groupby("column"):
        assert part.groupby("split")["images"].sum().to_dict() == sizes


def test_each_model_is_a_row_that_says_what_it_is(tiny):
    index = pd.read_csv(tiny / "metrics/demo/evaluation/model_index.csv", dtype=str, keep_default_na=False)
    assert list(index["model"]) == [*SCORED, *MEANS]
    rows = index.set_index("model")
    columns = ["label", "kind", "temperature", "alpha", "seed", "role", "detail"]
    expected = {
        "resnet18": ["ResNet-18", "teacher", "-", "-", "-", "distilling", "yes"],
        "student_T1_alpha0.5": ["student T=1 α=0.5", "student", "1", "0.5", "-", "selected", "yes"],
        "student_T2_alpha0.9": ["student T=2 α=0.9", "student", "2", "0.9", "-", "grid", "no"],
        "student_T1_alpha0": ["student T=1 α=0", "student", "1", "0", "-", "control", "yes"],
        "student_T1_alpha0_seed43": ["student T=1 α=0, seed 43", "student", "1", "0", "43", "repeat", "no"],
        "student_int8": ["student ONNX int8 weights", "onnx", "1", "0.5", "-", "int8", "yes"],
        "svm_rbf": ["SVM (RBF)", "baseline", "-", "-", "-", "-", "no"],
        "student_T1_alpha0_seed43_turned": [
            "student T=1 α=0, seed 43, four turns",
            "turned",
            "1",
            "0",
            "43",
            "-",
            "no",
        ],
        MEANS[1]: ["student T=1 α=0, mean of 3 seeds", "mean", "1", "0", "-", "-", "no"],
    }
    for name, values in expected.items():
        assert rows.loc[name, columns].tolist() == values
    for table in ("models", "comparisons", "subgroups", "decisions", "counts"):
        named = pd.read_csv(tiny / f"metrics/demo/evaluation/{table}.csv")["model"]
        assert set(named) <= set(index["model"])


def test_a_student_off_the_grid_and_repeated_teachers_have_their_roles():
    grid = {"temperatures": [1, 2], "alphas": [0.5, 0.5]}
    chosen = {"temperature": 4, "alpha": 0.5, "grid": grid, "repeated": "T1_alpha0.5", "seeds": [43]}
    kd = Kd(teachers=["resnet18"], label_turns=1, **chosen)
    roles = roles_of(["resnet18", "resnet18_seed43"], kd, Baselines(models=["svm_rbf"], max_train=0, seed=1))
    assert roles.one("selected") == "student_T4_alpha0.5"
    assert {model.label for model in roles.models if model.role == "int8"} == {"student ONNX int8"}
    assert [model.key for model in roles.grid] == ["T1_alpha0.5", "T2_alpha0.5", "T4_alpha0.5"]
    assert roles.names("distilling") == ["resnet18"]
    assert [model.label for model in roles.models[:2]] == ["ResNet-18", "ResNet-18, seed 43"]
    assert list(roles.repeats) == ["student_T1_alpha0.5, mean of 2 seeds", "student_T1_alpha0, mean of 2 seeds"]
