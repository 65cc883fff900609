"""The folds of experiments: each once, ways of training told apart by what differs."""

import pytest

from stages.commands.comparison.compare import archive_of, flat, group


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
    with pytest.raises(ValueError, match=r"-: no experiment of the folds \[1\], found \[0\]"):
        group({"x": experiment(0)})
    with pytest.raises(ValueError, match=r"y: fold 0 of - is x's already; name the experiments you want"):
        group({"x": experiment(0), "y": experiment(0)})


def test_of_unfinished_queues_the_folds_that_every_way_has_are_taken():
    other = {"target": "melanoma"}
    runs = {"a": experiment(0), "b": experiment(1), "c": experiment(1, **other)}
    with pytest.raises(ValueError, match=r"target=melanoma: no experiment of the folds \[0\], found \[1\]"):
        group(runs)
    assert group(runs, partial=True) == {"target=dx": {1: "b"}, "target=melanoma": {1: "c"}}
    with pytest.raises(ValueError, match=r"target=dx: no experiment of the folds \[1\], found \[0\]"):
        group({"a": experiment(0), "c": experiment(1, **other)}, partial=True)


def test_an_experiment_that_opens_the_holdout_is_none_of_a_fold():
    with pytest.raises(ValueError, match=r"y: its holdout is no fold, splits\.fold is none"):
        group({"x": experiment(0), "y": experiment("none")})


def test_experiments_on_two_archives_are_not_pooled():
    one, other = {"data": {"name": "demo"}}, {"data": {"name": "ham10000"}}
    assert archive_of({"x": other, "y": other}) == "ham10000"
    with pytest.raises(ValueError, match="experiments on demo, ham10000: name those of one archive"):
        archive_of({"x": one, "y": other})
