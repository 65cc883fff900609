"""The training loop: same bits, resuming, early stopping, mixup, checkpoints (faults 2, 3, 12, 38)."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from stages.dataset.pack import Pack
from stages.foundation import record
from stages.learning import checkpoints
from stages.learning.checkpoints import checkpoint_path
from stages.learning.device import open_device
from stages.learning.settings import Compute, HardLoss, Schedule, Views
from stages.learning.training import fit, learning_rate
from stages.learning.views import Examples, TrainImages

SCHEDULE = Schedule(
    seed=1, epochs=4, patience=4, batch_size=8, learning_rate=0.01, weight_decay=0.01, warmup=0.1, averaging=0.9,
    clip_norm=1.0, dropout=0.5, mixup=0.0, tta_rotations=1, loss=HardLoss(gamma=0.0, melanoma_weight=0.5),
)  # fmt: skip
VIEWS = Views(seed=1, rotation=180.0, zoom=1.1, brightness=0.1, contrast=0.1)
LABELS = torch.arange(20) % 2


@pytest.fixture(scope="module")
def device():
    return open_device(Compute(device="cpu", precision="fp32", threads=2))


def examples() -> Examples:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    pixels[1::2] //= 2
    ids = [f"ISIC_{number}" for number in range(20)]
    return Examples(TrainImages(Pack(pixels, ids, []), ids, np.arange(20), LABELS, ("a", "b")), VIEWS, 2)


def network() -> nn.Module:
    """Return a small network with more than ten parameters: "10" sorts before "2" in a checkpoint's names."""
    torch.manual_seed(0)
    blocks = [[nn.Conv2d(n, 4, 3, 2), nn.BatchNorm2d(4), nn.ReLU()] for n in (3, 4, 4)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(4, 2)]
    return nn.Sequential(*(layer for block in blocks for layer in block), *head)


def label_loss(logits: torch.Tensor, positions: torch.Tensor, view: int) -> torch.Tensor:
    return nn.functional.cross_entropy(logits, LABELS[positions])


def run(folder: Path, device, *, loss=label_loss, scores=(0.6, 0.7, 0.8, 0.9), stop_after=None, schedule=SCHEDULE):
    """Train, optionally failing in the validation after `stop_after` epochs, and return (model, progress)."""
    model, calls = network(), iter(scores)

    def validate(_: nn.Module) -> dict[str, float]:
        score = next(calls)
        if stop_after is not None and score == scores[stop_after]:
            raise KeyboardInterrupt
        return {"val_roc_auc": score}

    checkpoint = folder / "run/checkpoint.pt"
    return model, fit(
        model, loss, examples(), validate=validate, schedule=schedule, device=device, checkpoint=checkpoint
    )


def same(first: nn.Module, second: nn.Module) -> bool:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


def test_the_same_inputs_give_the_same_bits(tmp_path, device):
    assert same(run(tmp_path / "a", device)[0], run(tmp_path / "b", device)[0])


def test_a_killed_run_resumes_and_ends_in_the_same_bits(tmp_path, device, capsys):
    whole, progress = run(tmp_path / "a", device)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "b", device, stop_after=2)
    resumed, again = run(tmp_path / "b", device, scores=(0.8, 0.9))
    assert "resumed after epoch 1" in capsys.readouterr().out
    assert same(whole, resumed)
    assert progress.history == again.history


def test_the_checkpoint_goes_when_the_training_ends(tmp_path, device):
    run(tmp_path, device)
    assert not (tmp_path / "run").exists()


def test_the_best_epoch_is_kept(tmp_path, device):
    best, progress = run(tmp_path / "a", device, scores=(0.6, 0.9, 0.7, 0.7))
    short, _ = run(tmp_path / "b", device, scores=(0.6, 0.9, 0.7, 0.8))
    assert progress.best_epoch == 1
    assert same(best, short)
    assert not same(best, run(tmp_path / "c", device, scores=(0.6, 0.7, 0.7, 0.9))[0])


def test_patience_stops_early(tmp_path, device):
    schedule = SCHEDULE.model_copy(update={"patience": 1})
    _, progress = run(tmp_path, device, scores=(0.9, 0.8, 0.7, 0.6), schedule=schedule)
    assert len(progress.history) == 2


