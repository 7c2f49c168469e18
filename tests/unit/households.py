"""Households for tests: a small family, random sound ones, and what may be named in them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

import yaml
from hypothesis import strategies as st

from copdns.household.check import KnownIds
from copdns.household.presets import Preset, preset
from copdns.model.household import (
    AnnouncedBandChange,
    Band,
    BlockMode,
    Contact,
    Default,
    Device,
    DeviceKind,
    FullLogSpan,
    Household,
    LocalName,
    NameRewrite,
    OwnService,
    PrivacyMode,
    Profile,
    Rule,
    RuleAction,
    SplitUpstream,
)
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.times import (
    DAY_WORDS,
    Bonus,
    Budget,
    DayType,
    Extra,
    FailureChoices,
    FilterBreak,
    Grant,
    MovedBedtime,
    OnFailure,
    Origin,
    PauseSpan,
    Schedule,
    SchoolCalendar,
    Slot,
    Ticket,
    Topic,
    TopicKind,
)

Value = TypeVar("Value")

KNOWN = KnownIds(
    categories=frozenset({"adult", "games", "social"}),
    services=frozenset({"videos", "chats"}),
    meeting=frozenset({"videos", "chats"}),
    engines={"finder": frozenset({"strict"}), "films": frozenset({"strict", "moderate"})},
    canaries=frozenset({"firefox_doh", "private_relay"}),
    lists=lambda: frozenset({"some-list", "another-list"}),
    protected=lambda name: f".{name}".endswith(".help.example"),
)

FAMILY = Household(
    id="home",
    name="Example family",
    guest="ada",
    protected=("school.example",),
    profiles=(
        Profile("mia", "Mia", Band.TO_9, tags=frozenset({"children"})),
        Profile("tom", "Tom", Band.TO_15, tags=frozenset({"children"})),
        Profile("ada", "Ada", Band.ADULT),
    ),
    devices=(Device("tablet", "Mia's tablet", "mia", ("192.0.2.1", "2001:db8::1")),),
    rules=(
        Rule("r1", RuleAction.BLOCK, Matcher("games.example"), "mia"),
        Rule("r2", RuleAction.ALLOW, Matcher("chess.games.example"), "mia", note="For the club."),
    ),
)

ROOT = Path(__file__).parents[2]


def data(file: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Return a data file of copdns as it stands, whatever its own reader makes of it."""
    found: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(
        (ROOT / "blocklists" / file).read_text()
    )
    return found


def shipped(band: Band) -> Preset:
    file = ROOT / "config/presets" / f"{band}.yaml"
    return preset(file.read_text(), file.name)


def shipped_known() -> KnownIds:
    """Return what a household may name when copdns has its bundled data and nothing else."""
    engines = data("safesearch.yaml")["engines"]
    return KnownIds(
        categories=frozenset(data("catalogue.yaml")["categories"]),
        services=frozenset(data("services.yaml")["services"]),
        engines={name: frozenset(engine["modes"]) for name, engine in engines.items()},
        canaries=frozenset(data("bypass.yaml")["canaries"]),
        lists=_catalogued,
        presets={band: shipped(band) for band in Band},
    )


def _catalogued() -> frozenset[str]:
    sources: Any = data("catalogue.yaml")["sources"]
    return frozenset(each["slug"] for each in sources)


ids = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,8}", fullmatch=True)
_TURNS = "".join(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
words = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters=_TURNS),
    max_size=20,
)
moments = st.integers(0, 253_402_300_799)
names = st.lists(st.sampled_from(["a", "b", "no", "1", "on-2", "_x"]), min_size=1, max_size=3).map(
    lambda labels: ".".join([*labels, "example"])
)
matchers = st.builds(Matcher, names, st.sampled_from(MatchKind))
networks = st.ip_addresses().map(lambda each: f"{each}/{each.max_prefixlen}")
addresses = st.ip_addresses().map(str).filter(lambda text: "%" not in text)
upstreams = st.sampled_from(["192.0.2.53:53", "[2001:db8::53]:5353", "127.0.0.1:5300"])
topics = st.sampled_from(
    [
        *(Topic(TopicKind.CATEGORY, each) for each in sorted(KNOWN.categories)),
        *(Topic(TopicKind.SERVICE, each) for each in sorted(KNOWN.services)),
        *(Topic(TopicKind.LIST, each) for each in sorted(KNOWN.lists())),
    ]
)
subjects = topics | matchers
abouts = st.lists(subjects, max_size=2, unique_by=str).map(tuple)
day_words = st.sampled_from(DAY_WORDS)
slots = st.builds(
    Slot,
    st.frozensets(day_words, min_size=1, max_size=4),
    st.integers(0, 1439),
    st.integers(1, 1440),
)
calendars = st.builds(
    lambda weekend, days: SchoolCalendar(weekend, tuple(sorted(days.items()))),
    st.frozensets(st.integers(0, 6)),
    st.dictionaries(
        st.dates() | st.dates(date(2026, 12, 20), date(2026, 12, 31)),
        st.sampled_from(DayType),
        max_size=8,
    ),
)
failures = st.builds(FailureChoices, *[st.sampled_from(OnFailure)] * 3)
spans = st.tuples(st.integers(0, 10**9), st.integers(1, 10**9)).map(
    lambda each: (each[0], each[0] + each[1])
)


