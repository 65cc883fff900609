"""Students: only alpha 0 ignores the teacher; soft labels of other images are refused."""

import numpy as np
import pandas as pd
import pytest
from conftest import write_params
from safetensors.numpy import load_file

from stages import distill, soft_labels
from stages.distillation.soft_labels import save_soft_labels
from stages.foundation.splits import read_split
from stages.networks.dataset import open_train


def swap_teacher(folder):
    """Replace the soft labels by others of the same shape."""
    path = folder / "models/demo/soft_labels/resnet18.safetensors"
    logits = load_file(path)["logits"]
    train = read_split(folder / "data/processed/demo/train.csv")
    save_soft_labels(path, np.ascontiguousarray(5 * logits[:, :, ::-1]), list(train["image_id"]))


def weights(folder, key):
    kind = "repeats" if "seed" in key else "students"
    return (folder / f"models/demo/{kind}/{key}.safetensors").read_bytes()


def test_the_control_does_not_depend_on_the_teacher(tiny):
    before = weights(tiny, "T1_alpha0")
    swap_teacher(tiny)
    distill.main("T1_alpha0")
    assert weights(tiny, "T1_alpha0") == before


def test_a_distilled_student_depends_on_the_teacher(tiny):
    before = weights(tiny, "T1_alpha0.5")
    distill.main("T1_alpha0.5")
    assert weights(tiny, "T1_alpha0.5") == before
    swap_teacher(tiny)
    distill.main("T1_alpha0.5")
    assert weights(tiny, "T1_alpha0.5") != before


def test_views_are_altered_for_students_and_not_for_the_soft_labels(tiny):
    labels = tiny / "models/demo/soft_labels/resnet18.safetensors"
    before = labels.read_bytes(), weights(tiny, "T1_alpha0.5"), weights(tiny, "T1_alpha0")
    write_params(tiny, alterations={"share": 0.5})
    soft_labels.main("resnet18")
    assert labels.read_bytes() == before[0]
    for key, unaltered in zip(("T1_alpha0.5", "T1_alpha0"), before[1:], strict=True):
        distill.main(key)
        assert weights(tiny, key) != unaltered


def test_each_cell_is_another_student(tiny):
    keys = ["T1_alpha0.5", "T1_alpha0.9", "T2_alpha0.5", "T2_alpha0.9", "T1_alpha0", "T1_alpha0_seed43"]
    assert len({weights(tiny, key) for key in keys}) == 6


def test_several_teachers_teach_by_their_mean_logits(tiny):
    folder = tiny / "models/demo/soft_labels"
    images = open_train(tiny / "data/processed/demo", "dx")
    logits = load_file(folder / "resnet18.safetensors")["logits"]
    save_soft_labels(folder / "resnet34.safetensors", logits + 2, images.image_ids)
    mean = distill.mean_logits(folder, ["resnet18", "resnet34"], 2, images)
    assert np.allclose(mean, logits.astype(np.float32) + 1, atol=5e-3)


def test_the_history_is_plottable(tiny):
    history = pd.read_csv(tiny / "plots/demo/history/students/T1_alpha0.5.csv")
    assert list(history.columns) == ["epoch", "train_loss", "val_roc_auc", "val_average_precision", "val_loss"]
    assert list(history["epoch"]) == [0, 1]


@pytest.mark.parametrize("key", ["T2.0_alpha0.5", "T0_alpha0.5", "T1_alpha1.5", "student"])
def test_a_key_that_names_no_student_is_refused_before_any_work(project, key):
    with pytest.raises(ValueError, match=r"kd\.|student key"):
        distill.main(key)
    assert not (project / "models").exists()


def test_soft_labels_of_other_images_are_refused(tiny):
    path = tiny / "models/demo/soft_labels/resnet18.safetensors"
    logits = load_file(path)["logits"]
    save_soft_labels(path, logits, [f"ISIC_{number}" for number in range(logits.shape[1])])
    with pytest.raises(ValueError, match="other training images"):
        distill.main("T1_alpha0.5")


def test_a_misspelt_parameter_is_named_before_any_work(project):
    write_params(project, distill={"view": 3})
    with pytest.raises(ValueError, match=r"params\.yaml: distill\.view: Extra inputs are not permitted, found 3"):
        distill.main("T1_alpha0.5")
