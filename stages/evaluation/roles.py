"""The models of an evaluation: what each one is and its role. Readers of the tables join on model_index.csv."""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from stages.foundation.names import (
    ARCHITECTURES,
    CONTROL,
    STUDENT,
    TABLE,
    TURNED,
    parse_student,
    parse_teacher,
)
from stages.foundation.settings import Baselines, Kd

BASELINES = {  # labels for people
    "logistic_regression": "logistic regression",
    "svm_rbf": "SVM (RBF)",
    "random_forest": "random forest",
    "gradient_boosting": "gradient boosting",
    "released": "the released student",
}
# If kd.* selects the control, its role is "selected"; so the control is found by name.
CONTROL_MODEL = f"student_{CONTROL}"
ENSEMBLE = "teacher_ensemble"  # the mean log odds of several distilling teachers
SOURCE_ALONE = "source_alone"  # knows nothing of an image but which clinic and camera it is from


@dataclass(frozen=True)
class Model:
    """One row of model_index.csv.

    key: of the model's files; label: for people; temperature, alpha and seed: None where a model has none. kind:
    teacher, ensemble, student, onnx, baseline, source (its share of melanoma in train), turned (the same model over
    four quarter turns) or mean (of a student's seeds). role: distilling (teachers), ensemble, selected, control, grid,
    repeat (students), fp32, int8 (ONNX files), or "-".
    """

    key: str
    label: str
    kind: str
    architecture: str
    temperature: float | None = None
    alpha: float | None = None
    seed: int | None = None
    role: str = "-"

    @property
    def name(self) -> str:
        """Return the model's name in every table."""
        is_student = self.kind == "student" or (self.kind == "turned" and self.temperature is not None)
        name = f"student_{self.key}" if is_student else self.key
        return f"{name}_turned" if self.kind == "turned" else name

    @property
    def predictions(self) -> Path:
        """Return its table's path below models/<name>/predictions; its record stands beside it."""
        if self.kind in ("onnx", "baseline"):
            return Path("onnx" if self.kind == "onnx" else "baselines", f"{self.key}.csv")
        kind = "teachers" if self.temperature is None else "students" if self.seed is None else "repeats"
        return Path(kind, self.key, TURNED if self.kind == "turned" else TABLE)

    @property
    def turned(self) -> "Model":
        """Return the same model asked about four quarter turns of each image."""
        return replace(self, label=f"{self.label}, four turns", kind="turned", role="-")


@dataclass(frozen=True)
class Roles:
    """Every scored model, in the order of the tables."""

    models: list[Model]

    def names(self, role: str) -> list[str]:
        """Return the names of the models with this role."""
        return [model.name for model in self.models if model.role == role]

    def one(self, role: str) -> str:
        """Return the name of the only model with this role."""
        (name,) = self.names(role)
        return name

    @property
    def grid(self) -> list[Model]:
        """Return the students of the grid, and the selected one."""
        return [model for model in self.models if model.role in ("grid", "selected")]

    @property
    def baselines(self) -> list[str]:
        return [model.name for model in self.models if model.kind == "baseline"]

    @property
    def detailed(self) -> list[str]:
        """Return the models shown in detail: the teacher, the selected student, the control, int8."""
        return list(dict.fromkeys([self.teacher, self.one("selected"), CONTROL_MODEL, self.one("int8")]))

    @property
    def teacher(self) -> str:
        """Return the name of what stands for the teacher: the ensemble, or the only distilling teacher."""
        return (self.names("ensemble") or self.names("distilling"))[0]

    @property
    def upright(self) -> list[str]:
        """Return the names of all models but the turned ones."""
        return [model.name for model in self.models if model.kind != "turned"]

    @property
    def repeats(self) -> dict[str, list[Model]]:
        """Return the students trained with several seeds, by the name of their mean; the control comes last."""
        return self._groups("student", "")

    @property
    def turned_repeats(self) -> dict[str, list[Model]]:
        """Return what `repeats` does of the same students over four quarter turns."""
        return self._groups("turned", ", four turns")

    def _groups(self, kind: str, ending: str) -> dict[str, list[Model]]:
        groups: dict[tuple[float, float | None], list[Model]] = {}
        for model in self.models:
            if model.kind == kind and model.temperature is not None:
                groups.setdefault((model.temperature, model.alpha), []).append(model)
        several = [group for group in groups.values() if len(group) > 1]
        several.sort(key=lambda group: group[0].key == CONTROL)
        return {f"student_{group[0].key}, mean of {len(group)} seeds{ending}": group for group in several}


def roles_of(teachers: list[str], kd: Kd, baselines: Baselines, method: str = "", *, sources: bool = False) -> Roles:
    """Return every model that these parameters train and export, with its role.

    method: of the int8 file; where it has int8 weights but computes in float, its label says so. sources: whether the
    images' clinics and cameras are known, which then are a model, too: SOURCE_ALONE.
    """
    trained = [_teacher(key, kd) for key in teachers]
    if len(kd.teachers) > 1:
        trained.append(Model(ENSEMBLE, f"mean of {len(kd.teachers)} teachers", "ensemble", "-", role="ensemble"))
    roles = dict.fromkeys(kd.grid.students, "grid") | {CONTROL: "control", kd.selected: "selected"}
    students = [_student(key, roles.get(key, "repeat")) for key in kd.students]
    roles_ = Roles(trained + students)
    turned = [model.turned for model in roles_.models if model.name == roles_.teacher]
    turned += [model.turned for group in roles_.repeats.values() for model in group]
    models = trained + students + turned
    selected = parse_student(kd.selected)
    for precision in ("fp32", "int8"):
        weights = " weights" if precision == "int8" and method.startswith("weight_only") else ""
        key, label = f"student_{precision}", f"student ONNX {precision}{weights}"
        models.append(Model(key, label, "onnx", STUDENT, selected.T, selected.alpha, role=precision))
    models += [Model(name, BASELINES[name], "baseline", name) for name in baselines.models]
    return Roles(models + [Model(SOURCE_ALONE, "the source alone", "source", "-")] * sources)


def _teacher(key: str, kd: Kd) -> Model:
    name = parse_teacher(key)
    label = ARCHITECTURES[name.architecture] + _with_seed(name.seed)
    label += "" if name.fold is None else f", without fold {name.fold}"
    role = "distilling" if key in kd.teachers else "-"
    return Model(key, label, "teacher", name.architecture, seed=name.seed, role=role)


def _student(key: str, role: str) -> Model:
    student = parse_student(key)
    label = f"student T={student.T:g} α={student.alpha:g}" + _with_seed(student.seed)
    return Model(key, label, "student", STUDENT, student.T, student.alpha, student.seed, role)


def index_table(roles: Roles) -> pd.DataFrame:
    """Return one row per model and per mean of seeds; detail: whether it is shown in detail. Blanks are "-"."""
    models = list(roles.models)
    for name, (student, *others) in (roles.repeats | roles.turned_repeats).items():
        label = f"{student.label}, mean of {1 + len(others)} seeds"
        models.append(replace(student, key=name, label=label, kind="mean", seed=None, role="-"))
    rows = [
        {"model": model.name}
        | {column: _cell(value) for column, value in vars(model).items() if column != "key"}
        | {"detail": "yes" if model.name in roles.detailed else "no"}
        for model in models
    ]
    return pd.DataFrame(rows)


def _cell(value: str | float | None) -> str:
    return "-" if value is None else value if isinstance(value, str) else f"{value:g}"


def _with_seed(seed: int | None) -> str:
    return "" if seed is None else f", seed {seed}"
