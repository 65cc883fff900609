"""The frozen files of an evaluation, from which every table but those of pixels can be made again, in a clone, too.

predictions.csv holds ids, labels and each model's probability of val's and the holdout's images; images.csv what the
archive says of every image of the three splits; model_index.csv which model is what.
"""

from pathlib import Path

import pandas as pd

from stages.evaluation.evaluation import Evaluation, Predictions
from stages.evaluation.roles import Model, Roles
from stages.foundation.files import read_table
from stages.foundation.names import VAL
from stages.foundation.predictions import IDS
from stages.foundation.settings import Evaluate
from stages.foundation.splits import COLUMNS, GROUP, MELANOMA, SOURCE, SPLITS
from stages.statistics.folds import Folds, read_folds

IMAGES, PREDICTIONS, MODELS = "images.csv", "predictions.csv", "model_index.csv"
STRESS = ("altered", "compared", "pictures", "skin")  # tables of stress_test
IMAGE_COLUMNS = ["image_id", "lesion_id", "split", *COLUMNS[2:], SOURCE, GROUP]


def image_table(splits: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return images.csv, of split tables that have SOURCE and GROUP, too."""
    return pd.concat([table.assign(split=name) for name, table in splits.items()], ignore_index=True)[IMAGE_COLUMNS]


def prediction_table(scored: dict[str, pd.DataFrame], p: Predictions) -> pd.DataFrame:
    """Return predictions.csv: a row per image of val and holdout, a column per model."""
    ids = ["image_id", "lesion_id", "melanoma"]
    tables = [
        table[ids].assign(split=name, **{model: values[name] for model, values in p.items()})
        for name, table in scored.items()
    ]
    return pd.concat(tables, ignore_index=True)


def read_roles(path: Path) -> Roles:
    """Return the models of a model_index.csv."""
    rows = pd.read_csv(path, dtype=str, keep_default_na=False).query("kind != 'mean'").to_dict("records")

    def number(text: str) -> float | None:
        return None if text == "-" else float(text)

    models = []
    for row in rows:
        key = row["model"].removesuffix("_turned")
        if row["kind"] in ("student", "turned") and row["temperature"] != "-":
            key = key.removeprefix("student_")
        seed = None if row["seed"] == "-" else int(row["seed"])
        kinds = {name: row[name] for name in ("label", "kind", "architecture", "role")}
        models.append(
            Model(key, **kinds, temperature=number(row["temperature"]), alpha=number(row["alpha"]), seed=seed)
        )
    return Roles(models)


def read_images(folder: Path) -> dict[str, pd.DataFrame]:
    """Return split -> the images that images.csv of a folder says are in it, with the column melanoma."""
    images = read_table(folder / IMAGES)
    images["melanoma"] = (images["dx"] == MELANOMA).astype(int)
    return {name: images[images["split"] == name].reset_index(drop=True) for name in SPLITS}


def read_frozen(folder: Path, settings: Evaluate) -> Evaluation:
    """Return the evaluation of the frozen files of a folder; ValueError where they do not fit."""
    roles, splits = read_roles(folder / MODELS), read_images(folder)
    table = pd.read_csv(folder / PREDICTIONS, dtype=IDS).set_index("image_id")
    scored = {name: splits[name] for name in ("val", "holdout")}
    p: Predictions = {model.name: {} for model in roles.models}
    for name, images in scored.items():
        of_split = table[table["split"] == name]
        if list(of_split.index) != list(images["image_id"]) or (of_split["melanoma"].array != images["melanoma"]).any():
            raise ValueError(f"{folder}: {PREDICTIONS} and {IMAGES} do not have the same images of {name}")
        for model in roles.models:
            p[model.name][name] = of_split[model.name].to_numpy()
    return Evaluation(scored, p, roles, settings, read_decided(folder, roles, list(splits["val"]["image_id"])))


def read_decided(folder: Path, roles: Roles, val_ids: list[str]) -> Folds | None:
    """Return what the folder's model_index.csv says that the int8 file was decided on; None for val."""
    index = pd.read_csv(folder / MODELS, dtype=str, keep_default_na=False).set_index("model")
    name = index["decided_on"][roles.one("int8")] if "decided_on" in index else VAL
    (student,) = (model.key for model in roles.models if model.name == roles.one("selected"))
    return read_folds(name, student, val_ids)


def read_stress(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the tables of stress_test by their names, as it wrote them or compressed by xz; older runs lack one."""
    paths = [(stem, folder / f"{stem}{ending}") for stem in STRESS for ending in (".csv", ".csv.xz")]
    return {stem: pd.read_csv(path, dtype=IDS, keep_default_na=False) for stem, path in paths if path.is_file()}


def read_farthest(folder: Path, model: str) -> float:
    """Return the distance from which on an exported model refuses pictures, of the folder's model_index.csv."""
    index = pd.read_csv(folder / MODELS, dtype={"farthest": str})
    return float(index.set_index("model")["farthest"][model])
