"""Without a terminal, progress is ten plain lines at most."""

from stages.foundation.progress import track


def test_every_item_comes_through_with_ten_lines(capsys):
    assert list(track(range(1000), 1000, "images")) == list(range(1000))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "images: 100 of 1000"
    assert lines[-1] == "images: 1000 of 1000"
    assert len(lines) == 10


def test_few_items_are_each_a_line(capsys):
    assert list(track("ab", 2, "views")) == ["a", "b"]
    assert capsys.readouterr().out.splitlines() == ["views: 1 of 2", "views: 2 of 2"]
