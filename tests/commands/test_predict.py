"""predict: the pipeline's own numbers, bad files reported and skipped, no torch, fast to start."""

import csv
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from conftest import ODD_EXIF, ROOT, question
from PIL import Image

from stages.commands import predict
from stages.commands.answering import answer_files
from stages.commands.main import main as melanoma_kd
from stages.commands.predict import find_lesions
from stages.deployment.deployed import Deployed, open_deployed
from stages.deployment.metadata import metadata_of, write_metadata
from stages.foundation.onnx_file import KEY
from stages.foundation.pack import open_pack


def run(*argv, stdin=None):
    return subprocess.run(
        [sys.executable, "-m", "stages.commands.main", "predict", *map(str, argv)],
        cwd=ROOT,
        input=stdin,
        capture_output=True,
        check=False,
    )


def rows(process):
    return list(csv.DictReader(io.StringIO(process.stdout.decode())))


@pytest.fixture(scope="module")
def model(finished):
    return finished / "models/demo/onnx/student_int8.onnx"


@pytest.fixture(scope="module")
def image(finished):
    return next((finished / "data/raw/demo").rglob("*.jpg"))


def test_the_holdouts_images_get_the_pipelines_probabilities(finished, model):
    table = (
        pd.read_csv(finished / "metrics/demo/evaluation/predictions.csv")
        .query("split == 'holdout'")
        .set_index("image_id")
    )
    paths = [path for path in (finished / "data/raw/demo").rglob("*.jpg") if path.stem in table.index]
    process = run("--model", model, "--show-refused", "--format", "csv", *paths)
    assert process.returncode == 0, process.stderr
    probabilities = {Path(row["file"]).stem: float(row["p_melanoma"]) for row in rows(process)}
    assert len(probabilities) == len(table)
    assert max(abs(probabilities[name] - table.loc[name, "student_int8"]) for name in probabilities) < 1e-3
    threshold = pd.read_csv(finished / "metrics/demo/evaluation/models.csv", dtype={"at": str}).set_index(
        ["model", "split", "at"]
    )
    cut = float(threshold.loc[("student_int8", "holdout", "operating point"), "threshold"].iloc[0])
    answered = [row for row in rows(process) if row["decision"] != "refused"]
    assert len(answered) > len(table) / 2
    for row in answered:
        p = float(row["p_melanoma"])
        if abs(p - cut) > 1e-6:
            assert row["decision"] == ("flagged" if p >= cut else "not flagged")


def test_predict_is_packing_and_scoring(finished, sensitive):
    processed = finished / "data/processed/demo"
    pack = open_pack(processed / "pack")
    answers = open_deployed(sensitive, threads=2).answers(pack.pixels, pack.rows(pack.image_ids))
    expected = dict(zip(pack.image_ids, answers.p_melanoma, strict=True))
    process = run("--model", sensitive, "--format", "csv", finished / "data/raw/demo")
    probabilities = {Path(row["file"]).stem: float(row["p_melanoma"]) for row in rows(process)}
    assert set(probabilities) == set(expected)
    assert max(abs(probabilities[name] - expected[name]) for name in probabilities) < 1e-5
    assert np.std(list(probabilities.values())) > 0.02


def test_calibration_and_band_are_the_evaluations(finished, model, image):
    (row,) = rows(run("--model", model, "--format", "csv", image))
    p = float(row["p_melanoma"])
    index = pd.read_csv(finished / "metrics/demo/evaluation/model_index.csv").set_index("model")
    slope, intercept = index.loc["student_int8", ["platt_slope", "platt_intercept"]].astype(float)
    expected = 1 / (1 + np.exp(-(slope * np.log(p / (1 - p)) + intercept)))
    assert float(row["calibrated"]) == pytest.approx(expected, abs=1e-3)
    bounds = question(finished, "decisions", "referral").query("model == 'student_int8'").iloc[0]
    melanoma, other = p >= bounds["melanoma_from"], p <= bounds["other_up_to"]
    assert row["band"] == (
        "cannot tell" if melanoma == other else "melanoma suspected" if melanoma else "melanoma unlikely"
    )


def test_every_style_says_the_same(model, image):
    (as_csv,) = rows(run("--model", model, "--format", "csv", image))
    as_json = json.loads(run("--model", model, "--format", "json", image).stdout)
    table = run("--model", model, image).stdout.decode().split()
    assert as_json["p_melanoma"] == float(as_csv["p_melanoma"])
    assert float(table[0]) == pytest.approx(as_json["p_melanoma"], abs=1e-4)
    stdin = json.loads(run("--model", model, "--format", "json", "-", stdin=image.read_bytes()).stdout)
    assert stdin["p_melanoma"] == as_json["p_melanoma"]


