"""Measure how seconds and memory grow with the archive: the demo drawn with more and more lesions, stage by stage.

    melanoma-kd benchmark_scaling [--images 1000 10000 100000] [--size 64]

Each stage runs as DVC runs it, a process of its own, in a folder of its own: the splits, the pack, one epoch of
ResNet-18 from random weights, the baselines (their fit on 1,000 images, as baselines.max_train says) and the
evaluation. This reads probabilities that are drawn at random, since no student is trained here; its time does not
depend on them. The other parameters are params.yaml's. Writes metrics/demo/scaling.csv: seconds and the peak of
memory, without what is mapped from files, which the system takes back when it needs it.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import yaml

from stages.dataset.predictions import DECISIONS, RECORD, write_predictions
from stages.dataset.splits import read_split
from stages.demo.settings import SHOTS
from stages.deployment.decision import Decision
from stages.evaluation.roles import roles_of
from stages.foundation.files import write_csv, write_json, writing
from stages.foundation.names import Teachers
from stages.foundation.params import PARAMS, read_params, read_yaml
from stages.foundation.settings import DEMO, Baselines, Kd
from stages.stress.alterations import CASES

IMAGES, TEACHER = (1_000, 10_000, 100_000), "resnet18"
BASELINE_IMAGES = 1_000  # that they are fitted to
PAUSE = 0.05  # seconds between two looks at a stage's memory
PREPARING = ("check_params", "synthesize_demo")
STAGES = ("prepare_splits", "pack_images", "train_teacher", "baselines", "evaluate_holdout")
COLUMNS = ("images", "stage", "seconds", "ms_per_image", "megabytes")


@dataclass(frozen=True)
class Params:
    teachers: Teachers
    kd: Kd
    baselines: Baselines


def scaled(params: dict[str, Any], images: int, size: int) -> dict[str, Any]:
    """Return parameters of a demo of about so many images, with one teacher of one epoch."""
    changes: dict[str, Any] = {
        "data": {"name": DEMO},
        "demo": {"lesions": round(images / np.dot(SHOTS, (1, 2, 3))), "width": size, "height": size},
        "image": {"size": size},
        "teachers": [TEACHER],
        "teacher": {"epochs": 1, "changes": {}},
        "init": {TEACHER: "random"},
        "kd": {"teachers": [TEACHER]},
        "baselines": {"max_train": BASELINE_IMAGES},
    }
    return params | {
        section: params[section] | value if isinstance(value, dict) else value for section, value in changes.items()
    }


def private_megabytes(process: psutil.Process) -> float:
    """Return the resident memory of a process and of those it started, without what is mapped from files."""
    total = 0
    for member in (process, *process.children(recursive=True)):
        try:
            memory = member.memory_info()
        except psutil.NoSuchProcess:
            continue
        total += memory.rss - getattr(memory, "shared", 0)  # psutil knows it on Linux alone
    return total / 1e6


def run_stage(name: str, folder: Path) -> tuple[float, float]:
    """Run a stage in a folder; return its seconds and its peak of private megabytes. ValueError when it fails."""
    argv = [sys.executable, "-m", f"stages.{name}", *([TEACHER] if name == "train_teacher" else [])]
    began, peak = time.perf_counter(), 0.0
    with subprocess.Popen(argv, cwd=folder, stdout=subprocess.DEVNULL) as started:
        process = psutil.Process(started.pid)
        while started.poll() is None:
            try:
                peak = max(peak, private_megabytes(process))
            except psutil.NoSuchProcess:
                break
            time.sleep(PAUSE)
    if started.returncode:
        raise ValueError(f"{name}: exit status {started.returncode}; its own message is above")
    return time.perf_counter() - began, peak


def draw_predictions(folder: Path) -> None:
    """Write random probabilities of every model that `folder`'s parameters name, for val and holdout."""
    params = read_params(Params, folder / PARAMS)
    tables = [read_split(folder / f"data/processed/{DEMO}/{split}.csv") for split in ("val", "holdout")]
    scored = pd.concat(tables)
    rng, target = np.random.default_rng(0), folder / "models" / DEMO / "predictions"
    for model in roles_of(params.teachers, params.kd, params.baselines).models:
        path = target / model.predictions
        path.parent.mkdir(parents=True, exist_ok=True)
        p = 1 / (1 + np.exp(-rng.normal(2 * scored["melanoma"].to_numpy() - 2, 1)))
        write_predictions(path, list(scored["image_id"]), p)
        record = {"params": {}, "inputs": {}, "versions": {}, "features": 0, "method": "weight_only"}
        write_json(path.with_name(RECORD), record)
    drawn = Decision(
        threshold=0.1,
        sensitivity=0.95,
        slope=1.0,
        intercept=0.0,
        melanoma_from=0.3,
        other_up_to=0.05,
        prevalence=0.1,
        farthest=2.0,
    ).model_dump()
    write_json(target / "onnx" / DECISIONS, {"student_fp32": drawn, "student_int8": drawn})
    draw_stress(target / "stress", list(tables[1]["image_id"]), rng)


def draw_stress(folder: Path, image_ids: list[str], rng: np.random.Generator) -> None:
    """Write random answers about altered images and pictures, and random angles, as stress_test writes them."""
    count = len(image_ids)
    altered = [
        pd.DataFrame(
            {
                "image_id": image_ids,
                "alteration": alteration,
                "strength": strength,
                "p_melanoma": rng.random(count),
                "distance": rng.exponential(size=count),
            }
        )
        for alteration, strength in CASES
    ]
    picture = {"picture": "a", "kind": "noise", "source": "a", "p_melanoma": 0.5, "distance": 9.0}
    angles = {"image_id": image_ids, "typology_angle": rng.normal(50, 10, count)}
    folder.mkdir(parents=True)
    write_csv(folder / "altered.csv", pd.concat(altered))
    write_csv(folder / "pictures.csv", pd.DataFrame([picture]))
    write_csv(folder / "skin.csv", pd.DataFrame(angles))


def measure(images: int, size: int) -> list[dict[str, float | str]]:
    """Return one row per stage for an archive of about so many images."""
    rows: list[dict[str, float | str]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        params = scaled(read_yaml(PARAMS), images, size)
        (folder / PARAMS).write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
        (folder / "dvc.yaml").write_bytes(Path("dvc.yaml").read_bytes())
        for name in PREPARING:
            run_stage(name, folder)
        count = len(list((folder / "data/raw" / DEMO).rglob("*.jpg")))
        for name in STAGES:
            if name == "evaluate_holdout":
                draw_predictions(folder)
            seconds, megabytes = run_stage(name, folder)
            per_image = 1e3 * seconds / count
            print(f"{count:7} {name:18}{seconds:8.1f} s {per_image:8.2f} ms {megabytes:7.0f} MB", flush=True)
            rows.append(dict(zip(COLUMNS, (count, name, seconds, per_image, megabytes), strict=True)))
    return rows


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="melanoma-kd benchmark_scaling")
    parser.add_argument("--images", type=int, nargs="+", default=list(IMAGES))
    parser.add_argument("--size", type=int, default=64, help="side of the images in pixels")
    options = parser.parse_args(arguments)
    try:
        table = pd.DataFrame([row for images in options.images for row in measure(images, options.size)])
        with writing(Path("metrics", DEMO, "scaling.csv")) as (partial,):
            write_csv(partial, table, digits=4)
    except (ValueError, OSError) as error:
        sys.exit(f"benchmark_scaling: {error}")


if __name__ == "__main__":
    main()
