"""Helplines and hotlines: what may be shown of each entry, and what may never be."""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from urllib.parse import urlsplit

import pytest

from copdns.list_files.load import bundled_text
from copdns.lists.catalogue import Catalogue
from copdns.lists.drafts import build_small_catalogue
from copdns.lists.index import ListKind
from copdns.model.errors import ConfigError
from copdns.model.helpline_shapes import Age, Body, BodyShape, For, LineShape
from copdns.web.languages import bundled_helplines, phrases_in
from copdns.words.helplines import CALLED, HELPLINES, HOTLINES, Helplines, helplines

DAY = date(2026, 11, 27)

LINES = """
compiled: 2026-11-27
directories:
  - {name: One, site: "https://one.example/"}
  - {name: Two, site: "https://two.example/"}
emergency: {GB: ["999", "112"]}
lines:
  - {id: gb-site, country: GB, name: Site only, number: "0800 2", site: "https://s.example/",
     for: youth, sources: [A]}
  - {id: gb-agreed, country: GB, name: Agreed, number: "0800 1-1", for: child, sources: [A, B]}
  - {id: gb-single, country: GB, name: Single, number: "0800 3", for: child, sources: [A]}
  - {id: gb-conflict, country: GB, name: Conflict, number: "0800 4", site: "https://c.example/",
     for: child, sources: [A, B], conflict: true}
  - {id: gb-memory, country: GB, name: Memory, number: "0800 5", site: "https://m.example/",
     for: child, sources: []}
  - {id: gb-text-single, country: GB, name: Text single, text_to: "85259", text_word: HI,
     site: "https://t.example/", for: everyone, sources: [A]}
  - {id: gb-text, country: GB, name: Text, text_to: "85258", text_word: HI, for: everyone,
     sources: [A, B]}
  - {id: gb-chat, country: GB, name: Chat, site: "https://k.example/", for: youth, sources: [A]}
  - {id: fr-other, country: FR, name: Other, number: "119", for: child, sources: [A, B]}
"""
REPORTS = """
compiled: 2026-11-27
directory: {name: All, site: "https://all.example/"}
takedown:
  - {id: here, country: GB, name: Here, for: under_18, site: "https://h.example/", sources: [A]}
  - {id: everywhere, name: Everywhere, for: adult, site: "https://e.example/", sources: [A]}
  - {id: unseen, name: Unseen, for: adult, site: "https://u.example/", sources: []}
bodies:
  - {id: report-gb, country: GB, name: Watch, body: charity, site: "https://w.example/",
     sources: [A]}
  - {id: report-gb-memory, country: GB, name: Memory, body: police, site: "https://m.example/",
     sources: []}
  - {id: report-fr, country: FR, name: Other, body: police, site: "https://o.example/",
     sources: [A, B]}
"""


def made(lines: str = LINES, reports: str = REPORTS) -> Helplines:
    return helplines({HELPLINES: lines, HOTLINES: reports}.__getitem__)


def bundled() -> Helplines:
    return bundled_helplines()


def numbers(*confirmed: str) -> dict[str, str]:
    """Return the numbers that a child in GB may dial, by the id of their line."""
    found = made().lines("GB", confirmed)
    return {each.id: each.phone.href for each in found if each.phone}


def test_a_number_is_shown_when_two_sources_agree_with_the_day_beside_it() -> None:
    assert numbers() == {"gb-agreed": "tel:080011"}
    (line,) = (each for each in made().lines("GB") if each.id == "gb-agreed")
    assert (line.phone, line.agreed) == (("0800 1-1", "tel:080011"), DAY)


def test_a_guardian_can_confirm_a_number_that_one_source_or_none_prints() -> None:
    confirmed = numbers("gb-single", "gb-memory")
    assert confirmed == {
        "gb-agreed": "tel:080011",
        "gb-single": "tel:08003",
        "gb-memory": "tel:08005",
    }
    (line,) = (each for each in made().lines("GB", {"gb-single"}) if each.id == "gb-single")
    assert line.agreed is None


def test_a_number_that_a_source_contradicts_is_never_shown_not_even_confirmed() -> None:
    assert "gb-conflict" not in numbers("gb-conflict")
    sites = {each.id: each.site for each in made().lines("GB")}
    assert sites["gb-conflict"] == "https://c.example/"


def test_a_line_without_anything_to_show_is_left_out() -> None:
    shown = [each.id for each in made().lines("GB")]
    assert shown == [  # numbers first
        *("gb-agreed", "gb-text", "gb-site", "gb-conflict", "gb-text-single", "gb-chat")
    ]


def test_a_message_has_its_word_and_its_number() -> None:
    (line,) = (each for each in made().lines("GB") if each.id == "gb-text")
    assert line.message == ("HI", "85258", "sms:85258")
    (single,) = (each for each in made().lines("GB") if each.id == "gb-text-single")
    assert (single.message, single.is_by_text) == (None, True), "its website says how"


def test_what_a_guardian_can_confirm_is_told_in_full_and_no_conflict_is_among_it() -> None:
    found = {each.id: each.phone for each in made().to_confirm("GB", {"gb-single"})}
    assert found == {
        "gb-site": ("0800 2", "tel:08002"),
        "gb-memory": ("0800 5", "tel:08005"),
        "gb-text-single": None,  # it is written to
    }


def test_the_directories_are_there_for_every_country_even_an_unknown_one() -> None:
    assert [each.name for each in made().directories] == ["One", "Two"]
    assert made().lines("AQ") == ()
    assert made().report("AQ").directory == ("All", "https://all.example/")


