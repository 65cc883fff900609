"""The console command `melanoma-kd`: one name for all that stands beside the pipeline.

melanoma-kd COMMAND [--help]
"""

import ast
import runpy
import sys
from pathlib import Path

COMMANDS = {
    "predict": "give the probability of melanoma that an exported student computes for images",
    "validate": "measure an exported file on a labelled archive of your own",
    "draw_archive": "draw another synthetic archive, with another camera, to validate on",
    "web": "build the page that runs the student in a browser, and serve it",
    "audit_page": "ask Lighthouse about that page, as a phone and as a desktop",
    "release": "put the exported student into a folder of Hugging Face's layout",
    "export_mobile": "write the selected student for LiteRT or ExecuTorch, and measure it",
    "cluster": "run the pipeline on several machines, scheduled by Dask",
    "work": "run one stage of one commit in a clone of its own, as a worker of `cluster` does",
    "summarize": "say which models are done, which are not, and the command for each",
    "benchmark": "measure size, memory and speed of every model on this machine",
    "benchmark_training": "measure how long the grid takes here beside a plain loop",
    "benchmark_step": "measure how near a training comes to its bare step",
    "benchmark_scaling": "measure how seconds and memory grow with the archive",
    "compare_published": "test this run's models against published predictions, image for image",
    "compare_procedures": "compare distilling with training alone over the folds of finished experiments",
    "keep_run": "keep what a finished run was made from beside its numbers",
    "track": "send histories and metrics to Weights & Biases",
    "readme": "rewrite the parts of README.md and docs/ that are drawn from tracked files",
    "screenshots": "take the pictures of the report and of the page that README.md shows",
    "doctor": "say what is wrong with this workspace, and the command that mends it",
    "check_lock": "refuse a dvc.lock that does not belong to this code and these numbers",
}
# These have arguments, which their parser describes.
PARSES = {
    "draw_archive",
    "export_mobile",
    "predict",
    "validate",
    "web",
    "release",
    "compare_procedures",
    "cluster",
    "work",
    "benchmark_step",
    "benchmark_scaling",
}
USAGE = """usage: melanoma-kd COMMAND [--help]

The pipeline itself is DVC's: `dvc repro` runs it, `dvc exp run -S kd.temperature=2` changes one number.
These commands stand beside it:

{commands}

melanoma-kd COMMAND --help says what it reads and writes. Research only: nothing here is a medical device."""


def usage() -> str:
    """Return the help text."""
    return USAGE.format(commands="\n".join(f"  {name:20}{text}" for name, text in COMMANDS.items()))


def main() -> None:
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print(usage())
    elif name not in COMMANDS:
        sys.exit(f"melanoma-kd: no command {name!r}\n{usage()}")
    else:
        if set(arguments) & {"-h", "--help"}:
            print(ast.get_docstring(ast.parse(Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8"))))
            if name not in PARSES:
                return
        sys.argv = [name, *arguments]
        runpy.run_module(f"stages.commands.{name}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
