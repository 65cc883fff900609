"""Draw the demo archive: synthetic dermoscopy in HAM10000's layout, without clinical meaning.

    python -m stages.synthesize_demo

Reads params.yaml's demo; writes data/raw/demo: HAM10000_metadata.csv and two folders of JPEGs.
"""

from dataclasses import dataclass
from pathlib import Path

from stages.foundation import command
from stages.foundation.files import writing
from stages.foundation.params import read_params
from stages.pictures.drawn_archive import draw_archive
from stages.pictures.settings import Demo


@dataclass(frozen=True)
class Params:
    demo: Demo


def main() -> None:
    params = read_params(Params)
    with writing(Path("data/raw/demo")) as (folder,):
        metadata = draw_archive(folder, params.demo)
    print(f"{len(metadata)} synthetic images of {params.demo.lesions} lesions; they mean nothing clinically")


if __name__ == "__main__":
    command.run(main)
