"""What `make test` leaves out, because a part of it tells enough, `make test-whole` tries."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.whole import MARKED, VARIABLE

SAID = "from tests.whole import *; print(choose(3, 1), examples(100), examples(20), WITH_MARKED)"


def said(value: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SAID],
        cwd=ROOT,
        env=os.environ | {VARIABLE: value},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_part_has_fewer_examples_and_some_of_each() -> None:
    assert said("") == "1 25 10 False"
    assert said("marked") == "1 25 10 True"
    assert said("yes") == "3 100 20 True"


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (".ci/run", f"export CI=true {VARIABLE}={MARKED} LC_ALL=C.UTF-8"),
        ("Makefile", f"\t@$(MAKE) --no-print-directory test {VARIABLE}=yes"),
    ],
)
def test_ci_asks_for_what_is_marked_and_make_test_whole_for_all(file: str, line: str) -> None:
    assert line in (ROOT / file).read_text().splitlines()
