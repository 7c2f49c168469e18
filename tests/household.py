"""The cast of all tests, and factories that need only say what a test is about.

Ada is a parent, Mia is 8, Tom is 15; Bo lives elsewhere and must never get in.  Their names are
made up, and so are those they ask for: everything stands under `example`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from copdns.lists.catalogue import Canary, Catalogue, Category, Engine, ProtectedGroup, Service
from copdns.lists.gate import NO_RULES, Gate, GateRules
from copdns.lists.index import ListKind
from copdns.lists.parse import ListFormat, parse_list
from copdns.lists.small_index import Draft, build_index, names_of
from copdns.model.household import Band, Contact, Device, Household, Profile, Rule, RuleAction
from copdns.model.matchers import parse_matcher, parse_target
from copdns.model.verdict import AnswerDefaults, Requestor
from copdns.policy.build_snapshot import build_snapshot
from copdns.policy.context import build_context
from copdns.policy.decide import Policy
from copdns.policy.list_rules import askers_of
from copdns.policy.order import build_policy
from copdns.policy.snapshot import Client, Snapshot
from copdns.time.plan import (
    NO_INPUTS,
    NO_TIME_PLAN,
    PolicyInputs,
    TimePlan,
    build_time_plan,
    in_scope,
)

NOW = 1_774_800_000.0  # 2026-03-29, 16:00 UTC: a Sunday afternoon

MIA = Profile("mia", "Mia", Band.TO_9, tags=frozenset({"children"}))
TOM = Profile("tom", "Tom", Band.TO_15, tags=frozenset({"children"}))
ADA = Profile("ada", "Ada", Band.ADULT)
PEOPLE = {each.id: each for each in (MIA, TOM, ADA)}

ADDRESSES = {"mia": "192.0.2.8", "tom": "192.0.2.15", "ada": "192.0.2.40"}
GUEST, BO = "192.0.2.200", "203.0.113.66"  # a visitor's telephone; somebody on the Internet
LISTENER = "192.0.2.1"

DEFAULTS = AnswerDefaults(allow=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))

Lines = Iterable[str]  # names as in a rule; one that begins with ! is an exception


def block(text: str, scope: str = "", **fields: Any) -> Rule:
    return Rule(f"block {text} {scope}", RuleAction.BLOCK, parse_target(text), scope, **fields)


def allow(text: str, scope: str = "", **fields: Any) -> Rule:
    return Rule(f"allow {text} {scope}", RuleAction.ALLOW, parse_target(text), scope, **fields)


def family(*profiles: Profile, **fields: Any) -> Household:
    """Return the household of these profiles (all three of the cast), a device each."""
    people = profiles or tuple(PEOPLE.values())
    devices = (
        Device(f"{each.id}-phone", f"{each.name}'s phone", each.id, (ADDRESSES[each.id],))
        for each in people
    )
    fields.setdefault("devices", tuple(devices))
    return Household("home", "Example family", profiles=people, **fields)


def library(
    *,
    categories: Mapping[str, Lines] | None = None,
    security: Mapping[str, Lines] | None = None,
    services: Mapping[str, Lines] | None = None,
    contacts: Mapping[str, Contact] | None = None,
    bypass: Lines = (),
    no_safe_search: Lines = (),
    canaries: Mapping[str, Lines] | None = None,
    protected: Mapping[str, Lines] | None = None,
    unwatched: Iterable[str] = ("child_helpline",),
    not_over_time: Iterable[str] = ("education_reference", "safe_search_targets"),
    engines: Mapping[str, tuple[Lines, Mapping[str, str]]] | None = None,
    legal: Lines = (),
    beacons: Lines = (),
    more: Mapping[str, tuple[str, Lines]] | None = None,
    written: Mapping[str, tuple[ListKind, str, ListFormat, str]] | None = None,
    refused: GateRules = NO_RULES,
) -> Catalogue:
    """Return a library of these names.

    categories, security, services, canaries, protected: names by slug; the list about it is
        called "games-list", a service's as the service.  contacts: of services; else none.
    engines: the exact hosts, and the target by mode.  unwatched, not_over_time: groups.
    more: further lists by slug, each with its category.  written: by slug, the text of lists.
    refused: by the gate.
    """
    engines, contacts = engines or {}, contacts or {}
    targets = {name for _, modes in engines.values() for name in modes.values()}
    groups = {"safe_search_targets": [f"={each}" for each in sorted(targets)], **(protected or {})}
    lists: list[tuple[str, ListKind, str, Lines]] = [
        *((slug, ListKind.PROTECTED, slug, lines) for slug, lines in groups.items()),
        *((f"canary-{s}", ListKind.CANARY, s, lines) for s, lines in (canaries or {}).items()),
        *([("legal", ListKind.LEGAL, "legal", legal)] if legal else []),
        *((f"{s}-list", ListKind.SECURITY, s, lines) for s, lines in (security or {}).items()),
        ("bypass", ListKind.BYPASS, "bypass", bypass),
        *((slug, ListKind.SERVICE, slug, lines) for slug, lines in (services or {}).items()),
        *((f"{s}-list", ListKind.CATEGORY, s, lines) for s, lines in (categories or {}).items()),
        *((slug, ListKind.CATEGORY, about, ls) for slug, (about, ls) in (more or {}).items()),
        ("no-safe-search", ListKind.NO_SAFE_SEARCH, "no-safe-search", no_safe_search),
        *([("beacons", ListKind.BEACON, "beacons", beacons)] if beacons else []),
    ]
    drafts = [_draft(*each) for each in lists]
    drafts += [_written_draft(slug, *each) for slug, each in (written or {}).items()]
    index, statuses = build_index(list(map(Gate(drafts, refused).let_through, drafts)))
    return Catalogue(
        index=index,
        categories=_categories(categories or {}, "content")
        | _categories(security or {}, "security"),
        services={s: _service(s, lines, contacts) for s, lines in (services or {}).items()},
        protected={
            slug: _group(slug, lines, slug in unwatched, slug not in not_over_time)
            for slug, lines in groups.items()
        },
        engines={slug: _engine(slug, *each) for slug, each in engines.items()},
        canaries={s: Canary(s, s, "", frozenset(lines)) for s, lines in (canaries or {}).items()},
        statuses=statuses,
        bypass=tuple(map(parse_matcher, bypass)),
        no_safe_search=tuple(map(parse_matcher, no_safe_search)),
    )


def _categories(slugs: Iterable[str], layer: str) -> dict[str, Category]:
    return {slug: Category(slug, slug, "", layer) for slug in slugs}


def _service(slug: str, lines: Lines, contacts: Mapping[str, Contact]) -> Service:
    contact = contacts.get(slug, Contact.NONE)
    return Service(slug, slug, contact, tuple(map(parse_matcher, lines)), {}, "web")


def _engine(slug: str, hosts: Lines, modes: Mapping[str, str]) -> Engine:
    return Engine(slug, slug, frozenset(hosts), modes, for_children=True)


def _group(slug: str, lines: Lines, is_untraced: bool, beats_time: bool) -> ProtectedGroup:
    names = tuple(parse_matcher(each) for each in lines if not each.startswith("!"))
    return ProtectedGroup(slug, slug, is_untraced, beats_time, names=names)


def _draft(slug: str, kind: ListKind, subject: str, lines: Lines) -> Draft:
    listed = list(lines)
    blocks = names_of(parse_matcher(line) for line in listed if not line.startswith("!"))
    allows = names_of(parse_matcher(line[1:]) for line in listed if line.startswith("!"))
    return Draft(slug, kind, subject, slug, blocks, allows)


def _written_draft(slug: str, kind: ListKind, subject: str, form: ListFormat, text: str) -> Draft:
    parsed = parse_list(text, form)
    return Draft(slug, kind, subject, slug, parsed.blocks, parsed.allows, special=parsed.special)


def policy(
    profile: Profile = MIA,
    *rules: Rule,
    timing: TimePlan = NO_TIME_PLAN,
    house: Household | None = None,
    now: float = NOW,
    **lists: Any,
) -> Policy:
    """Return a profile's policy under these rules and lists (as for `library`)."""
    house = house or family()
    shared = build_context(library(**lists), DEFAULTS, house)
    own = in_scope((*house.rules, *rules), profile)
    return build_policy(profile, own, shared, now, timing, askers_of(house, profile, now))


