"""Draw another synthetic archive, as another clinic's camera would see other lesions: something to validate on.

    python -m tools.draw_archive FOLDER [--seed 7] [--lesions 300] [--camera other]

Lesions are drawn as params.yaml's demo says, with another seed. Writes FOLDER, which must not exist, in HAM10000's
layout; `melanoma-kd validate FOLDER` reads it. The pictures mean nothing clinically.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from stages.foundation import command
from stages.foundation.files import writing
from stages.foundation.params import checked, read_params
from stages.pictures.camera import CAMERAS
from stages.pictures.drawn_archive import draw_archive
from stages.pictures.settings import Demo


@dataclass(frozen=True)
class Params:
    demo: Demo


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="where to; it must not exist")
    parser.add_argument("--seed", type=int, default=7, help="of the lesions, 7; params.yaml's are the demo's own")
    parser.add_argument("--lesions", type=int, default=300, help="how many, 300")
    parser.add_argument(
        "--camera",
        choices=CAMERAS,
        default="other",
        help="which it is seen by: other, with another colour, noise and vignette",
    )


def main(options: argparse.Namespace) -> None:
    if options.folder.exists():
        raise ValueError(f"{options.folder} is there already")
    own = read_params(Params).demo
    share = sum(own.cameras.values()) / len(own.cameras)
    wanted = own.model_dump() | {"seed": options.seed, "lesions": options.lesions, "cameras": {options.camera: share}}
    demo = checked(Demo, wanted, path=Path("options"))
    with writing(options.folder) as (folder,):
        table = draw_archive(folder, demo)
    print(f"{len(table)} synthetic images of {demo.lesions} lesions in {options.folder}; they mean nothing clinically")


if __name__ == "__main__":
    command.call(sys.modules[__name__], prog="draw_archive")
