"""Export the selected student to ONNX, fp32 and int8, and measure on val what int8 costs.

    python -m stages.quantize

Reads data/processed/<name>: the pack, train.csv, val.csv; models/<name>/students/<the key that kd.* selects>.
Writes models/<name>/onnx/student_{fp32,int8}.onnx; models/<name>/predictions/onnx with student_{fp32,int8}.csv
(every packed image that is not in train.csv) and record.json; and metrics/<name>/quantization.csv.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field

from stages.evidence.metrics import calibration_metrics, check_labels, first, plain, ranking_metrics
from stages.evidence.predictions import write_predictions
from stages.foundation import command
from stages.foundation.files import write_csv, write_json, writing
from stages.foundation.onnx_session import open_session, score_pixels
from stages.foundation.params import Data, Part, Section, read_params
from stages.foundation.record import make_record
from stages.foundation.sweep import STUDENT, student_key
from stages.images.labels import Target
from stages.learning.dataset import Dataset, dataset_files, open_dataset
from stages.learning.export import count_costs, export_onnx
from stages.learning.models import load_weights
from stages.learning.quantization import quantize_weights
from stages.learning.scoring import melanoma_probability


class Kd(Part):
    temperature: int | float
    alpha: int | float


class Compute(Part):
    threads: int = Field(ge=1)


class Params(Section):
    data: Data
    target: Target
    kd: Kd
    compute: Compute


def score_unseen(model: bytes, dataset: Dataset, threads: int) -> np.ndarray:
    """Return the model's p_melanoma of every packed image that is not in train.csv, float64 (images,)."""
    rows = dataset.pack.rows(dataset.unseen)
    logits = score_pixels(open_session(model, threads=threads), dataset.pack.pixels, rows)
    return melanoma_probability(logits, dataset.melanoma)


def compare_on_val(p: dict[str, np.ndarray], dataset: Dataset) -> pd.DataFrame:
    """Return one row per model: ROC-AUC, average precision and ECE on val, and how far p moves from fp32's."""
    position = {name: i for i, name in enumerate(dataset.unseen)}
    val = [position[dataset.pack.image_ids[row]] for row in dataset.val_rows]
    labels = dataset.val_melanoma
    check_labels(labels, "val.csv")
    rows = []
    for name, values in p.items():
        arguments = (labels, values[val], plain(labels))
        metrics = first(ranking_metrics(*arguments) | calibration_metrics(*arguments))
        moved = float(np.abs(values[val] - p["student_fp32"][val]).max())
        rows.append(
            {
                "model": name,
                **{f"val_{k}": metrics[k] for k in ("roc_auc", "average_precision", "ece")},
                "largest_change": moved,
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    params = read_params(Params)
    key = student_key(params.kd.temperature, params.kd.alpha)
    processed, models = Path("data/processed", params.data.name), Path("models", params.data.name)
    dataset = open_dataset(processed, params.target)
    weights = models / f"students/{key}.safetensors"
    student = load_weights(weights, architecture=STUDENT, classes=dataset.classes)
    fp32 = export_onnx(student, dataset.pack.size)
    files = {
        "student_fp32": fp32.SerializeToString(deterministic=True),
        "student_int8": quantize_weights(fp32).SerializeToString(deterministic=True),
    }
    p_melanoma = {name: score_unseen(content, dataset, params.compute.threads) for name, content in files.items()}
    table = compare_on_val(p_melanoma, dataset)
    table["megabytes"] = [len(content) / 1e6 for content in files.values()]
    inputs = [*dataset_files(processed), weights]
    facts = {
        "student": key,
        "device": "cpu",
        "threads": params.compute.threads,
        **count_costs(student, dataset.pack.size),
    }
    record = make_record(params.model_dump(), inputs, ["torch", "onnx", "onnxscript", "onnxruntime", "numpy"], **facts)
    targets = (models / "onnx", models / "predictions/onnx", Path("metrics", params.data.name, "quantization.csv"))
    with writing(*targets) as (folder, predictions, metrics):
        folder.mkdir()
        predictions.mkdir()
        for name, content in files.items():
            (folder / f"{name}.onnx").write_bytes(content)
            write_predictions(predictions / f"{name}.csv", dataset.unseen, p_melanoma[name])
        write_json(predictions / "record.json", record)
        write_csv(metrics, table)
    print(table.to_string(index=False))


if __name__ == "__main__":
    command.run(main)
