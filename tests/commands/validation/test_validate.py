"""External validation: on the pipeline's own holdout it says the pipeline's own numbers."""

import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import question

from stages.commands.main import main as melanoma_kd
from stages.commands.validation import validate
from stages.commands.validation.numbers import external_tables, site_threshold
from stages.deployment.deployed import open_deployed
from stages.statistics.intervals import draw_sample


@pytest.fixture
def holdout(tiny):
    """An archive in HAM10000's layout that holds the images of the tiny project's holdout."""
    table = pd.read_csv(tiny / "data/processed/demo/holdout.csv", dtype=str, keep_default_na=False)
    folder = tiny / "clinic"
    folder.mkdir()
    columns = ["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization"]
    table[columns].replace("unknown", "").to_csv(folder / "HAM10000_metadata.csv", index=False)
    for path in (tiny / "data/raw/demo").rglob("*.jpg"):
        if path.stem in set(table["image_id"]):
            shutil.copy(path, folder)
    return folder


def run(tiny, *argv):
    melanoma_kd(
        ["validate", *map(str, argv), "--model", str(tiny / "models/demo/onnx/student_int8.onnx"), "--threads", "1"]
    )


def read(tiny, archive, name):
    return pd.read_csv(tiny / f"build/validation/{archive}/{name}.csv", dtype={"at": str})


def test_the_pipelines_probabilities_give_the_pipelines_numbers(tiny):
    """Not through files: this student hardly tells images apart, so that a rounding would change their order."""
    metrics, processed = tiny / "metrics/demo/evaluation", tiny / "data/processed/demo"
    table = pd.read_csv(processed / "holdout.csv", dtype=str, keep_default_na=False).assign(label="nv")
    frozen = pd.read_csv(metrics / "predictions.csv").query("split == 'holdout'").set_index("image_id")
    altered = pd.read_csv(tiny / "models/demo/predictions/stress/altered.csv").query("alteration == 'none'")
    table["melanoma"] = table["melanoma"].astype(int)
    table["p_melanoma"] = frozen["student_int8"][table["image_id"]].to_numpy()
    table["distance"] = altered.set_index("image_id")["distance"][table["image_id"]].to_numpy()
    student = open_deployed(tiny / "models/demo/onnx/student_int8.onnx", threads=1)
    settings = validate.read_params(validate.Params).evaluate
    tables = external_tables(table, student.metadata.decision, settings, settings.prevalences)
    own = pd.read_csv(metrics / "models.csv", dtype={"at": str}).query("model == 'student_int8' and split == 'holdout'")
    own = own[~own["at"].isin(["temperature", "platt", "within sources", "if calibrated"])]
    here = tables["metrics"].query("images == 'all'")
    joined = here.merge(own, on=["at", "metric"], suffixes=("", "_own"), validate="one_to_one")
    assert len(joined) == len(own) == len(here)
    given = joined["low_given"] != "-"  # an exported file's threshold is given, the pipeline's is drawn, too
    for column in ("value", "low", "high"):
        expected = joined[f"{column}_own"].astype(float)
        if column != "value":
            expected = expected.mask(given, pd.to_numeric(joined[f"{column}_given"], errors="coerce"))
        assert joined[column].to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-4), column
    shares = tables["shares"].set_index("metric")["value"]
    assert shares["refused"] == pytest.approx(question(tiny, "stress", "refusal")["value"].iloc[0], abs=1e-6)
    consequences = question(tiny, "decisions", "consequences").query("model == 'student_int8'")
    assert tables["consequences"]["value"].to_numpy() == pytest.approx(consequences["value"].to_numpy(), rel=1e-4)


def test_the_archives_files_get_the_pipelines_probabilities(tiny):
    run(tiny, "data/raw/demo", "--only", "data/processed/demo/holdout.csv")
    frozen = pd.read_csv(tiny / "metrics/demo/evaluation/predictions.csv").set_index("image_id")["student_int8"]
    here = read(tiny, "demo_holdout", "predictions").set_index("image_id")["p_melanoma"]
    assert set(here.index) == set(pd.read_csv("data/processed/demo/holdout.csv")["image_id"])
    assert here.to_numpy() == pytest.approx(frozen[here.index].to_numpy(), abs=1e-5)
    page = (tiny / "build/validation/demo_holdout/report.html").read_text()
    assert "External validation on demo_holdout" in page
    assert "holdout of demo" in page
    assert "Every row was used" in page
    pd.DataFrame({"image_id": ["unknown"]}).to_csv("other.csv")
    with pytest.raises(SystemExit, match="no usable row for 1 images, such as unknown"):
        run(tiny, "data/raw/demo", "--only", "other.csv")


