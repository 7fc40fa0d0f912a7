"""Memory: what a step frees serves the next one."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

STEPS = """
import resource
import torch
from danqing.parts.loop import Loop
from learners import vae

def held():
    before = resident()
    several = [torch.ones(7 << 20) for _ in range(8)]
    del several
    return resident() - before

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() >> 20

usual = held()
Loop(vae(), seed=0)
print(usual, held())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries cannot be told")
def test_what_is_freed_is_kept_for_the_next_step() -> None:
    """In a process of its own, since nothing takes it back."""
    told = subprocess.run(
        [sys.executable, "-c", STEPS], check=True, capture_output=True, text=True, cwd=Path(__file__).parent
    ).stdout
    usual, kept = map(int, told.split())
    assert usual < 80, "of 224 MiB"
    assert kept > 180
