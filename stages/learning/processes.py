"""One model trained by several processes, a GPU each: torchrun starts them, DistributedDataParallel joins them.

Batches, their order, their views and the loss are those of one process. Each process computes the logits of its share
of a batch, all of them see all logits, and each takes the loss of the whole batch.
"""

import os
import subprocess
import sys

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from stages.foundation.command import JOINED
from stages.networks.settings import Compute


def relaunch(module: str, key: str, compute: Compute) -> bool:
    """Run a stage's module as compute.processes processes, where there are to be several; return whether it was done.

    The process that did so has no more to do. ValueError when one of them fails.
    """
    if compute.processes == 1 or JOINED in os.environ:
        return False
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={compute.processes}"]
    environment = {**os.environ, "OMP_NUM_THREADS": str(compute.threads), JOINED: "1"}
    with subprocess.Popen([sys.executable, *launcher, "-m", module, key], env=environment) as process:
        try:
            status = process.wait()
        except KeyboardInterrupt:  # of Ctrl-C, or of SIGTERM: see foundation/command.py
            process.terminate()
            process.wait()
            raise
    if status != 0:
        raise ValueError(f"one of {compute.processes} processes failed; its own message is above")
    return True


def share(count: int, rank: int, processes: int) -> slice:
    """Return the part of `count` images that one of the processes computes: in order, sizes one apart at most."""
    first = [index * count // processes for index in range(processes + 1)]
    return slice(first[rank], first[rank + 1])


def synchronise(model: nn.Module, device: torch.device) -> nn.Module:
    """Return a model whose gradients are averaged over the processes; its batch norms are replaced in place.

    On GPUs they take their statistics over the whole batch; PyTorch has no such batch norm for CPUs, where each
    process takes its own, and the first one's running statistics count.
    """
    if device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None)


def gather_logits(logits: torch.Tensor, count: int, rank: int, processes: int) -> torch.Tensor:
    """Return the logits of a whole batch, (count, classes); gradients flow to this process's own alone."""
    shares = [share(count, other, processes) for other in range(processes)]
    sizes = [part.stop - part.start for part in shares]
    padded = F.pad(logits.detach(), (0, 0, 0, max(sizes) - len(logits)))
    gathered = [torch.empty_like(padded) for _ in sizes]
    dist.all_gather(gathered, padded)
    parts = [part[:size] for part, size in zip(gathered, sizes, strict=True)]
    parts[rank] = logits
    return torch.cat(parts)
