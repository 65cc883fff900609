"""Properties that hold whatever the input (hypothesis): splits, metrics, intervals, parameters, keys."""

import copy
import string

import numpy as np
import pandas as pd
import pytest
from conftest import nodes, tiny_params
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from stages.check_params import Params
from stages.foundation.names import ARCHITECTURES, Student, parse_student, parse_teacher, repeated_by, student_key
from stages.foundation.params import read_params
from stages.foundation.settings import Splits
from stages.prepare_splits import group_images, split_groups
from stages.statistics.intervals import bootstrap_weights
from stages.statistics.metrics import calibration_metrics, decision_metrics
from stages.statistics.ranking import ranking_metrics, thresholds_at_sensitivity, unit_weights

settings.register_profile("bounded", max_examples=60, deadline=None, derandomize=True)
settings.load_profile("bounded")

# Without subnormal numbers: training switches the processor to flush them to zero, for the whole process.
PROBABILITIES = st.floats(0, 1, width=32, allow_subnormal=False)


@st.composite
def scored(draw):
    """Labels of both classes and probabilities, with ties."""
    count = draw(st.integers(4, 60))
    labels = draw(st.lists(st.integers(0, 1), min_size=count, max_size=count).filter(lambda v: 0 < sum(v) < len(v)))
    p = draw(st.lists(st.one_of(PROBABILITIES, st.sampled_from([0.0, 0.25, 1.0])), min_size=count, max_size=count))
    return np.array(labels), np.array(p, float)


@given(scored())
def test_metrics_are_scikit_learns(sample):
    labels, p = sample
    ranking = ranking_metrics(labels, p, unit_weights(labels))
    assert ranking["roc_auc"][0] == pytest.approx(roc_auc_score(labels, p), abs=1e-9)
    assert ranking["average_precision"][0] == pytest.approx(average_precision_score(labels, p), abs=1e-9)
    brier = calibration_metrics(labels, p, unit_weights(labels))["brier_score"][0]
    assert brier == pytest.approx(brier_score_loss(labels, p), abs=1e-9)


@given(scored(), st.integers(0, 2**31))
def test_metrics_do_not_depend_on_the_order_of_images_and_weights_are_counts(sample, seed):
    labels, p = sample
    order = np.random.default_rng(seed).permutation(len(labels))
    counts = np.random.default_rng(seed).integers(1, 4, len(labels))
    plain = ranking_metrics(labels, p, counts[None].astype(float))
    shuffled = ranking_metrics(labels[order], p[order], counts[order][None].astype(float))
    repeated = np.repeat(labels, counts), np.repeat(p, counts)
    drawn = ranking_metrics(*repeated, unit_weights(repeated[0]))
    for name, values in plain.items():
        assert values[0] == pytest.approx(shuffled[name][0], abs=1e-9)
        assert values[0] == pytest.approx(drawn[name][0], abs=1e-9)


@given(scored(), st.floats(0.05, 1, allow_subnormal=False))
def test_the_operating_point_reaches_its_sensitivity_and_no_higher_one_does(sample, sensitivity):
    labels, p = sample
    threshold = thresholds_at_sensitivity(labels, p, sensitivity, unit_weights(labels))[0]
    at = decision_metrics(labels, p, threshold, unit_weights(labels))["sensitivity"][0]
    assert at >= sensitivity - 1e-12
    above = p[p > threshold]
    if len(above):
        higher = decision_metrics(labels, p, above.min(), unit_weights(labels))["sensitivity"][0]
        assert higher < sensitivity


