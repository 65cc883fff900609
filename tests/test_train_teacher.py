"""Teachers: what the stage writes, and what it refuses before any work."""

import json
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import write_params

from stages import check_params, train_teacher
from stages.foundation.splits import read_split
from stages.networks.models import load_weights


def test_it_writes_weights_predictions_record_and_history(tiny):
    models = tiny / "models/demo"
    dx = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
    load_weights(models / "teachers/resnet18.safetensors", architecture="resnet18", classes=dx)
    history = pd.read_csv(tiny / "plots/demo/history/teachers/resnet18.csv")
    assert list(history["epoch"]) == [0]
    record = json.loads((models / "predictions/teachers/resnet18/record.json").read_text())
    assert record["params"]["schedule"]["epochs"] == record["epochs"] == 1
    assert set(record["inputs"]) == {f"data/processed/demo/{name}.csv" for name in ("pack/manifest", "train", "val")}


def test_predictions_are_of_every_packed_image_that_is_not_trained_on(tiny):
    predicted = set(pd.read_csv(tiny / "models/demo/predictions/teachers/resnet18/predictions.csv")["image_id"])
    tables = {
        name: set(read_split(tiny / f"data/processed/demo/{name}.csv")["image_id"])
        for name in ("train", "val", "holdout")
    }
    assert predicted == tables["val"] | tables["holdout"]
    assert not predicted & tables["train"]


def test_training_twice_gives_the_same_bytes_and_never_opens_the_holdout(tiny):
    weights = tiny / "models/demo/teachers/resnet18.safetensors"
    before = weights.read_bytes()
    (tiny / "data/processed/demo/holdout.csv").unlink()
    train_teacher.main("resnet18")
    assert weights.read_bytes() == before


def test_a_repeat_is_a_teacher_of_its_own_with_its_seed(tiny):
    write_params(tiny, teachers=["resnet18", "resnet18_seed43"])
    check_params.main()
    train_teacher.main("resnet18_seed43")
    models = tiny / "models/demo"
    dx = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
    load_weights(models / "teachers/resnet18_seed43.safetensors", architecture="resnet18", classes=dx)
    first, repeat = (
        json.loads((models / f"predictions/teachers/{name}/record.json").read_text())["params"]
        for name in ("resnet18", "resnet18_seed43")
    )
    assert (first["schedule"].pop("seed"), repeat["schedule"].pop("seed")) == (42, 43)
    assert (first.pop("key"), repeat.pop("key")) == ("resnet18", "resnet18_seed43")
    assert first == repeat
    tables = [
        (models / f"predictions/teachers/{name}/predictions.csv").read_text()
        for name in ("resnet18", "resnet18_seed43")
    ]
    assert tables[0] != tables[1]


def test_a_teacher_without_a_plan_is_told_how_to_get_one(tiny):
    with pytest.raises(ValueError, match=r"data/teachers/resnet50\.json: no such plan .*dvc repro check_params"):
        train_teacher.main("resnet50")


def test_the_students_architecture_can_teach(tiny):
    write_params(tiny, teachers=["mobilenet_v3_small"], kd={"teachers": ["mobilenet_v3_small"]})
    check_params.main()
    train_teacher.main("mobilenet_v3_small")
    table = pd.read_csv(tiny / "models/demo/predictions/teachers/mobilenet_v3_small/turned.csv")
    assert len(table) == len(pd.read_csv(tiny / "models/demo/predictions/teachers/resnet18/turned.csv"))


@pytest.mark.parametrize("architecture", ["resnet19", "mobilenet_v4", "../resnet18", "resnet18_seed"])
def test_an_unknown_architecture_is_refused(tiny, architecture):
    with pytest.raises(ValueError, match="wanted some of resnet18, resnet34"):
        train_teacher.main(architecture)


def test_a_lesion_in_two_splits_is_refused(tiny):
    path = tiny / "data/processed/demo/val.csv"
    train = (tiny / "data/processed/demo/train.csv").read_text().splitlines()
    path.write_text(path.read_text() + train[1].replace("ISIC_9", "ISIC_8") + "\n")
    with pytest.raises(ValueError, match=r"train\.csv: 1 lesion_ids also in val"):
        train_teacher.main("resnet18")


def test_a_changed_pixel_is_refused(tiny):
    pixels = np.load(tiny / "data/processed/demo/pack/pixels.npy", mmap_mode="r+")
    pixels[:] += 1
    pixels.flush()
    with pytest.raises(ValueError, match="differ from the manifest's hash"):
        train_teacher.main("resnet18")


def test_one_class_in_val_is_refused(tiny):
    path = tiny / "data/processed/demo/val.csv"
    table = pd.read_csv(path, dtype=str)
    table[table["melanoma"] == "0"].to_csv(path, index=False)
    with pytest.raises(ValueError, match="wanted melanomas and other lesions, found 0"):
        train_teacher.main("resnet18")


def test_the_binary_target_trains_two_classes(tiny):
    write_params(tiny, target="melanoma")
    train_teacher.main("resnet18")
    load_weights(tiny / "models/demo/teachers/resnet18.safetensors", architecture="resnet18", classes=("other", "mel"))


def test_a_start_that_cannot_be_had_stops_the_stage_and_leaves_nothing(tiny):
    (tiny / "models/demo/teachers/resnet18.safetensors").unlink()
    write_params(tiny, init={"resnet18": {"file": "none.safetensors", "sha256": "0" * 64}})
    check_params.main()
    with pytest.raises(ValueError, match=r"none\.safetensors: no such file"):
        train_teacher.main("resnet18")
    assert not (tiny / "models/demo/teachers/resnet18.safetensors").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_training_that_is_stopped_goes_on_and_ends_in_the_same_bytes(tiny, number):
    """Faults 2, 3 and 8: a signal between two epochs, to a stage that runs as DVC runs it."""
    write_params(tiny, teacher={"epochs": 8})
    check_params.main()
    files = [
        tiny / f"models/demo/{name}"
        for name in ("teachers/resnet18.safetensors", "predictions/teachers/resnet18/predictions.csv")
    ]
    argv = [sys.executable, "-m", "stages.train_teacher", "resnet18"]
    train_teacher.main("resnet18")
    whole = [path.read_bytes() for path in files]
    assert not list((tiny / ".checkpoints").iterdir())
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("epoch 1"):
                process.send_signal(number)
                break
        errors = process.stderr.read()
    assert process.returncode == (1 if number == signal.SIGTERM else -number)
    assert number == signal.SIGKILL or errors.endswith("interrupted; half-written outputs were removed\n")
    again = subprocess.run(argv, check=True, capture_output=True, text=True)
    assert "resumed after epoch" in again.stdout
    assert [path.read_bytes() for path in files] == whole
    assert not list((tiny / ".checkpoints").iterdir())
