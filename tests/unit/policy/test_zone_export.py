"""A response policy zone says of each name what the policy says, and no more than that."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from copdns.dns.records import A
from copdns.lists.index import ListKind
from copdns.lists.parse import ListFormat, parse_list
from copdns.model.household import Default
from copdns.model.verdict import Reason
from copdns.policy.decide import Policy, decide
from copdns.policy.zone_export import host_lines, zone_lines
from copdns.time.plan import Closure, TimePlan
from tests.household import MIA, NOW, allow, block, policy

GAMES = frozenset({"games"})


def records(made: Policy) -> list[str]:
    lines = list(zone_lines(made, 7, "for Mia"))
    assert lines[1] == "@ SOA localhost. hostmaster.localhost. 7 3600 600 86400 60"
    return sorted(line for line in lines[3:] if not line.startswith(";"))


def test_a_line_stands_where_something_changes() -> None:
    made = policy(
        replace(MIA, categories=GAMES),
        allow("chess.games.example"),
        block("=one.example"),
        categories={"games": ["games.example", "deep.games.example"], "other": ["o.example"]},
    )
    assert records(made) == [
        "*.chess.games.example CNAME rpz-passthru.",
        "*.games.example CNAME .",
        "chess.games.example CNAME rpz-passthru.",
        "games.example CNAME .",
        "one.example CNAME .",
    ]


def test_an_allowlist_denies_all_else_and_safe_search_leads_to_its_host() -> None:
    made = policy(
        replace(MIA, default=Default.ALLOWLIST, safe_search=(("seek", "strict"),)),
        allow("free.example"),
        allow("seek.example"),
        engines={"seek": (["seek.example"], {"strict": "safe.seek.example"})},
    )
    found = records(made)
    assert "* CNAME ." in found
    assert "free.example CNAME rpz-passthru." in found
    assert "seek.example CNAME safe.seek.example." in found
    assert "*.seek.example CNAME rpz-passthru." in found  # and so the safe host


def test_what_a_zone_cannot_say_is_counted() -> None:
    text = "||ads*.example^\n||t.example^$dnstype=AAAA\n||plain.example^"
    made = policy(
        replace(MIA, categories=GAMES),
        written={"r": (ListKind.CATEGORY, "games", ListFormat.ADBLOCK, text)},
    )
    lines = list(zone_lines(made, 7, "for Mia"))
    assert lines[-1].startswith("; 2 rules cannot be said")
    assert records(made) == ["*.plain.example CNAME .", "plain.example CNAME ."]


def test_addresses_are_written_as_they_are_read() -> None:
    text = "198.51.100.0/24\n2001:db8:bad::/48"
    made = policy(
        replace(MIA, categories=GAMES),
        written={"r": (ListKind.CATEGORY, "games", ListFormat.ADDRESSES, text)},
    )
    found = records(made)
    assert "24.0.100.51.198.rpz-ip CNAME ." in found
    again = parse_list("\n".join(found), ListFormat.RPZ)
    assert {each for each, _ in again.special.networks} == {"198.51.100.0/24", "2001:db8:bad::/48"}


@pytest.mark.parametrize(
    ("address", "owner"),
    [
        ("2001:db8::/32", "32.zz.db8.2001.rpz-ip"),
        ("2001:db8:bad::/48", "48.zz.bad.db8.2001.rpz-ip"),
        ("::1", "128.1.zz.rpz-ip"),
        ("2001:db8::ff9b:0:0/96", "96.0.0.ff9b.zz.db8.2001.rpz-ip"),
        # Of runs as long as each other the first; a single zero stays (RFC 5952 section 4.2).
        ("2001:db8:0:0:1:0:0:1", "128.1.0.0.1.zz.db8.2001.rpz-ip"),
        ("2001:db8:1:2:3:0:5:6", "128.6.5.0.3.2.1.db8.2001.rpz-ip"),
    ],
)
def test_an_ipv6_address_is_written_as_bind_writes_it(address: str, owner: str) -> None:
    made = policy(MIA, block(address))
    assert records(made) == [f"{owner} CNAME ."]
    again = parse_list(f"{owner} CNAME .", ListFormat.RPZ)
    assert [each for each, _ in again.special.networks] == [str(ip_network(address))]


def test_rules_about_addresses_are_written_too() -> None:
    made = policy(MIA, block("198.51.100.0/24"), allow("198.51.100.7"))
    assert records(made) == [
        "24.0.100.51.198.rpz-ip CNAME .",
        "32.7.100.51.198.rpz-ip CNAME rpz-passthru.",
    ]


def test_an_exception_of_one_list_opens_no_address_that_another_blocks() -> None:
    opening = "32.7.100.51.198.rpz-ip CNAME rpz-passthru.\n24.0.100.51.198.rpz-ip CNAME ."
    made = policy(
        replace(MIA, categories=GAMES),
        written={
            "a": (ListKind.CATEGORY, "games", ListFormat.RPZ, opening),
            "b": (ListKind.CATEGORY, "games", ListFormat.ADDRESSES, "198.51.100.0/28"),
        },
    )
    assert "32.7.100.51.198.rpz-ip CNAME ." in records(made)


def test_times_are_left_out() -> None:
    whole = Closure(Reason.PAUSED, NOW - 60, NOW + 600)
    made = policy(MIA, timing=TimePlan(closures=(whole,)))
    assert decide(made, "a.example", A, NOW).blocks
    assert records(made) == []


def test_a_hosts_file_has_the_blocked_names_and_says_what_it_cannot_say() -> None:
    made = policy(
        replace(MIA, categories=GAMES),
        allow("chess.games.example"),
        block("*.below.example"),
        categories={"games": ["games.example", "deep.games.example"], "other": ["o.example"]},
    )
    lines = list(host_lines(made, "for Mia"))
    assert [each for each in lines if not each.startswith("#")] == [
        "0.0.0.0 games.example",
        "0.0.0.0 deep.games.example",
    ]
    strict = policy(replace(MIA, default=Default.ALLOWLIST), allow("chess.example"))
    assert any("all other domains are blocked" in each for each in host_lines(strict, "for Mia"))
    assert not any(each.startswith("0.0.0.0 chess") for each in host_lines(strict, "for Mia"))
