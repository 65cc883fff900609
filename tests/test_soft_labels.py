"""Soft labels are the teacher's logits on the very views the students train on."""

import numpy as np
import pytest
import torch
from conftest import write_params
from safetensors.numpy import load_file

from stages import check_params, distill, prepare_splits, soft_labels, train_teacher
from stages.foundation.params import read_params
from stages.foundation.splits import read_split
from stages.networks.dataset import open_train
from stages.networks.device import open_device
from stages.networks.models import load_weights
from stages.networks.views import Examples, draw_view


def test_they_are_the_teachers_logits_on_each_view(tiny):
    params = read_params(soft_labels.Params)
    images = open_train(tiny / "data/processed/demo", params.target)
    logits = load_file(tiny / "models/demo/soft_labels/resnet18.safetensors")["logits"]
    assert logits.shape == (2, len(images.image_ids), 7)
    device = open_device(params.compute)
    teacher = load_weights(
        tiny / "models/demo/teachers/resnet18.safetensors", architecture="resnet18", classes=images.classes
    )
    examples = Examples(images, params.views, 2)
    some = np.array([5, 0, 11])
    with torch.inference_mode():
        expected = teacher(examples.batch(some, 1, device.device).images).numpy()
    assert np.allclose(logits[1, some], expected, rtol=2e-3, atol=2e-3)
    assert not np.allclose(logits[0, some], expected, atol=1e-2)


def test_over_turns_they_are_the_means_of_the_turned_views(tiny):
    write_params(tiny, kd={"label_turns": 4})
    soft_labels.main("resnet18")
    params = read_params(soft_labels.Params)
    images = open_train(tiny / "data/processed/demo", params.target)
    device = open_device(params.compute)
    weights = tiny / "models/demo/teachers/resnet18.safetensors"
    teacher = load_weights(weights, architecture="resnet18", classes=images.classes)
    view = Examples(images, params.views, 2).batch(np.array([5, 0, 11]), 1, device.device).images
    with torch.inference_mode():
        expected = torch.stack([teacher(torch.rot90(view, turn, (2, 3))) for turn in range(4)]).mean(dim=0)
    logits = load_file(tiny / "models/demo/soft_labels/resnet18.safetensors")["logits"]
    assert np.allclose(logits[1, [5, 0, 11]], expected, rtol=2e-3, atol=2e-3)


def test_cross_fitting_asks_about_each_image_only_a_teacher_that_saw_no_lesion_of_it(tiny, monkeypatch):
    """The images that the stage hands to training, and those in the views it labels, partners of mixtures too."""
    folds = read_params(prepare_splits.Params).splits.folds
    teachers = [f"resnet18_fold{fold}" for fold in range(folds)]
    write_params(tiny, teachers=["resnet18", *teachers], kd={"teachers": teachers})
    check_params.main()
    images = open_train(tiny / "data/processed/demo", "dx")
    lesions = read_split(tiny / "data/processed/demo/train.csv").set_index("image_id")["lesion_id"]
    assert all(len(set(images.folds[lesions[images.image_ids] == lesion])) == 1 for lesion in lesions.unique())
    views, labelled, trained = read_params(soft_labels.Params).views, [], []
    monkeypatch.setattr(train_teacher, "train", watched(train_teacher.train, trained))
    for fold, key in enumerate(teachers):
        train_teacher.main(key)
        soft_labels.main(key)
        asked = images.of_fold(fold)
        labelled += list(asked)
        for number in range(2):
            partners = draw_view(images, asked, number, views).partners
            about = {lesions[images.image_ids[i]] for i in [*asked, *partners]}
            assert not about & set(lesions[trained[-1]])
        assert len(trained[-1]) == len(images.image_ids) - len(asked)
        logits = load_file(tiny / f"models/demo/soft_labels/{key}.safetensors")["logits"]
        assert logits.shape == (2, len(asked), 7)
    assert sorted(labelled) == list(range(len(images.image_ids)))
    teacher = distill.mean_logits(tiny / "models/demo/soft_labels", teachers, 2, images)
    first = load_file(tiny / "models/demo/soft_labels/resnet18_fold3.safetensors")["logits"]
    assert np.array_equal(teacher[:, images.of_fold(3)].numpy(), first)
    distill.main("T1_alpha0.5")


def watched(train, trained):
    """Return `train` of a stage that also notes which images it is handed."""

    def watching(model, loss, dataset, *, examples, **options):
        assert dataset.train is examples.images
        trained.append(examples.images.image_ids)
        return train(model, loss, dataset, examples=examples, **options)

    return watching


def test_a_fold_that_is_not_there_is_named(tiny):
    with pytest.raises(ValueError, match=r"wanted one of the folds \[0, 1, 2, 3, 4\], found fold 7"):
        soft_labels.main("resnet18_fold7")


def test_a_teacher_that_is_not_there_is_named(tiny):
    with pytest.raises(ValueError, match=r"teachers/resnet50\.safetensors: no such file"):
        soft_labels.main("resnet50")


def test_neither_val_nor_the_holdout_is_needed(tiny):
    path = tiny / "models/demo/soft_labels/resnet18.safetensors"
    before = path.read_bytes()
    for name in ("val", "holdout"):
        (tiny / f"data/processed/demo/{name}.csv").unlink()
    soft_labels.main("resnet18")
    assert path.read_bytes() == before
