"""The selected student as ONNX: the files score as the tables say, and cost what the table says."""

import json
from typing import get_args

import numpy as np
import onnx
import pandas as pd
import pytest
from conftest import KEY, question, write_params
from sklearn.metrics import roc_auc_score

from stages import quantize
from stages.deployment import metadata as metadata_module
from stages.deployment.deployed import open_deployed
from stages.export.aware_graph import AWARE
from stages.export.calibration import calibration_pixels
from stages.export.gate import check_export, choose, compare
from stages.export.ladder import LADDER
from stages.export.settings import Gate, Method
from stages.foundation.files import sha256_file
from stages.foundation.pack import open_pack
from stages.foundation.record import code_hash
from stages.foundation.settings import OperatingPoint
from stages.statistics.intervals import draw_sample


def test_onnx_predictions_are_the_students(tiny):
    tables = {
        name: pd.read_csv(tiny / f"models/demo/predictions/{name}.csv").set_index("image_id")["p_melanoma"]
        for name in (f"students/{KEY}/predictions", "onnx/student_fp32", "onnx/student_int8")
    }
    student, fp32, int8 = tables.values()
    assert (student - fp32).abs().max() < 1e-4
    assert (fp32 - int8).abs().max() < 0.05


def test_the_written_file_gives_the_written_predictions(tiny):
    processed, models = tiny / "data/processed/demo", tiny / "models/demo"
    pack = open_pack(processed / "pack")
    table = pd.read_csv(models / "predictions/onnx/student_int8.csv")
    student = open_deployed(models / "onnx/student_int8.onnx", threads=2)
    answers = student.answers(pack.pixels, pack.rows(list(table["image_id"])))
    assert np.abs(answers.p_melanoma - table["p_melanoma"]).max() < 1e-6


def test_the_table_measures_what_each_method_costs(tiny):
    table = pd.read_csv(tiny / "metrics/demo/quantization.csv").set_index("method")
    assert list(table.index) == ["pytorch", "fp32", "weight_only"]
    assert table.loc["pytorch", "largest_change"] < 1e-4
    assert table.loc["fp32", "largest_change"] == 0 < table.loc["weight_only", "largest_change"]
    assert table.loc["fp32", "agreement"] == 1 >= table.loc["weight_only", "agreement"]
    assert table["chosen"].tolist() == ["no", "no", "yes"]
    for name in ("val_roc_auc", "val_average_precision", "val_specificity", "roc_auc_change"):
        assert (table[f"{name}_low"] <= table[name]).all()
        assert (table[name] <= table[f"{name}_high"]).all()
    assert table.loc["fp32", ["roc_auc_change", "roc_auc_change_low", "roc_auc_change_high"]].tolist() == [0, 0, 0]
    assert table.loc["weight_only", "megabytes"] < 1.7 < table.loc["fp32", "megabytes"]


