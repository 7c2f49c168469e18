"""Files of other programs, as those programs write them, about the cast."""

from __future__ import annotations

import json
import sqlite3
import tarfile
import zipfile
from collections.abc import Mapping
from contextlib import closing
from io import BytesIO
from typing import Any

from copdns.household.check import KnownIds
from copdns.household.moving_in.draft import EntryOutcome, Surroundings
from copdns.household.moving_in.plan import Plan, make_plan
from copdns.household.moving_in.wishes import FoundSettings
from copdns.list_files.load import known_ids
from copdns.lists.gate import NO_RULES, Gate
from copdns.lists.own_lists import LineReport, OwnList, read_lines
from copdns.lists.parse import ListFormat
from copdns.lists.source import Source
from copdns.model.household import Band, Household
from copdns.model.matchers import MatchKind
from tests.household import library

ADGUARD = """\
http:
  address: 0.0.0.0:3000
dns:
  upstream_dns:
    - https://dns.example/dns-query
    - '[/work.example/lan/]192.0.2.53 192.0.2.54:5353'
    - '# [/old.example/]192.0.2.1'
  ratelimit: 20
filters:
  - enabled: true
    url: https://lists.example/ads.txt
    name: Ads
    id: 1
  - enabled: true
    url: https://other.example/more.txt
    name: More ads
    id: 2
  - enabled: false
    url: https://other.example/off.txt
    name: Off
    id: 3
whitelist_filters: []
user_rules:
  - '! a remark'
  - '||games.example^'
  - '@@||chess.games.example^$important'
  - '/^ads[0-9]+\\.example$/'
  - '||tube.example^$dnstype=AAAA'
  - '|exact.example^'
  - '192.0.2.9 nas.home.arpa'
  - '0.0.0.0 blocked.example'
  - '||printer.home.arpa^$dnsrewrite=NOERROR;A;192.0.2.7'
  - '||club.example^$dnsrewrite=chess.example'
  - site.example##.banner
  - '||shop.example/page'
  - '||help.example^'
filtering:
  parental_enabled: false
  safebrowsing_enabled: true
  safe_search: {enabled: true, google: true, youtube: false}
  blocked_services:
    schedule:
      time_zone: Europe/Paris
      mon: {start: 15h0m0s, end: 17h30m0s}
      sat: {start: 0s, end: 24h}
    ids: [tube, twitter, qq]
  rewrites:
    - {domain: box.home.arpa, answer: 192.0.2.3}
    - {domain: '*.dev.home.arpa', answer: 192.0.2.4}
    - {domain: old.home.arpa, answer: box.home.arpa}
    - {domain: off.home.arpa, answer: 192.0.2.5, enabled: false}
    - {domain: com, answer: 192.0.2.6}
clients:
  runtime_sources: {whois: true}
  persistent:
    - name: Mia
      ids: [192.0.2.8, '02:00:00:00:00:08', mias-tablet]
      tags: [user_child, device_tablet]
      use_global_settings: false
      use_global_blocked_services: false
      filtering_enabled: true
      parental_enabled: true
      safebrowsing_enabled: true
      safe_search: {enabled: true, google: true, youtube: true}
      blocked_services: {schedule: {time_zone: Local}, ids: [tube, games]}
      upstreams: [192.0.2.53]
    - name: Television
      ids: [192.0.2.30]
      tags: [device_tv]
      use_global_settings: true
      use_global_blocked_services: true
    - name: Whole network
      ids: [192.0.0.0/8]
      use_global_settings: true
      use_global_blocked_services: true
schema_version: 29
"""

