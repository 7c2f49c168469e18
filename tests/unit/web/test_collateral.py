"""What else stops is told before a block is kept."""

from __future__ import annotations

from dataclasses import replace

from copdns.household.differences import differences
from copdns.list_files.load import load_catalogue
from copdns.model.household import Contact, Household, Rule, RuleAction
from copdns.model.matchers import parse_matcher
from copdns.web.desk.activity.collateral import Loss, ServiceBlock, losses, service_blocks
from tests.household import MIA, library


def test_a_service_tells_what_needs_its_names() -> None:
    shipped = load_catalogue(())
    blocked = replace(MIA, services=frozenset({"youtube"}))
    found = losses(differences(MIA, blocked), shipped)
    assert any("YouTube Kids" in each.what for each in found)
    assert all(each.names for each in found)
    assert losses(differences(blocked, MIA), shipped) == ()


def test_services_of_a_contact_kind_tell_it_too() -> None:
    shipped = load_catalogue(())
    whole = {Contact.STRANGERS, Contact.KNOWN}
    found = losses(differences(MIA, replace(MIA, contacts=frozenset(whole))), shipped)
    assert {each.blocked for each in found} <= set(shipped.services)


def test_a_category_tells_which_services_stand_on_its_lists() -> None:
    lists = library(
        categories={"games": ["video.example", "!clips.example", "clips.example"]},
        services={"video": ["video.example", "cdn.example"], "clips": ["clips.example"]},
    )
    found = losses(differences(MIA, replace(MIA, categories=frozenset({"games"}))), lists)
    assert found == (Loss("category", "games", "", "video", ("video.example",)),)


GAMES = library(
    categories={"games": ["chess.example", "go.example"], "chat": ["go.example"]},
    services={
        "chess": ["chess.example"],
        "go": ["go.example", "cdn.example"],
        "room": ["r.example"],
        "vpn": ["vpn.example"],
        "relay": ["mask.example"],
    },
    canaries={"private_relay": ["mask.example"]},
    contacts={"room": Contact.STRANGERS},
    bypass=["vpn.example"],
)


def blocks(*rules: Rule, **fields: object) -> dict[str, ServiceBlock]:
    mia = replace(MIA, **fields)
    return service_blocks(Household("home", "Example", (mia,), rules=rules), mia, GAMES)


def allow(name: str, scope: str = "mia", action: RuleAction = RuleAction.ALLOW) -> Rule:
    return Rule("r", action, parse_matcher(name), scope)


def test_what_nothing_blocks_is_not_blocked() -> None:
    assert set(blocks().values()) == {ServiceBlock(False, False, (), True, False)}
    assert not any(each.is_whole for each in blocks().values())


def test_a_service_is_blocked_by_its_tick_its_contact_kind_or_a_category() -> None:
    found = blocks(
        services=frozenset({"chess"}),
        contacts=frozenset({Contact.STRANGERS}),
        categories=frozenset({"games", "chat"}),
    )
    assert found["chess"] == ServiceBlock(True, False, ("games",), False, False)
    assert found["room"] == ServiceBlock(False, True, (), True, False)
    assert [slug for slug, each in found.items() if each.is_whole] == ["chess", "room"]
    assert blocks(canaries=frozenset({"private_relay"}))["relay"].is_whole
    assert blocks(bypass=True)["vpn"] == ServiceBlock(False, False, ("bypass",), False, False)


def test_a_service_with_some_names_on_the_lists_of_a_category_is_not_wholly_blocked() -> None:
    found = blocks(categories=frozenset({"games", "chat"}))
    assert found["go"] == ServiceBlock(False, False, ("chat", "games"), True, False)
    assert not found["go"].is_whole
    assert found["chess"].is_whole


def test_a_service_that_a_rule_allows_in_part_is_not_wholly_blocked() -> None:
    ticked = frozenset({"go", "chess"})
    for name in ("go.example", "a.go.example", "=cdn.example"):
        found = blocks(allow(name), services=ticked)
        assert (found["go"].allowed, found["go"].is_whole, found["chess"].is_whole) == (
            True,
            False,
            True,
        )
    other = (allow("go.example", "tom"), allow("go.example", action=RuleAction.BLOCK))
    assert blocks(*other, services=ticked)["go"].is_whole
    assert not blocks(allow("go.example", "#children"), services=ticked)["go"].is_whole
