"""Names that a household answers or forwards itself: what each change does, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from copdns.household import name_edits as edit
from copdns.household.edits import remove_profile
from copdns.model.addresses import UpstreamAddress
from copdns.model.errors import HouseholdError
from copdns.model.household import Household, LocalName, SplitUpstream
from tests.unit.households import FAMILY, KNOWN

Change = Callable[[Household], Household]


def answer_or_forward(kind: str, name: str) -> Change:
    """Return the change by which a household answers a name, or sends it elsewhere."""
    known = replace(KNOWN, protected=lambda asked: asked == "helpline.example")
    match kind:
        case "local":
            return lambda h: edit.set_local_name(h, name, ["192.0.2.1"], known)
        case "rewrite":
            return lambda h: edit.set_rewrite(h, name, "portal.example", known)
        case _:
            return lambda h: edit.set_split_upstream(h, name, ["192.0.2.53"], known)


def test_a_local_name_is_set_again_in_place_of_the_old() -> None:
    changed = edit.set_local_name(FAMILY, "NAS.home.example", ["192.0.2.10"], KNOWN)
    changed = edit.set_local_name(
        changed, "nas.home.example", ["192.0.2.11", "2001:db8::11"], KNOWN
    )
    assert changed.local_names == (LocalName("nas.home.example", ("192.0.2.11", "2001:db8::11")),)
    assert edit.remove_local_name(changed, "nas.home.example.") == FAMILY


def test_a_local_name_of_one_person_stands_beside_everyones() -> None:
    changed = edit.set_local_name(FAMILY, "nas.home.example", ["192.0.2.10"], KNOWN)
    changed = edit.set_local_name(changed, "NAS.home.example@mia", ["192.0.2.11"], KNOWN)
    assert [(each.key, each.addresses) for each in changed.local_names] == [
        ("nas.home.example", ("192.0.2.10",)),
        ("nas.home.example@mia", ("192.0.2.11",)),
    ]
    alone = edit.remove_local_name(changed, "nas.home.example")
    assert [each.key for each in alone.local_names] == ["nas.home.example@mia"]
    assert edit.remove_local_name(alone, "nas.home.example@mia") == FAMILY
    for scope in ("bo", "Mia", "#", ""):
        with pytest.raises(HouseholdError):
            edit.set_local_name(FAMILY, f"nas.home.example@{scope}", ["192.0.2.10"], KNOWN)


def test_a_rewrite_and_a_split_upstream_are_set_and_removed() -> None:
    changed = edit.set_rewrite(FAMILY, "*.old.example", "New.example", KNOWN)
    assert [(str(each.matcher), each.target) for each in changed.rewrites] == [
        ("*.old.example", "new.example")
    ]
    assert edit.remove_rewrite(changed, "*.old.example") == FAMILY
    changed = edit.set_split_upstream(
        FAMILY, "work.example", ["192.0.2.53", "[2001:db8::5]:54"], KNOWN
    )
    assert changed.split_upstreams == (
        SplitUpstream("work.example", ("192.0.2.53:53", "[2001:db8::5]:54")),
    )
    assert edit.remove_split_upstream(changed, "work.example") == FAMILY


@pytest.mark.parametrize("address", ["192.0.2.8", " 2001:db8::8 "])
def test_a_rewrite_to_an_address_names_the_command_that_does_it(address: str) -> None:
    with pytest.raises(HouseholdError) as refused:
        edit.set_rewrite(FAMILY, "=nas.example", address, KNOWN)
    assert f"copdns local add nas.example {address.strip()}" in str(refused.value)
    assert refused.value.name == "target"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda h: edit.set_local_name(h, "", ["192.0.2.1"], KNOWN), "the domain is missing"),
        (lambda h: edit.set_local_name(h, "a.example", ["x"], KNOWN), "'x' is not a valid address"),
        (lambda h: edit.remove_local_name(h, "a.example"), "there is no local name 'a.example'"),
        (lambda h: edit.set_rewrite(h, "a.example", "b.a.example", KNOWN), "points to itself"),
        (lambda h: edit.remove_rewrite(h, "a.example"), "there is no rewrite of 'a.example'"),
        (
            lambda h: edit.set_split_upstream(h, "a.example", ["dns.example"], KNOWN),
            "is not a valid address",
        ),
        (lambda h: edit.set_split_upstream(h, "a.example", [], KNOWN), "a.example: is empty"),
        (
            lambda h: edit.set_split_upstream(h, "work.example", ["fe80::1"], KNOWN),
            "valid on one link only; add the interface",
        ),
        (
            lambda h: edit.set_split_upstream(
                h,
                "work.example",
                ["192.0.2.1"],
                replace(KNOWN, is_copdns=lambda each: each == UpstreamAddress("192.0.2.1")),
            ),
            "192.0.2.1:53 is this filter itself",
        ),
        *(
            (answer_or_forward(kind, name), f"this would cover every site ending in .{name}")
            for kind in ("local", "rewrite", "split")
            for name in ("co.uk", "github.io")
        ),
        (answer_or_forward("split", "com"), "this would cover every site ending in .com"),
        (answer_or_forward("local", "com"), "this would cover every site ending in .com"),
        *(
            (answer_or_forward(kind, "helpline.example"), "is protected: it is always answered")
            for kind in ("local", "rewrite", "split")
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_helpful_word(change: Change, told: str) -> None:
    with pytest.raises(HouseholdError) as caught:
        change(FAMILY)
    assert told in str(caught.value)


def test_what_a_household_protects_is_answered_and_forwarded_as_all_else_is() -> None:
    with pytest.raises(HouseholdError, match="is protected"):
        edit.set_local_name(FAMILY, "www.school.example", ["192.0.2.1"], KNOWN)
    known = replace(KNOWN, has_effect=lambda name: name != "school.example")
    assert edit.set_local_name(FAMILY, "www.school.example", ["192.0.2.1"], known)


def test_a_split_can_be_one_persons_and_encrypted_and_goes_with_the_person() -> None:
    house = FAMILY
    for key in ("work.example", "work.example@tom", ".@tom"):
        house = edit.set_split_upstream(house, key, ["tls://dns.example@192.0.2.53"], KNOWN)
    server = ("tls://dns.example@192.0.2.53",)
    assert house.split_upstreams == (
        SplitUpstream("work.example", server),
        SplitUpstream("work.example", server, "tom"),
        SplitUpstream("", server, "tom"),
    )
    fewer = edit.remove_split_upstream(house, "Work.example@tom")
    assert [each.key for each in fewer.split_upstreams] == ["work.example", ".@tom"]
    without = replace(house, devices=tuple(e for e in house.devices if e.profile != "tom"))
    assert [each.key for each in remove_profile(without, "tom").split_upstreams] == ["work.example"]


@pytest.mark.parametrize(
    ("key", "server", "said"),
    [
        ("work.example@bo", "192.0.2.53", "there is no profile 'bo'"),
        ("work.example@!", "192.0.2.53", "does not say for whom"),
        (".", "192.0.2.53", "domain is missing"),
        ("work.example", "tls://dns.example", "write its address too"),
        ("work.example", "quic://192.0.2.1", "is not a valid address"),
    ],
)
def test_a_split_that_could_not_work_is_refused(key: str, server: str, said: str) -> None:
    with pytest.raises(HouseholdError, match=said):
        edit.set_split_upstream(FAMILY, key, [server], KNOWN)