GROUPS: Mapping[str, list[dict[str, Any]]] = {
    "group": [
        {"id": 0, "enabled": 1, "name": "Default", "description": ""},
        {"id": 1, "enabled": 1, "name": "Children", "description": ""},
        {"id": 2, "enabled": 0, "name": "Old", "description": ""},
    ],
    "client": [
        {"id": 1, "ip": "192.0.2.8", "comment": "Mia's tablet"},
        {"id": 2, "ip": "02:00:00:00:00:15", "comment": "Tom's phone"},
        {"id": 3, "ip": "192.0.2.40", "comment": ""},
        {"id": 4, "ip": "laptop.lan", "comment": ""},
    ],
    "client_by_group": [
        {"client_id": 1, "group_id": 1},
        {"client_id": 2, "group_id": 0},
        {"client_id": 2, "group_id": 1},
        {"client_id": 3, "group_id": 0},
        {"client_id": 4, "group_id": 0},
    ],
    "domainlist": [
        {"id": 1, "type": 1, "domain": "games.example", "enabled": 1, "comment": "After school"},
        {"id": 2, "type": 0, "domain": "chess.example", "enabled": 1, "comment": None},
        {"id": 3, "type": 3, "domain": r"(\.|^)tube\.example$", "enabled": 1, "comment": None},
        {"id": 4, "type": 3, "domain": r"^ads[0-9]+\.", "enabled": 1, "comment": None},
        {"id": 5, "type": 3, "domain": r"^a\.;querytype=AAAA", "enabled": 1, "comment": None},
        {"id": 6, "type": 3, "domain": r"^b\.;invert", "enabled": 1, "comment": None},
        {"id": 7, "type": 1, "domain": "off.example", "enabled": 0, "comment": None},
        {"id": 8, "type": 1, "domain": "nobody.example", "enabled": 1, "comment": None},
    ],
    "domainlist_by_group": [
        {"domainlist_id": 1, "group_id": 1},
        {"domainlist_id": 2, "group_id": 0},
        {"domainlist_id": 2, "group_id": 1},
        {"domainlist_id": 3, "group_id": 0},
        *({"domainlist_id": each, "group_id": 0} for each in (4, 5, 6, 7)),
        *({"domainlist_id": each, "group_id": 1} for each in (4, 5, 6, 7)),
    ],
    "adlist": [
        {"id": 1, "address": "https://lists.example/ads.txt", "enabled": 1, "comment": "Ads"},
        {"id": 2, "address": "https://other.example/x.txt", "enabled": 0, "comment": ""},
    ],
    "adlist_by_group": [{"adlist_id": 1, "group_id": 0}],
}
TOML = """\
[dns]
upstreams = ["192.0.2.1"]
hosts = ["192.0.2.9 nas.home.arpa nas2.home.arpa"]
cnameRecords = ["files.home.arpa,nas.home.arpa,300"]
revServers = ["true,192.0.2.0/24,192.0.2.1#5353,lan"]
[dhcp]
hosts = ["02:00:00:00:00:40,192.0.2.40,ada-laptop"]
[webserver]
port = "80"
"""
_TYPES = {
    0: "whitelist.exact.json",
    1: "blacklist.exact.json",
    2: "whitelist.regex.json",
    3: "blacklist.regex.json",
}

PROFILE: dict[str, Any] = {
    "data": {
        "name": "Mia",
        "security": {
            "threatIntelligenceFeeds": True,
            "nrd": True,
            "dnsRebinding": True,
            "csam": False,
            "tlds": [{"id": "zip"}],
        },
        "privacy": {"blocklists": [{"id": "nextdns-recommended"}], "natives": []},
        "parentalControl": {
            "services": [
                {"id": "tube", "active": True, "recreation": True},
                {"id": "twitter", "active": True, "recreation": False},
                {"id": "games", "active": False},
                {"id": "unheard-of", "active": True},
            ],
            "categories": [{"id": "porn", "active": True}],
            "safeSearch": True,
            "youtubeRestrictedMode": True,
            "blockBypass": True,
            "recreation": {
                "times": {"saturday": {"start": "10:00:00", "end": "12:30:00"}},
                "timezone": "Europe/Paris",
            },
        },
        "denylist": [
            {"id": "games.example", "active": True},
            {"id": "off.example", "active": False},
        ],
        "allowlist": [{"id": "chess.example", "active": True}],
        "rewrites": [
            {"name": "nas.home.arpa", "content": "192.0.2.9"},
            {"name": "old.home.arpa", "content": "new.example"},
        ],
        "settings": {"logs": {"enabled": True}},
    }
}

HOSTS = """\
127.0.0.1 localhost
192.0.2.9 nas nas.home.arpa  # files
0.0.0.0 ads.example tracker.example
::1 ip6-localhost
0.0.0.0 help.example
nonsense
"""

SOURCES = (
    *(
        Source(
            slug,
            slug,
            category,
            f"https://lists.example/{slug}.txt",
            ListFormat.DOMAINS,
            MatchKind.SUBTREE,
            *("CC0-1.0", "", "", "", 1),
            default=default,
            about="",
        )
        for slug, category, default in (("ads", "ads", True), ("stevenblack", "ads", False))
    ),
)
CATEGORIES = (
    *("ads", "adult", "chat", "dating", "drugs", "gambling", "games", "piracy", "self_harm"),
    *("social", "violence"),
)
ENGINES = ("google", "youtube", "bing", "brave", "duckduckgo", "ecosia", "pixabay", "yandex")
KNOWN: KnownIds = known_ids(
    library(
        categories=dict.fromkeys(CATEGORIES, ()),
        services={"tube": [], "x_twitter": [], "games_web": []},
        engines={each: ([], {"strict": "safe.example"}) for each in ENGINES},
        canaries=dict.fromkeys(("firefox_doh", "private_relay", "chrome_prefetch"), ()),
        protected={"child_helpline": ["help.example"]},
    )
)