@st.composite
def lesions(draw):
    """Images of lesions, each lesion of one class."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=6, max_size=40))
    classes = draw(
        st.lists(st.integers(0, 1), min_size=len(sizes), max_size=len(sizes)).filter(lambda v: 2 < sum(v) < len(v) - 2)
    )
    names = [f"HAM_{number}" for number in range(len(sizes))]
    return np.repeat(names, sizes), np.repeat(classes, sizes)


@given(lesions(), st.integers(0, 2**31))
def test_a_bootstrap_draws_whole_lesions_as_many_of_each_class_as_there_are(images, seed):
    names, labels = images
    weights = bootstrap_weights(labels, names, replicates=7, seed=seed)
    assert (weights[0] == 1).all()
    for name in set(names):
        assert (weights[:, names == name] == weights[:, names == name][:, :1]).all()
    firsts = np.array([np.flatnonzero(names == name)[0] for name in dict.fromkeys(names)])
    for label in (0, 1):
        member = firsts[labels[firsts] == label]
        assert (weights[:, member].sum(axis=1) == len(member)).all()


@given(lesions(), st.integers(0, 1000), st.data())
def test_splits_hold_every_image_once_and_no_lesion_or_file_twice(images, seed, data):
    names, labels = images
    copies = data.draw(st.integers(0, 2))
    hashes = [f"{number:04x}" for number in range(len(names))]
    for number in range(copies):
        hashes[-1 - number] = hashes[number]  # the same picture under two lesions
    table = pd.DataFrame(
        {"image_id": [f"I{n}" for n in range(len(names))], "lesion_id": names, "patient_id": "unknown"}
    )
    groups = group_images(table, hashes, [])
    splits = Splits(seed=seed, train=0.6, val=0.2, folds=5, fold="none", leave_out="none", local=0, local_only=False)
    try:
        chosen = split_groups(groups, pd.Series(labels), splits)
    except ValueError as error:
        assert "melanomas" in str(error) or "lesions" in str(error)  # too few of a class, and said so
        return
    members = {name: set(np.flatnonzero(groups.isin(part))) for name, part in chosen.items()}
    assert sorted(index for part in members.values() for index in part) == list(range(len(names)))
    for key in (names, np.array(hashes)):
        for value in set(key):
            assert sum(bool(set(np.flatnonzero(key == value)) & part) for part in members.values()) == 1


def written(low, high):
    """Numbers as params.yaml has them: of few digits."""
    return st.floats(low, high, allow_subnormal=False).map(lambda value: float(f"{value:.4g}"))


@given(written(0.01, 100), written(0, 1), st.none() | st.integers(0, 2**32 - 1))
def test_a_students_key_names_it_and_nothing_else(T, alpha, seed):
    student = Student(T, alpha, seed)
    assert parse_student(student_key(student)) == student


@given(st.sampled_from(list(ARCHITECTURES)), st.none() | st.integers(0, 2**32 - 1), st.none() | st.integers(0, 20))
def test_a_teachers_key_names_it_and_what_it_repeats(architecture, seed, fold):
    key = architecture + ("" if seed is None else f"_seed{seed}") + ("" if fold is None else f"_fold{fold}")
    name = parse_teacher(key)
    assert (name.architecture, name.seed, name.fold) == (architecture, seed, fold)
    assert repeated_by(key)[-1] == architecture
    assert all(parse_teacher(other).architecture == architecture for other in repeated_by(key))


@given(st.text(alphabet=string.printable, max_size=30))
def test_any_other_text_is_no_key(text):
    for parse, key_of in ((parse_teacher, lambda name: name.architecture), (parse_student, student_key)):
        try:
            name = parse(text)
        except ValueError as error:
            assert "\n" not in str(error)
        else:
            assert text.startswith(key_of(name))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_subnormal=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.sampled_from([path for path, _ in nodes(tiny_params())]), VALUES)
def test_any_value_anywhere_is_taken_or_refused_by_name(tmp_path, path, value):
    params = copy.deepcopy(tiny_params())
    target = params
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    with (tmp_path / "params.yaml").open("w") as file:
        YAML(typ="safe").dump(params, file)
    try:
        read_params(Params, tmp_path / "params.yaml")
    except ValueError as error:
        assert str(error).startswith(str(tmp_path / "params.yaml"))
        assert str(path[0]) in str(error)
