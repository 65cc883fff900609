"""Compute which pixels raise the selected student's melanoma logit, on the images that the report shows.

    python -m stages.explain

Reads data/processed/<name>/pack; plots/<name>/data/examples.csv; models/<name>/students/<the key that kd.* selects>.
Writes models/<name>/explanations.npy: Grad-CAM of melanoma's logit, uint8 (examples, size, size), in that order.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from stages.foundation import command
from stages.foundation.files import read_table, writing
from stages.foundation.names import STUDENT
from stages.foundation.pack import open_pack
from stages.foundation.params import read_params
from stages.foundation.settings import Data, Selection, Threads
from stages.foundation.splits import MELANOMA
from stages.networks.models import Classifier, load_weights
from stages.networks.views import plain_view


@dataclass(frozen=True)
class Params:
    data: Data
    kd: Selection
    compute: Threads


def grad_cam(model: Classifier, images: torch.Tensor, target: int) -> np.ndarray:
    """Return Grad-CAM (Selvaraju et al. 2017) of the target's logit: uint8 (batch, size, size), 255 at each map's peak.

    images: float32 (batch, 3, size, size); a map without any positive evidence is 0 all over.
    """
    model.eval()
    outputs: list[torch.Tensor] = []
    hook = model.backbone.get_submodule("features").register_forward_hook(
        lambda _module, _inputs, out: outputs.append(out)
    )
    logits = model(images)
    hook.remove()
    (features,) = outputs  # (batch, channels, rows, columns)
    (gradient,) = torch.autograd.grad(logits[:, target].sum(), features)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    heat = functional.relu((weights * features).sum(dim=1, keepdim=True))
    heat = functional.interpolate(heat, size=images.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    peak = heat.amax(dim=(1, 2), keepdim=True).clamp(min=1e-12)
    return (255 * heat / peak).round().byte().detach().numpy()


def main() -> None:
    params = read_params(Params)
    torch.set_num_threads(params.compute.threads)
    processed, models = Path("data/processed", params.data.name), Path("models", params.data.name)
    pack = open_pack(processed / "pack")
    examples = read_table(Path("plots", params.data.name, "data/examples.csv"))
    rows = pack.rows(list(examples["image_id"]))
    pack.verify(rows)
    weights = models / f"students/{params.kd.selected}.safetensors"
    student = load_weights(weights, architecture=STUDENT)
    images = plain_view(torch.from_numpy(pack.pixels[rows]))
    heat = grad_cam(student, images, student.classes.index(MELANOMA))
    with writing(models / "explanations.npy") as (target,), target.open("wb") as file:
        np.save(file, heat, allow_pickle=False)


if __name__ == "__main__":
    command.run(main)
