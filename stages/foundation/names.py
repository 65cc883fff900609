"""Names of models: architectures, keys of teachers and students, their tables."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field

STUDENT = "mobilenet_v3_small"
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
    STUDENT: "MobileNetV3-Small",  # a student's own architecture can teach, too
    "mobilenet_v2": "MobileNetV2",  # not the study's, as the next: kinds of their own, whose errors are other ones
    "inception_v3": "Inception-v3",
}

T = TypeVar("T")
CONTROL = "T1_alpha0"  # a student trained without distillation
FOLDS, VAL = Path("metrics/folds"), "val"  # tables of out-of-fold scores; the empty one, where val alone chooses
TABLE = "predictions.csv"  # a model's probabilities, below models/<name>/predictions
INPUT, LOGITS, DISTANCE = "image", "logits", "distance"  # of an exported file
TURNED = "turned.csv"  # likewise, from the mean logits over four quarter turns of each image

_COUNT = "0|[1-9][0-9]*"  # one teacher has one key: 43, not 043
_TEACHER = re.compile(rf"({'|'.join(ARCHITECTURES)})(?:_seed({_COUNT}))?(?:_fold({_COUNT}))?")
_NUMBER = r"[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?"
_STUDENT = re.compile(rf"T({_NUMBER})_alpha({_NUMBER})(?:_seed([0-9]+))?")


@dataclass(frozen=True)
class TeacherName:
    """seed: of a repeat, None for teacher.seed; fold: of train.csv, never seen by this teacher, None if it saw all."""

    architecture: str
    seed: int | None
    fold: int | None


def parse_teacher(key: str) -> TeacherName:
    """Return what a key such as `resnet18`, `resnet18_seed43` or `resnet18_fold0` names; ValueError on other keys."""
    match = _TEACHER.fullmatch(key)
    if match is None:
        known = ", ".join(ARCHITECTURES)
        raise ValueError(f"wanted some of {known}, each with or without _seed<number> and _fold<number>")
    seed, fold = (None if number is None else int(number) for number in match.groups()[1:])
    if seed is not None and seed >= 2**32:
        raise ValueError(f"{key}: wanted a seed below 2^32")
    return TeacherName(match[1], seed, fold)


def repeated_by(key: str) -> list[str]:
    """Return a teacher's key and those it repeats: resnet18_seed43_fold0, resnet18_seed43, resnet18."""
    names = [key]
    while "_seed" in names[-1] or "_fold" in names[-1]:
        names.append(names[-1].rpartition("_")[0])
    return names


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
    if (
        not student
        or student_key(student) != key
        or student.T == 0
        or student.alpha > 1
        or (student.seed or 0) >= 2**32
    ):
        raise ValueError(
            f"student key {key!r}: wanted T<kd.temperature>_alpha<kd.alpha>, for example 'T1_alpha0.5': "
            "T above 0, alpha from 0 to 1, in their shortest spelling"
        )
    return student


def student_key(student: Student) -> str:
    """Return the key that `parse_student` reads."""
    return f"T{student.T:g}_alpha{student.alpha:g}" + ("" if student.seed is None else f"_seed{student.seed}")


def _teacher_key(key: str) -> str:
    parse_teacher(key)
    return key


def _each_once(values: list[T]) -> list[T]:
    if len(set(values)) < len(values):
        raise ValueError("wanted one or more, each once")
    return values


Teacher = Annotated[str, AfterValidator(_teacher_key)]
Teachers = Annotated[list[Teacher], Field(min_length=1), AfterValidator(_each_once)]
EachOnce = AfterValidator(_each_once)

HEADLINE = {  # the main metrics of a model: the threshold each is computed at, and its name
    "roc_auc_within": ("within sources", "roc_auc"),
    "roc_auc": ("all", "roc_auc"),
    "average_precision": ("all", "average_precision"),
    "sensitivity": ("operating point", "sensitivity"),
    "specificity": ("operating point", "specificity"),
    "ece": ("all", "ece"),
}
