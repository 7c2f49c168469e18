"""The bench's own programs, compiled once; without a compiler these tests are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.bench.build import Programs, compiled, compiler
from tests.bench.machine import this_machine
from tests.bench.stage import Stage
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


@pytest.fixture
def stage(tmp_path: Path, programs: Programs) -> Iterator[Stage]:
    """Where servers are started, with a list of 1,000 names."""
    with closing(Stage(this_machine(real_time=False), programs, tmp_path / "run", 1000)) as it:
        yield it
