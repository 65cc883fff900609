"""Out-of-fold scores: on a final model's scale, of one recipe; a threshold chosen by them holds."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import write_params
from scipy.special import ndtr

from stages import check_params, evaluate_holdout, quantize, stress_test
from stages.commands.comparison.compare import kept
from stages.commands.comparison.procedures import Procedure
from stages.evaluation.frozen import read_frozen
from stages.foundation.params import read_params
from stages.foundation.record import recipe_hash
from stages.foundation.settings import Kd, OperatingPoint
from stages.statistics.folds import COLUMNS, Folds, read_folds
from stages.statistics.ranking import thresholds_by, unit_weights

GRID = {"temperatures": [1, 1], "alphas": [0.5, 0.5]}
KD = Kd(teachers=["resnet18"], label_turns=1, temperature=1, alpha=0.5, grid=GRID, repeated="T1_alpha0.5", seeds=[43])


def p_of(log_odds):
    return 1 / (1 + np.exp(-np.asarray(log_odds)))


def fold(number):
    """Return a frozen table with val and holdout, whose distilled student says .3 and whose control says .4."""
    ids = [f"{number}_{image}" for image in range(4)]
    table = pd.DataFrame({"image_id": ids, "lesion_id": ids, "melanoma": [0, 1, 0, 1]})
    table["split"] = ["val", "val", "holdout", "holdout"]
    return table.assign(**{"student_T1_alpha0.5": 0.3, "student_T1_alpha0": 0.4, "student_T1_alpha0_seed43": 0.5})


def test_a_student_on_another_scale_is_moved_onto_the_models():
    rng = np.random.default_rng(0)
    truth, ids = rng.normal(size=100), [f"i{number}" for number in range(100)]
    images = pd.DataFrame({"image_id": ids, "lesion_id": ids, "melanoma": 0, "p_melanoma": p_of(0.5 * truth - 1)})
    folds = Folds("made_up", images, ids[:40])
    assert folds.aligned(p_of(2 * truth[:40] + 0.3)) == pytest.approx(p_of(2 * truth + 0.3), abs=1e-9)
    with pytest.raises(ValueError, match=r"made_up\.csv: no row for elsewhere, an image of val"):
        Folds("made_up", images, ["elsewhere"]).aligned(np.array([0.5]))


def test_a_table_is_of_each_folds_unseen_images_and_read_by_student(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "metrics/folds").mkdir(parents=True)
    table = kept(Procedure(KD, [fold(0), fold(1)]), [0, 1], "abc")
    assert list(table.columns) == COLUMNS
    table.to_csv("metrics/folds/mine.csv", index=False)
    images = read_folds("mine", "T1_alpha0.5", []).images
    assert images["image_id"].tolist() == ["0_2", "0_3", "1_2", "1_3"]
    assert images["melanoma"].tolist() == [0, 1, 0, 1]
    assert set(images["p_melanoma"]) == {0.3}
    assert read_folds("val", "T1_alpha0.5", []) is None
    assert read_folds("mine", "T2_alpha0.9", []) is None
    assert "has no T2_alpha0.9, so val decides" in capsys.readouterr().out
    pd.concat([table, table.iloc[:1]]).to_csv("metrics/folds/mine.csv", index=False)
    with pytest.raises(ValueError, match=r"mine\.csv: 0_2 is there twice"):
        read_folds("mine", "T1_alpha0.5", [])
    for column, value in {"p_melanoma": 1.7, "melanoma": 2}.items():
        table.assign(**{column: value}).to_csv("metrics/folds/mine.csv", index=False)
        with pytest.raises(ValueError, match=r"mine\.csv: wanted a p_melanoma from 0 to 1"):
            read_folds("mine", "T1_alpha0.5", [])


def test_by_five_times_the_melanomas_and_smoothed_the_sensitivity_reached_varies_by_less_than_half():
    """500 draws of melanomas whose log odds are skewed as HAM10000's: the share of new ones above the threshold."""
    rng = np.random.default_rng(0)
    ways = {"step": (92, []), "smoothed": (92, []), "folds": (522, [])}
    for _ in range(500):
        for way, (lesions, reached) in ways.items():
            body = rng.uniform(size=lesions) < 0.75  # two normal parts, so that the truth is known
            x = np.where(body, rng.normal(-0.8, 2, lesions), rng.normal(3.5, 2, lesions))
            labels, weights = np.ones(lesions), unit_weights(x)
            quantile = "step" if way == "step" else "smoothed"
            settings = OperatingPoint(sensitivity=0.95, quantile=quantile, coverage=0.95)
            cut = np.log(1 / thresholds_by(settings, labels, p_of(x), weights)[0] - 1)
            reached.append(0.75 * ndtr((cut - 0.8) / 2) + 0.25 * ndtr((cut + 3.5) / 2))
    spread = {way: np.std(reached) for way, (_, reached) in ways.items()}
    assert spread["folds"] < 0.009
    assert spread["smoothed"] < 0.9 * spread["step"]
    assert 0.019 < spread["step"] < 0.025
    assert np.mean(ways["folds"][1]) == pytest.approx(0.95, abs=0.005)
    assert np.mean(ways["smoothed"][1]) == pytest.approx(0.95, abs=0.007)


