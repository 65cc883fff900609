"""The console command: it teaches, runs what it names, and says what it does not know."""

from importlib import import_module

import pytest

from stages.commands.main import ANYWHERE, COMMANDS, GROUPS, main, usage


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_names_every_command_by_group(arguments, capsys):
    main(arguments)
    shown = capsys.readouterr().out
    assert shown.strip() == usage().strip()
    assert [shown.index(f"\n{title}\n") for title in GROUPS] == sorted(shown.index(f"\n{title}\n") for title in GROUPS)
    assert all(f"  {name} " in shown for name in COMMANDS)
    assert len(COMMANDS) <= 12


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_says_what_it_reads_and_writes(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: melanoma-kd {name} [-h]")
    says = (import_module(f"stages.commands.{COMMANDS[name]}").__doc__ or "").strip()
    assert f"melanoma-kd {name}" in says
    assert says in shown


def test_a_command_with_options_shows_its_own(capsys):
    with pytest.raises(SystemExit):
        main(["predict", "--help"])
    assert "--format" in capsys.readouterr().out


def test_an_unknown_command_is_one_line_and_the_list():
    with pytest.raises(SystemExit, match=r"^melanoma-kd: no command 'predicct'\n"):
        main(["predicct"])


def test_what_needs_the_pipeline_says_so_outside_a_clone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in sorted(set(COMMANDS) - set(ANYWHERE)):
        with pytest.raises(SystemExit, match=f"^melanoma-kd {name}: run it in a clone of the repository"):
            main([name])


def test_an_argument_too_many_is_a_sentence(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["track", "all"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith("melanoma-kd track: error: unrecognized arguments: all\n")
