"""Choice of device, threads and precision, on a machine without a GPU (fault 40)."""

import platform
import subprocess
import sys

import pytest
import torch
from conftest import ROOT

from stages.networks.device import describe_device, open_device
from stages.networks.settings import Compute


@pytest.mark.skipif(torch.cuda.is_available(), reason="shows what happens without a GPU")
def test_without_a_gpu_auto_says_so_and_cuda_is_refused(capsys):
    device = open_device(Compute(device="auto", precision="auto", threads=2, deterministic=True))
    assert "takes the CPU" in capsys.readouterr().out
    assert (device.device.type, device.mixed) == ("cpu", False)
    with pytest.raises(ValueError, match=r"compute\.device: wanted cuda, found no usable GPU"):
        open_device(Compute(device="cuda", precision="auto", threads=2, deterministic=True))


def test_threads_are_pinned_and_recorded():
    for threads in (1, 2):
        device = open_device(Compute(device="cpu", precision="fp32", threads=threads, deterministic=True))
        assert describe_device(device)["threads"] == threads
        assert torch.get_num_threads() == threads


def test_bf16_runs_where_it_is_asked_for():
    device = open_device(Compute(device="cpu", precision="bf16", threads=2, deterministic=True))
    with device.autocast():
        assert torch.nn.Linear(2, 2)(torch.ones(1, 2)).dtype == torch.bfloat16


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator")
def test_freed_memory_is_used_again_and_not_mapped_anew():
    """In a process of its own, whose heap nothing else has used."""
    program = """
import resource, torch
from stages.networks.device import open_device
from stages.networks.settings import Compute
open_device(Compute(device="cpu", precision="fp32", threads=2, deterministic=True))
for _ in range(8):  # the heap settles within three
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.empty(32 * 2**20).fill_(1)  # 128 MB, four times what glibc would keep at most
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    process = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(process.stdout.split()[-1]) < 1000  # pages of 4 KB: 32,768 when each is mapped and cleared again
