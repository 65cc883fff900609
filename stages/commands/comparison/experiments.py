"""What DVC's experiments hold that `compare` needs: their parameters, and the predictions on their val and holdout."""

import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dvc.api
import pandas as pd

from stages.evaluation.roles import ENSEMBLE, Model, Roles, roles_of
from stages.foundation.files import sha256_file
from stages.foundation.predictions import RECORD, as_written, read_predictions, read_record
from stages.foundation.probability import mean_probability
from stages.foundation.settings import NONE, Baselines, Kd
from stages.foundation.splits import GROUP, SOURCE, read_sources, read_split

FOLD, LEAVE_OUT, OF_FOLDS = "splits.fold", "splits.leave_out", "splits.folds"
Unit = int | str  # a fold, or a source that is left out: what the holdout of an experiment is


def flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested parameters by their dotted keys."""
    values: dict[str, Any] = {}
    for key, value in content.items():
        values |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return values


def unit_of(values: Mapping[str, Any]) -> Unit | None:
    """Return what an experiment's holdout is, a fold or a source left out; None for the study's. values: by dotted key.

    A parameter that an experiment lacks is NaN in DVC's table, and absent elsewhere.
    """
    fold, source = values.get(FOLD), values.get(LEAVE_OUT)
    if isinstance(fold, int | float) and not math.isnan(fold):
        return int(fold)
    return source if isinstance(source, str) and source != NONE else None


def of_this_commit() -> list[str]:
    """Return the names of this commit's experiments whose holdout is a fold or a source."""
    rows = [row for row in dvc.api.exp_show() if row["Experiment"]]
    if not (names := [row["Experiment"] for row in rows if unit_of(row) is not None]):
        raise ValueError(
            f"no experiment of this commit sets {FOLD} or {LEAVE_OUT}: dvc exp run --queue -S '{FOLD}=range(0,5)'"
        )
    return names


def archive_of(nested: dict[str, dict[str, Any]]) -> str:
    """Return the archive of experiments; ValueError where they have several."""
    names = {str(values["data"]["name"]) for values in nested.values()}
    if len(names) > 1:
        raise ValueError(f"experiments on {', '.join(sorted(names))}: name those of one archive")
    return names.pop()


def group(params: dict[str, dict[str, Any]], *, partial: bool = False) -> dict[str, dict[Unit, str]]:
    """Return way of training -> fold, or source left out -> experiment, from experiments' flat parameters.

    A way is named by the parameters in which it differs from the others, "-" if there is one. partial: return the folds
    or sources that every way has, instead of all. ValueError when one is missing or comes twice.
    """
    ways: dict[str, dict[Unit, str]] = {}
    others = {
        name: {key: str(value) for key, value in values.items() if key not in (FOLD, LEAVE_OUT)}
        for name, values in params.items()
    }
    keys = sorted({key for values in others.values() for key in values})
    differing = [key for key in keys if len({values.get(key) for values in others.values()}) > 1]
    for name, values in others.items():
        if (unit := unit_of(params[name])) is None:
            raise ValueError(f"{name}: its holdout is no fold and no source, {FOLD} is {params[name][FOLD]}")
        way = " ".join(f"{key}={values.get(key)}" for key in differing) or "-"
        units = ways.setdefault(way, {})
        if unit in units:
            raise ValueError(f"{name}: {unit} of {way} is {units[unit]}'s already; name the experiments you want")
        units[unit] = name
    found = [set(units) for units in ways.values()]
    folds = set(range(next(iter(params.values()))[OF_FOLDS]))
    wanted = set.union(*found) if any(isinstance(unit, str) for unit in set.union(*found)) else folds
    wanted = (partial and set.intersection(*found)) or wanted
    for way, units in ways.items():
        if missing := wanted - set(units):
            raise ValueError(f"{way}: no experiment of {sorted(missing)}, found {sorted(units)}")
    return {way: {unit: units[unit] for unit in sorted(wanted)} for way, units in ways.items()}


def frozen(experiment: str, params: dict[str, Any]) -> pd.DataFrame:
    """Return an experiment's val and holdout, a row an image, with the probabilities of the models to compare.

    They are kd.repeated and the control with their seeds, and those of the teachers and baselines that were trained on
    its train.csv: dvc.lock also names what an earlier run made. params: the experiment's, nested.
    """
    name, files = params["data"]["name"], dvc.api.DVCFileSystem(rev=experiment)
    processed = Path("data/processed", name)
    roles = roles_of(params["teachers"], Kd(**params["kd"]), Baselines(**params["baselines"]))
    predictions = Path("models", name, "predictions")
    with tempfile.TemporaryDirectory() as folder:

        def fetched(path: Path) -> Path:
            local = Path(folder, path)
            if not local.is_file():  # which may be a hard link: fetching onto it would empty the object in the cache
                local.parent.mkdir(parents=True, exist_ok=True)
                files.get_file(path.as_posix(), str(local))
            return local

        tables = []
        for split in ("val", "holdout"):
            table = read_split(fetched(processed / f"{split}.csv"))
            table = read_sources(fetched(processed / "sources.csv"), table)
            tables.append(table[["image_id", "lesion_id", "melanoma", SOURCE, GROUP]].assign(split=split))
        table = pd.concat(tables, ignore_index=True)
        train = sha256_file(fetched(processed / "train.csv"))
        for model in compared_models(roles):
            path, is_student = predictions / model.predictions, model.temperature is not None
            if not is_student and not files.exists(path.as_posix()):
                continue
            record = read_record(fetched(path.with_name(RECORD)))
            if record["inputs"][(processed / "train.csv").as_posix()] == train:
                table[model.name] = read_predictions(fetched(path), list(table["image_id"]))
            elif is_student:
                raise ValueError(f"{experiment}: {path} is of other training images: its stage did not run")
    teaching = [name for name in roles.names("distilling") if name in table]
    if roles.teacher == ENSEMBLE and len(teaching) == len(roles.names("distilling")):
        table[ENSEMBLE] = as_written(mean_probability([table[name].to_numpy() for name in teaching]))
    return table


def compared_models(roles: Roles) -> list[Model]:
    """Return the models with predictions of their own that can be compared: repeats, teachers and baselines."""
    students = [student for group in (roles.repeats | roles.turned_repeats).values() for student in group]
    return students + [model for model in roles.models if model.kind in ("teacher", "baseline")]
