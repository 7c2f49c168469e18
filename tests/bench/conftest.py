"""The bench's own programs, compiled once; without a compiler these tests are skipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.build import Programs, compiled, compiler
from tests.conftest import find_tool


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    if not compiler():
        find_tool("gcc")  # says what is missing
    return compiled(tmp_path_factory.mktemp("bench"))


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Where a test writes what is asked."""
    return tmp_path / "questions"
