"""Memory: what a step frees serves the next one."""

import platform
import subprocess
import sys

import pytest

STEPS = """
import torch
from danqing.parts.memory import keep_freed

def held():
    before = resident()
    several = [torch.ones(10 << 20) for _ in range(6)]
    del several
    return resident() - before

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 >> 20

usual = held()
assert keep_freed()
print(usual, held())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries cannot be told")
def test_what_is_freed_is_kept_for_the_next_step() -> None:
    """In a process of its own, since nothing takes it back."""
    told = subprocess.run([sys.executable, "-c", STEPS], check=True, capture_output=True, text=True).stdout
    usual, kept = map(int, told.split())
    assert usual < 40, "of 240 MiB"
    assert kept > 200