def test_bad_rows_and_files_are_named_and_the_rest_is_measured(tiny, holdout):
    (next(iter(sorted(holdout.glob("*.jpg"))))).write_bytes(b"no image")
    with (holdout / "HAM10000_metadata.csv").open("a") as file:
        file.write("l,gone,mel,histo,,,\n")
    with pytest.raises(SystemExit, match="2 rows or files could not be used"):
        run(tiny, holdout)
    faults = read(tiny, "clinic", "faults")["fault"].tolist()
    assert ["gone: no image" in faults[0], "not an image that can be read" in faults[1]] == [True, True]
    assert len(read(tiny, "clinic", "predictions")) == len(list(holdout.glob("*.jpg"))) - 1
    assert "not an image" in (tiny / "build/validation/clinic/report.html").read_text()


def test_other_prevalences_and_another_folder(tiny, holdout):
    run(tiny, holdout, "--prevalence", "0.3", "--output", "elsewhere")
    table = pd.read_csv(tiny / "elsewhere/consequences.csv")
    assert set(table["prevalence"]) == {0.3}
    assert np.isfinite(table["value"]).all()


def test_an_archive_of_one_class_is_refused_in_a_line(tiny, holdout):
    table = pd.read_csv(holdout / "HAM10000_metadata.csv", dtype=str)
    table[table["dx"] == "nv"].to_csv(holdout / "HAM10000_metadata.csv", index=False)
    with pytest.raises(SystemExit, match="validate: wanted melanomas and other lesions"):
        run(tiny, holdout)
    assert not (tiny / "build/validation/clinic").exists()


def test_an_archive_without_a_usable_row_is_refused_in_a_line(tiny, holdout):
    table = pd.read_csv(holdout / "HAM10000_metadata.csv", dtype=str)
    table.assign(dx="malignant").to_csv(holdout / "HAM10000_metadata.csv", index=False)
    with pytest.raises(SystemExit, match=r"validate: wanted melanomas and other lesions, found 0 .* label 'malignant'"):
        run(tiny, holdout)


def test_patients_of_whom_a_bootstrap_may_draw_no_other_lesion_are_refused_in_a_line(tiny, holdout):
    table = pd.read_csv(holdout / "HAM10000_metadata.csv", dtype=str)
    table["patient_id"] = np.where(table["dx"] == "mel", np.arange(len(table)) % 2, 0).astype(str)
    table.to_csv(holdout / "HAM10000_metadata.csv", index=False)
    with pytest.raises(SystemExit, match="validate: too few patients with other lesions alone"):
        run(tiny, holdout)


def test_an_interval_of_counts_reaches_to_the_exact_bound_of_what_was_always_found(tiny):
    table = pd.read_csv(tiny / "data/processed/demo/holdout.csv", dtype=str, keep_default_na=False).assign(label="nv")
    table["melanoma"] = table["melanoma"].astype(int)
    table["p_melanoma"], table["distance"] = np.where(table["melanoma"] == 1, 0.9, 0.1), 0.0
    student = open_deployed(tiny / "models/demo/onnx/student_int8.onnx", threads=1)
    decision = student.metadata.decision.model_copy(update={"threshold": 0.5})
    tables = external_tables(table, decision, validate.read_params(validate.Params).evaluate, [0.11])
    rates = tables["metrics"].query("at == 'operating point'").set_index("metric")
    counts = tables["consequences"].set_index("metric")
    assert rates["value"]["sensitivity"] == 1
    missed = counts.loc["melanomas_missed_of_1000"]
    assert (missed["value"], missed["low"]) == (0, 0)
    assert missed["high"] == pytest.approx(110 * (1 - rates["low"]["sensitivity"]))
    assert counts["high"]["false_alarms_of_1000"] == pytest.approx(890 * (1 - rates["low"]["specificity"]))
    assert counts["low"]["npv"] < counts["value"]["npv"] == 1


