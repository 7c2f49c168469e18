"""What is not as it should be is known again, so that each reads it in their own language."""

from __future__ import annotations

import errno

import pytest

from copdns.app import lists_in_force
from copdns.app.household_source import DAMAGED, UNREAD, UNWRITTEN, WITHOUT_COPY
from copdns.app.lists_in_force import STILL_COMPILING
from copdns.app.self_test import BLOCKED, UNSAFE
from copdns.list_files.choose import missing_message
from copdns.list_files.updates import LEFT_OUT, OWN_LISTS_DAMAGED
from copdns.network.same_client import SeenRequestor, same_client_warning
from copdns.store.household_db import condition
from copdns.web.http_server import Place, _why
from copdns.words.phrases import END_ISOLATE, ISOLATE, phrases
from copdns.words.warnings import trouble

PSEUDO = phrases("en-XA")


def crowd(*addresses: str, mac: str = "", in_container: bool = False) -> str:
    asking = [SeenRequestor(each, mac) for each in addresses]
    return same_client_warning(asking, 10_000, 10_000.0, named=0, in_container=in_container)


def test_what_a_check_of_the_version_before_found_reads_as_today() -> None:
    found = trouble("not protecting fully yet: 1 of 3 lists is not here yet (games)")
    assert str(found) == "not fully protected yet: 1 of 3 lists is not downloaded yet (games)"


@pytest.mark.parametrize(
    "line",
    [
        "no DNS server is set; add one to upstreams.servers",
        "no DNS server answers",
        *(DAMAGED % each for each in (condition.EMPTY, condition.FOREIGN, condition.OLDER)),
        DAMAGED % condition.UNREADABLE % "file is not a database",
        WITHOUT_COPY % condition.DIFFERENT,
        STILL_COMPILING,
        lists_in_force.DAMAGED,
        "nothing can be recorded: disk full",
        f"{UNWRITTEN} (disk full)",
        f"{UNREAD} (disk full)",
        "games: too many names; copdns will try again",
        missing_message(["games"], 3),
        missing_message(["games", "chat"], 3),
        missing_message(["games"], 3, ["chat"]),
        missing_message([], 3, ["games", "chat"]),
        crowd("192.0.2.1", in_container=True),
        crowd("192.0.2.1"),
        crowd("127.0.0.1"),
        crowd("192.0.2.1", "192.0.2.2", mac="02:00:00:00:00:01"),
        OWN_LISTS_DAMAGED,
        LEFT_OUT % "Chess, Go",
        UNSAFE % "Brave Search, Ecosia",
        BLOCKED % 2,
        _why(Place("192.0.2.1", 80), OSError(errno.EADDRINUSE, "Address already in use")),
    ],
)
def test_a_line_is_known_again_and_says_the_same(line: str) -> None:
    found = trouble(line)
    assert str(found) == line
    assert found.text != "%(line)s"
    assert PSEUDO.tell(found).startswith("[")


def test_what_is_within_a_line_is_translated_too() -> None:
    told = PSEUDO.tell(trouble(missing_message(["games"], 3, ["chat"])))
    assert told.count("[") >= 3
    assert f"{ISOLATE}games{END_ISOLATE}" in told


def test_a_line_of_another_form_is_shown_as_it_is() -> None:
    assert str(trouble("HTTPS: 100% new")) == "HTTPS: 100% new"
