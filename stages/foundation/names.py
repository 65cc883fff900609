"""Names of models: architectures, keys of teachers and students, the grid of T and alpha."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

ARCHITECTURES = {  # of teachers: torchvision's name and the usual one
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
CONTROL = "T1_alpha0"  # a student trained without distillation
REPEAT_SEEDS = (43, 44)  # kd.repeated and the control are trained with these seeds too

_TEACHER = re.compile(rf"({'|'.join(ARCHITECTURES)})(_seed([0-9]+))?")
_NUMBER = r"[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?"
_STUDENT = re.compile(rf"T({_NUMBER})_alpha({_NUMBER})(?:_seed([0-9]+))?")


def parse_teacher(key: str) -> tuple[str, int | None]:
    """Return the architecture and the seed in a key such as `resnet18_seed43`; ValueError on other keys.

    The seed is None in `resnet18`, which is trained with teacher.seed.
    """
    match = _TEACHER.fullmatch(key)
    if match is None:
        raise ValueError(f"wanted some of {', '.join(ARCHITECTURES)}, each with or without _seed<number>")
    return match[1], None if match[3] is None else int(match[3])


@dataclass(frozen=True)
class Student:
    """T: temperature of distillation; alpha: weight of the teacher's term; seed: of a repeat, None for distill.seed."""

    T: float
    alpha: float
    seed: int | None


def parse_student(key: str) -> Student:
    """Return the student that `T<T>_alpha<alpha>[_seed<seed>]` names; ValueError on other keys.

    One student has one key: numbers are in their shortest spelling (2, not 2.0).
    """
    match = _STUDENT.fullmatch(key)
    student = match and Student(float(match[1]), float(match[2]), None if match[3] is None else int(match[3]))
    if not student or student_key(student) != key or student.T == 0 or student.alpha > 1:
        raise ValueError(
            f"student key {key!r}: wanted T<kd.temperature>_alpha<kd.alpha>, for example {GRID[0]!r}: "
            "T above 0, alpha from 0 to 1, in their shortest spelling"
        )
    return student


def student_key(student: Student) -> str:
    """Return the key that `parse_student` reads."""
    return f"T{student.T:g}_alpha{student.alpha:g}" + ("" if student.seed is None else f"_seed{student.seed}")


def student_keys(selected: str, repeated: str) -> list[str]:
    """Return the students dvc.yaml trains, each once: grid, control, selected, repeats of control and `repeated`."""
    repeats = [key for name in (CONTROL, repeated) for key in repeat_keys(name)]
    return list(dict.fromkeys([*GRID, CONTROL, selected, *repeats]))


def repeat_keys(key: str) -> list[str]:
    """Return the keys of a student's repeats, which differ in the seed."""
    return [f"{key}_seed{seed}" for seed in REPEAT_SEEDS]


def _teacher_key(key: str) -> str:
    parse_teacher(key)
    return key


def _each_once(keys: list[str]) -> list[str]:
    if len(set(keys)) < len(keys):
        raise ValueError("wanted one or more names, each once")
    return keys


Teacher = Annotated[str, AfterValidator(_teacher_key)]
Teachers = Annotated[list[Teacher], Field(min_length=1), AfterValidator(_each_once)]
EachOnce = AfterValidator(_each_once)

HEADLINE = {  # the main metrics of a model: the threshold each is computed at, and its name
    "roc_auc": ("all", "roc_auc"),
    "average_precision": ("all", "average_precision"),
    "sensitivity": ("operating point", "sensitivity"),
    "specificity": ("operating point", "specificity"),
    "ece": ("all", "ece"),
}
