"""The household as a file: what a parent may write, what comes back, what is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from pydantic import BaseModel

from copdns.household.check import check
from copdns.household.file import dump, parse
from copdns.household.presets import preset
from copdns.household.shape import (
    BandChangeShape,
    FullLogShape,
    HouseholdShape,
    ListedDeviceShape,
    ProfileShape,
    RuleShape,
    ServiceShape,
)
from copdns.household.time_shape import (
    CalendarShape,
    FailuresShape,
    ListedBudgetShape,
    ListedScheduleShape,
)
from copdns.model.device_tokens import token_digest
from copdns.model.errors import ConfigError
from copdns.model.household import (
    AnnouncedBandChange,
    Band,
    Contact,
    Device,
    DeviceKind,
    FullLogSpan,
    Household,
    PrivacyMode,
    Profile,
    Rule,
    RuleAction,
)
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.times import (
    Budget,
    DayType,
    FailureChoices,
    Grant,
    OnFailure,
    PauseSpan,
    Schedule,
    SchoolCalendar,
    Slot,
    Ticket,
    Topic,
    TopicKind,
    WeekParity,
)
from tests.unit.households import FAMILY, KNOWN, households, shipped_known

FILE = "family.yaml"
ROOT = Path(__file__).parents[3]
PRESETS = {
    Band.TO_9: preset(
        "band: 7-9\nsummary: for a test\nlines:\n"
        "- {set: {categories: [adult, games], bypass: true}, why: to test}\n"
        "- {set: {allow: [fun.example]}, why: It is made for you.}\n"
        "- {set: {privacy: blocked, safe_search: {films: strict}}, why: to test}\n"
        "- {set: {schedules: {bedtime: 'school_night 20:00-06:30'}}, why: Sleep well.}\n"
        "- {set: {budgets: {games: {about: ['category:games'], minutes: 30}}}, why: Play.}\n",
        "preset.yaml",
    )
}
WITH_PRESETS = replace(KNOWN, presets=PRESETS)


def parsed(text: str) -> Household:
    return parse(text, FILE, WITH_PRESETS)


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parsed(text)
    return str(caught.value).replace(f"{FILE}:", "").splitlines()


@given(households())
def test_what_is_exported_imports_as_the_same_household(household: Household) -> None:
    assert check(household, KNOWN) == []
    assert parse(dump(household), FILE, KNOWN) == household


def test_an_exported_family_can_be_read_by_a_parent() -> None:
    assert dump(FAMILY) == (
        "household: Example family\n"
        "id: home\n"
        "timezone: UTC\n"
        "guest: ada\n"
        "protected: [school.example]\n"
        "profiles:\n"
        "  mia:\n"
        "    name: Mia\n"
        "    band: 7-9\n"
        "    tags: [children]\n"
        "    privacy: counts\n"
        "    devices:\n"
        "      tablet:\n"
        "        name: Mia's tablet\n"
        "        addresses: [192.0.2.1, '2001:db8::1']\n"
        "    block: [games.example]\n"
        "  tom:\n"
        "    name: Tom\n"
        "    band: 13-15\n"
        "    tags: [children]\n"
        "    privacy: counts\n"
        "  ada:\n"
        "    name: Ada\n"
        "    band: adult\n"
        "    privacy: counts\n"
        "rules:\n"
        "- id: r2\n"
        "  allow: chess.games.example\n"
        "  for: mia\n"
        "  note: For the club.\n"
    )


def test_an_exported_household_was_never_stored() -> None:
    assert parse(dump(replace(FAMILY, revision=7)), FILE, KNOWN).revision == 0


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "[]", "{}"])
def test_an_empty_file_takes_nobody_away(text: str) -> None:
    with pytest.raises(ConfigError, match="the file is empty"):
        parsed(text)


def test_a_profile_needs_little_more_than_its_age() -> None:
    (mia,) = parsed("profiles: {mia: {band: 7-9}}").profiles
    assert mia == Profile("mia", "mia", Band.TO_9, privacy=PrivacyMode.BLOCKED)


@pytest.mark.parametrize(("band", "mode"), [("10-12", "blocked"), ("13-15", "counts")])
def test_what_is_kept_follows_the_age_unless_it_is_said(band: str, mode: str) -> None:
    (child,) = parsed(f"profiles: {{mia: {{band: {band}}}}}").profiles
    assert child.privacy == mode
    (child,) = parsed(f"profiles: {{mia: {{band: {band}, privacy: off}}}}").profiles
    assert child.privacy is PrivacyMode.OFF


def test_a_preset_fills_what_is_not_written_and_own_keys_win() -> None:
    household = parsed("profiles: {mia: {preset: 7-9, categories: [social], bypass: false}}")
    assert household.profiles == (
        Profile(
            "mia",
            "mia",
            Band.TO_9,
            categories=frozenset({"social"}),
            safe_search=(("films", "strict"),),
            privacy=PrivacyMode.BLOCKED,
        ),
    )
    assert household.rules == (
        Rule("r1", RuleAction.ALLOW, Matcher("fun.example"), "mia", note="It is made for you."),
    )


def test_a_rule_of_the_file_goes_before_that_of_the_preset() -> None:
    household = parsed("profiles: {mia: {preset: 7-9, block: [fun.example]}}")
    assert [each.action for each in household.rules] == [RuleAction.BLOCK]


def test_a_preset_can_serve_another_age() -> None:
    (mia,) = parsed("profiles: {mia: {preset: 7-9, band: 10-12}}").profiles
    assert (mia.band, sorted(mia.categories)) == (Band.TO_12, ["adult", "games"])


def test_rules_are_numbered_in_the_order_of_the_file_around_those_with_an_id() -> None:
    household = parsed(
        "allow: [a.example]\n"
        "profiles: {mia: {band: 7-9, allow: [=b.example], block: ['*.c.example', 192.0.2.9/24]}}\n"
        "rules:\n"
        "- {id: r2, allow: d.example, for: '#kids', over_security: true}\n"
        "- {block: e.example, created: 2026-11-24T18:00:00Z}\n"
    )
    assert [(each.id, str(each.target), each.scope) for each in household.rules] == [
        ("r1", "a.example", ""),
        ("r3", "=b.example", "mia"),
        ("r4", "*.c.example", "mia"),
        ("r5", "192.0.2.0/24", "mia"),
        ("r2", "d.example", "#kids"),
        ("r6", "e.example", ""),
    ]
    assert household.rules[-1].created == 1_795_543_200


def test_devices_stand_below_their_profile_or_by_themselves() -> None:
    household = parsed(
        "profiles: {mia: {band: 7-9, devices: {tablet: [192.0.2.7/32], "
        "desk: {name: The desk, addresses: ['2001:DB8::/64']}}}}\n"
        "devices: {tv: {profile: mia, addresses: [192.0.2.8], kind: television}, "
        "phone: {profile: mia, macs: [02-00-00-00-00-0A, 02:00:00:00:00:01]}}\n"
    )
    assert household.devices == (
        Device("tablet", "tablet", "mia", ("192.0.2.7",)),
        Device("desk", "The desk", "mia", ("2001:db8::/64",)),
        Device("tv", "tv", "mia", ("192.0.2.8",), kind=DeviceKind.TELEVISION),
        Device("phone", "phone", "mia", (), ("02:00:00:00:00:0a", "02:00:00:00:00:01")),
    )
    assert parsed(dump(household)) == household


def test_tokens_are_in_the_file_as_digests_and_come_back() -> None:
    digest = "ab" * 32
    household = parsed(
        "profiles: {mia: {band: 7-9, devices: {tablet: {addresses: [192.0.2.7], "
        f"tokens: [{digest.upper()}]}}}}}}}}\n"
    )
    assert household.devices[0].tokens == (digest,)
    assert parsed(dump(household)) == household


def test_a_device_without_an_address_says_that_its_token_comes_later() -> None:
    text = "profiles: {mia: {band: 7-9, devices: {tablet: {%s}}}}\n"
    household = parsed(text % "tokens: []")
    assert household.devices == (Device("tablet", "tablet", "mia", ()),)
    assert parsed(dump(household)) == household
    with pytest.raises(ConfigError, match="there is no address to recognise it by"):
        parsed(text % "name: Tablet")


def test_no_device_is_known_by_showing_nothing() -> None:
    with pytest.raises(ConfigError, match="is not the digest of a token"):
        parsed(
            "profiles: {mia: {band: 7-9, devices: {tablet: {addresses: [192.0.2.7], "
            f"tokens: [{token_digest('')}]}}}}}}}}\n"
        )


def test_announced_moments_are_written_with_their_zone() -> None:
    text = (
        "profiles: {tom: {band: 13-15, full_log: {start: 2026-11-24T18:00:00Z, "
        "end: 2026-11-25T18:00:00+01:00}, band_change: {band: 10-12, at: 2026-11-24T18:00:00Z}}}"
    )
    (tom,) = parsed(text).profiles
    assert tom.full_log == FullLogSpan(1_795_543_200, 1_795_626_000)
    assert tom.band_change == AnnouncedBandChange(Band.TO_12, 1_795_543_200)


def test_a_household_has_services_and_names_of_its_own() -> None:
    household = parsed(
        "own_services: {club: {title: Our club, contact: strangers, names: [club.example]}}\n"
        "profiles: {mia: {band: 7-9, services: [club, videos]}}\n"
        "local_names: {NAS.Home.Example: [192.0.2.10], '*.Dev.Example@mia': [192.0.2.11]}\n"
        "rewrites: {'*.old.example': new.example}\n"
        "split_upstreams: {work.example: [192.0.2.53, '[2001:db8::53]:5353']}\n"
    )
    assert household.services[0].contact is Contact.STRANGERS
    keys = [each.key for each in household.local_names]
    assert keys == ["nas.home.example", "*.dev.example@mia"]
    assert parsed(dump(household)) == household
    assert str(household.rewrites[0].matcher) == "*.old.example"
    assert household.split_upstreams[0].upstreams == ("192.0.2.53:53", "[2001:db8::53]:5353")


GAMES = Topic(TopicKind.CATEGORY, "games")
NIGHT = Slot(frozenset({"school_night"}), 1260, 600)


def test_a_schedule_is_its_times_or_says_more() -> None:
    household = parsed(
        "profiles:\n  mia:\n    band: 7-9\n    schedules:\n"
        "      bedtime: school_night 21:00-07:00\n"
        "      quiet: [13:00-15:00, 'sat 08:00-09:00, sun 08:00-10:00']\n"
        "      play: {open: mon-fri 16:00-18:00, about: ['category:games', =a.example], grace: 5}\n"
        "schedules:\n"
        "  night: {closed: [23:00-24:00], for: '#kids', note: Sleep well}\n"
        "  lunch: 12:00-12:30\n"
    )
    assert household.schedules == (
        Schedule("bedtime", "mia", (NIGHT,)),
        Schedule(
            "quiet",
            "mia",
            (
                Slot(frozenset({"daily"}), 780, 120),
                Slot(frozenset({"sat"}), 480, 60),
                Slot(frozenset({"sun"}), 480, 120),
            ),
        ),
        Schedule(
            "play",
            "mia",
            (Slot(frozenset({"mon", "tue", "wed", "thu", "fri"}), 960, 120),),
            (GAMES, Matcher("a.example", MatchKind.EXACT)),
            opens=True,
            grace=5,
        ),
        Schedule("night", "#kids", (Slot(frozenset({"daily"}), 1380, 60),), note="Sleep well"),
        Schedule("lunch", "", (Slot(frozenset({"daily"}), 720, 30),)),
    )


def test_a_schedule_can_hold_in_some_weeks_only() -> None:
    written = (
        "profiles: {mia: {band: 7-9, schedules: {bedtime: {closed: 20:00-07:00, weeks: even}}}}\n"
        "schedules: {swap: {closed: 18:00-19:00, weeks: 2026-11-27}}\n"
    )
    household = parsed(written)
    assert [each.weeks for each in household.schedules] == [WeekParity.EVEN, date(2026, 11, 27)]


def test_a_budget_is_of_every_day_or_by_words_for_days() -> None:
    household = parsed(
        "profiles: {mia: {band: 7-9, budgets: {games: {about: [category:games], minutes: 60}}}}\n"
        "budgets: {all: {minutes: {school: 90, weekend: 0}, carry_over: true, for: mia}}\n"
    )
    assert household.budgets == (
        Budget("games", "mia", (("daily", 60),), (GAMES,)),
        Budget("all", "mia", (("school", 90), ("weekend", 0)), carry_over=True),
    )


IDLE = """\
household: Example family
profiles:
  mia:
    band: 7-9
    budgets:
      club: {about: [club.example], minutes: 1440}
