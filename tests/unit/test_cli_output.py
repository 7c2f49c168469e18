"""How commands print, and how differences between two households read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from copdns.addresses import UpstreamAddress
from copdns.cli import output
from copdns.cli.changes import differences
from copdns.cli.qtypes import qtype_name, qtype_number
from copdns.matchers import Matcher
from copdns.model import Band, BandChange, FullLog, Household, OwnService
from tests.unit.households import FAMILY, households


def test_columns_begin_below_each_other_in_any_script() -> None:
    assert output.aligned([("a", "b"), ("名前", "c"), ("é", "")]) == ["a     b", "名前  c", "é"]


def test_nothing_steers_the_terminal() -> None:
    assert (
        output.safe("a\x1b[2Jb\u202ec")
        == "a\N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}c"
    )


def test_a_terminal_gets_a_table_of_rich_without_its_markup(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rich")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    output.table(("name",), [("[red]a[/red]",)])
    assert "[red]a[/red]" in capsys.readouterr().out


def test_values_become_what_json_has() -> None:
    value = {
        "matcher": Matcher("a.example"),
        "address": UpstreamAddress("192.0.2.1"),
        "set": frozenset({Band.TO_9, Band.ADULT}),
        "object": OwnService("s", "S", (Matcher("a.example"),)),
        "none": None,
    }
    assert output.plain(value) == {
        "matcher": "a.example",
        "address": "192.0.2.1:53",
        "set": ["7-9", "adult"],
        "object": {"slug": "s", "title": "S", "names": ["a.example"], "contact": "none"},
        "none": None,
    }


def test_moments_are_utc_for_programs_and_local_for_people() -> None:
    assert output.utc(1_800_000_000) == "2027-01-15T08:00:00Z"
    assert output.utc(None) is None
    assert output.local(1_800_000_000, "Asia/Tokyo") == "2027-01-15 17:00"


@pytest.mark.parametrize("number", [1, 28, 65, 257, 4711, 65535])
def test_a_type_is_read_as_it_is_written(number: int) -> None:
    assert qtype_number(qtype_name(number)) == number
    assert qtype_number(f"type{number}") == number


@pytest.mark.parametrize(
    "text", ["", "0", "TYPE", "TYPE0", "65536", "000001111111", "AA", "-1", "1.5", "9" * 5000]
)
def test_what_is_no_type_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no record type"):
        qtype_number(text)


@settings(max_examples=30)
@given(households(), households())
def test_there_is_a_difference_exactly_where_households_differ(
    before: Household, other: Household
) -> None:
    after = replace(other, id=before.id)
    assert differences(before, before) == []
    assert bool(differences(before, after)) is (before != after)


def test_each_difference_reads_as_a_line() -> None:
    mia, tom, ada = FAMILY.profiles
    older = replace(
        mia,
        band=Band.TO_12,
        bypass=True,
        safe_search=(("films", "strict"),),
        full_log=FullLog(1_800_000_000, 1_800_086_400),
        band_change=BandChange(Band.TO_9, 1_800_000_000),
    )
    after = replace(
        FAMILY,
        timezone="Asia/Tokyo",
        guest="",
        profiles=(ada, older),
        rules=(replace(FAMILY.rules[0], note="Because."), FAMILY.rules[1]),
    )
    assert differences(FAMILY, after) == [
        "household: timezone: UTC -> Asia/Tokyo",
        "household: guest: ada -> none",
        "profile tom removed: Tom, 13-15",
        "profile mia: band: 7-9 -> 10-12",
        "profile mia: safe search: + films=strict",
        "profile mia: bypass: off -> on",
        "profile mia: full log: none -> "
        "every name is kept from 2027-01-15 17:00 to 2027-01-16 17:00",
        "profile mia: band change: none -> becomes 7-9 on 2027-01-15 17:00",
        "profiles: in another order",
        "rule r1: note: none -> Because.",
    ]
    assert tom not in after.profiles
