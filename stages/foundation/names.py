"""The names of the sweep: architectures, the keys of teachers and students, and the T x alpha grid."""

import math
import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

ARCHITECTURES = {  # of teachers, as torchvision names them, and as people do
    "resnet18": "ResNet-18",
    "resnet34": "ResNet-34",
    "resnet50": "ResNet-50",
    "resnet101": "ResNet-101",
    "resnet152": "ResNet-152",
    "efficientnet_b0": "EfficientNet-B0",
    "efficientnet_b1": "EfficientNet-B1",
    "efficientnet_b2": "EfficientNet-B2",
    "efficientnet_b3": "EfficientNet-B3",
    "efficientnet_b4": "EfficientNet-B4",
    "efficientnet_b5": "EfficientNet-B5",
    "efficientnet_b6": "EfficientNet-B6",
    "efficientnet_b7": "EfficientNet-B7",
}
STUDENT = "mobilenet_v3_small"

GRID = ("T1_alpha0.5", "T1_alpha0.9", "T2_alpha0.5", "T2_alpha0.9")
CONTROL = "T1_alpha0"  # the teacher's term weighs nothing: a student trained without distillation
REPEAT_SEEDS = (43, 44)  # the student kd.repeated and the control are trained again with these

_TEACHER = re.compile(rf"({'|'.join(ARCHITECTURES)})(_seed([0-9]+))?")
_STUDENT = re.compile(r"T(?P<T>[^_]*)_alpha(?P<alpha>[^_]*)(_seed(?P<seed>[0-9]+))?")


def parse_teacher(key: str) -> tuple[str, int | None]:
    """Return architecture and seed of `resnet18` (None: teacher.seed) or of `resnet18_seed43`; ValueError on others."""
    match = _TEACHER.fullmatch(key)
    if match is None:
        raise ValueError(f"wanted some of {', '.join(ARCHITECTURES)}, each with or without _seed<number>")
    return match[1], None if match[3] is None else int(match[3])


@dataclass(frozen=True)
class Student:
    """One student: T is the temperature of distillation, alpha the weight of the teacher's term.

    seed is None for distill.seed, else the seed of a repeat.
    """

    T: float
    alpha: float
    seed: int | None


def parse_student(key: str) -> Student:
    """Return the student that `T<T>_alpha<alpha>[_seed<seed>]` names; ValueError names the parameter that is off.

    One student has one key: only the shortest spelling of a number is taken (2, not 2.0).
    """
    match = _STUDENT.fullmatch(key)
    if match is None:
        raise ValueError(f"student key {key!r}: wanted T<kd.temperature>_alpha<kd.alpha>, for example {GRID[0]!r}")
    T, alpha = (_number(f"kd.{name}", match[group]) for name, group in (("temperature", "T"), ("alpha", "alpha")))
    if not 0 < T < math.inf:
        raise ValueError(f"params.yaml: kd.temperature: wanted a number above 0, found {match['T']}")
    if not 0 <= alpha <= 1:
        raise ValueError(f"params.yaml: kd.alpha: wanted a number from 0 to 1, found {match['alpha']}")
    return Student(T, alpha, None if match["seed"] is None else int(match["seed"]))


def student_key(student: Student) -> str:
    """Return the key that `parse_student` reads."""
    return f"T{student.T:g}_alpha{student.alpha:g}" + ("" if student.seed is None else f"_seed{student.seed}")


def student_keys(selected: str, repeated: str) -> list[str]:
    """Return the keys that dvc.yaml's `distill` runs: grid, control, selected, and repeats of two, each once."""
    repeats = [key for name in (CONTROL, repeated) for key in repeat_keys(name)]
    return list(dict.fromkeys([*GRID, CONTROL, selected, *repeats]))


def repeat_keys(key: str) -> list[str]:
    """Return the keys of a student's repeats with other seeds."""
    return [f"{key}_seed{seed}" for seed in REPEAT_SEEDS]


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"params.yaml: {name}: wanted a number, found {text!r}") from None
    if f"{value:g}" != text:
        raise ValueError(f"params.yaml: {name}: write {value:g}, not {text}")
    return value


def _checked(key: str) -> str:
    parse_teacher(key)
    return key


def _each_once(keys: list[str]) -> list[str]:
    if len(set(keys)) < len(keys):
        raise ValueError("wanted one or more names, each once")
    return keys


Teacher = Annotated[str, AfterValidator(_checked)]
Teachers = Annotated[list[Teacher], Field(min_length=1), AfterValidator(_each_once)]
EachOnce = AfterValidator(_each_once)

HEADLINE = {  # the numbers said first of any model: where each is decided, and its metric
    "roc_auc": ("all", "roc_auc"),
    "average_precision": ("all", "average_precision"),
    "sensitivity": ("operating point", "sensitivity"),
    "specificity": ("operating point", "specificity"),
    "ece": ("all", "ece"),
}
