"""The tables of people, devices, rules and names: SQL, and how rows become values of `model`."""

from __future__ import annotations

import json

from copdns.model.household import (
    AnnouncedBandChange,
    Band,
    BlockMode,
    Contact,
    Default,
    Device,
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
from copdns.store.household_db.cells import (
    Cells,
    HouseholdTable,
    as_json,
    read_matcher,
    read_number,
    read_pairs,
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
    )


def _read_profile(cells: Cells) -> Profile:
    full_start, full_end, change_to, change_at, max_ttl, always, homework = cells[15:]
    return Profile(
        id=read_text(cells[0]),
        name=read_text(cells[1]),
        band=Band(read_text(cells[2])),
        tags=frozenset(read_texts(cells[3])),
        security=bool(read_number(cells[4])),
        categories=frozenset(read_texts(cells[5])),
        services=frozenset(read_texts(cells[6])),
        contacts=frozenset(Contact(each) for each in read_texts(cells[7])),
        safe_search=read_pairs(cells[8]),
        no_safe_search=bool(read_number(cells[9])),
        bypass=bool(read_number(cells[10])),
        canaries=frozenset(read_texts(cells[11])),
        default=Default(read_text(cells[12])),
        block_mode=BlockMode(read_text(cells[13])),
        privacy=PrivacyMode(read_text(cells[14])),
        full_log=None
        if full_start is None
        else FullLogSpan(read_number(full_start), read_number(full_end)),
        band_change=None
        if change_to is None
        else AnnouncedBandChange(Band(read_text(change_to)), read_number(change_at)),
        max_ttl=None if max_ttl is None else read_number(max_ttl),
        always=read_subjects(always),
        homework=read_subjects(homework),
    )


PROFILE: HouseholdTable[Profile] = HouseholdTable(
    name="profile",
    field="profiles",
    select="""
        select id, name, band, tags, security, categories, services, contacts, safe_search,
               no_safe_search, bypass, canaries, "default", block_mode, privacy, full_log_start,
               full_log_end, band_change_to, band_change_at, max_ttl, always, homework
          from profile where household = ? order by position""",
    write="""
        insert or replace into profile (
               household, position,
               id, name, band, tags, security, categories, services, contacts, safe_search,
               no_safe_search, bypass, canaries, "default", block_mode, privacy, full_log_start,
               full_log_end, band_change_to, band_change_at, max_ttl, always, homework)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
    delete="delete from profile where household = ? and id = ?",
    cells=_profile_cells,
    value=_read_profile,
)

DEVICE: HouseholdTable[Device] = HouseholdTable(
    name="device",
    field="devices",
    select="""
        select id, name, profile, addresses, macs
          from device where household = ? order by position""",
    write="""
        insert or replace into device (household, position, id, name, profile, addresses, macs)
        values (?, ?, ?, ?, ?, ?, ?)""",
    delete="delete from device where household = ? and id = ?",
    cells=lambda device: (
        device.id,
        device.name,
        device.profile,
        as_json(device.addresses),
        as_json(device.macs),
    ),
    value=lambda cells: Device(
        id=read_text(cells[0]),
        name=read_text(cells[1]),
        profile=read_text(cells[2]),
        addresses=read_texts(cells[3]),
        macs=read_texts(cells[4]),
    ),
)

RULE: HouseholdTable[Rule] = HouseholdTable(
    name="rule",
    field="rules",
    select="""
        select id, action, target, scope, over_security, unsafe_search, note, created
          from rule where household = ? order by position""",
    write="""
        insert or replace into rule (
               household, position,
               id, action, target, scope, over_security, unsafe_search, note, created)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
    delete="delete from rule where household = ? and id = ?",
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
    select="""
        select slug, title, names, contact
          from own_service where household = ? order by position""",
    write="""
        insert or replace into own_service (household, position, slug, title, names, contact)
        values (?, ?, ?, ?, ?, ?)""",
    delete="delete from own_service where household = ? and slug = ?",
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

LOCAL_NAME: HouseholdTable[LocalName] = HouseholdTable(
    name="local_name",
    field="local_names",
    select="select name, addresses from local_name where household = ? order by position",
    write="""
        insert or replace into local_name (household, position, name, addresses)
        values (?, ?, ?, ?)""",
    delete="delete from local_name where household = ? and name = ?",
    cells=lambda local: (local.name, as_json(local.addresses)),
    value=lambda cells: LocalName(read_text(cells[0]), read_texts(cells[1])),
)

NAME_REWRITE: HouseholdTable[NameRewrite] = HouseholdTable(
    name="name_rewrite",
    field="rewrites",
    select="select matcher, target from name_rewrite where household = ? order by position",
    write="""
        insert or replace into name_rewrite (household, position, matcher, target)
        values (?, ?, ?, ?)""",
    delete="delete from name_rewrite where household = ? and matcher = ?",
    cells=lambda rewrite: (str(rewrite.matcher), rewrite.target),
    value=lambda cells: NameRewrite(read_matcher(cells[0]), read_text(cells[1])),
)

SPLIT_UPSTREAM: HouseholdTable[SplitUpstream] = HouseholdTable(
    name="split_upstream",
    field="split_upstreams",
    select="select name, upstreams from split_upstream where household = ? order by position",
    write="""
        insert or replace into split_upstream (household, position, name, upstreams)
        values (?, ?, ?, ?)""",
    delete="delete from split_upstream where household = ? and name = ?",
    cells=lambda split: (split.name, as_json(split.upstreams)),
    value=lambda cells: SplitUpstream(read_text(cells[0]), read_texts(cells[1])),
)