@pytest.fixture
def folder(tmp_path, image):
    """Good files among every kind of bad one, in a folder with spaces and other letters in its name (row 43)."""
    place = tmp_path / "mes grains de beauté 痣"
    place.mkdir()
    content = image.read_bytes()
    (place / "a good.jpg").write_bytes(content)
    (place / "=formula.jpg").write_bytes(content)
    (place / "empty.jpg").write_bytes(b"")
    (place / "page.jpg").write_text("<html>not found</html>")
    (place / "half.jpg").write_bytes(content[: len(content) // 2])
    (place / "cut.jpg").write_bytes(content[:-40])  # without the end marker alone every pixel may still be there
    Image.new("RGB", (1, 1)).save(place / "dot.png")
    Image.new("RGB", (4000, 40)).save(place / "strip.png")
    (place / "exif.jpg").write_bytes(content[:2] + ODD_EXIF + content[2:])
    Image.new("CMYK", (64, 64)).save(place / "cmyk.jpg")
    Image.fromarray(np.full((64, 64), 30_000, np.uint16)).save(place / "deep.png")
    (place / "notes.txt").write_text("no image")
    return place


def test_bad_files_are_reported_and_skipped(model, folder):
    process = run("--model", model, "--format", "csv", folder)
    assert process.returncode == 1
    answers = {Path(row["file"]).name: row for row in rows(process)}
    assert set(answers) == {path.name for path in folder.iterdir()} - {"notes.txt"}
    bad = {"empty.jpg", "page.jpg", "half.jpg", "cut.jpg", "dot.png", "strip.png", "exif.jpg"}
    assert {name for name, row in answers.items() if row["error"]} == bad
    assert all(row["p_melanoma"] == "" and row["decision"] == "" for name, row in answers.items() if name in bad)
    assert "7 of 11 images could not be read" in process.stderr.decode()
    assert "Traceback" not in process.stderr.decode()


def test_a_linked_folder_is_named(model, tmp_path, image):
    (tmp_path / "images").mkdir()
    (tmp_path / "images/good.jpg").write_bytes(image.read_bytes())
    (tmp_path / "images/more").symlink_to(tmp_path)
    process = run("--model", model, "--format", "csv", tmp_path / "images")
    assert process.returncode == 1
    assert process.stderr.strip().endswith(b"predict: 1 of 2 images could not be read")
    assert b"Is a directory" in process.stdout


def test_a_name_is_no_formula_in_a_spreadsheet(model, folder, monkeypatch):
    process = subprocess.run(
        [
            sys.executable,
            "-m",
            "stages.commands.main",
            "predict",
            "--model",
            str(model),
            "--format",
            "csv",
            "=formula.jpg",
        ],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin"},
        capture_output=True,
        check=False,
    )
    assert rows(process)[0]["file"] == "./=formula.jpg"


def test_exif_orientation_counts(model, image, tmp_path):
    with Image.open(image) as upright:
        turned = upright.transpose(Image.Transpose.ROTATE_90)
        exif = Image.Exif()
        exif[0x0112] = 6  # turn clockwise to show
        upright.save(tmp_path / "upright.png")
        turned.save(tmp_path / "turned.png", exif=exif)
    answers = rows(run("--model", model, "--format", "csv", tmp_path / "upright.png", tmp_path / "turned.png"))
    assert answers[0]["p_melanoma"] == answers[1]["p_melanoma"]


def without_metadata(model, target):
    content = onnx.load(model)
    del content.metadata_props[:]
    onnx.save(content, target)
    return target


def changed(model, change):
    """Return a model with a change to the JSON of its metadata."""
    content = onnx.load(model)
    metadata = json.loads(content.metadata_props[0].value)
    change(metadata)
    content.metadata_props[0].value = json.dumps(metadata)
    return content


EDITS = {
    "unknown class": lambda metadata: metadata.update(melanoma="xyz"),
    "a class twice": lambda metadata: metadata.update(classes=["mel"] * 7),
    "no smallest side": lambda metadata: metadata["frame"].update(min_side=0),
}


def fixed_batch(model):
    content = onnx.load(model)
    for value in (*content.graph.input, *content.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    return content


def other_type(model):
    content = onnx.load(model)
    content.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    return content


@pytest.mark.parametrize(
    "kind", ["none", "empty", "cut", "html", "plain", "odd", "other size", "batch of one", "other type", *EDITS]
)
def test_a_model_that_cannot_be_used_is_one_line(model, image, tmp_path, kind):
    path = tmp_path / "model.onnx"
    if kind == "cut":
        path.write_bytes(model.read_bytes()[:1000])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "other size":
        content = onnx.load(model)
        content.metadata_props[0].value = content.metadata_props[0].value.replace('"size":32', '"size":33')
        onnx.save(content, path)
    elif kind in EDITS:
        onnx.save(changed(model, EDITS[kind]), path)
    elif kind == "batch of one":
        onnx.save(fixed_batch(model), path)
    elif kind == "other type":
        onnx.save(other_type(model), path)
    elif kind == "html":
        path.write_text("<html></html>")
    elif kind == "plain":
        without_metadata(model, path)
    elif kind == "odd":
        content = onnx.load(without_metadata(model, path))
        entry = content.metadata_props.add()
        entry.key, entry.value = KEY, '{"student": 1}'
        onnx.save(content, path)
    process = run("--model", path, image)
    assert process.returncode == 1
    assert process.stdout == b""
    message = process.stderr.decode().strip()
    assert message.startswith("predict: ")
    assert message.count("\n") == 0
    assert str(path) in message


def test_names_that_cannot_be_files_are_rows_and_the_rest_is_scored(model, image, tmp_path):
    """One over-long path, a link that leads nowhere, a palette PNG without its palette; all in one batch."""
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "good.jpg").write_bytes(image.read_bytes())
    (folder / "dangling.jpg").symlink_to(folder / "nowhere.jpg")
    Image.new("P", (64, 64)).save(folder / "bare.png")
    content = (folder / "bare.png").read_bytes()
    start = content.index(b"PLTE") - 4
    length = int.from_bytes(content[start : start + 4], "big") + 12
    (folder / "bare.png").write_bytes(content[:start] + content[start + length :])
    process = run("--model", model, "--format", "csv", image, "a" * 300 + ".jpg", folder)
    assert process.returncode == 1
    assert [bool(row["error"]) for row in rows(process)] == [False, True, True, True, False]
    assert "3 of 5 images could not be read" in process.stderr.decode()


def test_standard_input_is_named_by_its_sign(model):
    process = run("--model", model, "-", stdin=b"no image")
    assert b"-: not an image that can be read" in process.stderr


def test_an_option_out_of_range_is_named(model, image):
    process = run("--model", model, "--threads", "-3", image)
    assert process.returncode == 2
    assert b"argument --threads: wanted 1 or more, found -3" in process.stderr


def test_a_reader_that_closes_the_pipe_ends_it_quietly(model, image):
    argv = [sys.executable, "-m", "stages.commands.main", "predict", "--model", str(model), "--format", "json"]
    many = [str(image)] * 3000  # more than a pipe holds
    with subprocess.Popen([*argv, *many], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 1
        assert b"Broken pipe" not in process.stderr.read()


def test_names_in_another_encoding_come_through(model, image, tmp_path):
    name = os.fsencode(tmp_path) + b"/m\xe9moire.jpg"
    with open(name, "wb") as file:  # noqa: PTH123 - a name that is no text
        file.write(b"no image")
    process = subprocess.run(
        [sys.executable, "-m", "stages.commands.main", "predict", "--model", str(model), name],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        check=False,
    )
    assert b"m\xe9moire.jpg: not an image" in process.stderr


def test_nothing_to_do_is_said(model, tmp_path):
    process = run("--model", model, tmp_path)
    assert process.returncode == 1
    assert "no images in this folder" in process.stderr.decode()


def test_a_missing_file_is_a_row(model, tmp_path):
    process = run("--model", model, "--format", "csv", tmp_path / "gone.jpg")
    assert process.returncode == 1
    assert rows(process)[0]["error"]


def test_a_model_that_gives_no_number_is_an_error_row_not_a_class(model, image, monkeypatch):
    def broken(images):
        nothing = np.full(len(images), np.nan, np.float32)
        return {"logits": np.repeat(nothing[:, None], 7, 1), "distance": nothing}

    student = Deployed(broken, open_deployed(model, threads=1).metadata)
    (row,) = (predict.row_of(answer, student.metadata.decision) for answer in answer_files(student, [str(image)], 1))
    assert row.error == "the model gives no number for this image"
    assert row.p_melanoma is None
    assert row.decision == ""


def test_it_starts_without_torch_pandas_or_sklearn():
    heavy = "{'torch', 'pandas', 'sklearn', 'scipy', 'matplotlib'}"
    program = f"import sys; import stages.commands.predict; print(sorted({heavy} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"


def test_one_image_takes_less_than_a_second(model, image):
    run("--model", model, image)  # what is read from disk for the first time is not its fault
    seconds = []
    for _ in range(5):
        began = time.monotonic()
        assert run("--model", model, image).returncode == 0
        seconds.append(time.monotonic() - began)
    assert min(seconds) < 1


@pytest.fixture
def refusing(sensitive, tmp_path):
    """A file that refuses every picture."""
    model = onnx.load(sensitive)
    metadata = metadata_of(model, "student")
    nothing = metadata.decision.model_copy(update={"farthest": 0.0})
    write_metadata(model, metadata.model_copy(update={"decision": nothing}))
    onnx.save(model, tmp_path / "refusing.onnx")
    return tmp_path / "refusing.onnx"


def test_an_unfamiliar_picture_gets_no_probability_unless_it_is_asked_for(finished, refusing, capsys):
    path = str(next((finished / "data/raw/demo").rglob("*.jpg")))
    melanoma_kd(["predict", path, "--format", "json", "--model", str(refusing)])
    row = json.loads(capsys.readouterr().out)
    assert set(row) == {"file", "decision", "distance"}
    assert row["decision"] == "refused"
    melanoma_kd(["predict", path, "--format", "json", "--show-refused", "--model", str(refusing)])
    row = json.loads(capsys.readouterr().out)
    assert (row["decision"], row["p_melanoma"] > 0) == ("refused", True)
    melanoma_kd(["predict", path, "--model", str(refusing)])
    assert "not a dermatoscopic image this model knows" in capsys.readouterr().out


def test_a_lower_prevalence_lowers_the_calibrated_probability_alone(finished, sensitive, capsys):
    path = str(next((finished / "data/raw/demo").rglob("*.jpg")))
    rows = []
    for prevalence in ("0.5", "0.02"):
        melanoma_kd(["predict", path, "--format", "json", "--prevalence", prevalence, "--model", str(sensitive)])
        rows.append(json.loads(capsys.readouterr().out))
    odds = [row["calibrated"] / (1 - row["calibrated"]) for row in rows]
    assert odds[0] / odds[1] == pytest.approx(49, rel=1e-6)
    assert rows[0]["p_melanoma"] == rows[1]["p_melanoma"]


def test_one_answer_a_lesion_is_the_mean_log_odds_of_its_images(tmp_path, finished, sensitive):
    images = sorted((finished / "data/raw/demo").rglob("*.jpg"))[:5]
    for number, image in enumerate(images):
        target = tmp_path / f"{'one' if number < 3 else 'two'}/{image.name}"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(image.read_bytes())
    alone = [float(row["p_melanoma"]) for row in rows(run("--model", sensitive, "--format", "csv", *images))]
    odds = [np.log(p / (1 - p)) for p in alone]
    expected = [1 / (1 + np.exp(-np.mean(part))) for part in (odds[:3], odds[3:])]
    by_folder = rows(run("--model", sensitive, "--format", "csv", "--by", "lesion", tmp_path))
    assert [Path(row["file"]).name for row in by_folder] == ["one", "two"]
    assert [float(row["p_melanoma"]) for row in by_folder] == pytest.approx(expected, abs=1e-5)
    lines = [f"{'one' if number < 3 else 'two'}/{image.name},L{number // 3}" for number, image in enumerate(images)]
    (tmp_path / "list.csv").write_text("\n".join(["file,lesion_id", *lines]))
    by_table = rows(run("--model", sensitive, "--format", "csv", "--by", "lesion", tmp_path / "list.csv"))
    assert [row["file"] for row in by_table] == ["L0", "L1"]
    assert [float(row["p_melanoma"]) for row in by_table] == pytest.approx(expected, abs=1e-5)


def test_lesions_of_two_patients_and_images_whose_lesion_is_not_named_are_told_apart(tmp_path):
    table = tmp_path / "list.csv"
    rows = ["a.jpg,,p", "b.jpg,NA,q", "c.jpg,1,p", "d.jpg,1,q", "e.jpg,1,q"]
    table.write_text("\n".join(["file,lesion_id,patient_id", *rows]))
    assert list(find_lesions([str(table)]).values()) == [
        "patient p, image a.jpg",
        "patient q, image b.jpg",
        "patient p, 1",
        "patient q, 1",
        "patient q, 1",
    ]
    table.write_text("file,lesion_id\n")
    with pytest.raises(ValueError, match=r"list\.csv: no rows"):
        find_lesions([str(table)])


def test_another_threshold_flags_others(sensitive, image):
    (row,) = rows(run("--model", sensitive, "--format", "csv", image))
    p = float(row["p_melanoma"])
    for threshold, decision in ((p / 2, "flagged"), ((1 + p) / 2, "not flagged")):
        (row,) = rows(run("--model", sensitive, "--format", "csv", "--threshold", threshold, image))
        assert row["decision"] == decision
