"""The console command `melanoma-kd`: one name for all that stands beside the pipeline.

melanoma-kd COMMAND [--help]
"""

import sys
from importlib import import_module

from stages.foundation import command
from stages.foundation.params import PARAMS

GROUPS = {  # title -> command -> its module in this folder, what it does
    "use a student": {
        "predict": ("predict", "give the probability of melanoma that an exported student computes for images"),
        "validate": ("validation.validate", "measure an exported file on a labelled archive of your own"),
        "web": ("web", "build the page that runs the student in a browser, and serve it"),
        "export_mobile": ("mobile.export", "write the selected student for LiteRT or ExecuTorch, and measure it"),
        "release": ("release", "put the exported student into a folder of Hugging Face's layout"),
    },
    "train": {
        "import": ("archives.import_archive", "put labelled images of any layout into an archive to train on"),
        "doctor": ("doctor", "say what is wrong with this workspace, and the command that mends it"),
        "cluster": ("cluster.head", "run the pipeline on several machines, scheduled by Dask"),
        "work": ("cluster.worker", "run one stage of one commit in a clone of its own, as a worker of `cluster` does"),
        "track": ("track", "send histories and metrics to Weights & Biases"),
    },
    "compare": {
        "compare": ("comparison.compare", "test ways of training over the folds of finished experiments"),
        "compare_published": ("comparison.compare_published", "test this run against published predictions"),
    },
}
COMMANDS = {name: module for group in GROUPS.values() for name, (module, _) in group.items()}
ANYWHERE = ("predict", "validate", "web", "work")  # work makes a clone of its own
USAGE = """usage: melanoma-kd COMMAND [--help]

The pipeline itself is DVC's: `dvc repro` runs it, `dvc exp run -S kd.temperature=2` changes one number.
These commands stand beside it:
{groups}

melanoma-kd COMMAND --help says what it reads and writes. Research only: nothing here is a medical device."""


def usage() -> str:
    """Return the help text."""
    groups = [
        "\n".join([f"\n{title}", *(f"  {name:20}{text}" for name, (_, text) in group.items())])
        for title, group in GROUPS.items()
    ]
    return USAGE.format(groups="\n".join(groups))


def main(arguments: list[str] | None = None) -> None:
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help"):
        print(usage())
    elif name not in COMMANDS:
        sys.exit(f"melanoma-kd: no command {name!r}\n{usage()}")
    elif name not in ANYWHERE and not {"-h", "--help"} & set(rest) and not PARAMS.is_file():
        sys.exit(f"melanoma-kd {name}: run it in a clone of the repository; a package alone can predict and validate")
    else:
        command.call(import_module(f"stages.commands.{COMMANDS[name]}"), rest, prog=f"melanoma-kd {name}")


if __name__ == "__main__":
    main()
