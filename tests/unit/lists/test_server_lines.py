"""Tests of lines for other DNS servers: dnsmasq, unbound and response policy zones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.lists.index import DictIndex, ListInfo, ListKind
from copdns.lists.line import ListedName, ListedNetwork, ListedRule, Outcome, SkipReason
from copdns.lists.parse import ListFormat, parse_list
from copdns.lists.server_lines import ZoneReader, read_dnsmasq, read_rpz_network, read_unbound
from copdns.lists.terms import Terms
from copdns.model.matchers import MatchKind
from copdns.model.names import suffixes
from copdns.policy.list_rules import ListRules
from copdns.policy.matching import ListSet

SUBTREE, EXACT, BELOW = MatchKind.SUBTREE, MatchKind.EXACT, MatchKind.BELOW


@pytest.mark.parametrize(
    ("line", "outcomes"),
    [
        ("address=/a.example/#", [ListedName("a.example", SUBTREE)]),
        ("address=/a.example/0.0.0.0", [ListedName("a.example", SUBTREE)]),
        ("address=/a.example/", [ListedName("a.example", SUBTREE)]),
        ("address=/a.example/192.0.2.1", [ListedName("a.example", SUBTREE)]),
        ("server=/a.example/", [ListedName("a.example", SUBTREE)]),
        ("local=/a.example/  # a remark", [ListedName("a.example", SUBTREE)]),
        ("server=/a.example/#", [ListedName("a.example", SUBTREE, allow=True)]),
        (
            "address=/a.example/b.example/#",
            [ListedName("a.example", SUBTREE), ListedName("b.example", SUBTREE)],
        ),
        ("server=/a.example/127.0.0.53", [SkipReason.OPTION]),
        ("address=/#/0.0.0.0", [SkipReason.SUFFIX]),
        ("addn-hosts=/etc/passwd", [SkipReason.OPTION]),
        ("conf-file=/etc/passwd", [SkipReason.OPTION]),
        ("# a remark", []),
        ("", []),
    ],
)
def test_a_line_for_dnsmasq(line: str, outcomes: list[Outcome]) -> None:
    assert list(read_dnsmasq(line)) == outcomes


@pytest.mark.parametrize(
    ("line", "outcomes"),
    [
        ('local-zone: "a.example." always_null', [ListedName("a.example", SUBTREE)]),
        ("  local-zone: a.example static # x", [ListedName("a.example", SUBTREE)]),
        ('local-zone: "a.example" redirect', [ListedName("a.example", SUBTREE)]),
        ('local-zone: "a.example" transparent', []),
        (
            'local-zone: "a.example" always_transparent',
            [ListedName("a.example", SUBTREE, allow=True)],
        ),
        ('local-zone: "a.example" nosuchtype', [SkipReason.OPTION]),
        ('local-data: "a.example A 0.0.0.0"', [ListedName("a.example", EXACT)]),
        ('local-data: "a.example. 60 IN AAAA ::"', [ListedName("a.example", EXACT)]),
        ("local-data: 'a.example TXT \"hello\"'", [SkipReason.ANSWER]),
        ("server:", []),
        ("# x", []),
        ('include: "/etc/passwd"', [SkipReason.OPTION]),
    ],
)
def test_a_line_for_unbound(line: str, outcomes: list[Outcome]) -> None:
    assert list(read_unbound(line)) == outcomes


def zone(*lines: str) -> list[Outcome]:
    reader = ZoneReader()
    return [outcome for line in lines for outcome in reader.read(line)]


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("a.example CNAME .", ListedName("a.example", EXACT)),
        ("A.Example 60 IN CNAME . ; why", ListedName("a.example", EXACT)),
        ("*.a.example CNAME *.", ListedName("a.example", BELOW)),
        ("a.example CNAME rpz-drop.", ListedName("a.example", EXACT)),
        ("a.example CNAME rpz-passthru.", ListedName("a.example", EXACT, allow=True)),
        ("a.example CNAME rpz-tcp-only.", ListedName("a.example", EXACT, allow=True)),
        ("a.example CNAME a.example.", ListedName("a.example", EXACT, allow=True)),
        ("a.example A 0.0.0.0", ListedName("a.example", EXACT)),
        ("a.example A 192.0.2.9", SkipReason.ANSWER),
        ("www.google.com CNAME forcesafesearch.google.com.", SkipReason.ANSWER),
        ('a.example TXT "x"', SkipReason.ANSWER),
        ("* CNAME .", SkipReason.SUFFIX),
        ("24.0.2.0.192.rpz-ip CNAME .", ListedNetwork("192.0.2.0/24")),
        ("32.9.2.0.192.rpz-ip CNAME rpz-passthru.", ListedNetwork("192.0.2.9/32", allow=True)),
        ("0.0.0.0.0.rpz-ip CNAME .", SkipReason.SUFFIX),
        (
            "24.0.2.0.192.rpz-client-ip CNAME rpz-passthru.",
            ListedRule("*", None, Terms(allow=True, clients=("192.0.2.0/24",))),
        ),
        ("ns.bad.example.rpz-nsdname CNAME .", SkipReason.TRIGGER),
        ("32.9.2.0.192.rpz-nsip CNAME .", SkipReason.TRIGGER),
        ("$INCLUDE /etc/passwd", SkipReason.OPTION),
        ("$GENERATE 1-9 a$ CNAME .", SkipReason.OPTION),
        ("a.example CNAME", SkipReason.SYNTAX),
    ],
)
def test_a_record_of_a_zone(line: str, outcome: Outcome) -> None:
    assert zone(line) == [outcome]


def test_what_every_zone_has_says_nothing() -> None:
    assert (
        zone(
            "$TTL 60",
            "@ IN SOA localhost. root.localhost. (",
            "  1 3600 ; serial",
            "  600 86400 60 )",
            "  NS localhost.",
            "; remark",
            "# not a remark of a zone, but lists have it",
        )
        == []
    )


def test_the_zones_own_name_is_cut_off() -> None:
    assert zone("$ORIGIN rpz.zone.", "a.example.rpz.zone. CNAME .", "b.example CNAME .") == [
        ListedName("a.example", EXACT),
        ListedName("b.example", EXACT),
    ]
    assert zone("rpz.zone. SOA a. b. 1 1 1 1 1", "a.example. CNAME .") == [SkipReason.NAME]
    assert zone("$ORIGIN rpz.zone.", "a.other-rpz.zone. CNAME .") == [SkipReason.NAME]


def test_a_line_without_an_owner_is_about_the_one_before() -> None:
    assert zone("a.example A 192.0.2.1", " CNAME .")[1] == ListedName("a.example", EXACT)


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("32.1.2.0.192", "192.0.2.1/32"),
        ("24.0.2.0.192", "192.0.2.0/24"),
        ("128.1.zz.2001", "2001::1/128"),
        ("32.zz.db8.2001", "2001:db8::/32"),
        ("128.1.zz", "::1/128"),
        ("128.8.7.6.5.4.3.2.1", "1:2:3:4:5:6:7:8/128"),
        ("24.1.2.0.192", None),
        ("99.1.2.0.192", None),
        ("x", None),
        ("", None),
    ],
)
def test_an_address_trigger_is_read_from_the_back(text: str, network: str | None) -> None:
    assert read_rpz_network(text) == network


@pytest.mark.parametrize(
    ("form", "lines"),
    [
        (ListFormat.DNSMASQ, ["address=/{}/#", "server=/{}/", "local=/{}/ # note"]),
        (ListFormat.UNBOUND, ['local-zone: "{}" always_null', 'local-zone: "{}." static # note']),
        (ListFormat.RPZ, ["{} CNAME .", "{}  60 IN CNAME .", "*.{} CNAME .", "{} CNAME . ; note"]),
    ],
)
def test_many_lines_at_once_read_as_each_by_itself(form: ListFormat, lines: list[str]) -> None:
    names = ["a.example", "a-b.example", "co.uk", "localhost", "192.0.2.1", "a_b.example", "com"]
    for line in lines:
        whole = parse_list("\n".join(line.format(name) for name in names), form)
        alone = [parse_list(line.format(name), form) for name in names]
        assert whole.blocks == {k: v for each in alone for k, v in each.blocks.items()}
        counts = {r for each in alone for r in each.unused}
        assert set(whole.unused) == counts


def test_what_opens_a_name_is_never_read_as_a_block() -> None:
    assert parse_list("server=/a.example/#", ListFormat.DNSMASQ).blocks == {}
    assert parse_list("a.example CNAME rpz-passthru.", ListFormat.RPZ).blocks == {}
    assert parse_list("1.2.0.192.rpz-nsip CNAME .", ListFormat.RPZ).blocks == {}


LABELS = st.lists(st.sampled_from("ab"), min_size=1, max_size=4).map(
    lambda labels: ".".join([*labels, "example"])
)
OWNERS = st.dictionaries(
    st.tuples(st.sampled_from(["", "*."]), LABELS).map("".join),
    st.sampled_from([".", "rpz-passthru."]),
    max_size=3,
)


def said_by_zone(records: dict[str, str], name: str) -> str:
    """Return what a zone says of a name: its own record, or the closest node's wildcard."""
    if name in records:
        return records[name]
    nodes = {each for owner in records for each in suffixes(owner.removeprefix("*."))}
    # A node without a record of its own is covered from above, as unbound has it.
    above = next((each for each in suffixes(name)[1:] if each in nodes), "")
    return records.get(f"*.{above}", "")


@given(OWNERS, LABELS)
def test_the_closest_owner_of_a_zone_decides(records: dict[str, str], name: str) -> None:
    zone = "\n".join(f"{owner} CNAME {target}" for owner, target in records.items())
    parsed = parse_list(zone, ListFormat.RPZ)
    info = ListInfo(0, "zone", ListKind.CATEGORY, "zone", "1")
    index = DictIndex([(info, parsed.entries)], [parsed.special])
    found = ListRules(index.special, ()).resolve(index.find(name), name, 1)
    is_blocked = ListSet([info]).find(found) is not None
    assert is_blocked is (said_by_zone(records, name) == ".")
