"""The program does what the standards ask for, and the page of the documentation says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import page, run
from tests.e2e.house import ROOT


# dnspython's client of QUIC leaves a socket to the garbage collection.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_every_case_is_as_the_standards_ask_and_as_the_page_says(tmp_path: Path) -> None:
    results, _ = run(tmp_path)
    assert [each for each in results if not each.is_right] == []
    written = (ROOT / "docs" / "conformance.md").read_text()
    assert written.startswith(page(results, "").rstrip("\n")), "run `make conformance`"


def test_the_page_says_what_thousands_of_real_packets_showed() -> None:
    written = (ROOT / "docs" / "conformance.md").read_text()
    _, _, packets = written.partition("\n## Packets\n")
    assert "hard failures none" in packets
    assert "**not explained**" not in packets
