"""The names of the sweep: architectures, student keys, the T x alpha grid, and what may be chosen among them."""

import math
import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

TEACHERS = (
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "efficientnet_b5",
    "efficientnet_b6",
    "efficientnet_b7",
)
STUDENT = "mobilenet_v3_small"

GRID = ("T1_alpha0.5", "T1_alpha0.9", "T2_alpha0.5", "T2_alpha0.9")
CONTROL = "T1_alpha0"  # the teacher's term weighs nothing: a student trained without distillation
REPEAT_SEEDS = (43, 44)  # the student kd.repeated and the control are trained again with these

_TEACHER = re.compile(rf"({'|'.join(TEACHERS)})(_seed([0-9]+))?")
_KEY = re.compile(r"T(?P<T>[^_]*)_alpha(?P<alpha>[^_]*)(_seed(?P<seed>[0-9]+))?")


def parse_teacher(name: str) -> tuple[str, int | None]:
    """Return architecture and seed of `resnet18` (None: teacher.seed) or of `resnet18_seed43`; ValueError on others."""
    match = _TEACHER.fullmatch(name)
    if match is None:
        raise ValueError(f"wanted some of {', '.join(TEACHERS)}, each with or without _seed<number>, found {name!r}")
    return match[1], None if match[3] is None else int(match[3])


def _checked(name: str) -> str:
    parse_teacher(name)
    return name


Teacher = Annotated[str, AfterValidator(_checked)]


@dataclass(frozen=True)
class Student:
    """One student: T is the temperature of distillation, alpha the weight of the teacher's term.

    seed is None for distill.seed, else the seed of a repeat.
    """

    T: float
    alpha: float
    seed: int | None


def parse_key(key: str) -> Student:
    """Return the student that `T<T>_alpha<alpha>[_seed<seed>]` names; ValueError names the parameter that is off.

    One student has one name: only the shortest spelling of a number is taken (2, not 2.0).
    """
    match = _KEY.fullmatch(key)
    if match is None:
        raise ValueError(f"student key {key!r}: wanted T<kd.temperature>_alpha<kd.alpha>, for example {GRID[0]!r}")
    T = _number("kd.temperature", match["T"])
    alpha = _number("kd.alpha", match["alpha"])
    if not 0 < T < math.inf:
        raise ValueError(f"params.yaml: kd.temperature: wanted a number above 0, found {match['T']}")
    if not 0 <= alpha <= 1:
        raise ValueError(f"params.yaml: kd.alpha: wanted a number from 0 to 1, found {match['alpha']}")
    return Student(T, alpha, None if match["seed"] is None else int(match["seed"]))


def student_key(temperature: float, alpha: float) -> str:
    """Return the key of a cell of the sweep, in the spelling `parse_key` takes."""
    return f"T{temperature:g}_alpha{alpha:g}"


def student_keys(selected: str, repeated: str) -> list[str]:
    """Return the keys that dvc.yaml's `distill` runs: grid, control, selected, and repeats of two, each once."""
    repeats = [key for name in (CONTROL, repeated) for key in repeat_keys(name)]
    return list(dict.fromkeys([*GRID, CONTROL, selected, *repeats]))


def repeat_keys(key: str) -> list[str]:
    """Return the keys of a student's repeats with other seeds."""
    return [f"{key}_seed{seed}" for seed in REPEAT_SEEDS]


def check_choices(teachers: list[str], kd_teachers: list[str]) -> None:
    """Raise ValueError unless both lists are without repeats and every distilling teacher is among the teachers."""
    for name, entries in (("teachers", teachers), ("kd.teachers", kd_teachers)):
        if not entries or len(set(entries)) < len(entries):
            raise ValueError(f"params.yaml: {name}: wanted one or more names, each once, found {entries}")
    strangers = [name for name in kd_teachers if name not in teachers]
    if strangers:
        raise ValueError(f"params.yaml: kd.teachers: {strangers} not among the teachers {teachers}")


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"params.yaml: {name}: wanted a number, found {text!r}") from None
    if f"{value:g}" != text:
        raise ValueError(f"params.yaml: {name}: write {value:g}, not {text}")
    return value
