"""The example family of `make run`, shared by the tests of a file that change nothing in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.house import ROOT, House, house


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder, settings = tmp_path_factory.mktemp("home"), ROOT / "config" / "home.yaml"
    with house(folder, settings, forked=False) as found:
        yield found
