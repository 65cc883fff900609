"""The export folder: the files of the layout, and configurations that the model agrees with."""

import hashlib
import json
import shutil

import numpy as np
import onnx
import pandas as pd
import pytest
import yaml
from conftest import ROOT
from PIL import Image

from stages.commands import release
from stages.commands.main import main as melanoma_kd
from stages.deployment.metadata import FILE, RELEASED, metadata_of
from stages.deployment.session import open_session
from stages.images.decoding import load_rgb, to_square
from stages.images.settings import Limits


@pytest.fixture(autouse=True)
def pipeline(tiny):
    """What made the tiny project's files, which its folder lacks."""
    for name in ("dvc.yaml", "dvc.lock"):
        shutil.copy(ROOT / name, tiny)


def test_the_folder_has_the_layout(tiny):
    release.release("demo", released=False)
    folder = tiny / "build/huggingface/demo"
    paths = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert paths == {
        "README.md", "config.json", "preprocessor_config.json", "onnx/model.onnx", "onnx/model_int8.onnx",
        "dvc.yaml", "params.yaml", "dvc.lock", "ro-crate-metadata.json",
    }  # fmt: skip
    crate = json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]
    entities = {entity["@id"]: entity for entity in crate}
    assert paths - {"ro-crate-metadata.json"} < entities.keys()
    assert entities["#run"]["instrument"] == entities["./"]["mainEntity"] == {"@id": "dvc.yaml"}
    named = {part["@id"] for key in ("object", "result") for part in entities["#run"][key]}
    assert named | {"dvc.yaml"} == {part["@id"] for part in entities["./"]["hasPart"]} < entities.keys()
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlicense: mit\n")
    front = yaml.safe_load(card.split("---\n")[1])
    (result,) = front["model-index"][0]["results"]
    own = pd.read_csv(tiny / "metrics/demo/evaluation/models.csv", dtype={"at": str})
    own = own.query("model == 'student_int8' and split == 'holdout' and at in ('all', 'operating point')")
    own = own.set_index("metric")["value"]
    assert {metric["type"] for metric in result["metrics"]} > {"roc_auc", "sensitivity"}
    assert all(metric["value"] == pytest.approx(own[metric["type"]], abs=1e-4) for metric in result["metrics"])
    assert "Not a medical device" in card
    for name in ("onnx/model.onnx", "onnx/model_int8.onnx"):
        onnx.checker.check_model(str(folder / name), full_check=True)


def test_a_file_that_was_not_evaluated_gets_no_other_files_numbers(tiny):
    path = tiny / "metrics/demo/evaluation/models.csv"
    table = pd.read_csv(path, dtype={"at": str})
    table.assign(threshold=0.123).to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"student_int8\.onnx: evaluated as another file"):
        release.release("demo", released=False)
    assert not (tiny / "build/huggingface").exists()


def test_phones_files_come_along(tiny):
    exported = tiny / "build/mobile/demo/litert"
    exported.mkdir(parents=True)
    (exported / "student_int8.tflite").write_bytes(b"TFL3")
    metadata = metadata_of(onnx.load(tiny / "models/demo/onnx/student_int8.onnx"), "student")
    hashes = metadata.hashes | {FILE: hashlib.sha256(b"TFL3").hexdigest()}
    (exported / "student_int8.json").write_text(metadata.model_copy(update={"hashes": hashes}).model_dump_json())
    release.release("demo", released=False)
    assert (tiny / "build/huggingface/demo/litert/student_int8.tflite").read_bytes() == b"TFL3"
    other = metadata.model_copy(update={"hashes": hashes | {"code": "0" * 64}})
    (exported / "student_int8.json").write_text(other.model_dump_json())
    with pytest.raises(ValueError, match="of an earlier run; melanoma-kd export_mobile litert"):
        release.release("demo", released=False)
    (exported / "student_int8.tflite").write_bytes(b"TFL4")
    with pytest.raises(ValueError, match=r"the metadata of another file than student_int8\.tflite"):
        release.release("demo", released=False)


