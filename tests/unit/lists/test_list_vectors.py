"""Lists are read as other resolvers read them: vectors, and one list in six forms."""

from __future__ import annotations

import json
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from copdns.lists.index import DictIndex, ListInfo, ListKind
from copdns.lists.parse import ListFormat, SkipReason, parse_list
from copdns.model.errors import ListError
from copdns.model.matchers import MatchKind
from copdns.model.record_types import qtype_number
from copdns.policy.list_rules import Asker, ListRules

# Of a vector's word for an answer that a list gives itself: the line is left out, and told.
GIVES_ANSWER = {"adblock-067", "adblock-068", "adblock-071", "adblock-072", "adblock-073"}
GIVES_ANSWER |= {"rpz-010", "rpz-011"}
# `NXDOMAIN` and the like: how a block is answered is a setting of the profile.
WITHHELD = ("rewrite NXDOMAIN", "rewrite REFUSED")


@pytest.mark.shared_data
def test_every_vector_is_read_as_expected(shared_data: Path) -> None:
    wrong, forms = [], set()
    for line in (shared_data / "list-syntax-vectors.jsonl").read_text().splitlines():
        vector = json.loads(line)
        form = vector["format"]
        forms.add(form)
        if form == "ut1":
            file, _, text = vector["list"].partition(": ")
            if file.rpartition("/")[2] not in ("domains", "urls", "expressions"):
                continue  # an archive: `member` names the one file to use (tests of unpacking)
            vector |= {"format": "domains", "list": text, "match": "subtree"}
        if vector["id"] in GIVES_ANSWER:
            parsed = parse_list(vector["list"], ListFormat(form))
            assert parsed.unused.get(SkipReason.ANSWER), vector["id"]
            assert (parsed.blocks, parsed.allows) == ({}, {}), vector["id"]
            continue
        found = _outcome(vector)
        if not any(word in vector["expected"] for word in found):
            wrong.append((vector["id"], vector["expected"], found))
    assert wrong == []
    assert len(forms) == 8


def _outcome(vector: dict[str, str]) -> tuple[str, ...]:
    """Return the words of the vectors that fit what a list does to a name."""
    form, qname = ListFormat(vector["format"]), vector["qname"].lower()
    try:
        parsed = parse_list(
            vector["list"], form, MatchKind(vector["match"]) if "match" in vector else None
        )
    except ListError:
        return ("LOAD-REFUSED", "SKIP-RULE", "pass")  # a refused list uses none of its lines
    info = ListInfo(0, "v", ListKind.CATEGORY, "v", "1")
    index = DictIndex([(info, parsed.entries)], [parsed.special])
    rules = ListRules(index.special, (_asker(vector),))
    found = rules.resolve(index.find(qname), qname, qtype_number(vector["qtype"]))
    if index.special.networks:
        blocked = index.special.networks[0].find(ip_address("192.0.2.1").packed)
        return ("block if the answer has 192.0.2.1",) if blocked else ("pass",)
    if any(entry.allow for entry in found):
        # Over TCP the device gets its answer.
        return ("allow", "TC=1 over UDP")
    if found:
        return ("block", *WITHHELD)
    return ("pass", "SKIP-RULE", "skip") if parsed.unused else ("pass",)


def _asker(vector: dict[str, str]) -> Asker:
    client = "192.0.2.7" if vector["id"] == "rpz-013" else vector["client"]
    kind, _, value = client.rpartition("=")
    if kind == "name":
        return Asker(frozenset({value.casefold()}), (), frozenset())
    if kind == "tag":
        return Asker(frozenset(), (), frozenset({value}))
    return Asker(frozenset(), (ip_network(value),) if value else (), frozenset())


@pytest.mark.shared_data
@pytest.mark.parametrize("stem", ["doh-vpn-proxy-bypass", "nosafesearch"])
def test_one_list_in_six_forms_gives_the_verdicts_of_other_resolvers(
    shared_data: Path, stem: str
) -> None:
    folder = shared_data / "block" / "hagezi-2022"

    def index(file: str, form: ListFormat, match: MatchKind) -> DictIndex:
        parsed = parse_list((folder / f"{stem}.{file}").read_text(), form, match)
        assert parsed.unused == {}
        info = ListInfo(0, stem, ListKind.CATEGORY, stem, "1")
        return DictIndex([(info, parsed.entries)])

    subtree = [
        index("wildcard.txt", ListFormat.WILDCARD, MatchKind.SUBTREE),
        index("domains.txt", ListFormat.DOMAINS, MatchKind.SUBTREE),
        index("hosts.txt", ListFormat.HOSTS, MatchKind.SUBTREE),
        index("adblock.txt", ListFormat.ADBLOCK, MatchKind.EXACT),
        index("dnsmasq.txt", ListFormat.DNSMASQ, MatchKind.EXACT),
        index("unbound.conf", ListFormat.UNBOUND, MatchKind.EXACT),
    ]
    exact = [
        index("domains.txt", ListFormat.DOMAINS, MatchKind.EXACT),
        index("hosts.txt", ListFormat.HOSTS, MatchKind.EXACT),
    ]
    rows = [line.split("\t") for line in (folder / "EXPECTED.tsv").read_text().splitlines()]
    probes = [(row[2].lower(), *row[3:]) for row in rows if row[0] == stem]
    assert len(probes) > 100
    for name, as_subtree, as_exact in probes:
        assert {bool(each.find(name)) for each in subtree} == {as_subtree == "block"}, name
        assert {bool(each.find(name)) for each in exact} == {as_exact == "block"}, name


@pytest.mark.shared_data
def test_a_zone_blocks_what_the_same_list_blocks_as_rules(shared_data: Path) -> None:
    folder = shared_data / "block" / "doh-bypass"
    zone = parse_list((folder / "DOH.rpz").read_text(), ListFormat.RPZ)
    rules = parse_list((folder / "DOHadb.txt").read_text(), ListFormat.ADBLOCK)
    assert sum(zone.unused.values()) - zone.unused.get(SkipReason.DUPLICATE, 0) < 5
    assert len(zone.blocks.keys() & rules.blocks.keys()) > 0.98 * len(rules.blocks)
