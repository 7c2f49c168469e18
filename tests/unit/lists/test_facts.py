"""Newer facts: what they add comes at once, what they would take away of help stays."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copdns.lists.fact_entries import merge_helplines, merge_hotlines, merge_protected
from copdns.lists.facts import (
    MAX_AHEAD,
    MAX_EARLY,
    EarlierFacts,
    FactSet,
    FactsState,
    HeldFact,
    HeldKind,
    dump_facts_state,
    fact_text,
    merge_facts,
    read_canonical,
    read_facts_state,
    require_next,
    require_sound,
)
from copdns.lists.versions import HoldReason
from copdns.model.errors import FactsError
from copdns.model.yaml_text import document
from tests.whole import examples

NOW = 1_800_000_000


def line(slug: str, number: str = "", **fields: Any) -> dict[str, Any]:
    return {
        "id": slug,
        "country": "GB",
        "name": slug,
        "number": number,
        "site": f"https://{slug}.example/",
        "for": "child",
        "sources": ["A", "B"],
        **fields,
    }


def group(*names: str, **fields: Any) -> dict[str, Any]:
    entries = [{"name": each, "country": "GB", "owner": "Somebody"} for each in names]
    return {"title": "Help", "help": True, "beats_time": True, "names": entries, **fields}


def values() -> dict[str, Any]:
    """Return small facts of every file."""
    return {
        "protected.yaml": {"groups": {"help": group("line.example", "=call.example")}},
        "helplines.yaml": {
            "compiled": "2026-11-27",
            "directories": [
                {"name": "One", "site": "https://one.example/"},
                {"name": "Two", "site": "https://two.example/"},
            ],
            "emergency": {"GB": ["999", "112"]},
            "lines": [line("first", "116 111"), line("second", "147")],
        },
        "hotlines.yaml": {
            "compiled": "2026-11-27",
            "directory": {"name": "All", "site": "https://all.example/"},
            "takedown": [
                {
                    "id": "down",
                    "name": "Down",
                    "for": "under_18",
                    "site": "https://d.example/",
                    "sources": [],
                }
            ],
            "bodies": [
                {
                    "id": "body",
                    "country": "GB",
                    "name": "Body",
                    "body": "police",
                    "site": "https://b.example/",
                    "sources": ["A"],
                }
            ],
        },
        "services.yaml": {
            "services": {
                "tube": {
                    "title": "Tube",
                    "group": "video",
                    "contact": "none",
                    "names": [f"v{n}.tube.example" for n in range(100)],
                }
            }
        },
        "safesearch.yaml": {
            "engines": {
                "seek": {
                    "title": "Seek",
                    "for_children": True,
                    "modes": {"strict": "safe.example"},
                    "hosts": ["seek.example"],
                }
            },
            "no_safe_search": [],
        },
        "bypass.yaml": {
            "canaries": {"one": {"title": "One", "about": "One", "names": ["canary.example"]}},
            "names": [{"name": "vpn.example", "kind": "vpn", "operator": "Somebody"}],
        },
        "infrastructure.yaml": {"groups": {"edge": {"title": "Edge", "whole": ["edge.example"]}}},
        "mistakes.yaml": {
            "mistakes": [{"name": "poems.example", "not_in": ["adult"], "why": "Poems."}]
        },
        "top.yaml": {
            "groups": {"all": {"title": "All", "not_in": ["adult"], "names": ["news.example"]}}
        },
    }


def facts(found: dict[str, Any] | None = None, number: int = 5, made_at: int = NOW) -> FactSet:
    return FactSet(number, made_at, found or values())


def names(file: dict[str, Any], slug: str = "help") -> list[str]:
    return [each["name"] for each in file["groups"][slug]["names"]]


# --- the canonical form ---------------------------------------------------------------------------


def test_the_canonical_form_is_read_back_and_is_the_only_one() -> None:
    made = facts()
    octets = made.canonical()
    assert read_canonical(octets) == made
    for other in (octets + b" ", octets.replace(b'"format":1', b'"format": 1'), octets[:-1], b""):
        with pytest.raises(FactsError):
            read_canonical(other)


@pytest.mark.parametrize("number", [0, -1, True, 1.5, "7", None])
def test_a_number_is_a_positive_whole_one(number: Any) -> None:
    with pytest.raises(FactsError):
        read_canonical(replace(facts(), number=number).canonical())


def test_nothing_was_made_before_time_began() -> None:
    with pytest.raises(FactsError):  # commands and pages could not show such a day
        read_canonical(facts(made_at=-(10**18)).canonical())


@settings(max_examples=examples(60), deadline=None)
@given(st.binary(max_size=200))
def test_any_other_octets_are_refused(octets: bytes) -> None:
    with pytest.raises(FactsError):
        read_canonical(octets)


def test_a_file_reads_the_same_as_text() -> None:
    for file, value in values().items():
        assert document(fact_text(value), file).value == value


def test_sound_facts_have_every_file_in_its_shape() -> None:
    require_sound(facts())
    for spoil in (
        lambda v: v.pop("top.yaml"),
        lambda v: v.update({"more.yaml": {}}),
        lambda v: v.update({"top.yaml": []}),
        lambda v: v["top.yaml"].update(more=1),
        lambda v: v["helplines.yaml"]["lines"].append(line("third", "call me")),
        lambda v: v["protected.yaml"]["groups"]["help"]["names"][0].update(name="com"),
        lambda v: v["services.yaml"]["services"]["tube"].update(title="a\u0007b"),
    ):
        spoiled = values()
        spoil(spoiled)
        with pytest.raises(FactsError):
            require_sound(facts(spoiled))


def test_older_far_and_early_numbers_are_refused() -> None:
    require_next(facts(number=5), 5, NOW)
    require_next(facts(number=5 + MAX_AHEAD, made_at=NOW + int(MAX_EARLY)), 5, NOW)
    for number, made_at in ((4, NOW), (6 + MAX_AHEAD, NOW), (6, NOW + int(MAX_EARLY) + 1)):
        with pytest.raises(FactsError):
            require_next(facts(number=number, made_at=made_at), 5, NOW)


# --- protected names ------------------------------------------------------------------------------


def merge_names(
    after: dict[str, Any], closable: tuple[str, ...] = ()
) -> tuple[dict[str, Any], set[str]]:
    merged = deepcopy(after)
    found = list(merge_protected(values()["protected.yaml"], merged, closable))
    return merged, {each.key for each in found}


def test_a_new_protected_name_is_taken() -> None:
    merged, held = merge_names(
        {"groups": {"help": group("line.example", "=call.example", "new.example")}}
    )
    assert names(merged) == ["line.example", "=call.example", "new.example"]
    assert not held


@pytest.mark.parametrize(
    "after",
    [
        {"groups": {}},  # the group is gone
        {"groups": {"help": group("=call.example")}},  # the name is gone
        {"groups": {"help": group("=line.example", "=call.example")}},  # narrower
        {"groups": {"help": group("line.example", "=call.example", help=False)}},  # traced
        {"groups": {"help": group("line.example", "=call.example", beats_time=False)}},
        {"groups": {"other": group("line.example", help=False), "help": group("=call.example")}},
    ],
)
def test_a_protected_name_that_would_go_or_be_weaker_stays(after: dict[str, Any]) -> None:
    merged, held = merge_names(after)
    assert "line.example" in held
    strong = merged["groups"]["help"]
    assert "line.example" in names(merged)
    assert strong["help"]
    assert strong["beats_time"]
    everywhere = [each for slug in merged["groups"] for each in names(merged, slug)]
    assert everywhere.count("line.example") == 1


@pytest.mark.parametrize("more", [{"but_not": ["stat.line.example"]}, {"unopened": True}])
def test_so_does_one_of_which_a_part_would_be_left_out(more: dict[str, Any]) -> None:
    after = {"groups": {"help": group("line.example", "=call.example")}}
    after["groups"]["help"]["names"][0].update(more)
    merged, held = merge_names(after)
    assert held == {"line.example"}
    assert not any(key in each for each in merged["groups"]["help"]["names"] for key in more)


def test_a_name_that_a_wider_one_protects_is_not_missed() -> None:
    after = {"groups": {"help": group("line.example", "=call.example")}}
    old = {"groups": {"help": group("line.example", "sub.line.example", "=call.example")}}
    merged = deepcopy(after)
    assert not list(merge_protected(old, merged, ()))
    assert merged == after


def test_a_new_name_that_an_app_needs_closed_waits() -> None:
    after = {
        "groups": {"help": group("line.example", "=call.example", "tube.example", "=x.example")}
    }
    merged, held = merge_names(after, ("v1.tube.example",))
    assert held == {"tube.example"}
    assert names(merged) == ["line.example", "=call.example", "=x.example"]


def test_so_does_one_below_an_app() -> None:
    after = {"groups": {"help": group("line.example", "=call.example", "=www.tube.example")}}
    merged, held = merge_names(after, ("tube.example",))
    assert held == {"=www.tube.example"}
    assert names(merged) == ["line.example", "=call.example"]


@pytest.mark.parametrize(
    ("name", "but_not"),
    [
        ("=line.example", "chat.line.example"),  # below an older one
        ("chat.line.example", "one.chat.line.example"),
        ("=x.example", "call.x.example"),  # of the older one itself
        ("=x.example", "deep.call.x.example"),  # of which the older one is a part
    ],
)
def test_a_new_entry_takes_nothing_of_an_older_one_away(name: str, but_not: str) -> None:
    old = {"groups": {"help": group("line.example", "=call.x.example", "at.deep.call.x.example")}}
    new = {"name": name, "country": "GB", "owner": "Somebody", "but_not": [but_not, "x.new"]}
    merged = {"groups": {**deepcopy(old)["groups"], "more": group(help=False)}}
    merged["groups"]["more"]["names"] = [new]
    found = list(merge_protected(old, merged, ()))
    assert [(each.key, each.was, each.becomes) for each in found] == [(but_not, "Help", "")]
    assert merged["groups"]["more"]["names"] == [{**new, "but_not": ["x.new"]}]
    assert merged["groups"]["help"] == old["groups"]["help"]


def test_nor_does_it_close_one_that_was_opened() -> None:
    new = {"name": "=line.example", "country": "GB", "owner": "Somebody", "unopened": True}
    after = {"groups": {"help": group("line.example", "=call.example"), "more": group()}}
    after["groups"]["more"]["names"] = [new]
    merged, held = merge_names(after)
    assert held == {"line.example"}
    assert names(merged, "more") == []


@pytest.mark.parametrize("name", ["=call.example", "chat.line.example"])
def test_no_help_name_comes_among_time_servers_which_are_asked_in_clear_text(name: str) -> None:
    helping = group("line.example", "=call.example")
    merged = {"groups": {"os_time": group(name, "time.example"), "xhelp": helping}}
    old = {"groups": {"xhelp": helping}}
    assert len(list(merge_protected(old, merged, ()))) == 1
    assert names(merged, "os_time") == ["time.example"]
    assert names(merged, "xhelp") == ["line.example", "=call.example"]


def test_a_time_server_stays_one() -> None:
    old = {"groups": {"os_time": group("time.example", help=False)}}
    merged = {"groups": {"other": group("time.example")}}
    assert [each.key for each in merge_protected(old, merged, ())] == ["time.example"]
    assert names(merged, "os_time") == ["time.example"]


def test_what_was_left_out_before_may_be_so_again() -> None:
    old = {"groups": {"help": group("line.example")}}
    old["groups"]["help"]["names"][0]["but_not"] = ["stat.line.example"]
    merged = deepcopy(old)
    merged["groups"]["help"]["names"].append(
        {**old["groups"]["help"]["names"][0], "name": "stat.line.example"}
    )
    merged["groups"]["help"]["names"][1]["but_not"] = ["a.stat.line.example"]
    after = deepcopy(merged)
    assert not list(merge_protected(old, merged, ()))
    assert merged == after


def test_a_whole_suffix_is_never_newly_protected_unseen() -> None:
    after = {"groups": {"help": group("line.example", "=call.example", "co.uk")}}
    assert merge_names(after)[1] == {"co.uk"}


# --- helplines ------------------------------------------------------------------------------------


def merge_lines(**fields: Any) -> tuple[dict[str, Any], dict[str, tuple[str, str]]]:
    before = values()["helplines.yaml"]
    merged = deepcopy({**before, **fields})
    found = list(merge_helplines(before, merged))
    return merged, {each.key: (each.was, each.becomes) for each in found}


def test_a_new_helpline_is_taken() -> None:
    lines = [line("new", "0800 1"), line("first", "116 111"), line("second", "147")]
    merged, held = merge_lines(lines=lines)
    assert merged["lines"] == lines
    assert not held


@pytest.mark.parametrize(
    "second",
    [
        None,
        line("second", "148"),
        line("second", ""),
        line("second", "147", site="https://other.example/"),
        line("second", "147", conflict=True),
        line("second", "147", sources=["A"]),
        line("second", "147", country="FR"),
        {**line("second", "147"), "for": "everyone"},
    ],
)
def test_a_helpline_that_would_go_or_change_stays_as_it_is(second: dict[str, Any] | None) -> None:
    merged, held = merge_lines(lines=[line("first", "116 111"), *([second] if second else [])])
    assert merged["lines"] == [line("first", "116 111"), line("second", "147")]
    assert held.keys() == {"second"}
    assert bool(held["second"][1]) is bool(second)


def test_so_do_emergency_numbers_and_directories() -> None:
    merged, held = merge_lines(
        emergency={"GB": ["999", "101"], "FR": ["112"]},
        directories=[{"name": "Two", "site": "https://two.example/"}],
    )
    assert merged["emergency"] == {"GB": ["999", "101", "112"], "FR": ["112"]}
    assert [each["name"] for each in merged["directories"]] == ["Two", "One"]
    assert held.keys() == {"GB", "One"}


def test_so_do_offices_that_take_reports() -> None:
    before = values()["hotlines.yaml"]
    merged = {**deepcopy(before), "takedown": [], "bodies": []}
    merged["directory"] = {"name": "All", "site": "https://else.example/"}
    held = {each.key for each in merge_hotlines(before, merged)}
    assert held == {"down", "body", "directory"}
    assert merged == before


def test_an_office_that_would_be_shown_no_more_stays() -> None:
    before = values()["hotlines.yaml"]
    before["takedown"][0]["sources"] = ["A"]
    merged = deepcopy(before)
    for key in ("takedown", "bodies"):
        merged[key][0]["sources"] = []
    assert {each.key for each in merge_hotlines(before, merged)} == {"down", "body"}
    assert merged == before


# --- whole files ----------------------------------------------------------------------------------


def service_names(count: int, first: int = 0) -> list[str]:
    return [f"v{n}.tube.example" for n in range(first, first + count)]


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (service_names(129), None),
        (service_names(131), HoldReason.GROWTH),
        (service_names(81), None),
        (service_names(79), HoldReason.LOSS),
    ],
)
def test_another_file_is_taken_within_the_bounds_of_a_list(
    found: list[str], reason: HoldReason | None
) -> None:
    after = values()
    after["services.yaml"]["services"]["tube"]["names"] = found
    change = merge_facts(values(), after)
    kept = change.values["services.yaml"]["services"]["tube"]["names"]
    assert (kept == found) is (reason is None)
    assert [each.reasons for each in change.held] == ([] if reason is None else [(reason,)])


@pytest.mark.parametrize("more", [None, {"contact": "none"}, {"group": "other"}])
def test_no_app_goes_or_is_another_kind_of_app_unseen(more: dict[str, str] | None) -> None:
    before, after = values(), values()
    chat = {"title": "Chat", "group": "chat", "contact": "strangers", "names": ["chat.example"]}
    before["services.yaml"]["services"]["chat"] = chat
    if more is not None:
        after["services.yaml"]["services"]["chat"] = {**chat, **more}
    change = merge_facts(before, after)
    assert change.values["services.yaml"] == before["services.yaml"]
    assert [(each.key, each.reasons) for each in change.held] == [
        ("services.yaml", (HoldReason.LOSS,))
    ]
    (held,) = change.held
    assert "chat chat strangers" in held.removed
    assert bool(held.added) is bool(more)


def change_gate(**files: Any) -> dict[str, Any]:
    """Return the facts with what the gate lets lists do changed, and no name."""
    found = values()
    groups = found["infrastructure.yaml"]["groups"]["edge"]
    groups |= {"claimed_by": {"edge.example": ["ads"]}} | files.pop("edge", {})
    found["mistakes.yaml"]["mistakes"][0] |= files.pop("mistakes", {})
    found["top.yaml"]["groups"]["all"] |= files.pop("top", {})
    return found


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("infrastructure.yaml", {"edge": {"claimed_by": {"edge.example": ["ads", "adult"]}}}),
        ("infrastructure.yaml", {"edge": {"claimed_by": {}}}),
        ("infrastructure.yaml", {"edge": {"whole": [], "below": ["edge.example"]}}),
        ("mistakes.yaml", {"mistakes": {"not_in": ["adult", "gambling"]}}),
        ("mistakes.yaml", {"mistakes": {"not_in": ["gambling"]}}),
        ("top.yaml", {"top": {"not_in": ["gambling"]}}),
    ],
)
def test_which_lists_may_name_a_known_site_does_not_change_unseen(
    file: str, changed: dict[str, Any]
) -> None:
    before, after = change_gate(), change_gate(**changed)
    change = merge_facts(before, after)
    assert change.values == before
    (held,) = change.held
    assert (held.key, held.reasons) == (file, (HoldReason.LOSS,))
    assert held.added
    assert held.removed


def test_a_new_name_comes_with_the_lists_that_may_name_it() -> None:
    before, after = values(), values()
    for file in (before, after):
        file["mistakes.yaml"]["mistakes"] = [
            {"name": f"poems{n}.example", "not_in": ["adult"], "why": "Poems."} for n in range(9)
        ]
    new = {"name": "songs.example", "not_in": ["adult", "gambling"], "why": "Songs."}
    after["mistakes.yaml"]["mistakes"].append(new)
    change = merge_facts(before, after)
    assert change.values == after
    assert not change.held


def test_no_two_changes_of_a_file_are_taken_for_one_however_large_they_are() -> None:
    found = []
    for last in ("a.example", "b.example"):
        after = values()
        more = [*service_names(199), f"z.{last}"]  # beyond the entries that are shown
        after["services.yaml"]["services"]["tube"]["names"] = more
        found += merge_facts(values(), after).held
    assert found[0].added == found[1].added
    assert found[0].id != found[1].id


def test_services_that_would_take_what_is_needed_wait() -> None:
    after = values()
    after["services.yaml"]["services"]["tube"]["names"] = service_names(101)
    assert not merge_facts(values(), after, needed_count=4).held
    (held,) = merge_facts(values(), after, needed_count=5).held
    assert held.reasons == (HoldReason.NEEDED,)


def test_a_safe_host_is_protected_and_is_not_exchanged_unseen() -> None:
    after = values()
    after["safesearch.yaml"]["engines"]["seek"]["modes"] = {"strict": "evil.example"}
    change = merge_facts(values(), after)
    assert change.values["safesearch.yaml"] == values()["safesearch.yaml"]
    assert [each.key for each in change.held] == ["safesearch.yaml"]


@pytest.mark.parametrize(
    "engines",
    [
        {"seek": {"strict": "two.example", "mild": "safe.example"}},  # exchanged
        {"more": {"strict": "www.tube.example"}},  # an app would be protected
    ],
)
def test_nor_are_two_of_them_or_a_new_one(engines: dict[str, dict[str, str]]) -> None:
    before, after = values(), values()
    seek = before["safesearch.yaml"]["engines"]["seek"]
    seek["modes"] = {"strict": "safe.example", "mild": "two.example"}
    after["safesearch.yaml"] = deepcopy(before["safesearch.yaml"])
    for slug, modes in engines.items():
        after["safesearch.yaml"]["engines"][slug] = {**seek, "modes": modes}
    many = {f"e{n}.example" for n in range(40)}  # so that one more is no growth
    for file in (before, after):
        file["safesearch.yaml"]["engines"]["big"] = {**seek, "hosts": sorted(many)}
    (held,) = merge_facts(before, after).held
    assert (held.key, held.reasons) == ("safesearch.yaml", (HoldReason.LOSS,))


@pytest.mark.parametrize("found", [["canary.example", "news.example"], ["other.example"]])
def test_no_signal_to_devices_changes_unseen(found: list[str]) -> None:
    before, after = values(), values()
    for file in (before, after):
        file["bypass.yaml"]["names"] = [
            {"name": f"vpn{n}.example", "kind": "vpn", "operator": "Somebody"} for n in range(40)
        ]
    after["bypass.yaml"]["canaries"]["one"]["names"] = found
    (held,) = merge_facts(before, after).held
    assert held.key == "bypass.yaml"


def test_protected_names_that_grow_much_at_once_wait_as_a_whole() -> None:
    after = values()
    after["protected.yaml"]["groups"]["help"] = group(
        "line.example", "=call.example", *(f"h{n}.example" for n in range(20))
    )
    (held,) = merge_facts(values(), after).held
    assert (held.kind, held.key, held.reasons) == (
        HeldKind.FILE,
        "protected.yaml",
        (HoldReason.GROWTH,),
    )


def test_after_a_rollback_nothing_comes_unseen() -> None:
    after = values()
    after["top.yaml"]["groups"]["all"]["names"] = ["news.example", "more.example"]
    change = merge_facts(values(), after, was_rolled_back=True)
    assert change.values == values()
    assert [(each.key, each.reasons) for each in change.held] == [
        ("top.yaml", (HoldReason.ROLLED_BACK,))
    ]


@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(st.sampled_from([f"n{n}.example" for n in range(12)]), unique=True),
    st.lists(st.sampled_from([f"n{n}.example" for n in range(12)]), unique=True),
)
def test_no_protected_name_is_ever_lost(before: list[str], after: list[str]) -> None:
    old, new = values(), values()
    old["protected.yaml"] = {"groups": {"help": group(*before)}}
    new["protected.yaml"] = {"groups": {"help": group(*after)}}
    change = merge_facts(old, new)
    assert set(before) | set(after) == set(names(change.values["protected.yaml"]))
    assert {each.key for each in change.held} == set(before) - set(after)


# --- what is noted --------------------------------------------------------------------------------


def test_the_state_is_read_back() -> None:
    held = HeldFact(
        HeldKind.FILE, "top.yaml", "", "", (HoldReason.LOSS,), 9, 1, ("a",), ("b",), "c"
    )
    digest = "ab" * 32
    state = FactsState(
        in_force=digest,
        number=7,
        made_at=NOW,
        held=(held,),
        kept=(held.id,),
        earlier=(EarlierFacts("", 1, NOW, 2.5),),
        tried_at=1.5,
        error="no",
    )
    assert read_facts_state(dump_facts_state(state)) == state
    assert not state.waiting
    for broken in ("", "[]", "{}", dump_facts_state(replace(state, in_force="../../etc"))):
        with pytest.raises((ValueError, LookupError, TypeError)):
            read_facts_state(broken)
