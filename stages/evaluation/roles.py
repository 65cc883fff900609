"""A model is a row: what it is and which part it plays. Whoever reads the tables joins on this one."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from stages.foundation.names import (
    ARCHITECTURES,
    CONTROL,
    GRID,
    STUDENT,
    Student,
    parse_student,
    parse_teacher,
    student_key,
    student_keys,
)
from stages.foundation.settings import Baselines, Kd

BASELINES = {
    "logistic_regression": "logistic regression",
    "svm_rbf": "SVM (RBF)",
    "random_forest": "random forest",
    "gradient_boosting": "gradient boosting",
}


@dataclass(frozen=True)
class Model:
    """One row. name: in every table; label: for people; temperature, alpha and seed: of students, else None.

    kind: teacher, student, onnx, baseline, or mean (of a student's seeds). role: distilling (teachers), selected,
    control, grid, repeat (students), fp32, int8 (files), or "-".
    """

    name: str
    label: str
    kind: str
    architecture: str
    temperature: float | None = None
    alpha: float | None = None
    seed: int | None = None
    role: str = "-"

    @property
    def student(self) -> Student:
        """Return T, alpha and seed of a student."""
        if self.temperature is None or self.alpha is None:
            raise ValueError(f"{self.name} is no student")
        return Student(self.temperature, self.alpha, self.seed)


@dataclass(frozen=True)
class Roles:
    """Every scored model, in the order of the tables."""

    models: list[Model]

    def names(self, *roles: str) -> list[str]:
        """Return the models with one of these roles."""
        return [model.name for model in self.models if model.role in roles]

    @property
    def teachers(self) -> list[str]:
        return self.names("distilling")

    @property
    def selected(self) -> str:
        (name,) = self.names("selected")
        return name

    @property
    def control(self) -> str:
        return _name(parse_student(CONTROL))

    @property
    def grid(self) -> list[str]:
        return [_name(parse_student(key)) for key in GRID]

    @property
    def int8(self) -> str:
        (name,) = self.names("int8")
        return name

    @property
    def fp32(self) -> str:
        (name,) = self.names("fp32")
        return name

    @property
    def baselines(self) -> list[str]:
        return [model.name for model in self.models if model.kind == "baseline"]

    @property
    def detailed(self) -> list[str]:
        """Return the models shown in detail: the distilling teachers, the selected student, its control, int8."""
        return list(dict.fromkeys([*self.teachers, self.selected, self.control, self.int8]))

    @property
    def repeats(self) -> dict[str, list[Model]]:
        """Return the students trained with several seeds, by the name of their mean; the control comes last."""
        groups: dict[tuple[float | None, float | None], list[Model]] = {}
        for model in self.models:
            if model.kind == "student":
                groups.setdefault((model.temperature, model.alpha), []).append(model)
        several = [group for group in groups.values() if len(group) > 1]
        several.sort(key=lambda group: group[0].name == self.control)
        return {f"{group[0].name}{_of_seeds(group)}": group for group in several}


def roles_of(teachers: list[str], kd: Kd, baselines: Baselines) -> Roles:
    """Return every model that these parameters train and export, with its role."""
    rows = [*_teachers(teachers, kd), *_students(kd), *_files(kd)]
    rows += [Model(name, BASELINES[name], "baseline", name) for name in baselines.models]
    return Roles(rows)


def index_table(roles: Roles) -> pd.DataFrame:
    """Return one row per model and per mean of seeds; detail: whether it is shown in detail. Blanks are "-"."""
    rows = list(roles.models)
    for name, group in roles.repeats.items():
        first = group[0]
        label = f"{first.label}{_of_seeds(group)}"
        rows.append(Model(name, label, "mean", first.architecture, first.temperature, first.alpha))
    detailed = roles.detailed
    return pd.DataFrame([{**_texts(row), "detail": "yes" if row.name in detailed else "no"} for row in rows])


def _texts(model: Model) -> dict[str, str]:
    cells = {"model": model.name} | {name: value for name, value in vars(model).items() if name != "name"}
    return {name: _text(value) for name, value in cells.items()}


def _text(value: str | float | None) -> str:
    return "-" if value is None else value if isinstance(value, str) else f"{value:g}"


def _teachers(keys: list[str], kd: Kd) -> Iterator[Model]:
    for key in keys:
        architecture, seed = parse_teacher(key)
        role = "distilling" if key in kd.teachers else "-"
        label = ARCHITECTURES[architecture] + _with_seed(seed)
        yield Model(key, label, "teacher", architecture, seed=seed, role=role)


def _students(kd: Kd) -> Iterator[Model]:
    roles = dict.fromkeys(GRID, "grid") | {CONTROL: "control", kd.selected: "selected"}
    for key in student_keys(kd.selected, kd.repeated):
        student = parse_student(key)
        label = f"student T={student.T:g} α={student.alpha:g}" + _with_seed(student.seed)
        role = roles.get(key, "repeat")
        yield Model(_name(student), label, "student", STUDENT, student.T, student.alpha, student.seed, role)


def _files(kd: Kd) -> Iterator[Model]:
    selected = parse_student(kd.selected)
    for kind in ("fp32", "int8"):
        label = f"student ONNX {kind}"
        yield Model(f"student_{kind}", label, "onnx", STUDENT, selected.T, selected.alpha, role=kind)


def _name(student: Student) -> str:
    return f"student_{student_key(student)}"


def _with_seed(seed: int | None) -> str:
    return "" if seed is None else f", seed {seed}"


def _of_seeds(group: list[Model]) -> str:
    return f", mean of {len(group)} seeds"
