"""The tables of people, devices, rules and names: SQL, and how rows become values of `model`."""

from __future__ import annotations

import json
from functools import lru_cache

from copdns.model.household import (
    AnnouncedBandChange,
    Band,
    BlockMode,
    Contact,
    Default,
    Device,
    DeviceKind,
    FullLogSpan,
    LocalName,
    NameRewrite,
    OwnService,
    PrivacyMode,
    Profile,
    Rule,
    RuleAction,
    SplitUpstream,
)
from copdns.model.local_records import split_values
from copdns.model.scoped_names import EVERY_NAME
from copdns.store.household_db.cells import (
    Cells,
    HouseholdTable,
    as_json,
    read_matcher,
    read_number,
    read_optional,
    read_pairs,
    read_set,
    read_subjects,
    read_target,
    read_text,
    read_texts,
    subjects_json,
)


def _profile_cells(profile: Profile) -> Cells:
    full, change = profile.full_log, profile.band_change
    return (
        profile.id,
        profile.name,
        profile.band,
        as_json(sorted(profile.tags)),
        profile.security,
        as_json(sorted(profile.categories)),
        as_json(sorted(profile.services)),
        as_json(sorted(profile.contacts)),
        json.dumps(dict(profile.safe_search)),
        profile.no_safe_search,
        profile.bypass,
        as_json(sorted(profile.canaries)),
        profile.default,
        profile.block_mode,
        profile.privacy,
        full.start if full else None,
        full.end if full else None,
        change.band if change else None,
        change.at if change else None,
        profile.max_ttl,
        subjects_json(profile.always),
        subjects_json(profile.homework),
        profile.timezone,
        as_json(sorted(profile.contact_exceptions)),
        profile.bypass_signs,
    )


@lru_cache(maxsize=256)
def _contacts_of(kinds: tuple[str, ...]) -> frozenset[Contact]:
    return frozenset(map(Contact, kinds))


def _read_profile(cells: Cells) -> Profile:
    full_start, full_end, change_to, change_at, max_ttl, *rest = cells[15:]
    always, homework, zone, excepted, signs = rest
    return Profile(
        id=read_text(cells[0]),
        name=read_text(cells[1]),
        band=Band(read_text(cells[2])),
        tags=read_set(cells[3]),
        security=bool(read_number(cells[4])),
        categories=read_set(cells[5]),
        services=read_set(cells[6]),
        contacts=_contacts_of(read_texts(cells[7])),
        safe_search=read_pairs(cells[8]),
        no_safe_search=bool(read_number(cells[9])),
        bypass=bool(read_number(cells[10])),
        canaries=read_set(cells[11]),
        default=Default(read_text(cells[12])),
        block_mode=BlockMode(read_text(cells[13])),
        privacy=PrivacyMode(read_text(cells[14])),
        full_log=None
        if full_start is None
        else FullLogSpan(read_number(full_start), read_number(full_end)),
        band_change=None
        if change_to is None
        else AnnouncedBandChange(Band(read_text(change_to)), read_number(change_at)),
        max_ttl=read_optional(read_number, max_ttl),
        always=read_subjects(always),
        homework=read_subjects(homework),
        timezone=read_text(zone),
        contact_exceptions=read_set(excepted),
        bypass_signs=bool(read_number(signs)),
    )


PROFILE: HouseholdTable[Profile] = HouseholdTable(
    name="profile",
    field="profiles",
    columns=(
        "id, name, band, tags, security, categories, services, contacts, safe_search, "
        'no_safe_search, bypass, canaries, "default", block_mode, privacy, '
        "full_log_start, full_log_end, band_change_to, band_change_at, max_ttl, always, "
        "homework, timezone, contact_exceptions, bypass_signs"
    ),
    cells=_profile_cells,
    value=_read_profile,
)

DEVICE: HouseholdTable[Device] = HouseholdTable(
    name="device",
    field="devices",
    columns="id, name, profile, addresses, macs, kind, tokens",
    cells=lambda device: (
        device.id,
        device.name,
        device.profile,
        as_json(device.addresses),
        as_json(device.macs),
        device.kind,
        as_json(device.tokens),
    ),
    value=lambda cells: Device(
        id=read_text(cells[0]),
        name=read_text(cells[1]),
        profile=read_text(cells[2]),
        addresses=read_texts(cells[3]),
        macs=read_texts(cells[4]),
        kind=DeviceKind(read_text(cells[5])),
        tokens=read_texts(cells[6]),
    ),
)

RULE: HouseholdTable[Rule] = HouseholdTable(
    name="rule",
    field="rules",
    columns="id, action, target, scope, over_security, unsafe_search, note, created",
    cells=lambda rule: (
        rule.id,
        rule.action,
        str(rule.target),
        rule.scope,
        rule.over_security,
        rule.unsafe_search,
        rule.note,
        rule.created,
    ),
    value=lambda cells: Rule(
        id=read_text(cells[0]),
        action=RuleAction(read_text(cells[1])),
        target=read_target(cells[2]),
        scope=read_text(cells[3]),
        over_security=bool(read_number(cells[4])),
        unsafe_search=bool(read_number(cells[5])),
        note=read_text(cells[6]),
        created=read_number(cells[7]),
    ),
)

OWN_SERVICE: HouseholdTable[OwnService] = HouseholdTable(
    name="own_service",
    field="services",
    columns="slug, title, names, contact",
    cells=lambda service: (
        service.slug,
        service.title,
        as_json(str(each) for each in service.names),
        service.contact,
    ),
    value=lambda cells: OwnService(
        slug=read_text(cells[0]),
        title=read_text(cells[1]),
        names=tuple(read_matcher(each) for each in read_texts(cells[2])),
        contact=Contact(read_text(cells[3])),
    ),
)


def _read_local(cells: Cells) -> LocalName:
    name, _, scope = read_text(cells[0]).partition("@")  # a normalized name has no "@"
    return LocalName(name, *split_values(read_texts(cells[1])), scope)


LOCAL_NAME: HouseholdTable[LocalName] = HouseholdTable(
    name="local_name",
    field="local_names",
    columns="name, addresses",
    cells=lambda local: (local.key, as_json(local.values)),
    value=_read_local,
)

NAME_REWRITE: HouseholdTable[NameRewrite] = HouseholdTable(
    name="name_rewrite",
    field="rewrites",
    columns="matcher, target",
    cells=lambda rewrite: (str(rewrite.matcher), rewrite.target),
    value=lambda cells: NameRewrite(read_matcher(cells[0]), read_text(cells[1])),
)


def _read_split(cells: Cells) -> SplitUpstream:
    name, _, scope = read_text(cells[0]).partition("@")  # a normalized name has no "@"
    return SplitUpstream("" if name == EVERY_NAME else name, read_texts(cells[1]), scope)


SPLIT_UPSTREAM: HouseholdTable[SplitUpstream] = HouseholdTable(
    name="split_upstream",
    field="split_upstreams",
    columns="name, upstreams",
    cells=lambda split: (split.key, as_json(split.upstreams)),
    value=_read_split,
)
