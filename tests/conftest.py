"""True of every test: one thread, a home of its own, and shapes checked wherever a signature states them."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before torch is imported, by us or by a process that a test starts.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

from jaxtyping import install_import_hook

# Before danqing is imported. The server has no tensors, and FastAPI calls routes with relatives of what they say they take.
SOURCE = Path(__file__).parents[1] / "src" / "danqing"
CHECKED = [f"danqing.{path.stem}" for path in sorted(SOURCE.iterdir()) if path.stem not in ("__init__", "server")]
install_import_hook(CHECKED, "shapes.check")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's sets, runs and painters lie."""
    folder = tmp_path / "home"
    monkeypatch.setenv("DANQING_HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """A training sets the threads of its whole process; the next test starts with one again."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
