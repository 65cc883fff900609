"""Train the selected student on with weights and activations rounded to 8 bits, and export it.

    python -m stages.quantization_aware

Writes aware.onnx: 8-bit arithmetic with unsigned activations, which `quantize` compares with the other methods.
"""

import dataclasses
from pathlib import Path

import torch

from stages.distillation.alterations import AlteredExamples
from stages.distillation.settings import Alterations
from stages.distillation.teaching import mean_logits, student_loss
from stages.export.aware import make_aware, observe, settle
from stages.export.aware_graph import AWARE_FILE, write_integers
from stages.export.calibration import calibration_pixels
from stages.export.familiarity import Answering, fit_gaussian
from stages.export.graph import export_onnx, serialize
from stages.foundation import command
from stages.foundation.files import write_csv, writing
from stages.foundation.names import DISTANCE, LOGITS, STUDENT, parse_student
from stages.foundation.params import dump_params, read_params
from stages.foundation.settings import Data, Distilling, Selection, Target
from stages.learning.checkpoints import forget_checkpoint
from stages.learning.run import label_loss, train
from stages.networks.dataset import dataset_files, open_dataset
from stages.networks.device import open_device
from stages.networks.models import load_weights
from stages.networks.settings import Compute, Schedule, ViewCount, Views
from stages.networks.views import plain_view

UNITS = ("foundation", "networks", "learning", "distillation", "export")
CODE = ("quantization_aware.py", *UNITS)
OBSERVED = 128  # training images whose activations give the first ranges


class Taught(Selection, Distilling):
    """The selected student, and whom it learns from."""


@dataclasses.dataclass(frozen=True)
class Params:
    data: Data
    target: Target
    views: Views
    alterations: Alterations
    distill: ViewCount
    kd: Taught
    aware: Schedule
    compute: Compute


def main() -> None:
    params = read_params(Params)
    schedule, key = params.aware, params.kd.selected
    device = dataclasses.replace(open_device(params.compute), mixed=False)  # it learns what float32 rounds to
    processed, models = Path("data/processed", params.data.name), Path("models", params.data.name)
    dataset = open_dataset(processed, params.target)
    images, weights = dataset.train, models / f"students/{key}.safetensors"
    student = load_weights(weights, architecture=STUDENT, classes=images.classes)
    views, labels = params.distill.view_count, models / "soft_labels"
    teacher = mean_logits(labels, params.kd.teachers, views, images).to(device.device)
    hard_loss = label_loss(images, schedule.loss, device.device)
    aware = make_aware(student, schedule.dropout)
    observe(aware, plain_view(torch.from_numpy(calibration_pixels(images, OBSERVED, schedule.seed))))
    run = train(
        aware,
        student_loss(hard_loss, teacher, parse_student(key)),
        dataset,
        examples=AlteredExamples(images, params.views, views, params.alterations),
        schedule=schedule,
        device=device,
        inputs=[*dataset_files(processed), weights, *(labels / f"{name}.safetensors" for name in params.kd.teachers)],
        code=CODE,
        settings={"key": key, **dump_params(params)},
    )
    settle(aware.cpu().eval())
    with writing(models / AWARE_FILE, Path("plots", params.data.name, "history/aware.csv")) as (target, history):
        answering = Answering(aware, fit_gaussian(aware, images))
        exported = write_integers(export_onnx(answering, images.pack.size, [LOGITS, DISTANCE]))
        target.write_bytes(serialize(exported))
        write_csv(history, run.history)
    forget_checkpoint(run.checkpoint)


if __name__ == "__main__":
    command.run(main)