def test_mixup_weighs_the_losses_of_both_images_as_their_pixels(tmp_path, device):
    shares, losses = [], []

    class Recording(nn.Module):
        """Give the share of the white image, of two of which one is white and one black."""

        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            shares.append(images.mean(dim=(1, 2, 3)).detach())
            return images.mean(dim=(1, 2, 3))[:, None] * self.scale

    def white(logits: torch.Tensor, positions: torch.Tensor, view: int) -> torch.Tensor:
        losses.append(positions.float())  # 1 for the white image
        return (logits[:, 0] * positions).sum()

    pixels = np.zeros((2, 4, 4, 3), np.uint8)
    pixels[1] = 255
    images = TrainImages(Pack(pixels, ["a", "b"], []), ["a", "b"], np.arange(2), LABELS[:2], ("a", "b"))
    steady = Views(seed=1, rotation=0.0, zoom=1.0, brightness=0.0, contrast=0.0)
    fit(
        Recording(),
        white,
        Examples(images, steady, 1),
        validate=lambda _: {"val_roc_auc": 0.5},
        schedule=SCHEDULE.model_copy(update={"mixup": 1.0, "batch_size": 2, "learning_rate": 1e-9}),
        device=device,
        checkpoint=tmp_path / "run/checkpoint.pt",
    )
    assert len(shares) == SCHEDULE.epochs
    assert len({round(float(share[0]), 4) for share in shares}) > 2  # drawn anew for every batch
    for share, first, second in zip(shares, losses[::2], losses[1::2], strict=True):
        assert torch.equal(second, first.flip(0))
        assert share.sum() == pytest.approx(1)
        kept = share[first.argmax()]  # the share of the white image in its own mixture
        assert torch.allclose(share, kept * first + (1 - kept) * second)


def test_mixtures_are_resumed_too(tmp_path, device):
    mixing = SCHEDULE.model_copy(update={"mixup": 0.4})
    whole, _ = run(tmp_path / "a", device, schedule=mixing)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "b", device, stop_after=2, schedule=mixing)
    assert same(whole, run(tmp_path / "b", device, scores=(0.8, 0.9), schedule=mixing)[0])
    assert not same(whole, run(tmp_path / "c", device)[0])


def test_a_loss_that_is_no_number_stops_and_keeps_the_checkpoint(tmp_path, device):
    calls = []

    def exploding(logits: torch.Tensor, positions: torch.Tensor, view: int) -> torch.Tensor:
        calls.append(1)
        return label_loss(logits, positions, view) * (float("nan") if len(calls) == 8 else 1.0)

    with pytest.raises(ValueError, match=r"loss is nan at step 7, learning rate 0\.00\d+; lower learning_rate"):
        run(tmp_path, device, loss=exploding)
    assert (tmp_path / "run/checkpoint.pt").is_file()


def test_the_rate_warms_up_and_falls_to_zero():
    rates = [learning_rate(step, 100, SCHEDULE) for step in range(100)]
    assert max(rates) == pytest.approx(SCHEDULE.learning_rate)
    assert rates.index(max(rates)) == 10
    assert rates[0] < rates[5] < rates[10] > rates[50] > rates[99]
    assert rates[99] < 0.001 * SCHEDULE.learning_rate


def test_another_setting_input_code_or_version_never_finds_the_checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = tmp_path / "train.csv"
    table.write_text("a")
    first = checkpoint_path([table], "lr 0.1", ["train_teacher.py"])
    assert first == checkpoint_path([table], "lr 0.1", ["train_teacher.py"])
    assert first != checkpoint_path([table], "lr 0.2", ["train_teacher.py"])
    assert first != checkpoint_path([table], "lr 0.1", ["train_teacher.py", "distillation"])
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "version", lambda name: "0")
        assert first != checkpoint_path([table], "lr 0.1", ["train_teacher.py"])
    table.write_text("b")
    assert first != checkpoint_path([table], "lr 0.1", ["train_teacher.py"])


def test_code_that_the_training_does_not_run_keeps_its_checkpoint(tmp_path, monkeypatch):
    """An edit of what writes the README once threw away a half-trained teacher."""
    stages = tmp_path / "stages"
    for name in ("learning/training.py", "commands/readme.py"):
        (stages / name).parent.mkdir(parents=True)
        (stages / name).write_text("x = 1\n")
    monkeypatch.setattr(record, "STAGES", stages)
    first = checkpoint_path([], "", ["learning"])
    (stages / "commands/readme.py").write_text("x = 2\n")
    assert checkpoint_path([], "", ["learning"]) == first
    (stages / "learning/training.py").write_text("x = 2\n")
    assert checkpoint_path([], "", ["learning"]) != first


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-500], lambda content: content[:900] + b"0" + content[901:]]
)
def test_a_damaged_checkpoint_is_set_aside_and_training_starts_anew(tmp_path, device, capsys, damage):
    whole, _ = run(tmp_path / "a", device)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "b", device, stop_after=2)
    path = tmp_path / "b/run/checkpoint.pt"
    path.write_bytes(damage(path.read_bytes()))
    again, _ = run(tmp_path / "b", device)
    assert "cut off or altered" in capsys.readouterr().out
    assert same(whole, again)
    assert not (tmp_path / "b/run").exists()