def some(of: frozenset[str] | type[Contact]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(sorted(of)))


def few(
    of: st.SearchStrategy[Value], unique_by: str, size: int = 2
) -> st.SearchStrategy[tuple[Value, ...]]:
    return st.lists(of, max_size=size, unique_by=attrgetter(unique_by)).map(tuple)


full_logs = st.builds(lambda start: FullLogSpan(start, start + 1), st.integers(0, 253_402_300_798))
searches = st.dictionaries(st.sampled_from(["finder", "films"]), st.just("strict"), max_size=2).map(
    lambda modes: tuple(sorted(modes.items()))
)


@st.composite
def households(draw: st.DrawFn) -> Household:
    """Draw a household without faults, in which any order and any default may occur."""
    services = draw(few(own_services, "slug"))
    slugs = KNOWN.services | {each.slug for each in services}
    people = draw(few(profiles(slugs), "id", size=3))
    their_ids = [each.id for each in people]
    scopes = st.sampled_from(["", "#kids", *their_ids])
    return Household(
        id=draw(ids),
        name=draw(words),
        timezone=draw(st.sampled_from(["UTC", "Europe/Paris", "America/Lima"])),
        guest=draw(st.sampled_from(["", *their_ids])),
        protected=tuple(draw(st.lists(names, max_size=2, unique=True))),
        language=draw(st.sampled_from(["", "fr"])),
        country=draw(st.sampled_from(["", "FR"])),
        helplines=tuple(draw(st.lists(ids, max_size=2, unique=True))),
        profiles=people,
        devices=draw(devices(their_ids)) if people else (),
        rules=draw(rules(their_ids)),
        services=services,
        local_names=tuple(draw(st.lists(local_names, max_size=2, unique_by=lambda each: each.key))),
        rewrites=tuple(draw(st.lists(rewrites, max_size=2, unique_by=lambda each: each.matcher))),
        split_upstreams=tuple(draw(st.lists(splits, max_size=2, unique_by=lambda each: each.key))),
        calendar=draw(calendars),
        day_starts=draw(st.sampled_from([0, 240, 719])),
        schedules=draw(few(schedules(scopes), "id", size=3)),
        budgets=draw(few(budgets(scopes), "id", size=3)),
        failures=draw(failures),
    )


own_services = st.builds(
    OwnService,
    ids,
    words,
    st.lists(matchers, min_size=1, max_size=3, unique=True).map(tuple),
    st.sampled_from(Contact),
)
local_names = st.builds(
    LocalName,
    st.one_of(names, names.map("*.{}".format)),
    st.lists(addresses, max_size=2, unique=True).map(tuple),
    st.sampled_from([(), ("TXT two  words",), ("SRV 0 5 631 a.example", 'TXT say "yes"')]),
    st.sampled_from(["", "#kids"]),
)
rewrites = st.builds(NameRewrite, matchers, st.just("target.test"))
splits = st.builds(
    SplitUpstream, names, st.lists(upstreams, min_size=1, max_size=2, unique=True).map(tuple)
)


def profiles(services: frozenset[str]) -> st.SearchStrategy[Profile]:
    return st.builds(
        Profile,
        ids,
        words,
        st.sampled_from(Band),
        tags=st.frozensets(ids, max_size=2),
        security=st.booleans(),
        categories=some(KNOWN.categories),
        services=some(services),
        contacts=st.frozensets(st.sampled_from(Contact)),
        contact_exceptions=some(services),
        safe_search=searches,
        no_safe_search=st.booleans(),
        bypass=st.booleans(),
        bypass_signs=st.booleans(),
        canaries=some(KNOWN.canaries),
        default=st.sampled_from(Default),
        block_mode=st.sampled_from(BlockMode),
        privacy=st.sampled_from(sorted(set(PrivacyMode) - {PrivacyMode.FULL})),
        full_log=st.none() | full_logs,
        band_change=st.none() | st.builds(AnnouncedBandChange, st.sampled_from(Band), moments),
        max_ttl=st.none() | st.integers(1, 86_400),
        always=abouts,
        homework=abouts,
        timezone=st.sampled_from(["", "Europe/Paris", "America/New_York"]),
    )


def schedules(scopes: st.SearchStrategy[str]) -> st.SearchStrategy[Schedule]:
    """Some have no more to say than their times, as hand-written ones do."""
    times = st.lists(slots, min_size=1, max_size=2).map(tuple)
    return st.builds(Schedule, ids, scopes, times) | st.builds(
        Schedule, ids, scopes, times, abouts, st.booleans(), st.integers(0, 60), words
    )