def live(
    house: Household | None = None,
    timing: Mapping[str, TimePlan] | None = None,
    now: float = NOW,
    before: Snapshot | None = None,
    lists: Catalogue | None = None,
    defaults: AnswerDefaults = DEFAULTS,
    readings: PolicyInputs = NO_INPUTS,
) -> Snapshot:
    """Return the snapshot for one household.

    timing: what the clock adds besides what the household says, by profile.
    """
    house = house or family()
    made = build_snapshot(before, lists or library(), defaults, [house], now, readings)
    policies = dict(made.policies)
    for profile in house.profiles:
        extra = (timing or {}).get(profile.id, NO_TIME_PLAN)
        if extra != NO_TIME_PLAN:
            own = in_scope(house.rules, profile)
            both = _both(extra, build_time_plan(house, profile, now, readings))
            timed = build_policy(profile, own, made.contexts[house.id], now, both)
            policies[house.id, profile.id] = both, timed
    return Snapshot(
        made.library, defaults, [house], made.contexts, policies, now, rebuild_at=made.rebuild_at
    )


def _both(one: TimePlan, other: TimePlan) -> TimePlan:
    if other is NO_TIME_PLAN:
        return one
    return replace(
        other,
        closures=(*one.closures, *other.closures),
        grants=(*one.grants, *other.grants),
        always_open=(*one.always_open, *other.always_open),
        zone=one.zone,
    )


def client(policy: Policy, device: str = "mia-phone") -> Client:
    return Client("home", device, policy)


def asker(who: str = "mia", transport: str = "udp") -> Requestor:
    """Return who asks: a name of the cast, or an address."""
    return Requestor(LISTENER, ADDRESSES.get(who, who), transport)
