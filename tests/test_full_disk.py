"""A disk that is full (fault 7): one line, exit status 1, and nothing left; on a file system of a megabyte."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

MOUNT = "mount -t tmpfs -o size=1m tmpfs {folder} && cd {folder} && {python} {program}; status=$?; ls -A; exit $status"
PREPARE = """
import sys
import numpy as np
from pathlib import Path
from stages.foundation import command
from stages.foundation.files import writing
"""
PROGRAMS = {
    "pack": """
from PIL import Image
from stages.images.packing import write_pack
from stages.images.settings import Limits
def main():
    image = Path("a.png")
    Image.new("RGB", (64, 64)).save(image)
    limits = Limits(min_side=32, max_aspect=4.0, max_megapixels=1.0)
    with writing(Path("pack")) as (folder,):
        write_pack({f"ISIC_{n}": image for n in range(400)}, folder, size=64, limits=limits)
""",
    "weights": """
from stages.networks.models import build_model, save_weights
def main():
    with writing(Path("w.safetensors")) as (partial,):
        save_weights(partial, build_model("mobilenet_v3_small", 7), architecture="mobilenet_v3_small", classes=("a",))
""",
    "soft labels": """
from stages.distillation.soft_labels import save_soft_labels
def main():
    with writing(Path("s.safetensors")) as (partial,):
        save_soft_labels(partial, np.zeros((10, 20_000, 7)), [f"ISIC_{n}" for n in range(20_000)])
""",
    "checkpoint": """
import torch
from stages.learning.checkpoints import save_checkpoint
def main():
    save_checkpoint(Path("checkpoint.pt"), {"a": torch.zeros(2**20)})
""",
}


def in_a_megabyte(folder: Path, program: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a file system of its own, of one megabyte; its files are then listed on standard output."""
    script = MOUNT.format(folder=folder, python=sys.executable, program=program)
    return subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", script],
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def disk(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "nothing.py").touch()
    try:
        process = in_a_megabyte(tmp_path / "disk", tmp_path / "nothing.py")
    except FileNotFoundError:
        pytest.skip("no unshare: mounting a small file system is Linux's")
    if process.returncode != 0:
        pytest.skip(f"mounting a small file system is not allowed here: {process.stderr.strip()}")
    return tmp_path / "disk"


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_full_disk_is_one_line_and_leaves_nothing(disk, tmp_path, kind):
    program = tmp_path / "stage.py"
    program.write_text(f"{PREPARE}{PROGRAMS[kind]}\ncommand.run(main)\n")
    process = in_a_megabyte(disk, program)
    assert process.returncode == 1, process.stderr
    assert "could not be written" in process.stderr.splitlines()[-1]
    assert "Traceback" not in process.stderr
    assert set(process.stdout.split()) <= {"logs", "a.png"}