def budgets(scopes: st.SearchStrategy[str]) -> st.SearchStrategy[Budget]:
    pairs = st.tuples(day_words, st.integers(0, 1440))
    return st.builds(
        Budget,
        ids,
        scopes,
        st.lists(pairs, min_size=1, max_size=3, unique_by=lambda pair: pair[0]).map(tuple),
        abouts,
        st.booleans(),
        st.integers(0, 60),
        words,
    )


@st.composite
def running(draw: st.DrawFn, household: Household) -> Household:
    """Draw what ends by itself for a household: no file of it holds that."""
    people = st.sampled_from([each.id for each in household.profiles] or [""])
    their_budgets = st.sampled_from([each.id for each in household.budgets] or [""])
    most = 2 if household.profiles else 0
    return replace(
        household,
        pauses=draw(few(pauses(people), "profile", most)),
        grants=draw(few(grants(people), "id", most)),
        bonuses=draw(few(bonuses(people, their_budgets), "id", most if household.budgets else 0)),
        tickets=draw(few(tickets(people), "id", most)),
        moved_bedtimes=draw(few(moved_bedtimes(people), "profile", most)),
        filter_breaks=draw(few(filter_breaks(people), "device", most)),
    )


@st.composite
def pauses(draw: st.DrawFn, people: st.SearchStrategy[str]) -> PauseSpan:
    start, end = draw(spans)
    ends = draw(st.booleans())
    return PauseSpan(draw(people), start, end if ends else None, draw(st.booleans()), draw(words))


@st.composite
def filter_breaks(draw: st.DrawFn, people: st.SearchStrategy[str]) -> FilterBreak:
    start, end = draw(spans)
    return FilterBreak(draw(words), draw(people), start, end, draw(words))


@st.composite
def moved_bedtimes(draw: st.DrawFn, people: st.SearchStrategy[str]) -> MovedBedtime:
    start, end = draw(spans)
    return MovedBedtime(draw(people), start, draw(st.integers(0, end - 1)), end, draw(words))


@st.composite
def grants(draw: st.DrawFn, people: st.SearchStrategy[str]) -> Grant:
    start, end = draw(spans)
    content, time = draw(st.sampled_from([(True, False), (False, True), (True, True)]))
    return Grant(
        draw(st.none() | subjects),
        start,
        end + draw(st.sampled_from([0, 0.5])),
        draw(moments),
        content,
        time,
        draw(ids),
        draw(people),
        draw(st.sampled_from(Origin)),
        draw(words),
        draw(words),
    )


def bonuses(
    people: st.SearchStrategy[str], of_budgets: st.SearchStrategy[str]
) -> st.SearchStrategy[Bonus]:
    day_minutes = st.integers(1, 1440)
    return st.builds(
        *(Bonus, ids, people, of_budgets, st.dates(), day_minutes),
        *(st.sampled_from(Extra), words, moments),
    )


@st.composite
def tickets(draw: st.DrawFn, people: st.SearchStrategy[str]) -> Ticket:
    made, expires = draw(spans)
    used = draw(st.booleans())
    ticket_id = draw(ids)
    return Ticket(
        ticket_id,
        f"digest of {ticket_id}",
        draw(st.integers(1, 1440)),
        made,
        expires,
        draw(st.just("") | people),
        draw(st.none() | subjects),
        draw(words),
        draw(words),
        made if used else None,
        draw(people) if used else "",
    )


@st.composite
def devices(draw: st.DrawFn, people: list[str]) -> tuple[Device, ...]:
    """Draw devices of these people, each address only once, some named as their id."""
    device_ids = draw(st.lists(ids, max_size=4, unique=True))
    texts = draw(
        st.lists(addresses, min_size=len(device_ids), max_size=len(device_ids), unique=True)
    )
    numbers = draw(st.lists(st.integers(1, 255), max_size=8, unique=True))
    cards = [f"02:00:00:00:00:{number:02x}" for number in numbers]
    return tuple(
        Device(
            each,
            draw(st.just(each) | words),
            draw(st.sampled_from(people)),
            (text,) if draw(st.booleans()) or not cards[place::4] else (),
            tuple(cards[place::4]),
            draw(st.sampled_from(DeviceKind)),
        )
        for place, (each, text) in enumerate(zip(device_ids, texts, strict=True))
    )


@st.composite
def rules(draw: st.DrawFn, people: list[str]) -> tuple[Rule, ...]:
    """Draw rules, most of them plain and numbered, as hand-written files have them."""
    targets = draw(st.lists(matchers | networks, max_size=5, unique_by=str))
    made: list[Rule] = []
    for number, about in enumerate(targets, 1):
        action = draw(st.sampled_from(RuleAction))
        rule = Rule(f"r{number}", action, about, draw(st.sampled_from(["", "#kids", *people])))
        if draw(st.booleans()):
            lifts = st.booleans() if action is RuleAction.ALLOW else st.just(False)
            rule = Rule(
                f"x{number}",
                action,
                about,
                rule.scope,
                draw(lifts),
                draw(lifts),
                draw(words),
                draw(moments),
            )
        made.append(rule)
    return tuple(made)