def plan_of(
    found: FoundSettings, household: Household, own_texts: tuple[str, ...] = (), **ages: Band
) -> Plan:
    """Return the plan for a household of the cast, whose list gate refuses nothing."""
    return make_plan(found, Surroundings(household, KNOWN, SOURCES, own_texts, judge, 7, ages))


def plan_at_provider(found: FoundSettings, household: Household) -> Plan:
    """Return the plan on a machine for many households."""
    return make_plan(found, Surroundings(household, KNOWN, SOURCES, (), judge, 7, is_shared=True))


def judge(text: str) -> tuple[LineReport, ...]:
    own = OwnList("own", "own", "own", ListFormat.ADBLOCK, MatchKind.EXACT)
    return read_lines(own, text, Gate((), NO_RULES))


def told(plan: Plan, text: str) -> EntryOutcome:
    """Return what becomes of the only entry that says something."""
    (found,) = (each for each in plan.outcomes if text in each.text)
    return found


def gravity(tables: Mapping[str, list[dict[str, Any]]] = GROUPS) -> bytes:
    """Return a gravity.db with these tables, and one of names that nobody wants to have."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create table gravity (domain text, adlist_id integer)")
        connection.execute("insert into gravity values ('ads.example', 1)")
        for name, rows in tables.items():
            columns = ", ".join(rows[0])
            connection.execute(f'create table "{name}" ({columns})')
            marks = ", ".join("?" * len(rows[0]))
            values = [tuple(row.values()) for row in rows]
            connection.executemany(f'insert into "{name}" values ({marks})', values)
        connection.commit()
        return connection.serialize()


def teleporter_5(more: Mapping[str, str] | None = None) -> bytes:
    """Return an archive of version 5."""
    tables = {name: rows for name, rows in GROUPS.items() if name != "domainlist"}
    files = {f"{name}.json": json.dumps(rows) for name, rows in tables.items()}
    for kind, name in _TYPES.items():
        rows = [{k: v for k, v in e.items() if k != "type"} for e in domains() if e["type"] == kind]
        files[name] = json.dumps(rows)
    files["custom.list"] = "192.0.2.9 nas.home.arpa\n192.0.2.9 nas2.home.arpa\n"
    files["dnsmasq.d/05-pihole-custom-cname.conf"] = "cname=files.home.arpa,nas.home.arpa\n"
    files["dnsmasq.d/04-pihole-static-dhcp.conf"] = (
        "dhcp-host=02:00:00:00:00:40,192.0.2.40,ada-laptop\n"
    )
    files["setupVars.conf"] = (
        "PIHOLE_DNS_1=192.0.2.1\nREV_SERVER=true\nREV_SERVER_CIDR=192.0.2.0/24\n"
        "REV_SERVER_TARGET=192.0.2.1#5353\nREV_SERVER_DOMAIN=lan\n"
    )
    return tar({**files, **(more or {})})


def in_many_groups(groups: int, **rows: int) -> bytes:
    """Return an archive of version 5 whose clients or blocked domains are all in many groups.

    rows: how many there are, by the name of the table.
    """
    named = [{"id": each, "enabled": 1, "name": f"g{each}"} for each in range(groups)]
    clients = [{"id": 1, "ip": f"02::{each:x}"} for each in range(rows.get("client", 0))]
    blocked = [{"id": 1, "domain": f"a{n}.example"} for n in range(rows.get("domainlist", 0))]
    files = {
        "group.json": [*named, {"id": groups, "enabled": 1, "name": "Others"}],
        "client.json": clients,
        "client_by_group.json": [{"client_id": 1, "group_id": each} for each in range(groups)],
        "blacklist.exact.json": blocked,
        "domainlist_by_group.json": [
            {"domainlist_id": 1, "group_id": each} for each in range(groups)
        ],
    }
    return tar({name: json.dumps(content) for name, content in files.items()})


def domains() -> list[dict[str, Any]]:
    return GROUPS["domainlist"]


def tar(files: Mapping[str, str | bytes]) -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            octets = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(octets)
            archive.addfile(info, BytesIO(octets))
    return out.getvalue()


def teleporter_6() -> bytes:
    """Return an archive of version 6."""
    return zipped({"etc/pihole/gravity.db": gravity(), "etc/pihole/pihole.toml": TOML.encode()})


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()
