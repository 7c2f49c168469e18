"""schemathesis finds nothing in the running program: its document is true, nothing breaks it.

`make attack` does all of it for all three callers, with many more requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from copdns.web.api.table import OPERATIONS
from tests.running import Program, running
from tests.web.attacking import breaches
from tests.web.programs import DOCUMENT, ENDLESS, bearer, origin, session
from tests.whole import choose

PHASES = choose("", "fuzzing")  # those that write out what each value could be take longest

HOUSE = """
household: Example family
timezone: Europe/Paris
profiles:
  ada: {band: adult, devices: {ada-phone: [127.0.0.40]}}
  mia: {preset: 7-9, preset_times: true, devices: {mia-phone: [127.0.0.8]}}
  tom: {band: 13-15}
block: [games.example]
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("house")
    (folder / "house.yaml").write_text(HOUSE)
    with running(folder, {"household": str(folder / "house.yaml")}) as made:
        yield made


def test_the_document_is_true(program: Program) -> None:
    address = f"http://127.0.0.1:{program.web_port}{DOCUMENT}"
    token, tries = bearer(program), choose(5, 2)
    assert breaches(address, token, examples=tries, without=ENDLESS, phases=PHASES) == ""


def test_the_document_is_true_for_a_page_of_the_desk(program: Program) -> None:
    """What no token can do is tried with somebody's session."""
    address = f"http://127.0.0.1:{program.web_port}{DOCUMENT}"
    paths = {re.escape(each.path) for each in OPERATIONS if each.for_people}
    found = breaches(
        address,
        origin(program),
        session=session(program),
        examples=choose(3, 1),
        without=ENDLESS,
        phases=PHASES,
        only=f"({'|'.join(sorted(paths))})$",
    )
    assert found == ""


@pytest.mark.whole
def test_without_a_token_nothing_is_found_either(program: Program) -> None:
    address = f"http://127.0.0.1:{program.web_port}{DOCUMENT}"
    assert breaches(address, examples=3, without=ENDLESS, phases="fuzzing") == ""