def test_a_change_has_a_paired_interval():
    """Two files that rank alike differ by nothing in every draw of lesions, however wide the interval of each is."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"melanoma": np.arange(200) % 4 == 0, "lesion_id": [f"l{i // 2}" for i in range(200)]}).astype(
        {"melanoma": int}
    )
    fp32 = 0.2 + 0.3 * table["melanoma"].to_numpy() + rng.uniform(0, 0.4, 200)
    p = {"fp32": fp32, "same": fp32 * 0.9, "coarse": np.round(fp32, 1)}
    sample = draw_sample(table, replicates=300, seed=1)
    found = compare(sample, p, OperatingPoint(sensitivity=0.9, quantile="smoothed", coverage=0.9)).set_index("method")
    assert found.loc["same", ["roc_auc_change", "roc_auc_change_low", "roc_auc_change_high"]].tolist() == [0, 0, 0]
    assert found.loc["same", "val_roc_auc_high"] - found.loc["same", "val_roc_auc_low"] > 0.02
    areas = [roc_auc_score(sample.labels, p[name], sample_weight=sample.weights[0]) for name in ("coarse", "fp32")]
    assert found.loc["coarse", "roc_auc_change"] == pytest.approx(areas[0] - areas[1], abs=1e-9)
    assert found.loc["coarse", "roc_auc_change_low"] < found.loc["coarse", "roc_auc_change_high"]


def test_the_file_says_how_it_is_used(tiny):
    for name in ("student_fp32", "student_int8"):
        assert (tiny / "models/demo/onnx/methods/weight_only.onnx").is_file()
        model = onnx.load(tiny / f"models/demo/onnx/{name}.onnx")
        assert [entry.key for entry in model.metadata_props] == [metadata_module.KEY]
        metadata = metadata_module.read_metadata(model.metadata_props[0].value, name)
        assert metadata.classes[4] == metadata.melanoma == "mel"
        assert (metadata.frame.size, metadata.data, metadata.student) == (32, "demo", KEY)
        models = pd.read_csv(tiny / "metrics/demo/evaluation/models.csv", dtype={"at": str})
        row = models.query("model == @name and at == 'operating point'").iloc[0]
        assert metadata.decision.threshold == pytest.approx(float(row["threshold"]), abs=1e-8)
        weights = tiny / f"models/demo/students/{KEY}.safetensors"
        assert metadata.hashes[weights.name] == sha256_file(weights)
        assert set(metadata.hashes) == {weights.name, "aware.onnx", "manifest.csv", "train.csv", "val.csv", "code"}
        assert metadata.hashes["code"] == code_hash(quantize.CODE)
        assert "Not a medical device" in metadata.intended_use
        assert "bilinear" in metadata.preprocessing


def test_ranges_are_those_of_training_images(tiny):
    params = quantize.read_params(quantize.Params)
    dataset = quantize.open_dataset(tiny / "data/processed/demo", params.target)
    pixels = dataset.train.pack.pixels
    trained = {pixels[row].tobytes() for row in dataset.train.rows}
    images = calibration_pixels(dataset.train, params.quantize.images, params.quantize.seed)
    assert len(images) == params.quantize.images
    assert all(image.tobytes() in trained for image in images)


def test_the_decision_in_a_file_is_the_one_the_evaluation_reports(tiny):
    decisions = json.loads((tiny / "models/demo/predictions/onnx/decisions.json").read_text())
    index = pd.read_csv(tiny / "metrics/demo/evaluation/model_index.csv").set_index("model")
    bounds = question(tiny, "decisions", "referral").set_index("model")
    for name, decision in decisions.items():
        model = onnx.load(tiny / f"models/demo/onnx/{name}.onnx")
        inside = metadata_module.read_metadata(model.metadata_props[0].value, name).decision
        assert inside.model_dump() == decision
        assert float(index.loc[name, "platt_slope"]) == pytest.approx(decision["slope"], rel=1e-5)
    assert bounds.loc["student_int8", "melanoma_from"].iloc[0] == pytest.approx(
        decisions["student_int8"]["melanoma_from"], rel=1e-5
    )


def test_the_methods_of_the_settings_are_those_of_the_ladder():
    assert set(get_args(Method)) == {*LADDER, *AWARE}


GATE = Gate(megabytes=1.7, roc_auc_loss=0.003, ece_rise=0.01)


@pytest.mark.parametrize(
    ("changes", "chosen"),
    [
        ({}, "first"),
        ({"val_roc_auc": 0.8971, "val_ece": 0.0599}, "first"),
        ({"val_roc_auc": 0.8969}, "second"),
        ({"val_ece": 0.0601}, "second"),
        ({"megabytes": 1.71}, "second"),
    ],
)
def test_the_first_that_passes_the_gate_is_taken(changes, chosen):
    row = {"val_roc_auc": 0.9, "val_ece": 0.05, "megabytes": 1.6}
    rows = [{"method": "fp32", **row, "megabytes": 6.1}, {"method": "first", **row, **changes}]
    table = pd.DataFrame([*rows, {"method": "second", **row}])
    assert choose(table, GATE) == chosen
    assert table.set_index("method").loc[chosen, ["passes", "chosen"]].tolist() == ["yes", "yes"]


def test_an_export_that_scores_otherwise_is_refused():
    table = pd.DataFrame({"method": ["pytorch", "fp32"], "largest_change": [2e-4, 0]})
    with pytest.raises(ValueError, match=r"a probability changes by 0\.0002"):
        check_export(table, "pytorch")
    check_export(table.assign(largest_change=[5e-5, 0]), "pytorch")


def test_none_that_passes_stops_the_stage_with_the_table(tiny):
    write_params(tiny, quantize={"gate": {"megabytes": 0.1, "roc_auc_loss": 0.003, "ece_rise": 0.01}})
    before = (tiny / "models/demo/onnx/student_int8.onnx").read_bytes()
    with pytest.raises(ValueError, match=r"no method of quantize\.methods passes the gate") as caught:
        quantize.main()
    assert "weight_only" in str(caught.value)
    assert (tiny / "models/demo/onnx/student_int8.onnx").read_bytes() == before


def test_a_selected_student_that_is_not_there_is_named(tiny):
    write_params(tiny, kd={"temperature": 4})
    with pytest.raises(ValueError, match=r"students/T4_alpha0\.5\.safetensors: no such file"):
        quantize.main()
