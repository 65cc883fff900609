"""What docs/train.md tells a clinic to type is typed: from a folder of images to the report."""

import re
import shlex
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT, TINY, run_stages_on, tiny_params
from dvc.utils.hydra import apply_overrides

from stages import check_params
from stages.commands.main import main as melanoma_kd
from stages.foundation.splits import SPLITS
from stages.images.archive import read_metadata

pytestmark = pytest.mark.slow
PAGE = (ROOT / "docs/train.md").read_text()
COMMANDS = re.search(r"To train, three commands:\n\n```sh\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()
ADAPT = re.search(r"`(make train OVERRIDES=adapt[^`]*)`", PAGE)[1]
SMALL = {section: TINY[section] for section in ("image", "quantize", "aware", "evaluate", "compute")}
SMALL |= {"teacher": TINY["teacher"], "distill": TINY["distill"], "kd": {"seeds": [43]}}


@pytest.fixture
def clinic(finished, tmp_path, monkeypatch):
    """A folder with the project's parameters, and the demo's pictures as a clinic's, by class and in a table."""
    folder = tmp_path / "clinic's"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "params.yaml").write_text(yaml.safe_dump(tiny_params()))
    shutil.copy(ROOT / "dvc.yaml", folder)
    table = read_metadata(finished / "data/raw/demo")
    files = {path.stem: path for path in (finished / "data/raw/demo").rglob("*.jpg")}
    table["patient"] = "P" + (pd.factorize(table["lesion_id"])[0] // 2).astype(str)
    for row in table.itertuples():
        name = row.image_id.removeprefix("ISIC_")  # a number, as clinics call their images
        target = folder / "photos" / ("melanoma" if row.dx == "mel" else "other") / f"{name}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(files[row.image_id], target)
    table["image_id"] = table["image_id"].str.removeprefix("ISIC_")
    listed = table[["image_id", "dx", "patient", "lesion_id", "dataset"]]
    listed.set_axis(["Bild", "Befund", "Person", "Fleck", "source"], axis=1).to_csv(
        folder / "photos/t.csv", index=False
    )
    return folder


def type_in(line):
    """Do what a line of the page says; what `make train` overrides is overridden, and then made tiny."""
    words = shlex.split(line, comments=True)
    if words[0] == "melanoma-kd":
        melanoma_kd(words[1:])
        return
    assert words[:2] == ["make", "train"]
    given = dict(word.split("=") for word in words[2:])
    overrides = [row for row in (ROOT / given["OVERRIDES"]).read_text().splitlines() if not row.startswith("#")]
    apply_overrides("params.yaml", [*overrides, f"data.name={given['DATA']}"])
    params = yaml.safe_load(Path("params.yaml").read_text())
    for section, values in SMALL.items():
        params[section] = params[section] | values
    for teacher in params["teacher"]["changes"].values():
        teacher["epochs"] = 1
    params["baselines"]["models"] = ["logistic_regression"]  # the released student takes 224 pixels
    params["init"] = {key: "random" if value == "imagenet" else value for key, value in params["init"].items()}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    check_params.main()
    run_stages_on(Path("data/processed", given["DATA"]))


def groups(name):
    return {split: pd.read_csv(f"data/processed/{name}/{split}.csv", dtype=str) for split in SPLITS}


def test_a_folder_for_each_class_to_the_report(clinic):
    (clinic / "photos/t.csv").unlink()
    for line in COMMANDS:
        if not line.startswith("melanoma-kd doctor"):  # which looks at a whole checkout
            type_in(line)
    assert "clinic" in (clinic / "plots/clinic/report/report.html").read_text()
    assert set(pd.concat(groups("clinic").values())["dx"]) == {"mel", "other"}


def test_a_table_with_patients_adapts_the_released_student(clinic, monkeypatch):
    """No patient is in two splits, and the bootstrap draws patients."""
    (clinic / "models/released").mkdir(parents=True)
    shutil.copy(ROOT / "models/released/student_int8.onnx", clinic / "models/released")
    columns = re.search(r"`--columns ([^`]*)`", PAGE)[1]
    melanoma_kd(["import", "photos/t.csv", "clinic", "--columns", f"{columns},lesion=Fleck"])
    type_in(ADAPT)
    table = read_metadata(clinic / "data/raw/clinic").set_index("image_id")
    of = {split: set(table["patient_id"][rows["image_id"]]) for split, rows in groups("clinic").items()}
    assert sum(map(len, of.values())) == table["patient_id"].nunique()
    assert "trained without a teacher" in (clinic / "plots/clinic/report/model_card.md").read_text()
    assert not (clinic / "plots/clinic/figures/kd_effectiveness.svg").exists()
    images = pd.read_csv(clinic / "metrics/clinic/evaluation/images.csv")
    assert images.groupby("group")["lesion_id"].nunique().max() == 2