@pytest.mark.slow
def test_decisions_by_the_folds_are_in_the_file_and_the_evaluation_and_of_one_recipe_alone(tiny):
    splits = {name: pd.read_csv(tiny / f"data/processed/demo/{name}.csv") for name in ("train", "val")}
    images = pd.concat(splits.values())[["image_id", "lesion_id"]].assign(fold=0, student="T1_alpha0.5")
    images["melanoma"] = [int(dx == "mel") for table in splits.values() for dx in table["dx"]]
    images["p_melanoma"] = np.random.default_rng(0).uniform(0.2, 0.6, len(images)) + 0.2 * images["melanoma"]
    params = yaml.safe_load((tiny / "params.yaml").read_text())
    (tiny / "metrics/folds").mkdir(exist_ok=True)
    path = tiny / "metrics/folds/mine.csv"
    images.assign(recipe=recipe_hash(params))[COLUMNS].to_csv(path, index=False)
    write_params(tiny, decision={"from": "mine"})
    for stage in (check_params, quantize, stress_test, evaluate_holdout):
        stage.main()
    decision = json.loads((tiny / "models/demo/predictions/onnx/decisions.json").read_text())["student_int8"]
    assert decision["decided_on"] == "mine"
    assert decision["prevalence"] == pytest.approx(images["melanoma"].mean())
    index = pd.read_csv(tiny / "metrics/demo/evaluation/model_index.csv").set_index("model")
    assert index.loc[["student_int8", "resnet18"], "decided_on"].tolist() == ["mine", "val"]
    assert float(index.loc["student_int8", "platt_slope"]) == pytest.approx(decision["slope"], rel=1e-5)
    frozen = read_frozen(tiny / "metrics/demo/evaluation", read_params(evaluate_holdout.Params).evaluate)
    assert frozen.thresholds["student_int8"] == pytest.approx(decision["threshold"], abs=1e-9)
    write_params(tiny, decision={"from": "mine"}, kd=params["kd"] | {"temperature": 2})
    check_params.main()  # which student of the recipe is used does not matter
    write_params(tiny, decision={"from": "mine"}, splits={"fold": 0})
    with pytest.raises(ValueError, match=r"decision\.from: metrics/folds/mine\.csv holds this fold, the run's holdout"):
        check_params.main()
    write_params(tiny, decision={"from": "mine"}, teacher={"epochs": 3})
    with pytest.raises(ValueError, match=r"decision\.from: metrics/folds/mine\.csv holds students of another recipe"):
        check_params.main()
