"""A release, as `make test-release` tries it.

The variable RELEASE names the Python of the virtual environment that requirements-release.lock is
for.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes minutes, unless it was asked for: `make test-release`."""
    if os.environ.get("RELEASE"):
        return
    left = [item for item in items if Path(__file__).parent in item.path.parents]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
