"""Compare this run's models with published predictions for the same holdout.

    melanoma-kd compare_published

Reads metrics/<name>/evaluation: predictions.csv and model_index.csv (which models are shown in detail); and
metrics/published/<name>.csv. Writes metrics/<name>/published.csv and published_comparisons.csv. A leaf: it needs
nothing but these files, which Git holds.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stages.dataset.predictions import IDS
from stages.evaluation.published import compare
from stages.foundation import command
from stages.foundation.files import write_csv, writing
from stages.foundation.params import read_params
from stages.foundation.settings import Data, Evaluate
from stages.reporting.labels import read_index


@dataclass(frozen=True)
class Params:
    data: Data
    evaluate: Evaluate


def main() -> None:
    params = read_params(Params)
    metrics, source = Path("metrics", params.data.name), Path("metrics/published", f"{params.data.name}.csv")
    if not source.is_file():
        raise ValueError(f"{source}: no such file: nothing is published for {params.data.name}")
    frozen, published = (
        pd.read_csv(path, dtype=IDS, keep_default_na=False) for path in (metrics / "evaluation/predictions.csv", source)
    )
    holdout = frozen.query("split == 'holdout'")
    ours = list(read_index(metrics / "evaluation").query("detail == 'yes'")["model"])
    rule = params.evaluate
    models, tests = compare(
        holdout, published, ours, sensitivity=rule.sensitivity, replicates=rule.replicates, seed=rule.seed
    )
    with writing(metrics / "published.csv", metrics / "published_comparisons.csv") as (numbers, comparisons):
        write_csv(numbers, models)
        write_csv(comparisons, tests)


if __name__ == "__main__":
    command.run(main)
