"""Decode every image of the archive, resized to image.size squared, into one memory-mapped array.

    python -m stages.pack_images

Reads data/raw/<name>. Writes data/processed/<name>/pack: pixels.npy, uint8 (images, size, size, 3), and manifest.csv
with its hash. Keeps the manifest in .sources/<name>.csv too: an archive whose files have changed since is refused, the
demo's excepted.
"""

from dataclasses import dataclass
from pathlib import Path

from stages.foundation import command, files
from stages.foundation.params import read_params
from stages.foundation.settings import DEMO, Data
from stages.images.archive import find_images, read_metadata
from stages.images.packing import check_sources, write_pack
from stages.images.settings import Image

SOURCES = Path(".sources")  # the manifest of each archive as it was last packed, outside Git and DVC


@dataclass(frozen=True)
class Params:
    data: Data
    image: Image


def main() -> None:
    params = read_params(Params)
    archive = Path("data/raw", params.data.name)
    sources = find_images(archive, read_metadata(archive)["image_id"])
    with files.writing(Path("data/processed", params.data.name, "pack")) as (folder,):
        write_pack(sources, folder, size=params.image.size, limits=params.image.limits)
        if params.data.name != DEMO:  # whose files other parameters draw anew; DVC knows their hashes
            check_sources(SOURCES / f"{params.data.name}.csv", folder)


if __name__ == "__main__":
    command.run(main)
