"""Rows 36 and 37 of the fault list: what cannot run is named by file and key, before any stage works."""

import pytest
from conftest import write_params

from stages import check_params
from stages.foundation.names import CONTROL, parse_key, student_key, student_keys


def test_the_committed_parameters_pass(project):
    check_params.main()
    assert (project / "data/params_checked").read_text() == "params.yaml is consistent\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kd": {"temperature": 0}}, "kd.temperature: wanted a number above 0, found 0"),
        ({"kd": {"temperature": 2.0}}, "kd.temperature: write 2, not 2.0"),
        ({"kd": {"temperature": "hot"}}, "kd.temperature"),
        ({"kd": {"temperature": float("nan")}}, "kd.temperature"),
        ({"kd": {"alpha": 1.5}}, "kd.alpha: wanted a number from 0 to 1, found 1.5"),
        ({"kd": {"alpha": -0.5}}, "kd.alpha"),
        ({"teachers": ["resnet19"]}, "teachers.0: .*wanted some of resnet18, .*found 'resnet19'"),
        ({"teachers": ["resnet18", "resnet18_seed42"]}, "teacher.seed: 42 is a repeat's among the teachers"),
        ({"teachers": []}, "teachers"),
        ({"teachers": ["resnet18", "resnet18"]}, "each once"),
        ({"kd": {"teachers": ["resnet50"]}}, r"kd.teachers: \['resnet50'\] not among the teachers \['resnet18'\]"),
        ({"kd": {"temprature": 1}}, "kd.temprature"),
        ({"kd": {"repeated": "T3_alpha0.5"}}, "kd.repeated: T3_alpha0.5: wanted one of"),
        ({"distill": {"seed": 43}}, "distill.seed: 43 is a repeat's"),
        ({"target": "both"}, "target: Input should be 'dx' or 'melanoma', found 'both'"),
        ({"tracker": 1}, "tracker: no stage reads it"),
    ],
)
def test_impossible_choices_are_named(project, change, message):
    if "tracker" in change:
        with (project / "params.yaml").open("a") as file:
            file.write("tracker: 1\n")
    else:
        write_params(project, **change)
    with pytest.raises(ValueError, match=message) as caught:
        check_params.main()
    assert str(caught.value).startswith("params.yaml: ")
    assert not (project / "data").exists()


def test_keys_have_one_spelling():
    assert student_key(2, 0.5) == "T2_alpha0.5"
    assert parse_key("T2_alpha0.5") == parse_key(student_key(2.0, 0.5))
    for key in (
        "T2.0_alpha0.5",
        "T2_alpha.5",
        "T2_alpha0.50",
        "T2",
        "T0_alpha0.5",
        "T1_alpha1.5",
        "Tnan_alpha0.5",
        "T1_alpha0.5_",
        "T1_alpha0.5_seed",
    ):
        with pytest.raises(ValueError, match=r"kd\.|student key"):
            parse_key(key)


def test_a_selection_on_the_grid_is_no_further_student():
    first = student_keys("T1_alpha0.5", "T1_alpha0.5")
    assert len(first) == 9
    assert set(student_keys("T2_alpha0.5", "T1_alpha0.5")) == set(first)
    assert set(student_keys("T4_alpha0.5", "T1_alpha0.5")) - set(first) == {"T4_alpha0.5"}
    assert len(student_keys("T1_alpha0.5", CONTROL)) == 7


def test_a_seed_stands_in_the_key_of_a_repeat():
    assert parse_key("T1_alpha0.5").seed is None
    assert parse_key("T1_alpha0.5_seed43").seed == 43
