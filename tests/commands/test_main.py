"""The console command: it teaches, runs what it names, and says what it does not know."""

import subprocess
import sys

import pytest
from conftest import ROOT

from stages.commands.main import COMMANDS, PARSES, usage


def run(*arguments):
    argv = [sys.executable, "-m", "stages.commands.main", *arguments]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_names_every_command(arguments):
    process = run(*arguments)
    assert process.returncode == 0
    assert all(f"  {name} " in process.stdout for name in COMMANDS)
    assert process.stdout.strip() == usage().strip()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_says_what_it_reads_and_writes(name):
    process = run(name, "--help")
    assert process.returncode == 0
    says, _, options = process.stdout.partition("usage: ")
    assert f"melanoma-kd {name}" in says
    assert len(says.splitlines()) >= 3
    assert bool(options) == (name in PARSES)
    assert not options or options.startswith(f"melanoma-kd {name} [-h]")


def test_a_command_with_options_shows_its_own():
    assert "--format" in run("predict", "--help").stdout


def test_an_unknown_command_is_one_line_and_the_list():
    process = run("predicct")
    assert process.returncode == 1
    assert process.stderr.startswith("melanoma-kd: no command 'predicct'\n")
    assert "Traceback" not in process.stderr


def test_an_argument_too_many_is_a_sentence():
    process = run("summarize", "all")
    assert process.returncode == 1
    assert process.stderr == "summarize: wanted no argument, found all\n"
