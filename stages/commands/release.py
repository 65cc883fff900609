"""Put the exported student into a folder of Hugging Face's layout, and renew the released one.

    melanoma-kd release [--released]

Reads models/<name>/onnx, metrics/<name>/evaluation/models.csv, plots/<name>/report/model_card.md and what
`export_mobile` wrote. Writes build/huggingface/<name>: README.md (the model card, with a model-index), config.json,
preprocessor_config.json, onnx/model.onnx, onnx/model_int8.onnx, litert/ and executorch/ where they were exported, and
what made them: dvc.yaml, params.yaml, dvc.lock, described by ro-crate-metadata.json.
With --released also models/released, which Git holds and `predict` and the page take by default: student_int8.onnx,
student_int8.tflite with its .json where LiteRT was exported, their card, and manifest.json, by which a download is
checked.
"""

import argparse
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from stages.commands import crate
from stages.commands.holdout import holdout_rows
from stages.deployment.deployed import read_beside
from stages.deployment.metadata import FILE, LICENCES, RELEASED, Metadata, metadata_of
from stages.foundation.files import sha256_file, write_json, write_text, writing
from stages.foundation.names import STUDENT
from stages.foundation.onnx_file import read_model
from stages.foundation.params import read_params
from stages.foundation.settings import DEMO, Data

TASK = "image-classification"
FORMATS = ("litert", "executorch")  # folders of export_mobile
OPERATING_POINT = "operating point"
LICENCE_URLS = {
    "mit": "https://spdx.org/licenses/MIT",
    "cc-by-nc-4.0": "https://spdx.org/licenses/CC-BY-NC-4.0",
    "": "#licence",  # the images'
}
PARITY = ("roc_auc_change", "roc_auc_change_low", "roc_auc_change_high", "largest_change", "agreement")
HOLDOUT_METRICS = ("roc_auc", "average_precision", "sensitivity", "specificity", "ece")


@dataclass(frozen=True)
class Params:
    data: Data


def front_matter(name: str, rows: pd.DataFrame) -> str:
    """Return the YAML that Hugging Face reads: licence, tags, and the int8 file's metrics on the holdout.

    rows: `holdout_rows`, whose intervals stand in the metrics' names, since the format has no field for them.
    """
    rows = rows[rows["at"].isin(["all", OPERATING_POINT])].set_index("metric").loc[list(HOLDOUT_METRICS)]
    metrics = [
        {
            "type": metric,
            "value": round(float(row["value"]), 4),
            "name": f"{metric}, 95 % interval {row['low']:.3f} to {row['high']:.3f}",
        }
        for metric, row in rows.iterrows()
    ]
    dataset = {"name": f"{name}, lesions never trained on", "type": name, "split": "holdout"}
    results = [{"task": {"type": TASK}, "dataset": dataset, "metrics": metrics}]
    content = {
        "license": LICENCES.get(name, "other"),
        "library_name": "onnx",
        "pipeline_tag": TASK,
        "tags": ["melanoma", "dermatoscopy", "knowledge-distillation", "quantization"],
        "model-index": [{"name": f"melanoma-kd {STUDENT}", "results": results}],
    }
    return f"---\n{yaml.safe_dump(content, sort_keys=False, allow_unicode=True)}---\n\n"


def config(metadata: Metadata) -> dict[str, Any]:
    """Return config.json: architecture, classes, and the decision's numbers."""
    names = {str(number): name for number, name in enumerate(metadata.classes)}
    return {
        "model_type": STUDENT,
        "architectures": ["MobileNetV3Small"],
        "problem_type": "single_label_classification",
        "id2label": names,
        "label2id": {name: int(number) for number, name in names.items()},
        "image_size": metadata.frame.size,
        "melanoma_kd": metadata.model_dump(exclude={"classes", "frame"}),
    }


def preprocessor(metadata: Metadata) -> dict[str, Any]:
    """Return preprocessor_config.json: the eval transform; normalisation is inside the model."""
    size = metadata.frame.size
    return {
        "image_processor_type": "ViTImageProcessor",  # resize to a square, rescale: the names it reads
        "do_resize": True,
        "size": {"height": size, "width": size},
        "resample": 2,  # Pillow's BILINEAR
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": False,
    }


