"""Keep a finished run's tables and what they were made from, so that a clone shows them and it can be run again.

    make keep-run

Reads params.yaml, dvc.lock, logs/seconds.csv and the tables of metrics/<name>, plots/<name> and stress_test, which
DVC caches and Git ignores. Writes metrics/<name>/run, which Git holds: evaluation/, curves/, history/, quantization.csv
and holdout.json as they are, stress/ with its large tables compressed (distances to seven digits), below 2 MB each,
params.yaml as it is, dvc.lock without the stages that last ran on another data set (with both put back in place, `dvc
repro` runs again what has changed since) and seconds.csv, the last duration that each stage in that lock had in this
working tree ("-" for one that never ran here). Hardware and versions stand in evaluation/model_index.csv.
"""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from stages.commands.cluster.durations import read_seconds
from stages.foundation import command
from stages.foundation.files import write_csv, write_text, writing
from stages.foundation.names import DISTANCE
from stages.foundation.params import PARAMS, read_params, read_yaml
from stages.foundation.predictions import IDS
from stages.foundation.settings import DEMO, Data

LOCK = Path("dvc.lock")
KEPT = {"evaluation": "metrics/{name}/evaluation", "curves": "plots/{name}/data", "history": "plots/{name}/history"}
SYNTHESIZE = "synthesize_demo"  # names no data set: it draws the demo's


@dataclass(frozen=True)
class Params:
    data: Data


def lock_of(lock: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a dvc.lock without the stages that ran on another data set."""
    runs = {
        stage: entry
        for stage, entry in lock["stages"].items()
        if entry.get("params", {}).get(PARAMS.name, {}).get("data.name", name) == name
        and (stage != SYNTHESIZE or name == DEMO)
    }
    return lock | {"stages": runs}


def main() -> None:
    name = read_params(Params).data.name
    lock, seconds = lock_of(read_yaml(LOCK), name), read_seconds(Path())
    table = pd.DataFrame([(stage, seconds.get(stage, "-")) for stage in lock["stages"]], columns=["stage", "seconds"])
    with writing(Path("metrics", name, "run")) as (folder,):
        folder.mkdir()
        shutil.copy(PARAMS, folder / PARAMS.name)
        write_text(folder / LOCK.name, yaml.safe_dump(lock, sort_keys=False, width=math.inf))
        write_csv(folder / "seconds.csv", table)
        for kept, source in KEPT.items():
            shutil.copytree(Path(source.format(name=name)), folder / kept)
        for file in ("quantization.csv", "holdout.json"):
            shutil.copy(Path("metrics", name, file), folder)
        shutil.copytree(Path("models", name, "predictions/stress"), folder / "stress")
        compression = {"method": "xz", "preset": 9}
        for large in (folder / "stress/altered.csv", folder / "stress/compared.csv"):
            table = pd.read_csv(large, dtype=IDS, keep_default_na=False)
            if DISTANCE in table:
                table[DISTANCE] = table[DISTANCE].map("{:.7g}".format)
            table.to_csv(large.with_suffix(".csv.xz"), index=False, compression=compression)
            large.unlink()


if __name__ == "__main__":
    command.run(main)
