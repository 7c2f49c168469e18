"""Lists are read as other resolvers read them: vectors, and one list in four forms."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from copdns.lists.index import DictIndex, ListInfo, ListKind
from copdns.lists.parse import ListFormat, parse_list
from copdns.model.errors import ListError
from copdns.model.matchers import MatchKind

USED_ADBLOCK = {*range(1, 6), *range(9, 12), *range(19, 31), *range(75, 79)}


@pytest.mark.shared_data
def test_every_vector_for_these_forms_is_read_as_expected(shared_data: Path) -> None:
    wrong, left_out = [], []
    for line in (shared_data / "list-syntax-vectors.jsonl").read_text().splitlines():
        vector = json.loads(line)
        form, _, number = vector["id"].partition("-")
        if form not in set(ListFormat):
            continue
        if form == ListFormat.ADBLOCK and int(number) not in USED_ADBLOCK:
            left_out.append(vector)
            continue
        outcome = _outcome(ListFormat(form), vector["list"], vector["qname"])
        if not any(word in vector["expected"] for word in outcome):
            wrong.append((vector["id"], vector["expected"], outcome))
    assert wrong == []
    assert [each["id"] for each in left_out if not _leaves_the_rest_out(each["list"])] == []


def _leaves_the_rest_out(text: str) -> bool:
    """Tell whether every line is unused, but those that are plain rules by themselves."""
    lines = text.split("\n")
    plain = [line for line in lines if _PLAIN.fullmatch(line)]
    parsed = parse_list(text, ListFormat.ADBLOCK)
    return (parsed.used_count, sum(parsed.unused.values())) == (len(plain), len(lines) - len(plain))


_PLAIN = re.compile(r"(@@)?\|\|[\w.]+\^|127\.0\.0\.1 [\w.]+")


def _outcome(form: ListFormat, text: str, qname: str) -> tuple[str, ...]:
    """Return the words of the vectors that fit what a list does to a name."""
    try:
        parsed = parse_list(text, form)
    except ListError:
        return ("LOAD-REFUSED", "SKIP-RULE", "pass")  # a refused list uses none of its lines
    index = DictIndex([(ListInfo(0, "v", ListKind.CATEGORY, "v", "1"), parsed.entries)])
    found = index.find(qname.lower())
    if found:
        return ("allow",) if any(entry.allow for entry in found) else ("block",)
    return ("pass", "SKIP-RULE") if parsed.unused else ("pass",)


@pytest.mark.shared_data
@pytest.mark.parametrize("stem", ["doh-vpn-proxy-bypass", "nosafesearch"])
def test_one_list_in_four_forms_gives_the_verdicts_of_other_resolvers(
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
