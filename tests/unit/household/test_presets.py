"""Presets: each line has its reason, older children have fewer rules, and all of it exists."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from copdns.household.check import check
from copdns.household.presets import apply, preset
from copdns.household.safeguards import default_mode
from copdns.model.errors import ConfigError
from copdns.model.household import Band, Contact, Default, Household, PrivacyMode, Profile
from copdns.model.matchers import Matcher
from copdns.model.times import Slot
from tests.unit.households import data, shipped, shipped_known

MIA = Profile("mia", "Mia", Band.ADULT)
CHILDREN = [band for band in Band if band.is_child]


def applied(band: Band) -> Profile:
    return apply(shipped(band), MIA)


SMALL = """
band: 7-9
summary: for a test
lines:
  - set: {categories: [adult], default: allow}
    why: Some pages are for adults.
  - set: {categories: [games], safe_search: {films: strict}}
    why: Games come later.
  - set: {safe_search: {finder: strict}, allow: ["*.fun.example"]}
    why: Made for you.
"""


def test_lines_about_the_same_list_add_up_and_keep_their_own_reasons() -> None:
    small = preset(SMALL, "small.yaml")
    mia = apply(small, MIA)
    assert (mia.band, mia.categories) == (Band.TO_9, frozenset({"adult", "games"}))
    assert mia.safe_search == (("films", "strict"), ("finder", "strict"))
    assert small.why("categories", "games") == "Games come later."
    assert small.why("safe_search", "finder") == "Made for you."
    assert small.why("default") == "Some pages are for adults."
    assert small.why("services") == ""
    assert [(str(name), why) for name, why in small.allowed_names] == [
        ("*.fun.example", "Made for you.")
    ]


def test_a_preset_starts_anew_but_leaves_what_the_household_chose_besides() -> None:
    before = Profile(
        "mia",
        "Mia",
        Band.TO_6,
        tags=frozenset({"children"}),
        services=frozenset({"videos"}),
        contacts=frozenset({Contact.STRANGERS}),
        default=Default.ALLOWLIST,
        max_ttl=30,
    )
    after = apply(preset(SMALL, "small.yaml"), before)
    assert (after.default, after.contacts) == (Default.ALLOW, frozenset())
    assert (after.tags, after.services, after.max_ttl) == (before.tags, before.services, 30)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("band: 7-9", "small.yaml:1:1: summary: is missing"),
        (SMALL.replace("why: Games come later.", "wy: x"), "is not a known key"),
        (
            SMALL.replace("games]", "games], default: allow"),
            "lines.2.set.default: is already set by an",
        ),
        (
            SMALL.replace("finder:", "films:"),
            "lines.3.set.safe_search: is already set by an earlier",
        ),
        (SMALL.replace("default: allow", "privacy: full"), "full cannot be set permanently"),
        (
            SMALL.replace("games]", "games], schedules: {night: sat 2300-08:00}"),
            'lines.2.set.schedules.night: "2300" is not a valid time',
        ),
        (
            SMALL + "  - {set: {budgets: {x: {minutes: 1}}}, why: A.}\n"
            "  - {set: {budgets: {x: {minutes: 2}}}, why: B.}\n",
            "lines.5.set.budgets: is already set by an earlier line",
        ),
    ],
)
def test_a_mistake_in_a_preset_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        preset(text, "small.yaml")
    assert told in str(caught.value)


@pytest.mark.parametrize("band", Band)
def test_every_band_has_a_preset_whose_lines_a_child_can_read(band: Band) -> None:
    found = shipped(band)
    assert found.band is band
    for line in found.lines:
        assert line.why.endswith(".")
        assert line.why[0].isupper()
        assert max(len(word) for word in line.why.split()) <= 14
        assert len(line.why.split()) <= 22
    assert all(found.why(setting) for setting in ("default", "security", "privacy"))


@pytest.mark.parametrize("band", Band)
def test_presets_name_only_what_there_is(band: Band) -> None:
    profile = applied(band)
    catalogue, engines = data("catalogue.yaml")["categories"], data("safesearch.yaml")["engines"]
    assert profile.categories <= catalogue.keys()
    assert profile.services <= data("services.yaml")["services"].keys()
    assert profile.canaries <= data("bypass.yaml")["canaries"].keys()
    for engine, mode in profile.safe_search:
        modes = engines[engine]["modes"]
        assert isinstance(modes, dict)
        assert mode in modes


@pytest.mark.parametrize("band", Band)
def test_security_lists_are_a_layer_of_their_own(band: Band) -> None:
    categories = data("catalogue.yaml")["categories"]
    assert applied(band).security
    assert all(categories[each]["layer"] == "content" for each in applied(band).categories)


@pytest.mark.parametrize("band", Band)
def test_what_is_kept_is_what_the_age_has_by_default(band: Band) -> None:
    assert applied(band).privacy is default_mode(band)


def test_only_the_youngest_live_on_an_allowlist_and_it_is_not_empty() -> None:
    with_allowlist = [band for band in Band if applied(band).default is Default.ALLOWLIST]
    assert with_allowlist == [Band.TO_6]
    assert Matcher("pbskids.org") in [name for name, _ in shipped(Band.TO_6).allowed_names]
    assert not any(shipped(band).allowed_names for band in Band if band is not Band.TO_6)


@pytest.mark.parametrize(("younger", "older"), list(pairwise(Band)))
def test_rules_become_fewer_with_age(younger: Band, older: Band) -> None:
    before, after = applied(younger), applied(older)
    assert after.categories <= before.categories
    assert after.contacts <= before.contacts
    assert after.canaries <= before.canaries
    assert after.bypass <= before.bypass
    assert after.no_safe_search <= before.no_safe_search


@pytest.mark.parametrize("band", CHILDREN)
def test_children_search_safely_on_every_engine_that_is_fit_for_it(band: Band) -> None:
    engines = data("safesearch.yaml")["engines"]
    fit = {name for name, engine in engines.items() if engine["for_children"]} - {"youtube"}
    modes = dict(applied(band).safe_search)
    assert modes.keys() - {"youtube"} == fit
    assert modes.get("youtube") == {"13-15": "moderate", "16-17": None}.get(band, "strict")
    assert applied(band).no_safe_search is (band.age < 13)


@pytest.mark.parametrize("band", CHILDREN)
def test_children_are_kept_from_adult_content_and_from_ways_around(band: Band) -> None:
    child = applied(band)
    assert child.categories >= {"adult", "violence", "gambling"}
    assert child.bypass
    assert child.canaries == {"firefox_doh", "private_relay", "chrome_prefetch"}
    assert (Contact.STRANGERS in child.contacts) is (band.age < 13)


def test_adults_have_security_lists_and_nothing_else() -> None:
    assert applied(Band.ADULT) == Profile(
        "mia", "Mia", Band.ADULT, canaries=frozenset({"firefox_doh"}), privacy=PrivacyMode.COUNTS
    )


# Times, which are suggestions


def bedtime(band: Band) -> Slot | None:
    """Return when the preset of a band suggests to sleep."""
    slots = [slot for each in shipped(band).times("mia").schedules for slot in each.slots]
    assert len(slots) < 2
    return slots[0] if slots else None


def games(band: Band, day: str) -> int:
    """Return the minutes of games that the preset of a band suggests; a whole day for no budget."""
    budgets = shipped(band).times("mia").budgets
    return min((dict(each.minutes).get(day, 1440) for each in budgets), default=1440)


@pytest.mark.parametrize("band", Band)
def test_times_are_suggested_below_16_each_with_its_reason(band: Band) -> None:
    times = shipped(band).times("mia")
    assert bool(times.schedules) is (band.age < 16)
    for each in (*times.schedules, *times.budgets):
        assert each.id.startswith("mia-")
        assert each.scope == "mia"
        assert each.note in {line.why for line in shipped(band).lines}
    assert shipped(band).why("schedules", "bedtime") == (
        times.schedules[0].note if times.schedules else ""
    )


@pytest.mark.parametrize("band", Band)
def test_suggested_times_are_sound_and_about_what_there_is(band: Band) -> None:
    times = shipped(band).times("mia")
    home = Household("home", "Home", profiles=(MIA,))
    home = replace(home, schedules=times.schedules, budgets=times.budgets)
    assert check(home, shipped_known()) == []


@pytest.mark.parametrize(("younger", "older"), list(pairwise(Band)))
def test_suggested_times_become_wider_with_age(younger: Band, older: Band) -> None:
    before, after = bedtime(younger), bedtime(older)
    if before is not None and after is not None:
        assert after.start > before.start
        assert after.length < before.length
    if younger.age >= 7:  # the youngest live on an allowlist instead
        assert all(games(younger, day) <= games(older, day) for day in ("school", "weekend"))
