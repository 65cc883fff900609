"""params.yaml, read strictly: one frozen model per stage, every error names file, section and key."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

PARAMS = Path("params.yaml")


class Section(BaseModel):
    """A section that one stage reads whole: unknown, missing and mistyped keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Part(Section):
    """Some keys of a section that other stages read too; the rest of it is none of this reader's business."""

    model_config = ConfigDict(extra="ignore")


class Data(Part):
    """Which archive below data/raw the pipeline runs on."""

    name: str


T = TypeVar("T", bound=Section)


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML 1.1 without Python tags (safe) and without the silent 'last duplicate wins'."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        duplicates = sorted({str(key) for key in keys if keys.count(key) > 1})
        if duplicates:
            raise ValueError(f"line {node.start_mark.line + 1}: duplicate keys {duplicates}")
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file; ValueError names the file on duplicates, tags and anything but a mapping."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: wanted a mapping of sections, found {type(content).__name__}")
    return content


def read_params(model: type[T], path: Path = PARAMS) -> T:
    """Return the sections of params.yaml that `model` has fields for, validated.

    Sections without a field are other stages' and are not looked at.
    """
    content = read_yaml(path)
    try:
        return model.model_validate({name: content[name] for name in model.model_fields if name in content})
    except ValidationError as error:
        lines = [_describe(entry) for entry in error.errors(include_url=False)]
        raise ValueError("\n".join(f"{path}: {line}" for line in lines)) from None


def _describe(entry: Any) -> str:
    key = ".".join(str(part) for part in entry["loc"])
    found = "" if entry["type"] == "missing" else f", found {entry['input']!r}"
    return f"{key}: {entry['msg']}{found}"
