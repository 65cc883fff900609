"""Read and validate params.yaml; every error names file, section and key."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

PARAMS = Path("params.yaml")

Seed = Annotated[int, Field(ge=0, lt=2**32)]
T = TypeVar("T")


class Section(BaseModel):
    """A section of params.yaml: unknown, missing and mistyped keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Part(Section):
    """Some keys of a section, for a stage that depends on these alone; other keys of the section are ignored."""

    model_config = ConfigDict(extra="ignore")


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML 1.2 file, parsed as DVC parses it.

    ValueError names the file on duplicate keys, on tags, and on anything but a mapping.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, YAMLError, RecursionError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: wanted a mapping of sections, found {type(content).__name__}")
    strange = [name for name in content if not isinstance(name, str)]
    if strange:
        raise ValueError(f"{path}: {strange[0]!r}: wanted text as the name of a section")
    return content


def read_params(params_type: type[T], path: Path = PARAMS) -> T:
    """Return an instance of `params_type`, a dataclass whose fields name sections of params.yaml and give their types.

    ValueError lists every fault, one a line. Other sections are ignored.
    """
    content = read_yaml(path)
    names = [field.name for field in dataclasses.fields(params_type)]  # type: ignore[arg-type]  # a dataclass by contract
    return checked(params_type, {name: content[name] for name in names if name in content}, path=path)


def checked(kind: type[T], content: dict[str, Any], where: str = "", path: Path = PARAMS) -> T:
    """Return content as an instance of `kind`; ValueError lists every fault, one a line, after the path and `where`."""
    try:
        return TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        lines = [_describe(entry) for entry in error.errors(include_url=False)]
        start = f"{path}: {where}: " if where else f"{path}: "
        raise ValueError("\n".join(start + line for line in lines)) from None


def dump_params(params: Any, *, leave_out: str = "") -> dict[str, Any]:
    """Return the sections of a stage's Params as dictionaries, without the one named `leave_out`."""
    return TypeAdapter(type(params)).dump_python(params, exclude={leave_out})


def _describe(entry: Any) -> str:
    key = ".".join(str(part) for part in entry["loc"])
    value = "" if entry["type"] == "missing" else f", found {entry['input']!r}"
    return f"{key}: {entry['msg'].removeprefix('Value error, ')}{value}"