def test_a_prevalence_out_of_range_is_named(tiny):
    with pytest.raises(SystemExit) as raised:
        melanoma_kd(["validate", "x", "--prevalence", "2"])
    assert raised.value.code == 2


def test_no_threads_is_named(tiny, capsys):
    with pytest.raises(SystemExit) as raised:
        melanoma_kd(["validate", "x", "--threads", "0"])
    assert raised.value.code == 2
    assert "--threads: wanted 1 or more, found 0" in capsys.readouterr().err


def test_it_is_a_command(tiny):
    argv = [sys.executable, "-m", "stages.commands.main", "validate", "gone"]
    process = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert process.returncode == 1
    assert process.stderr.strip() == "validate: gone: no such folder or file"


def test_another_file_of_the_run_stands_alone(tiny, holdout):
    """models.csv is of the int8 file: its numbers are not those of the fp32 file, whose threshold is another."""
    melanoma_kd(
        ["validate", str(holdout), "--model", str(tiny / "models/demo/onnx/student_fp32.onnx"), "--threads", "1"]
    )
    assert "holdout of demo" not in (tiny / "build/validation/clinic/report.html").read_text()


@pytest.mark.parametrize("output", ["clinic", ".", "models", "plots/demo/report"])
def test_nothing_but_a_validation_is_overwritten(tiny, holdout, output):
    before = sorted(path for path in tiny.rglob("*"))
    with pytest.raises(SystemExit, match="name another folder"):
        run(tiny, holdout, "--output", output)
    assert sorted(path for path in tiny.rglob("*")) == before


def test_a_validation_with_notes_beside_it_is_not_overwritten(tiny, holdout):
    run(tiny, holdout)
    run(tiny, holdout)  # what it wrote itself is
    notes = tiny / "build/validation/clinic/notes.md"
    notes.write_text("mine")
    with pytest.raises(SystemExit, match="name another folder"):
        run(tiny, holdout)
    assert notes.read_text() == "mine"


def test_refused_pictures_are_left_out_of_a_second_set_of_metrics(tiny):
    table = pd.read_csv(tiny / "data/processed/demo/holdout.csv", dtype=str, keep_default_na=False).assign(label="nv")
    table["melanoma"] = table["melanoma"].astype(int)
    rng = np.random.default_rng(0)
    table["lesion_id"] = table["image_id"]
    table["p_melanoma"], table["distance"] = rng.uniform(0, 1, len(table)), 1.0
    table.loc[table.index[:3], "distance"] = [9.0, np.nan, 9.0]
    student = open_deployed(tiny / "models/demo/onnx/student_int8.onnx", threads=1)
    decision = student.metadata.decision.model_copy(update={"farthest": 2.0})
    settings = validate.read_params(validate.Params).evaluate
    tables = external_tables(table, decision, settings, [0.5])
    assert set(tables["metrics"]["images"]) == {"all", "not refused"}
    assert tables["shares"].set_index("metric")["value"]["refused"] == pytest.approx(3 / len(table))
    rates = tables["metrics"].query("images == 'all' and at == 'operating point'").set_index("metric")["value"]
    bayes = rates["sensitivity"] / (rates["sensitivity"] + 1 - rates["specificity"])
    ppv = tables["consequences"].set_index("metric")["value"]["ppv"]
    assert ppv == pytest.approx(bayes)


def test_a_clinics_own_threshold_reaches_the_sensitivity_and_says_how_much_it_knows(tiny):
    rng = np.random.default_rng(1)
    settings = validate.read_params(validate.Params).evaluate
    lacking = []
    for melanomas in (20, 400):
        labels = np.repeat([1, 0], [melanomas, 300])
        table = pd.DataFrame({"melanoma": labels, "lesion_id": [f"L{i}" for i in range(len(labels))]})
        p = 1 / (1 + np.exp(-rng.normal(2.0 * labels, 1)))
        site = site_threshold(draw_sample(table, replicates=200, seed=1), p, settings).set_index("metric")
        assert site["value"]["sensitivity"] >= settings.sensitivity
        assert (p[labels == 1] >= site["value"]["threshold"]).mean() == site["value"]["sensitivity"]
        assert site["low"]["sensitivity"] < settings.sensitivity <= site["high"]["sensitivity"]
        lacking.append(site["value"]["melanomas_lacking"])
    assert lacking == [457 - 20, 457 - 400]  # .95 * .05 * (1.96 / .02) ** 2
