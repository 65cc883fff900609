"""Compare this run's models with published predictions for the same holdout. A command, no stage.

    python -m stages.commands.compare_published

Reads metrics/<name>/predictions.csv and referral.csv (which names the principal models), and
metrics/published/<name>.csv. Writes metrics/<name>/published.csv and published_comparisons.csv. A leaf: it needs
nothing but these files, which Git holds.
"""

from pathlib import Path

import pandas as pd
from pydantic import Field

from stages.evaluation.published import compare
from stages.foundation import command
from stages.foundation.files import write_csv, writing
from stages.foundation.params import Data, Part, Section, read_params


class Evaluate(Part):
    sensitivity: float = Field(gt=0, le=1)
    replicates: int = Field(ge=100)
    seed: int = Field(ge=0)


class Params(Section):
    data: Data
    evaluate: Evaluate


def main() -> None:
    params = read_params(Params)
    metrics, source = Path("metrics", params.data.name), Path("metrics/published", f"{params.data.name}.csv")
    if not source.is_file():
        raise ValueError(f"{source}: no such file: nothing is published for {params.data.name}")
    holdout = pd.read_csv(metrics / "predictions.csv").query("split == 'holdout'")
    ours = list(dict.fromkeys(pd.read_csv(metrics / "referral.csv")["model"]))
    models, tests = compare(holdout, pd.read_csv(source), ours, **params.evaluate.model_dump())
    with writing(metrics / "published.csv", metrics / "published_comparisons.csv") as (numbers, comparisons):
        write_csv(numbers, models)
        write_csv(comparisons, tests)


if __name__ == "__main__":
    command.run(main)
