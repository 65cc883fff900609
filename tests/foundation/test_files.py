"""Files are whole or absent, and have the same bytes on every system (faults 4, 7, 32, 44)."""

import subprocess
import sys

import pandas as pd
import pytest

from stages.foundation.files import read_table, saving, write_csv, write_json, write_text, writing


def test_all_targets_appear_together(tmp_path):
    first, second = tmp_path / "a/first.txt", tmp_path / "b/folder"
    with writing(first, second) as (one, two):
        write_text(one, "1")
        two.mkdir()
        write_text(two / "inside.txt", "2")
        assert not first.exists()
    assert first.read_text() == "1"
    assert (second / "inside.txt").read_text() == "2"
    assert not list(tmp_path.rglob(".partial-*"))


def test_a_failure_leaves_nothing_new_and_what_was_there(tmp_path):
    old, new = tmp_path / "old.txt", tmp_path / "new.txt"
    old.write_text("kept")

    def fail():
        with writing(old, new) as (one, two):
            write_text(one, "half")
            write_text(two, "half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fail()
    assert old.read_text() == "kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.txt"]


def test_a_stopped_run_does_not_disturb_the_next(tmp_path):
    (tmp_path / ".partial-x").mkdir()
    with writing(tmp_path / "x") as (partial,):
        write_text(partial, "whole")
    assert (tmp_path / "x").read_text() == "whole"


def test_no_number_is_missing(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"auc": float("nan")})
    with pytest.raises(ValueError, match=r"a\.csv: missing, NaN or infinite values in the columns \['auc'\]"):
        write_csv(tmp_path / "a.csv", pd.DataFrame({"auc": [1.0, None]}))
    with pytest.raises(ValueError, match="infinite"):
        write_csv(tmp_path / "a.csv", pd.DataFrame({"name": ["a"], "auc": [float("inf")]}))


def test_locale_time_zone_and_umask_leave_the_bytes_alone(tmp_path):
    program = (
        "import os, sys; os.umask(int(sys.argv[2], 8))\n"
        "from pathlib import Path; import pandas as pd\n"
        "from stages.foundation.files import write_csv, write_json\n"
        "folder = Path(sys.argv[1]); folder.mkdir()\n"
        "table = {'x': [0.1, 1e-9, 1234567.25], 'name': ['\\u00e9', '\\u03b1', 'b']}\n"
        "write_csv(folder / 'a.csv', pd.DataFrame(table))\n"
        "write_json(folder / 'a.json', {'\\u03b1': 0.1})\n"
    )
    for name, umask, environment in (
        ("a", "022", {"LC_ALL": "C.UTF-8", "TZ": "UTC"}),
        # Python itself would switch to UTF-8 in a C locale; forbidden to, it opens text files as ASCII.
        ("b", "077", {"LC_ALL": "C", "TZ": "Asia/Tokyo", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    ):
        command = [sys.executable, "-c", program, str(tmp_path / name), umask]
        subprocess.run(command, check=True, env={"PYTHONPATH": ".", **environment})
    for file in ("a.csv", "a.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_file_that_is_no_table_is_named(tmp_path):
    for content in (b"", b"a,b\n1,2,3\n", b'a\n"1\n', b"a\n\xe9\n"):
        (tmp_path / "t.csv").write_bytes(content)
        with pytest.raises(ValueError, match=r"^\S+t\.csv: not a whole table \("):
            read_table(tmp_path / "t.csv")


def test_a_librarys_error_on_a_full_disk_names_the_file(tmp_path):
    with (
        pytest.raises(OSError, match=r"a\.bin: could not be written \(no space\)"),
        saving(tmp_path / ".partial-a.bin", KeyError, RuntimeError),
    ):
        raise RuntimeError("no space")
