"""params.yaml is validated, and every error names the key (fault 36)."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from stages.foundation.params import Part, Section, dump_params, read_params


class Inner(Section):
    rate: float
    steps: int


class Some(Part):
    name: str


@dataclass(frozen=True)
class Model:
    inner: Inner
    some: Some


GOOD = "inner: {rate: 0.1, steps: 3}\nsome: {name: demo, other: 1}\nelsewhere: {}\n"


def read(tmp_path: Path, text: str) -> Model:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return read_params(Model, path)


def test_sections_are_read_and_other_stages_keys_left_alone(tmp_path):
    assert read(tmp_path, GOOD).inner.rate == 0.1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rate: 0.1", "rat: 0.1", "inner.rate: Field required"),
        ("rate: 0.1", "rate: 0.1, rat: 1", "inner.rat: Extra inputs"),
        ("rate: 0.1", "rate: fast", "inner.rate: Input should be a valid number, found 'fast'"),
        ("rate: 0.1", "rate: '0.1'", "inner.rate"),
        ("rate: 0.1", "rate: .nan", "inner.rate: Input should be a finite number"),
        ("steps: 3", "steps: 3.5", "inner.steps"),
        ("steps: 3", "steps: true", "inner.steps"),
        ("steps: 3", "steps: 3, steps: 4", "duplicate key"),
        ("inner:", "outer:", "inner: Field required"),
        ("name: demo", "name: !!python/object:os.system {}", "python/object"),
        (GOOD, "- a list\n", "wanted a mapping"),
        (GOOD, "a: [\n", "params.yaml"),
    ],
)
def test_a_fault_is_named_by_file_and_key(tmp_path, old, new, message):
    with pytest.raises(ValueError, match=r"params\.yaml") as caught:
        read(tmp_path, GOOD.replace(old, new))
    assert message in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere\.yaml"):
        read_params(Model, tmp_path / "nowhere.yaml")


def test_numbers_are_what_dvc_takes_them_for(tmp_path):
    """YAML 1.1 reads 1e-3 as text and 010 as eight; DVC, which writes `-S` values, speaks 1.2."""
    model = read(tmp_path, GOOD.replace("rate: 0.1", "rate: 1e-3").replace("steps: 3", "steps: 010"))
    assert (model.inner.rate, model.inner.steps) == (0.001, 10)


def test_dumped_sections_are_plain_values(tmp_path):
    assert dump_params(read(tmp_path, GOOD), leave_out="some") == {"inner": {"rate": 0.1, "steps": 3}}