def check_same(metadata: Metadata, exported: Path) -> None:
    """Raise ValueError where a folder of `export_mobile` holds another student's files, or altered ones."""
    for path in sorted(exported.iterdir()):
        if path.suffix != ".json":
            hashes = read_beside(path).hashes
            if {name: value for name, value in hashes.items() if name != FILE} != metadata.hashes:
                raise ValueError(f"{path}: of an earlier run; melanoma-kd export_mobile {exported.name}")


def manifest(metadata: Metadata, measured: dict[Path, pd.DataFrame]) -> dict[str, Any]:
    """Return what is released: each file's size, sha256, licence, and its distance from fp32 on val.

    measured: file -> the one row of its quantisation method, as quantization.csv and mobile_litert.csv have it.
    """
    files = []
    for path, table in measured.items():
        (row,) = table[list(PARITY)].astype(float).to_dict("records")
        size = path.stat().st_size
        fixed = {"file": path.name, "bytes": size, "sha256": sha256_file(path), "licence": metadata.licence}
        files.append(fixed | {"against_fp32_on_val": row})
    return {"student": metadata.student, "data": metadata.data, "intended_use": metadata.intended_use, "files": files}


def write_released(name: str, metadata: Metadata, card: str) -> None:
    """Renew models/released, but for the port kit in it, which is `tools.port_kit`'s."""
    onnx, litert = Path("models", name, "onnx", RELEASED.name), Path("build/mobile", name, "litert/student_int8.tflite")
    metrics = Path("metrics", name)
    measured = {onnx: pd.read_csv(metrics / "quantization.csv").query("chosen == 'yes'")}
    copied = [onnx]
    if litert.is_file():
        measured[litert] = pd.read_csv(metrics / "mobile_litert.csv").query("method == 'litert_int8'")
        copied += [litert, litert.with_suffix(".json")]
    names = [*(path.name for path in copied), "README.md", "manifest.json"]
    with writing(*(RELEASED.with_name(file) for file in names)) as (*targets, beside, listed):
        for target, path in zip(targets, copied, strict=True):
            shutil.copy(path, target)
        write_text(beside, card)
        write_json(listed, manifest(metadata, measured))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--released", action="store_true", help="renew models/released, which Git holds")


def main(options: argparse.Namespace) -> None:
    release(read_params(Params).data.name, released=options.released)


def release(name: str, *, released: bool) -> None:
    """Write the folder, and the released student where wanted; ValueError for the demo's, which means nothing."""
    if released and name == DEMO:
        raise ValueError("the demo's student is made of synthetic images; release one of HAM10000")
    onnx_folder, card = Path("models", name, "onnx"), Path("plots", name, "report/model_card.md")
    _, model = read_model(onnx_folder / "student_int8.onnx")
    metadata = metadata_of(model, str(onnx_folder / "student_int8.onnx"))
    rows = holdout_rows(name, metadata.decision.threshold)
    if rows.empty:
        raise ValueError(f"{onnx_folder / 'student_int8.onnx'}: evaluated as another file, or not at all; dvc repro")
    with writing(Path("build/huggingface", name)) as (folder,):
        (folder / "onnx").mkdir(parents=True)
        shutil.copy(onnx_folder / "student_fp32.onnx", folder / "onnx/model.onnx")
        shutil.copy(onnx_folder / "student_int8.onnx", folder / "onnx/model_int8.onnx")
        for kind in FORMATS:
            if (exported := Path("build/mobile", name, kind)).is_dir():
                check_same(metadata, exported)
                shutil.copytree(exported, folder / kind)
        write_text(folder / "README.md", front_matter(name, rows) + card.read_text(encoding="utf-8"))
        write_json(folder / "config.json", config(metadata))
        write_json(folder / "preprocessor_config.json", preprocessor(metadata))
        for made_by in (crate.WORKFLOW, crate.PARAMETERS, crate.LOCK):
            shutil.copy(made_by, folder)
        about = {"name": f"melanoma-kd, {metadata.student} of {name}", "description": metadata.intended_use}
        about |= {"license": LICENCE_URLS[LICENCES.get(name, "")], "datePublished": date.today().isoformat()}
        write_json(folder / crate.FILE, crate.describe_release(folder, name, about))
    if released:
        write_released(name, metadata, card.read_text(encoding="utf-8"))
