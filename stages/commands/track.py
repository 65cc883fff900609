"""Send training histories and metrics to Weights & Biases. DVC tracks experiments by itself.

    melanoma-kd track

Reads params.yaml's tracking.wandb (disabled, offline, online), plots/<name>/history and metrics/<name>. It runs
after training, so switching it on or off retrains nothing. Needs the extra: pip install '.[wandb]'.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stages.foundation.names import Teachers
from stages.foundation.params import read_params
from stages.foundation.settings import Data, Kd, Tracking

PROJECT = "melanoma-kd"


@dataclass(frozen=True)
class Params:
    data: Data
    tracking: Tracking
    teachers: Teachers
    kd: Kd


def histories(folder: Path, params: Params) -> dict[str, pd.DataFrame]:
    """Return the history of each teacher and student that params.yaml names and that is there."""
    names = ["aware", *(f"teachers/{name}" for name in params.teachers)]
    names += [f"{kind}/{key}" for key in params.kd.students for kind in ("students", "repeats")]
    return {name: pd.read_csv(path) for name in names if (path := folder / f"{name}.csv").is_file()}


def add_arguments(_: argparse.ArgumentParser) -> None:
    pass


def main(_: argparse.Namespace) -> None:
    params = read_params(Params)
    if params.tracking.wandb == "disabled":
        print("tracking.wandb: disabled; nothing sent")
        return
    try:
        import wandb  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise ValueError("tracking.wandb: wandb is not installed; pip install '.[wandb]'") from None
    tables = histories(Path("plots", params.data.name, "history"), params)
    for name, history in tables.items():
        run = wandb.init(project=PROJECT, group=params.data.name, name=name, mode=params.tracking.wandb)
        for row in history.to_dict("records"):
            run.log({str(key): value for key, value in row.items() if key != "epoch"}, step=int(row["epoch"]))
        run.finish()
    headline = Path("metrics", params.data.name, "headline.json")
    if headline.is_file():
        run = wandb.init(project=PROJECT, group=params.data.name, name="headline", mode=params.tracking.wandb)
        run.summary.update(json.loads(headline.read_text(encoding="utf-8")))
        run.finish()
    print(f"{len(tables)} histories: {params.tracking.wandb}")
