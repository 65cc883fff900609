"""Compare this run's models with published predictions for the same holdout.

    melanoma-kd compare_published

Reads metrics/<name>/evaluation: predictions.csv, images.csv and model_index.csv (which models are shown in detail); and
metrics/published/<name>.csv. Writes metrics/<name>/published.csv and published_comparisons.csv. A leaf: it needs
nothing but these files, which Git holds.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stages.commands.comparison.published import compare
from stages.commands.holdout import evaluation_of
from stages.evaluation.frozen import IMAGES
from stages.foundation.files import read_table, write_csv, writing
from stages.foundation.params import read_params
from stages.foundation.predictions import IDS
from stages.foundation.settings import Data, Evaluate
from stages.foundation.splits import SOURCE
from stages.reporting.labels import read_index


@dataclass(frozen=True)
class Params:
    data: Data
    evaluate: Evaluate


def add_arguments(_: argparse.ArgumentParser) -> None:
    pass


def main(_: argparse.Namespace) -> None:
    params = read_params(Params)
    metrics, source = Path("metrics", params.data.name), Path("metrics/published", f"{params.data.name}.csv")
    tables = evaluation_of(params.data.name)
    if not source.is_file():
        raise ValueError(f"{source}: no such file: nothing is published for {params.data.name}")
    frozen, published = (
        pd.read_csv(path, dtype=IDS, keep_default_na=False) for path in (tables / "predictions.csv", source)
    )
    holdout = frozen.query("split == 'holdout'").merge(read_table(tables / IMAGES)[["image_id", SOURCE]], on="image_id")
    ours = list(read_index(tables).query("detail == 'yes'")["model"])
    models, tests = compare(holdout, published, ours, params.evaluate)
    with writing(metrics / "published.csv", metrics / "published_comparisons.csv") as (numbers, comparisons):
        write_csv(numbers, models)
        write_csv(comparisons, tests)
