"""What `make test` leaves out, because a part of it tells enough, `.ci/run` tries as a whole."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.whole import VARIABLE

SAID = "from tests.whole import *; print(choose(3, 1), examples(100), examples(20))"


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
    assert said("") == "1 25 10"
    assert said("yes") == "3 100 20"


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (".ci/run", f"export CI=true {VARIABLE}=yes LC_ALL=C.UTF-8"),
        ("Makefile", f"\t@$(MAKE) --no-print-directory test {VARIABLE}=yes"),
    ],
)
def test_ci_and_make_test_whole_ask_for_the_whole(file: str, line: str) -> None:
    assert line in (ROOT / file).read_text().splitlines()