def test_the_configurations_are_the_models(tiny):
    release.release("demo", released=False)
    folder = tiny / "build/huggingface/demo"
    config, frame = (json.loads((folder / name).read_text()) for name in ("config.json", "preprocessor_config.json"))
    session = open_session(folder / "onnx/model_int8.onnx", threads=1)
    assert session.get_inputs()[0].shape[2:] == [frame["size"]["height"], frame["size"]["width"]]
    path = next((tiny / "data/raw/demo").rglob("*.jpg"))
    with Image.open(path) as image:  # as a reader of preprocessor_config.json would
        square = image.convert("RGB").resize((frame["size"]["width"], frame["size"]["height"]), frame["resample"])
    ours = to_square(load_rgb(path, Limits(min_side=1, max_aspect=9, max_megapixels=1)), config["image_size"])
    assert np.array_equal(np.asarray(square), ours)
    pixels = np.asarray(square, np.float32).transpose(2, 0, 1)[None] * np.float32(frame["rescale_factor"])
    assert session.run(None, {"image": pixels})[0].shape == (1, len(config["id2label"]))
    assert config["id2label"][str(config["label2id"]["mel"])] == "mel"


def test_the_demos_student_is_never_released(tiny, monkeypatch):
    monkeypatch.setattr(release, "RELEASED", tiny / "models/released/student_int8.onnx")
    with pytest.raises(ValueError, match="synthetic"):
        release.release("demo", released=True)
    assert not (tiny / "models/released").exists()


def check_manifest(folder):
    """Each model in a folder of released files stands in its manifest, as it is."""
    listed = {entry["file"]: entry for entry in json.loads((folder / "manifest.json").read_text())["files"]}
    models = [path for path in folder.iterdir() if path.suffix in (".onnx", ".tflite")]
    assert listed.keys() == {path.name for path in models}
    for path in models:
        entry = listed[path.name]
        assert entry["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert entry["bytes"] == path.stat().st_size < 2_000_000
        assert entry["licence"]
        assert entry["against_fp32_on_val"]["largest_change"] >= 0


def test_what_is_released_is_listed(tiny, monkeypatch):
    exported = tiny / "build/mobile/demo/litert"
    exported.mkdir(parents=True)
    (exported / "student_int8.tflite").write_bytes(b"TFL3")
    (exported / "student_int8.json").write_text("{}")
    chosen = pd.read_csv(tiny / "metrics/demo/quantization.csv").query("chosen == 'yes'")
    chosen.assign(method="litert_int8").to_csv(tiny / "metrics/demo/mobile_litert.csv", index=False)
    monkeypatch.setattr(release, "RELEASED", tiny / "models/released/student_int8.onnx")
    metadata = metadata_of(onnx.load(tiny / "models/demo/onnx/student_int8.onnx"), "student")
    release.write_released("demo", metadata, "a card")
    check_manifest(tiny / "models/released")
    assert {path.suffix for path in (tiny / "models/released").iterdir()} == {".onnx", ".tflite", ".json", ".md"}


def test_the_released_student_is_one_of_ham10000_that_predict_takes_by_default(tiny, capsys):
    model = onnx.load(RELEASED)
    onnx.checker.check_model(model, full_check=True)
    assert RELEASED.stat().st_size < 1_700_000
    check_manifest(RELEASED.parent)
    metadata = metadata_of(model, "the released student")
    assert metadata.data == "ham10000"
    assert "CC BY-NC" in metadata.licence
    assert len(metadata.hashes["code"]) == 64
    assert "CC BY-NC 4.0" in RELEASED.with_name("README.md").read_text()
    assert "data ham10000" in RELEASED.with_name("README.md").read_text()
    path = next((tiny / "data/raw/demo").rglob("*.jpg"))
    melanoma_kd(["predict", str(path), "--format", "json", "--show-refused"])  # it is a drawn lesion
    assert 0 < json.loads(capsys.readouterr().out)["p_melanoma"] < 1