def test_the_report_page_begins_with_the_emergency_number_and_ends_with_the_directory() -> None:
    report = made().report("GB")
    assert report._fields == ("emergency", "bodies", "takedown", "directory")
    assert [each.href for each in report.emergency] == ["tel:999", "tel:112"]
    assert [(each.name, each.body) for each in report.bodies] == [("Watch", Body.CHARITY)]
    assert [(each.name, each.age) for each in report.takedown] == [
        ("Here", Age.UNDER_18),
        ("Everywhere", Age.ADULT),
    ]


def test_a_body_that_only_memory_vouches_for_waits_for_a_guardian() -> None:
    report = made().report("GB", {"report-gb-memory"})
    assert [each.id for each in report.bodies] == ["report-gb", "report-gb-memory"]


@pytest.mark.parametrize(
    "wrong",
    [
        "{id: x, country: GB, name: X, for: child, sources: [A]}",  # nothing to reach it by
        '{id: x, country: GB, name: X, number: "call us", for: child, sources: [A]}',
        '{id: x, country: gb, name: X, number: "1", for: child, sources: [A]}',
        '{id: x, country: GB, name: X, text_to: "1", for: child, sources: [A]}',
        '{id: x, country: GB, name: X, site: "http://x.example/", for: child, sources: [A]}',
        '{id: x, country: GB, name: X, number: "1", for: dogs, sources: [A]}',
    ],
)
def test_a_line_that_is_written_wrongly_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match="lines"):
        made(f"{LINES}  - {wrong}\n")


# What is bundled.


def entries() -> list[LineShape | BodyShape]:
    return [*bundled().helplines.lines, *bundled().hotlines.bodies]


def test_every_entry_shows_what_it_may_and_no_more() -> None:
    for entry in entries():
        if isinstance(entry, BodyShape):
            shown = {each.id for each in bundled().report(entry.country).bodies}
            assert (entry.id in shown) is bool(entry.sources), entry.id
            continue
        found = {each.id: each for each in bundled().lines(entry.country)}.get(entry.id)
        agreed = len(entry.sources) >= 2 and not entry.conflict
        assert (found is not None) is bool(entry.sources and (agreed or entry.site)), entry.id
        if found is not None:
            is_reached = bool(agreed and (entry.number or entry.text_to))
            assert bool(found.phone or found.message) is is_reached, entry.id
            is_called = found.phone is None or re.fullmatch(r"tel:[0-9]{3,15}", found.phone.href)
            assert is_called, entry.id
            assert found.agreed == (DAY if agreed else None), entry.id


def test_an_emergency_number_is_short_and_every_country_has_a_name() -> None:
    found = bundled()
    numbers = [each for code in found.countries for each in found.emergency(code)]
    assert all(re.fullmatch(r"tel:[0-9]{2,5}", each.href) for each in numbers)
    assert [code for code in found.countries if phrases_in("fr").country(code) == code] == []


def test_what_a_page_says_beside_a_line_has_a_name() -> None:
    assert set(CALLED) == {*For, *Body, *Age}


def test_ids_are_unique_and_begin_with_their_country() -> None:
    ids = [each.id for each in (*entries(), *bundled().hotlines.takedown)]
    assert len(ids) == len(set(ids))
    assert all(
        each.id.removeprefix("report-").startswith(f"{each.country.lower()}-") for each in entries()
    )


def test_no_number_is_bundled_that_sources_contradict() -> None:
    """Two were; the members' directory of Child Helpline International settled them."""
    assert [each.id for each in bundled().helplines.lines if each.conflict] == []
    (anar,), (kindertelefoon,) = bundled().lines("ES"), bundled().lines("NL")
    assert (anar.phone, kindertelefoon.phone) == (
        ("900 20 20 10", "tel:900202010"),
        ("0800 0432", "tel:08000432"),
    )


@pytest.mark.parametrize(
    ("country", "number"),
    [("GB", "tel:08001111"), ("DE", "tel:116111"), ("FR", "tel:119"), ("CA", "tel:18006686868")],
)
def test_a_child_finds_the_line_of_its_country_first(country: str, number: str) -> None:
    first = bundled().lines(country)[0]
    assert first.phone is not None
    assert (first.phone.href, first.meant_for) == (number, For.CHILD)


# Linked, and kept out of the protected names as yet: somebody has to vouch for the whole host.
NOT_PROTECTED = {
    "acsaing.org",
    "ecpat.org.ph",
    "www.childlinebotswana.org",
    "www.dia.govt.nz",
    "www.incibe.es",
    "www.kocsc.or.kr",
    "www.lifelinechildline.org.na",
    "www.nadarights.org",
    "www.pelastakaalapset.fi",
    "www.police.gov.sg",
    "www.safenet.bg",
}


def test_what_is_linked_is_protected_so_that_the_link_works_whatever_is_blocked() -> None:
    assert {host for host in linked_hosts() if not protected(host)} == NOT_PROTECTED


def linked_hosts() -> set[str]:
    """Return every host that a page may link to without a guardian's confirmation."""
    found = bundled()
    sites = [each.site for each in found.directories]
    for country in found.countries:
        report = found.report(country)
        sites += [each.site for each in found.lines(country) if each.site]
        sites += [each.site for each in (*report.bodies, *report.takedown, report.directory)]
    return {str(urlsplit(site).hostname) for site in sites}


@cache
def bundled_lists() -> Catalogue:
    return build_small_catalogue(bundled_text)


def protected(host: str) -> bool:
    index = bundled_lists().index
    return any(index.infos[each.list].kind is ListKind.PROTECTED for each in index.find(host))
