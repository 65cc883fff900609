"""Fit scikit-learn's classifiers on hand-crafted features, to compare deep learning with.

    python -m stages.baselines

Where baselines.models names "released", the student in Git is asked, too, as it is. Writes the models as ONNX, the
features in the pack's order, and p_melanoma of every packed image not in train.csv.
"""

import os
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from skl2onnx import to_onnx
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from stages.deployment.deployed import open_deployed
from stages.deployment.metadata import RELEASED as FILE
from stages.deployment.session import open_session
from stages.features.handcrafted import image_features
from stages.foundation import command
from stages.foundation.files import write_json, writing
from stages.foundation.pack import Pack, open_pack
from stages.foundation.params import dump_params, read_params
from stages.foundation.predictions import RECORD, scored_ids, write_predictions
from stages.foundation.progress import track
from stages.foundation.record import make_record
from stages.foundation.settings import RELEASED, BaselineModel, Baselines, Data, Threads
from stages.foundation.splits import check_disjoint, read_split

PACKAGES = ["scikit-learn", "scikit-image", "skl2onnx", "onnxruntime", "numpy"]


@dataclass(frozen=True)
class Params:
    data: Data
    baselines: Baselines
    compute: Threads


def classifier(name: BaselineModel, folds: np.ndarray, seed: int, threads: int) -> Pipeline:
    """Return an unfitted pipeline of scaling and classifier; weights balance the two classes, but not in boosting.

    folds: of the training images, (images,), by lesion: the SVM's Platt scaling is fitted to folds it has not seen.
    """
    unseen = PredefinedSplit(folds)
    models: dict[BaselineModel, Any] = {
        "logistic_regression": LogisticRegression(C=0.05, class_weight="balanced", max_iter=2000),
        "svm_rbf": CalibratedClassifierCV(SVC(C=2.0, class_weight="balanced"), cv=unseen, ensemble=False),
        "random_forest": RandomForestClassifier(
            400, min_samples_leaf=2, class_weight="balanced_subsample", random_state=seed, n_jobs=threads
        ),
        "gradient_boosting": GradientBoostingClassifier(
            n_estimators=200, learning_rate=0.06, max_depth=3, subsample=0.7, max_features="sqrt", random_state=seed
        ),
    }
    return make_pipeline(StandardScaler(), models[name])


def as_onnx(model: Pipeline, features: np.ndarray) -> bytes:
    """Return the content of the fitted pipeline's ONNX file; the float32 trees in it differ from scikit-learn's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # skl2onnx reads deprecated attributes of SVC
        graph = to_onnx(model, features[:1], options={"zipmap": False})
    graph.opset_import.sort(key=lambda opset: opset.domain)  # skl2onnx takes it from a set, whose order varies
    return graph.SerializeToString(deterministic=True)


def score(model: bytes, features: np.ndarray, threads: int) -> np.ndarray:
    """Return p_melanoma, float64 (images,), by an ONNX file's content, of features, float32 (images, features)."""
    session = open_session(model, threads=threads)
    probabilities = session.run(None, {session.get_inputs()[0].name: features})[1]
    return np.clip(probabilities[:, 1].astype(np.float64), 0, 1)


def pack_features(pack: Pack, threads: int) -> np.ndarray:
    """Return the features of every packed image, float32 (images, features)."""
    with ProcessPoolExecutor(threads, initializer=command.end_with, initargs=(os.getpid(),)) as pool:
        features = pool.map(image_features, pack.pixels, chunksize=64)
        return np.stack(list(track(features, len(pack.pixels), "features")))


def ask_released(pack: Pack, rows: np.ndarray, threads: int) -> np.ndarray:
    """Return p_melanoma of packed images, float64 (images,), by the student in Git; ValueError on another size."""
    released = open_deployed(FILE, threads)
    if (size := released.metadata.frame.size) != pack.pixels.shape[1]:
        raise ValueError(f"baselines.models: {RELEASED}: {FILE.name} takes {size} pixels; set image.size to that")
    return released.answers(pack.pixels, rows).p_melanoma


def main() -> None:
    params = read_params(Params)
    settings, threads = params.baselines, params.compute.threads
    processed, models = Path("data/processed", params.data.name), Path("models", params.data.name)
    inputs = [processed / name for name in ("pack/manifest.csv", "train.csv", "val.csv")]
    pack = open_pack(processed / "pack")
    pack.verify()
    train, val = read_split(inputs[1]), read_split(inputs[2])
    check_disjoint({"train": train, "val": val})
    features = pack_features(pack, threads)
    scored = scored_ids(pack, list(train["image_id"]))
    rows = pack.rows(list(train["image_id"]))
    labels, folds = train["melanoma"].to_numpy(), train["fold"].to_numpy()
    if 0 < settings.max_train < len(rows):
        chosen = np.random.default_rng(settings.seed).permutation(len(rows))[: settings.max_train]
        rows, labels, folds = rows[chosen], labels[chosen], folds[chosen]
    with threadpool_limits(threads):  # of BLAS: their number changes the last bits
        fitted = {
            name: as_onnx(classifier(name, folds, settings.seed, threads).fit(features[rows], labels), features)
            for name in settings.models
            if name != RELEASED
        }
    p_melanoma = {name: score(model, features[pack.rows(scored)], threads) for name, model in fitted.items()}
    if RELEASED in settings.models:
        p_melanoma[RELEASED] = ask_released(pack, pack.rows(scored), threads)
    columns = features.shape[1]
    record = make_record(dump_params(params), inputs, PACKAGES, features=columns, device="cpu", threads=threads)
    targets = (models / "baselines", models / "features.npy", models / "predictions/baselines")
    with writing(*targets) as (folder, table, predictions):
        folder.mkdir()
        predictions.mkdir()
        np.save(table, features, allow_pickle=False)
        for name, model in fitted.items():
            (folder / f"{name}.onnx").write_bytes(model)
        for name, p in p_melanoma.items():
            write_predictions(predictions / f"{name}.csv", scored, p)
        write_json(predictions / RECORD, record)


if __name__ == "__main__":
    command.run(main)