"""


def test_a_limit_without_effect_is_a_mistake_in_a_file_that_is_imported() -> None:
    with pytest.raises(ConfigError) as wrong:
        parse(IDLE, "family.yaml", KNOWN, ())
    assert "family.yaml:6:" in str(wrong.value)
    assert "could never turn anything off" in str(wrong.value)


ALWAYS_ALLOWED = """\
household: Example family
profiles:
  mia:
    band: 7-9
    always: [club.example]
    budgets:
      club:
        minutes: 30
        about: [club.example]
"""


def test_a_limit_on_what_is_always_allowed_is_a_mistake_where_the_file_says_about_what() -> None:
    with pytest.raises(ConfigError, match="is always allowed") as wrong:
        parse(ALWAYS_ALLOWED, "family.yaml", KNOWN, ())
    assert "family.yaml:9:" in str(wrong.value)


def test_a_household_that_holds_a_limit_without_effect_starts_and_is_imported_again() -> None:
    found = parse(IDLE, "family.yaml", KNOWN)
    assert [each.id for each in found.budgets] == ["club"]
    assert parse(dump(found), "again.yaml", KNOWN, found.budgets) == found


def test_a_calendar_has_dates_and_ranges_of_which_the_shorter_counts() -> None:
    household = parsed(
        "calendar:\n  weekend: [fri, sat]\n  days:\n"
        "    2026-12-23: school\n"
        "    2026-12-22..2026-12-25: holiday\n"
        "    2026-12-25..2026-12-26: weekend\n"
    )
    kinds = [DayType.HOLIDAY, DayType.SCHOOL, DayType.HOLIDAY, DayType.WEEKEND, DayType.WEEKEND]
    days = [date(2026, 12, 22) + timedelta(days=n) for n in range(5)]
    assert household.calendar == SchoolCalendar(
        frozenset({4, 5}), tuple(zip(days, kinds, strict=True))
    )


def test_days_of_a_calendar_are_written_as_ranges() -> None:
    text = dump(parsed("calendar: {days: {2026-12-24: holiday, 2026-12-25..2027-01-06: holiday}}"))
    assert text == (
        "household: Home\nid: home\ntimezone: UTC\n"
        "calendar:\n  days:\n    2026-12-24..2027-01-06: holiday\n"
    )


def test_a_day_may_start_later_and_failures_are_settled() -> None:
    household = parsed('day_starts: "04:00"\nfailures: {clock: essential, devices: open}')
    assert household.day_starts == 240
    assert household.failures == FailureChoices(OnFailure.ESSENTIAL, devices=OnFailure.OPEN)
    assert "day_starts: 04:00" in dump(household).replace("'", "")


def test_times_of_a_preset_are_taken_over_only_when_asked_for() -> None:
    (unasked, asked) = (
        parsed(f"profiles: {{mia: {{preset: 7-9{extra}}}}}")
        for extra in ("", ", preset_times: true")
    )
    assert (unasked.schedules, unasked.budgets) == ((), ())
    assert asked.schedules == (
        Schedule(
            "mia-bedtime",
            "mia",
            (Slot(frozenset({"school_night"}), 1200, 630),),
            note="Sleep well.",
        ),
    )
    assert asked.budgets == (Budget("mia-games", "mia", (("daily", 30),), (GAMES,), note="Play."),)
    assert parse(dump(asked), FILE, WITH_PRESETS) == asked


@pytest.mark.parametrize(
    "own",
    [
        "profiles: {mia: {preset: 7-9, preset_times: true, schedules: {bedtime: 22:00-06:00}}}",
        "profiles: {mia: {preset: 7-9, preset_times: true, schedules: {mia-bedtime: 22:00-06:00}}}",
        "profiles: {mia: {preset: 7-9, preset_times: true}}\nschedules: {mia-bedtime: 22:00-06:00}",
    ],
)
def test_a_time_of_the_file_goes_before_that_of_the_preset(own: str) -> None:
    household = parsed(own)
    assert [each.slots[0].start for each in household.schedules] == [1320]
    assert [each.id for each in household.budgets] == ["mia-games"]


def test_what_ends_by_itself_is_in_no_file() -> None:
    running = replace(
        FAMILY,
        pauses=(PauseSpan("mia", 0),),
        grants=(Grant(None, 0, 1, 0, id="g1", profile="mia"),),
        tickets=(Ticket("t1", "5ecret", 5, 0, 9),),
    )
    assert dump(running) == dump(FAMILY)


def test_the_family_on_the_page_can_be_read() -> None:
    page = (ROOT / "docs/household.md").read_text()
    families = [each.partition("```")[0] for each in page.split("```yaml\n")[1:]]
    known = shipped_known()
    for family in families:
        household = parse(family, "household.md", known)
        assert parse(dump(household), FILE, known) == household
    assert len(families) == 2


MIA = "profiles:\n  mia:\n    band: 7-9\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("profiles: {mia: {}}", "1:12: profiles.mia: the age is missing; add `preset: 7-9`"),
        ("profiles: {mia: {preset: 13-15}}", "1:18: profiles.mia.preset: there is no preset"),
        ("profiles: {Mia: {band: 7-9}}", "1:12: profiles.Mia: 'Mia' is not a valid id"),
        (MIA + "    nmae: M\n", "4:5: profiles.mia.nmae: is not a known key; did"),
        (MIA + "    categories: [adlt]\n", "4:5: profiles.mia.categories: there is no category"),
        (MIA + "    services: [vidoes]\n", "there is no service 'vidoes'; did you mean videos?"),
        (MIA + "    canaries: [x]\n", "there is no signal 'x'; there are: firefox_doh, private"),
        (MIA + "    safe_search: {find: strict}\n", "there is no search engine 'find'; did you"),
        (MIA + "    safe_search: {films: hard}\n", "films: there is no mode 'hard'; there are:"),
        (MIA + "    privacy: full\n", "4:5: profiles.mia.privacy: full cannot be set permanently"),
        (MIA + "    bypass: yes\n", '4:5: profiles.mia.bypass: is "yes"; write true or false'),
        (MIA + "    allow: [example]\n", "4:13: profiles.mia.allow.1: 'example' is not a website"),
        (
            MIA + "    devices: {a: [tv]}\n",
            "4:19: profiles.mia.devices.a.1: 'tv' is not a valid network",
        ),
        (MIA + "    devices: {a: []}\n", "4:15: profiles.mia.devices.a: is empty"),
        (
            MIA + "    devices: {a: {name: A}}\n",
            "mia.devices.a: there is no address to recognise it by",
        ),
        (
            MIA + "    devices: {a: {macs: [01:00:5E:00:00:01]}}\n",
            "4:26: profiles.mia.devices.a.macs.1: '01:00:5E:00:00:01' is a multicast address",
        ),
        (
            MIA + "    band_change: {band: 0-6, at: 22:30}\n",
            "is not a valid date and time; write one such as 2026",
        ),
        (MIA + "guest: tom\n", "4:1: guest: there is no profile 'tom'; there are: mia"),
        (MIA + "timezone: Mars\n", "4:1: timezone: 'Mars' is not a valid time zone"),
        (
            MIA + "devices: {tv: {profile: bo, addresses: [192.0.2.1]}}\n",
            "4:16: devices.tv.profile",
        ),
        (MIA + "rules: [{note: x}]\n", "4:9: rules.1: a rule needs either `allow` or `block`"),
        (MIA + "rules: [{allow: a.example, for: bo}]\n", "4:28: rules.1.for: there is no"),
        (MIA + "rules: [{block: a.example, over_security: true}]\n", "only an allow rule"),
        (
            MIA + "block: [a.example]\nallow: [A.example.]\n",
            "4:9: block.1: rule r1 (allow) is also about a",
        ),
        ("local_names: {a.example: [x]}", "local_names.a.example.1: 'x' is not a valid address"),
        ("local_names: {a.example: [], A.Example: []}", "is there twice"),
        ("rewrites: {'a b': c.example}", "1:12: rewrites.a b: 'a b' is not a valid domain"),
        ("rewrites: {a.example: b.a.example}", "1:12: rewrites.a.example: points to itself"),
        ("split_upstreams: {a.example: []}", "split_upstreams.a.example: is empty; add a"),
        ("own_services: {club: {names: []}}", "1:23: own_services.club.names: is empty"),
        (
            MIA + "    schedules:\n      bedtime: school_night 2100-07:00\n",
            '5:7: profiles.mia.schedules.bedtime: "2100" is not a valid time',
        ),
        (
            MIA + "    schedules: {bedtime: {closed: [daily 21:00-22:00, school 8]}}\n",
            '4:55: profiles.mia.schedules.bedtime.closed.2: "8" ',
        ),
        (MIA + "    schedules: {a: {note: x}}\n", "a schedule needs either `closed` or `open`"),
        (MIA + "    schedules: {a: []}\n", "4:17: profiles.mia.schedules.a: is empty"),
        (MIA + "    schedules: {a: 5}\n", "4:17: profiles.mia.schedules.a: 5 is not text"),
        (MIA + "    schedules: {a: {closed: 21:00-22:00, for: mia}}\n", "is not a known key"),
        (
            MIA + "    schedules: {a: {closed: 21:00-22:00, about: [categorie:games]}}\n",
            "4:50: profiles.mia.schedules.a.about.1: 'categorie:games' is not a known category",
        ),
        (
            MIA + "    schedules: {a: {closed: 21:00-22:00, about: [service:vidoes]}}\n",
            "4:42: profiles.mia.schedules.a.about: there is no service 'vidoes'; did you mean vid",
        ),
        (
            MIA + "    schedules: {a: {closed: 21:00-22:00, grace: 61}}\n",
            "4:42: profiles.mia.schedules.a.grace: 61 minutes is out of range; write 0 to 60",
        ),
        (
            MIA + "schedules: {a: {closed: 21:00-22:00, for: mai}}\n",
            "4:38: schedules.a.for: there is no profile 'mai'; did you mean mia?",
        ),
        (
            MIA + "    schedules: {a: 21:00-22:00}\nschedules: {a: 22:00-23:00}\n",
            "5:13: schedules.a: is there twice; rename or remove one",
        ),
        (
            MIA + "    budgets: {a: {minutes: 1441}}\n",
            "4:19: profiles.mia.budgets.a.minutes: is 1441; write at most 1440",
        ),
        (
            MIA + "    budgets: {a: {minutes: {scool: 60}}}\n",
            "4:29: profiles.mia.budgets.a.minutes.scool: there is no day 'scool'; did you mean sch",
        ),
        (MIA + "    budgets: {a: {minutes: {}}}\n", "budgets.a.minutes: is empty"),
        (MIA + "    budgets: {a: {minutes: [1]}}\n", "minutes: is a list; write a whole number"),
        (MIA + "    budgets: {a: {}}\n", "4:15: profiles.mia.budgets.a.minutes: is missing"),
        (
            MIA + "budgets: {a: {minutes: 1, about: [list:some-lst]}}\n",
            "4:27: budgets.a.about: there is no list 'some-lst'; did you mean some-list?",
        ),
        (
            MIA + "    always: [category:gmaes]\n",
            "4:5: profiles.mia.always: there is no category 'gmaes'; did you mean games?",
        ),
        (MIA + "    homework: ['']\n", "4:16: profiles.mia.homework.1: a rule needs a domain"),
        (
            MIA + "    preset_times: true\n",
            "preset_times needs a preset to take the times from; add `pre",
        ),
        ("calendar: {weekend: [son]}", "1:22: calendar.weekend.1: there is no day of the week"),
        (
            "calendar: {days: {2026-13-01: school}}",
            "days.2026-13-01: '2026-13-01' is not a valid date",
        ),
        (
            "calendar: {days: {20261224: school}}",
            "'20261224' is not a valid date; write one such as 2026-12-24",
        ),
        ("calendar: {days: {2026-12-24: feast}}", "1:19: calendar.days.2026-12-24: is"),
        ("calendar: {days: {2026-12-24..2026-12-23: school}}", "day must come after the first"),
        ("calendar: {days: {2026-01-01..2027-01-02: school}}", "within a year"),
        (
            'day_starts: "4:60"',
            "1:1: day_starts: '4:60' is not a valid time; write one such as 04:00",
        ),
        (
            'day_starts: "12:00"',
            "1:1: day_starts: a day must start in the morning; write a time from 00:00",
        ),
        ("failures: {clock: closed}", 'failures.clock: is "closed"; write one of: '),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, told: str) -> None:
    (problem,) = problems(text)
    assert told in problem


def test_one_mac_is_one_device() -> None:
    text = MIA + (
        "    devices:\n      a: {macs: [02:00:00:00:00:0a]}\n      b: {macs: [02:00:00:00:00:0A]}\n"
    )
    assert problems(text) == [
        "6:11: profiles.mia.devices.b.macs: 02:00:00:00:00:0a already belongs to a; give each "
        "device its own address"
    ]


def test_one_address_is_one_device() -> None:
    text = MIA + "    devices:\n      a: [192.0.2.1]\n      b: [192.0.2.0/24, 192.0.2.1/32]\n"
    assert problems(text) == [
        "6:7: profiles.mia.devices.b: 192.0.2.1 already belongs to a; give each device its own "
        "address"
    ]


def test_the_example_family_is_mia_tom_and_ada() -> None:
    file = ROOT / "config/household-example.yaml"
    known = shipped_known()
    family = parse(file.read_text(), file.name, known)
    assert parse(dump(family), file.name, known) == family
    assert (family.name, family.guest) == ("Example family", "ada")
    # The first look must not depend on the hour at which somebody takes it.
    assert (family.schedules, family.budgets) == ((), ())
    assert [(each.name, each.band) for each in family.profiles] == [
        ("Mia", Band.TO_9),
        ("Tom", Band.TO_15),
        ("Ada", Band.ADULT),
    ]
    assert [(each.profile, each.addresses) for each in family.devices] == [
        ("mia", ("127.0.0.1", "::1")),
        ("tom", ("127.0.0.2",)),
    ]
    outside = [
        str(each.target)
        for each in family.rules
        if isinstance(each.target, Matcher) and not each.target.name.endswith(".example")
    ]
    assert outside == []


def test_every_key_of_the_file_stands_on_its_page() -> None:
    page = (ROOT / "docs/household.md").read_text()
    shapes: tuple[type[BaseModel], ...] = (
        HouseholdShape,
        ProfileShape,
        ListedDeviceShape,
        RuleShape,
        ServiceShape,
        FullLogShape,
        BandChangeShape,
        CalendarShape,
        FailuresShape,
        ListedScheduleShape,
        ListedBudgetShape,
    )
    keys = {field.alias or key for each in shapes for key, field in each.model_fields.items()}
    assert sorted(key for key in keys if f"`{key}`" not in page) == []
