"""Fixtures: a project with tiny parameters, before and after its stages have run, and a browser."""

import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
KEY = "T1_alpha0.5"
# An EXIF segment whose orientation is a LONG of 70,000, which Pillow reads and cannot write back.
_TIFF = b"II*\0" + struct.pack("<I", 8) + struct.pack("<HHHIII", 1, 0x0112, 4, 1, 70_000, 0)
ODD_EXIF = b"\xff\xe1" + struct.pack(">H", 8 + len(_TIFF)) + b"Exif\0\0" + _TIFF

os.environ["OMP_NUM_THREADS"] = "1"  # tests run side by side, and threads of both would wait for each other
os.environ["DVC_NO_ANALYTICS"] = "1"  # of any new repository: tests report to nobody
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # dvc's stages run `python`

TINY: dict[str, Any] = {
    "demo": {"lesions": 60, "cameras": {"standard": 0.3, "second": 0.5}, "width": 64, "height": 48},
    "image": {"size": 32},
    "views": {"mixtures": 0.5, "cutout": 0.3},
    "compute": {"threads": 1},
    "teachers": ["resnet18"],
    "teacher": {"epochs": 1, "batch_size": 16},
    "kd": {"teachers": ["resnet18"]},
    "quantize": {
        "methods": ["weight_only"],
        "images": 16,
        # Students who have hardly learnt rank by rounding: quantising them moves their ROC-AUC by anything.
        "gate": {"megabytes": 1.7, "roc_auc_loss": 1.0, "ece_rise": 1.0},
    },
    "aware": {"epochs": 1, "batch_size": 16},
    "evaluate": {"replicates": 200},
    "distill": {"views": 2, "epochs": 2, "batch_size": 16},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files that run whole pipelines first, so that none is left to one worker while the others are done.

    Slow tests have longer than pyproject.toml's timeout.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(1200))  # seconds, with the pipeline that a first test waits for
    items.sort(key=lambda item: (item.path.name != "test_repro.py", item.path not in slow))  # the longest of all


def once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """Return a folder that the first of this run's workers to ask for it builds, and all read."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            unfinished = folder.with_name(f"{name}.partial")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            build(unfinished)
            unfinished.rename(folder)
    return folder


def nodes(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield the path and the value of everything in nested mappings and lists; an item of a list has its position."""
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        yield (*path, key), value
        if isinstance(value, dict | list):
            yield from nodes(value, (*path, key))


def question(folder: Path, table: str, name: str) -> Any:
    """Return the rows of one question in a table of the evaluation, without the columns it has no value in."""
    import pandas as pd  # noqa: PLC0415 - only for tests that need it

    rows = pd.read_csv(folder / f"metrics/demo/evaluation/{table}.csv", dtype=str).query("question == @name")
    rows = rows.loc[:, (rows != "-").any()].drop(columns="question")
    numbers = {column: pd.to_numeric(rows[column], errors="coerce") for column in rows if column != "at"}
    return rows.assign(**{column: values for column, values in numbers.items() if values.notna().all()})


def tiny_params(**changes: Any) -> dict[str, Any]:
    """Return the committed parameters, made tiny, with `changes` merged into their sections."""
    params: dict[str, Any] = yaml.load((ROOT / "params.yaml").read_text(), yaml.CSafeLoader)
    for overrides in (TINY, changes):
        for section, value in overrides.items():
            params[section] = params[section] | value if isinstance(value, dict) else value
    return params


def write_params(folder: Path, **changes: Any) -> None:
    """Write a tiny params.yaml into a folder."""
    (folder / "params.yaml").write_text(yaml.dump(tiny_params(**changes), Dumper=yaml.CSafeDumper, sort_keys=False))


def copy_project(folder: Path) -> Path:
    """Copy the files that Git tracks, or would, into a folder and make it a repository; no stage has run in it."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    for arguments in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "copy"],
    ):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a tiny params.yaml and dvc.yaml only; it is the current directory."""
    write_params(tmp_path)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny project in which every stage's main() has run, in process; only evaluate_holdout finds holdout.csv."""
    return once(tmp_path_factory, "finished", run_stages)


def run_stages(folder: Path) -> None:
    from stages import check_params, synthesize_demo  # noqa: PLC0415 - torch loads only for tests that need a run

    write_params(folder)
    shutil.copy(ROOT / "dvc.yaml", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in (check_params, synthesize_demo):
            stage.main()
        run_stages_on(folder / "data/processed/demo")


def run_stages_on(processed: Path) -> None:
    """Run every stage from prepare_splits on, in the current directory; only evaluate_holdout finds holdout.csv."""
    from stages import (  # noqa: PLC0415
        baselines,
        distill,
        evaluate_holdout,
        explain,
        pack_images,
        prepare_splits,
        quantization_aware,
        quantize,
        report,
        soft_labels,
        stress_test,
        train_teacher,
    )
    from stages.foundation.params import read_params  # noqa: PLC0415

    for stage in (prepare_splits, pack_images):
        stage.main()
    holdout, away = processed / "holdout.csv", processed.with_name("holdout.csv")
    holdout.rename(away)
    for key in read_params(evaluate_holdout.Params).teachers:
        train_teacher.main(key)
        soft_labels.main(key)
    for key in read_params(evaluate_holdout.Params).kd.students:
        distill.main(key)
    for stage in (baselines, quantization_aware, quantize, stress_test):
        stage.main()
    away.rename(holdout)
    evaluate_holdout.main()
    holdout.rename(away)
    explain.main()
    report.main()
    away.rename(holdout)


@pytest.fixture(scope="session")
def sensitive(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weight-only int8 student whose probability differs from image to image; the tiny student's hardly does.

    It is fitted to 28 images; its metadata are the tiny student's, but it refuses no picture.
    """
    return once(tmp_path_factory, "sensitive", partial(fit_sensitive, finished)) / "student.onnx"


def fit_sensitive(finished: Path, folder: Path) -> None:
    import numpy as np  # noqa: PLC0415 - only for tests that need it, as torch
    import onnx  # noqa: PLC0415
    import torch  # noqa: PLC0415

    from stages.deployment.metadata import metadata_of, write_metadata  # noqa: PLC0415
    from stages.export.familiarity import Answering, Gaussian, Pooled  # noqa: PLC0415
    from stages.export.graph import export_onnx  # noqa: PLC0415
    from stages.export.weight_only import quantize_weights  # noqa: PLC0415
    from stages.networks.models import build_model  # noqa: PLC0415
    from stages.networks.views import plain_view  # noqa: PLC0415

    torch.manual_seed(0)
    model = build_model("mobilenet_v3_small", 7).train()
    images = plain_view(torch.from_numpy(np.load(finished / "data/processed/demo/pack/pixels.npy")))
    labels = torch.arange(len(images)) % 7  # to be memorised: any labels do
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images[:28]), labels[:28]).backward()
        optimizer.step()
    with torch.inference_mode():
        gaussian = Gaussian(Pooled(model.eval())(images)[1].numpy())
    fp32 = export_onnx(Answering(model, gaussian), images.shape[-1], ["logits", "distance"])
    exported = quantize_weights(fp32)
    metadata = metadata_of(onnx.load(finished / "models/demo/onnx/student_int8.onnx"), "student")
    familiar = metadata.decision.model_copy(update={"farthest": 1e6})
    write_metadata(exported, metadata.model_copy(update={"decision": familiar}))
    onnx.save(exported, folder / "student.onnx")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium; tests that want one are skipped where there is none."""
    from tools.pictures import start_browser  # noqa: PLC0415 - only for tests that need it

    try:
        driver = start_browser("--disable-gpu", **{"goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}})
    except ValueError as error:
        pytest.skip(str(error))
    yield driver
    driver.quit()


@pytest.fixture
def tiny(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished tiny project, for tests that change it; it is the current directory."""
    folder = tmp_path / "tiny"
    shutil.copytree(finished, folder)
    monkeypatch.chdir(folder)
    return folder
