"""The folds, or left-out sources, of experiments: each once, ways of training told apart by what differs."""

import pytest

from stages.commands.comparison.experiments import archive_of, flat, group, unit_of


def experiment(fold, **values):
    return {"splits.fold": fold, "splits.folds": 2, "target": "dx", **values}


def test_nested_parameters_have_dotted_keys():
    assert flat({"a": {"b": {"c": 1}, "d": [2]}, "e": 3}) == {"a.b.c": 1, "a.d": [2], "e": 3}


def test_experiments_that_differ_in_the_fold_alone_are_one_way():
    assert group({"x": experiment(0), "y": experiment(1)}) == {"-": {0: "x", 1: "y"}}


def test_ways_are_named_by_what_differs():
    runs = {"a": experiment(0), "b": experiment(1), "c": experiment(1, **{"target": "melanoma"})}
    ways = group(runs | {"d": experiment(0, **{"target": "melanoma"})})
    assert ways == {"target=dx": {0: "a", 1: "b"}, "target=melanoma": {1: "c", 0: "d"}}


def test_a_fold_that_is_missing_or_comes_twice_is_named():
    with pytest.raises(ValueError, match=r"-: no experiment of \[1\], found \[0\]"):
        group({"x": experiment(0)})
    with pytest.raises(ValueError, match=r"y: 0 of - is x's already; name the experiments you want"):
        group({"x": experiment(0), "y": experiment(0)})


def test_of_unfinished_queues_the_folds_that_every_way_has_are_taken():
    other = {"target": "melanoma"}
    runs = {"a": experiment(0), "b": experiment(1), "c": experiment(1, **other)}
    with pytest.raises(ValueError, match=r"target=melanoma: no experiment of \[0\], found \[1\]"):
        group(runs)
    assert group(runs, partial=True) == {"target=dx": {1: "b"}, "target=melanoma": {1: "c"}}
    with pytest.raises(ValueError, match=r"target=dx: no experiment of \[1\], found \[0\]"):
        group({"a": experiment(0), "c": experiment(1, **other)}, partial=True)


def test_an_experiment_that_opens_the_holdout_is_none_of_a_fold():
    with pytest.raises(ValueError, match=r"y: its holdout is no fold and no source, splits\.fold is none"):
        group({"x": experiment(0), "y": experiment("none")})


def test_experiments_on_two_archives_are_not_pooled():
    one, other = {"data": {"name": "demo"}}, {"data": {"name": "ham10000"}}
    assert archive_of({"x": other, "y": other}) == "ham10000"
    with pytest.raises(ValueError, match="experiments on demo, ham10000: name those of one archive"):
        archive_of({"x": one, "y": other})


def left_out(source, **values):
    return experiment("none", **{"splits.leave_out": source, **values})


def test_sources_are_units_as_folds_are_but_no_number_of_them_is_wanted():
    assert group({"x": left_out("b"), "y": left_out("a")}) == {"-": {"a": "y", "b": "x"}}
    ways = group({"x": left_out("a"), "y": left_out("a", **{"splits.local": 50})})
    assert ways == {"splits.local=None": {"a": "x"}, "splits.local=50": {"a": "y"}}
    with pytest.raises(ValueError, match=r"splits\.local=50: no experiment of \['b'\], found \['a'\]"):
        group({"x": left_out("a"), "z": left_out("b"), "y": left_out("a", **{"splits.local": 50})})


def test_the_holdout_of_an_experiment_is_a_fold_a_source_or_the_studys():
    assert unit_of(left_out("a")) == "a"
    assert unit_of(experiment(0)) == 0
    assert unit_of(left_out("none")) is None
    assert unit_of({"splits.fold": float("nan"), "splits.leave_out": float("nan")}) is None  # another commit's
