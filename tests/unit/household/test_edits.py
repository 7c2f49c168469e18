"""Changes to a household: what they do, and what each refuses with a helpful word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.household import edits as edit
from copdns.household import rule_edits
from copdns.household.check import KnownIds, check
from copdns.household.edit_checks import free_id
from copdns.household.presets import preset
from copdns.model.errors import HouseholdError, NameTextError
from copdns.model.household import (
    Band,
    Contact,
    Device,
    Household,
    PrivacyMode,
    Profile,
    Rule,
    RuleAction,
)
from copdns.model.matchers import Matcher, MatchKind
from copdns.network.unknown_devices import UnknownDevice
from copdns.web.unknown_devices import add_unknown_device
from tests.household import block
from tests.unit.households import FAMILY, KNOWN, households

ALLOW, BLOCK = RuleAction.ALLOW, RuleAction.BLOCK
PRESET = preset(
    "band: 7-9\nsummary: for a test\nlines:\n"
    "- {set: {categories: [adult], allow: [fun.example, chess.games.example]}, why: For you.}\n",
    "preset.yaml",
)

Change = Callable[[Household], Household]


def ruled(household: Household, text: str, **extra: object) -> Household:
    return rule_edits.add_rule(household, BLOCK, text, KNOWN, **extra)  # type: ignore[arg-type]


def test_a_household_changes_its_name_zone_guest_and_protected_names() -> None:
    changed = edit.set_household(
        FAMILY, name="We", timezone="Europe/Paris", guest="", protected=["Club.Example.", "x.test"]
    )
    assert (changed.name, changed.timezone, changed.guest) == ("We", "Europe/Paris", "")
    assert changed.protected == ("club.example", "x.test")
    assert changed.profiles is FAMILY.profiles


def test_a_household_has_a_language_a_country_and_helplines_that_somebody_vouches_for() -> None:
    changed = edit.set_household(FAMILY, language="fr", country="FR", helplines=["a", "b", "a"])
    assert (changed.language, changed.country) == ("fr", "FR")
    assert changed.helplines == ("a", "b")


@pytest.mark.parametrize(
    "values",
    [{"language": "xx"}, {"country": "fr"}, {"country": "FRA"}, {"helplines": ["No Id"]}],
)
def test_what_is_no_language_country_or_helpline_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(HouseholdError):
        edit.set_household(FAMILY, **values)


HIDDEN = ["a\0b", "a\x1b[31m", "\u202egpj.exe", "a\u2028b", "a\x7f", "\udce9"]


@pytest.mark.parametrize("text", [*HIDDEN, "two\nlines"])
def test_a_name_looks_like_what_it_says(text: str) -> None:
    for change in (
        lambda: edit.set_household(FAMILY, name=text),
        lambda: edit.set_profile(FAMILY, "tom", KNOWN, name=text),
        lambda: edit.add_device(FAMILY, "phone", "tom", ["192.0.2.9"], name=text),
    ):
        with pytest.raises(HouseholdError, match="cannot be shown"):
            change()


@pytest.mark.parametrize("note", HIDDEN)
def test_a_note_looks_like_what_it_says(note: str) -> None:
    with pytest.raises(HouseholdError, match="cannot be shown"):
        rule_edits.add_rule(FAMILY, RuleAction.ALLOW, "fun.example", KNOWN, note=note)


@pytest.mark.parametrize("name", ["Zoë", "\N{WOMAN}\u200d\N{MAN}", "مها", "می\u200cخواهم", "小明"])
def test_a_name_is_written_in_any_script(name: str) -> None:
    assert edit.set_household(FAMILY, name=name).name == name


def test_a_device_that_calls_itself_something_hidden_can_be_named_all_the_same() -> None:
    visitor = UnknownDevice("home", "u1", "", "02:00:00:00:00:09", "192.0.2.77", "\u202ex\0", 1, 1)
    assert add_unknown_device(FAMILY, visitor, "tom", visitor.name).devices[-1].name == "x"


def test_a_note_may_have_lines() -> None:
    note = "For the club.\nOn Fridays.\n"
    found = rule_edits.add_rule(FAMILY, RuleAction.ALLOW, "fun.example", KNOWN, note=note)
    assert found.rules[-1].note == note


def test_a_profile_is_added_with_the_values_and_rules_of_its_preset() -> None:
    changed = edit.add_profile(FAMILY, Profile("eve", "Eve", Band.ADULT), KNOWN, PRESET)
    eve = changed.profile("eve")
    assert eve is not None
    assert (eve.name, eve.band, eve.categories) == ("Eve", Band.TO_9, frozenset({"adult"}))
    assert [(each.id, str(each.target), each.note) for each in changed.rules[2:]] == [
        ("r3", "fun.example", "For you."),
        ("r4", "chess.games.example", "For you."),
    ]


def test_a_preset_leaves_a_rule_about_the_same_name_alone() -> None:
    changed = edit.set_profile(FAMILY, "mia", KNOWN, PRESET)
    assert changed.rules[:2] == FAMILY.rules
    assert [str(each.target) for each in changed.rules[2:]] == ["fun.example"]


def test_fields_of_a_profile_are_set_and_the_others_stay() -> None:
    changed = edit.set_profile(
        FAMILY, "tom", KNOWN, privacy=PrivacyMode.OFF, categories=frozenset({"games"})
    )
    tom = FAMILY.profile("tom")
    assert tom is not None
    assert changed.profile("tom") == replace(
        tom, privacy=PrivacyMode.OFF, categories=frozenset({"games"})
    )
    assert changed.profile("mia") == FAMILY.profile("mia")


def test_a_removed_profile_takes_its_rules_along() -> None:
    empty = edit.remove_device(FAMILY, "tablet")
    changed = edit.remove_profile(empty, "mia")
    assert [each.id for each in changed.profiles] == ["tom", "ada"]
    assert changed.rules == ()


def test_a_device_is_known_by_addresses_in_their_normal_form() -> None:
    addresses = ["2001:DB8::2", "192.0.2.9/24", "192.0.2.9/24", "192.0.2.8/32"]
    changed = edit.add_device(FAMILY, "phone", "tom", addresses)
    assert changed.devices[-1] == Device(
        "phone", "phone", "tom", ("2001:db8::2", "192.0.2.0/24", "192.0.2.8")
    )
    assert edit.remove_device(changed, "phone") == FAMILY


def test_a_device_is_known_by_macs_in_their_normal_form() -> None:
    changed = edit.add_device(
        FAMILY, "phone", "tom", macs=["02-00-00-00-00-0A", "02:00:00:00:00:0a"]
    )
    assert changed.devices[-1] == Device("phone", "phone", "tom", (), ("02:00:00:00:00:0a",))
    assert edit.set_device(changed, "phone", macs=["02:00:00:00:00:02"], addresses=["192.0.2.9"])
    moved = edit.set_device(changed, "phone", profile="mia", name="Phone")
    assert moved.devices[-1] == Device("phone", "Phone", "mia", (), ("02:00:00:00:00:0a",))


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"macs": ()}, "no address to recognise it by"),
        ({"macs": ["1"]}, "'1' is not a valid MAC address"),
        ({"profile": "bo"}, "there is no profile 'bo'"),
        ({"id": "x"}, "field of a device"),
    ],
)
def test_a_device_stays_one_that_can_be_known(values: dict[str, Any], what: str) -> None:
    changed = edit.add_device(FAMILY, "phone", "tom", macs=["02:00:00:00:00:0a"])
    with pytest.raises(HouseholdError, match=what):
        edit.set_device(changed, "phone", **values)


def test_a_prefix_may_hold_the_address_of_another_device() -> None:
    changed = edit.add_device(FAMILY, "flat", "ada", ["192.0.2.0/24"])
    assert len(changed.devices) == 2


def test_a_rule_is_written_as_people_write_names() -> None:
    changed = rule_edits.add_rule(
        FAMILY, ALLOW, "=Films.Example.", KNOWN, scope="#children", note="ok", created=5
    )
    assert changed.rules[-1] == Rule(
        "r3",
        ALLOW,
        Matcher("films.example", MatchKind.EXACT),
        "#children",
        note="ok",
        created=5,
    )
    assert rule_edits.add_rule(FAMILY, BLOCK, "198.51.100.9/24", KNOWN).rules[-1].target == (
        "198.51.100.0/24"
    )


def test_ids_of_rules_count_up_and_are_not_used_again_at_once() -> None:
    changed = ruled(rule_edits.remove_rule(FAMILY, "r1"), "a.example")
    assert [each.id for each in changed.rules] == ["r2", "r3"]
    own = (Rule("own", BLOCK, Matcher("b.example")), Rule("r07", BLOCK, Matcher("c.example")))
    assert free_id("r", own) == "r8"
    assert free_id("r", ()) == "r1"


def test_rules_about_a_name_are_found_as_it_is_written() -> None:
    changed = ruled(FAMILY, "games.example", scope="tom")
    assert [each.id for each in rule_edits.rules_about(changed, "Games.example")] == ["r1", "r3"]


def test_own_services_are_added_blocked_and_removed() -> None:
    changed = rule_edits.add_service(
        FAMILY, "club", "Our club", ["club.example", "=a.example"], KNOWN, Contact.KNOWN
    )
    changed = edit.set_profile(changed, "mia", KNOWN, services=frozenset({"club", "videos"}))
    assert check(changed, KNOWN) == []
    with pytest.raises(HouseholdError, match="club is still blocked for mia"):
        rule_edits.remove_service(changed, "club")
    changed = edit.set_profile(changed, "mia", KNOWN, services=frozenset())
    assert rule_edits.remove_service(changed, "club").services == ()


def test_an_own_service_is_changed_while_it_is_blocked() -> None:
    changed = rule_edits.add_service(FAMILY, "club", "Our club", ["club.example"], KNOWN)
    changed = edit.set_profile(changed, "mia", KNOWN, services=frozenset({"club"}))
    changed = rule_edits.set_service(changed, "club", "", ["*.b.example"], Contact.STRANGERS)
    (club,) = changed.services
    assert (club.title, club.contact) == ("club", Contact.STRANGERS)
    assert [str(each) for each in club.names] == ["*.b.example"]
    assert check(changed, KNOWN) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda h: edit.set_profile(h, "mai", KNOWN), "no profile 'mai'; did you mean mia?"),
        (lambda h: edit.set_profile(h, "bo", KNOWN), "'bo'; there are: ada, mia, tom"),
        (lambda h: edit.set_profile(h, "mia", KNOWN, id="x"), "no field of a profile 'id'"),
        (
            lambda h: edit.set_profile(h, "mia", KNOWN, categories=frozenset({"gams"})),
            "profiles.mia.categories: there is no category 'gams'; did you mean games?",
        ),
        (
            lambda h: edit.set_profile(h, "mia", KNOWN, privacy=PrivacyMode.FULL),
            "profiles.mia.privacy: full cannot be set permanently",
        ),
        (
            lambda h: edit.add_profile(h, Profile("mia", "M", Band.ADULT), KNOWN),
            "the profile 'mia' already exists",
        ),
        (
            lambda h: edit.add_profile(h, Profile("Mia B", "M", Band.ADULT), KNOWN),
            "'Mia B' is not a valid id; use only small letters",
        ),
        (lambda h: edit.remove_profile(h, "mia"), "tablet would belong to nobody"),
        (lambda h: edit.remove_profile(h, "ada"), "unknown devices use the profile ada"),
        (lambda h: edit.set_household(h, guest="bo"), "guest: there is no profile 'bo'"),
        (
            lambda h: edit.set_household(h, timezone="Europe"),
            "timezone: 'Europe' is not a valid time zone",
        ),
        (lambda h: edit.set_household(h, id="x"), "no field of a household 'id'"),
        (
            lambda h: edit.add_device(h, "tablet", "tom", ["192.0.2.3"]),
            "the device 'tablet' already exists",
        ),
        (lambda h: edit.add_device(h, "tv", "bo", ["192.0.2.3"]), "there is no profile 'bo'"),
        (
            lambda h: edit.add_device(h, "tv", "tom", []),
            "tv has no address to recognise it by",
        ),
        (lambda h: edit.add_device(h, "tv", "tom", ["the tv"]), "'the tv' is not a valid network"),
        (
            lambda h: edit.add_device(h, "tv", "tom", ["192.0.2.1/32"]),
            "devices.tv.addresses: 192.0.2.1 already belongs to tablet",
        ),
        (lambda h: edit.remove_device(h, "tabelt"), "no device 'tabelt'; did you mean tablet?"),
        (lambda h: ruled(h, "x.example", scope="bo"), "there is no profile 'bo'"),
        (lambda h: ruled(h, "games.example", scope="mia"), "is also about games.example"),
        (lambda h: ruled(h, "a.example", unsafe_search=True), "only an allow rule can override"),
        (lambda h: rule_edits.remove_rule(h, "r9"), "there is no rule 'r9'; "),
        (
            lambda h: rule_edits.add_service(h, "videos", "", ["a.example"], KNOWN),
            "the service 'videos' already exists",
        ),
        (lambda h: rule_edits.add_service(h, "club", "", [], KNOWN), "club.names: is empty"),
        (lambda h: rule_edits.remove_service(h, "club"), "'club'; none exists yet"),
        (
            lambda h: rule_edits.set_service(h, "club", "", ["a.example"], Contact.NONE),
            "'club'; none exists yet",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_helpful_word(change: Change, told: str) -> None:
    with pytest.raises(HouseholdError) as caught:
        change(FAMILY)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("com", "this would cover every site ending in .com"),
        ("co.uk", "this would cover every site ending in .co.uk"),
        ("video.example", "belongs to an app or service"),
        ("search.example", "belongs to a search engine"),
        ("vpn.example", "a way around the filter"),
    ],
)
def test_a_key_to_what_someone_else_blocks_cannot_be_protected(name: str, told: str) -> None:
    keys = {"video.example": "service", "search.example": "engine", "vpn.example": "bypass"}
    known = replace(KNOWN, key=lambda asked: keys.get(asked, ""))
    with pytest.raises(HouseholdError, match=told):
        edit.set_household(FAMILY, known, protected=[*FAMILY.protected, name])
    older = replace(FAMILY, protected=(name,))  # it is loaded, and other changes can be made
    assert check(older, known) == []
    changed = edit.set_household(older, known, protected=[name, "new.example"])
    assert changed.protected == (name, "new.example")
    assert edit.set_household(changed, known, protected=["new.example"])


@pytest.mark.parametrize("text", ["help.example", "*.help.example", "=call.help.example"])
def test_a_protected_name_cannot_be_blocked(text: str) -> None:
    with pytest.raises(HouseholdError, match="is protected and cannot be blocked"):
        ruled(FAMILY, text)
    assert rule_edits.add_rule(FAMILY, ALLOW, text, KNOWN).rules[-1].action is ALLOW


def test_a_name_that_the_household_protects_can_be_blocked_by_hand() -> None:
    assert ruled(FAMILY, "learn.school.example")
    assert ruled(FAMILY, "school.example")


def test_a_wider_rule_may_be_written_since_what_is_protected_below_it_stays_open() -> None:
    known = KnownIds(protected=lambda name: name == "help.club.example")
    assert rule_edits.add_rule(FAMILY, BLOCK, "club.example", known)


@pytest.mark.parametrize("text", ["::/0", "0.0.0.0/0", "2000::/3"])
def test_a_rule_about_most_of_the_internet_is_refused(text: str) -> None:
    for action in RuleAction:
        with pytest.raises(HouseholdError, match="covers too much of the internet") as refused:
            rule_edits.add_rule(FAMILY, action, text, KNOWN)
        assert refused.value.name == "target"
    file = replace(FAMILY, rules=(block(text),))
    with pytest.raises(HouseholdError, match="covers too much of the internet"):
        edit.replace_household(FAMILY, file)
    assert edit.replace_household(file, file) == file  # an older household keeps what it has


def test_text_that_is_no_name_is_no_rule() -> None:
    with pytest.raises(NameTextError):
        ruled(FAMILY, "not a name")


def test_what_is_wrong_with_a_household_is_listed_with_its_place() -> None:
    wrong = replace(
        FAMILY,
        guest="bo",
        devices=(*FAMILY.devices, Device("tablet", "", "bo", ("192.0.2.1", "x"))),
        rules=(Rule("r1", BLOCK, Matcher("a.example"), "bo"),),
    )
    assert check(wrong, KNOWN) == [
        "guest: there is no profile 'bo'; there are: ada, mia, tom",
        "devices.tablet: is there twice; rename or remove one",
        "devices.tablet.profile: there is no profile 'bo'; there are: ada, mia, tom",
        "devices.tablet.addresses: 192.0.2.1 already belongs to tablet; give each device its own "
        "address",
        "devices.tablet.addresses: 'x' is not a valid network; write one such as 192.0.2.0/24 or "
        "2001:db8::/32",
        "rules.r1.scope: there is no profile 'bo'; there are: ada, mia, tom",
    ]


@given(households(), st.sampled_from(["a.example", "=b.example", "*.c.example", "192.0.2.0/24"]))
def test_a_rule_that_is_added_and_removed_leaves_the_household_as_it_was(
    household: Household, text: str
) -> None:
    if rule_edits.rules_about(household, text):
        return
    changed = rule_edits.add_rule(household, ALLOW, text, KNOWN)
    assert check(changed, KNOWN) == []
    assert rule_edits.remove_rule(changed, changed.rules[-1].id) == household
