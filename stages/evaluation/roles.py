"""The models of an evaluation: what each one is and its role. Readers of the tables join on model_index.csv."""

from dataclasses import dataclass

import pandas as pd

from stages.foundation.names import ARCHITECTURES, CONTROL, GRID, STUDENT, parse_student, parse_teacher, student_keys
from stages.foundation.settings import Baselines, Kd

BASELINES = {  # labels for people
    "logistic_regression": "logistic regression",
    "svm_rbf": "SVM (RBF)",
    "random_forest": "random forest",
    "gradient_boosting": "gradient boosting",
}
CONTROL_MODEL = f"student_{CONTROL}"  # by name, as its role is "selected" where both are one


@dataclass(frozen=True)
class Model:
    """One row of model_index.csv.

    key: of the model's files; label: for people; temperature, alpha and seed: None where a model has none. kind:
    teacher, student, onnx, baseline, or mean (of a student's seeds). role: distilling (teachers), selected, control,
    grid, repeat (students), fp32, int8 (ONNX files), or "-".
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
        return f"student_{self.key}" if self.kind == "student" else self.key


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
        """Return the students of the grid, the selected one too if it is one of them."""
        return [model for model in self.models if model.key in GRID]

    @property
    def baselines(self) -> list[str]:
        return [model.name for model in self.models if model.kind == "baseline"]

    @property
    def detailed(self) -> list[str]:
        """Return the models shown in detail: the distilling teachers, the selected student, the control, int8."""
        return list(dict.fromkeys([*self.names("distilling"), self.one("selected"), CONTROL_MODEL, self.one("int8")]))

    @property
    def repeats(self) -> dict[str, list[Model]]:
        """Return the students trained with several seeds, by the name of their mean; the control comes last."""
        groups: dict[tuple[float | None, float | None], list[Model]] = {}
        for model in self.models:
            if model.kind == "student":
                groups.setdefault((model.temperature, model.alpha), []).append(model)
        several = [group for group in groups.values() if len(group) > 1]
        several.sort(key=lambda group: group[0].key == CONTROL)
        return {f"{group[0].name}, mean of {len(group)} seeds": group for group in several}


def roles_of(teachers: list[str], kd: Kd, baselines: Baselines) -> Roles:
    """Return every model that these parameters train and export, with its role."""
    models = []
    for key in teachers:
        architecture, seed = parse_teacher(key)
        label = ARCHITECTURES[architecture] + _with_seed(seed)
        role = "distilling" if key in kd.teachers else "-"
        models.append(Model(key, label, "teacher", architecture, seed=seed, role=role))
    roles = dict.fromkeys(GRID, "grid") | {CONTROL: "control", kd.selected: "selected"}
    for key in student_keys(kd.selected, kd.repeated):
        student = parse_student(key)
        T, alpha, seed, role = student.T, student.alpha, student.seed, roles.get(key, "repeat")
        label = f"student T={T:g} α={alpha:g}" + _with_seed(seed)
        models.append(Model(key, label, "student", STUDENT, T, alpha, seed, role))
    selected = parse_student(kd.selected)
    for precision in ("fp32", "int8"):
        key, label = f"student_{precision}", f"student ONNX {precision}"
        models.append(Model(key, label, "onnx", STUDENT, selected.T, selected.alpha, role=precision))
    return Roles(models + [Model(name, BASELINES[name], "baseline", name) for name in baselines.models])


def index_table(roles: Roles) -> pd.DataFrame:
    """Return one row per model and per mean of seeds; detail: whether it is shown in detail. Blanks are "-"."""
    models = list(roles.models)
    for name, (student, *others) in roles.repeats.items():
        label = f"{student.label}, mean of {1 + len(others)} seeds"
        models.append(Model(name, label, "mean", student.architecture, student.temperature, student.alpha))
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
