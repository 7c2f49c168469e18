"""Measure lists of the catalogue by names that people sorted by hand.

`python -m tests.list_scores` writes `blocklists/scores.yaml`: of each list of which the data folder
has a version, how much it catches of its subject and what it takes of everything else, label by
label.  Numbers alone, since the table may be measured with and not passed on.  docs/lists.md tells
the method.
"""

from __future__ import annotations

import gzip
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from textwrap import wrap
from typing import NamedTuple

from copdns.list_files.audit import read_table
from copdns.list_files.load import bundled_text
from copdns.lists.catalogue import read_files
from copdns.lists.index import DictIndex, ListInfo, ListKind
from copdns.lists.parse import parse_list
from copdns.lists.source import Source, sources_of

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
PAGE = ROOT / "blocklists" / "scores.yaml"
TABLE = "allow/citizenlab-A.tsv.gz"
UT1, UT1_AT = "ut1/blacklists-shared.tar.gz", "2026-08-17"


class Measured(NamedTuple):
    """file: of the list, below block/ of the data.  at: the day of that version.  wanted: labels of
    its subject; none, where no label is about that."""

    file: str
    at: str
    wanted: tuple[str, ...]


LISTS = {
    "sinfonietta-pornography": Measured(
        "sinfonietta/pornography.hosts.txt.gz", "2026-04-23", ("PORN",)
    ),
    "ut1-gambling": Measured(UT1, UT1_AT, ("GMB",)),
    "sinfonietta-gambling": Measured("sinfonietta/gambling.hosts.txt", "2026-04-23", ("GMB",)),
    "blp-drugs": Measured("blocklistproject/drugs.domains.txt.gz", "2026-07-20", ("ALDR",)),
    "blp-vaping": Measured("blocklistproject/vaping.domains.txt", "2026-07-20", ("ALDR",)),
    "sinfonietta-snuff": Measured("sinfonietta/snuff.hosts.txt", "2026-04-23", ()),
    "ut1-agressif": Measured(UT1, UT1_AT, ("HATE", "MILX")),
    "ut1-dating": Measured(UT1, UT1_AT, ("DATE",)),
    "sinfonietta-social": Measured("sinfonietta/social.hosts.txt", "2026-04-23", ("GRP",)),
    "ut1-games": Measured(UT1, UT1_AT, ("GAME",)),
    "blp-piracy": Measured("blocklistproject/piracy.domains.txt", "2026-07-20", ("FILE",)),
    "blp-phishing": Measured("large/phishing.domains.txt.gz", "2026-07-20", ()),
    "ut1-doh": Measured(UT1, UT1_AT, ("ANON",)),
    "ut1-vpn": Measured(UT1, UT1_AT, ("ANON",)),
}


def text_of(measured: Measured, source: Source, block: Path) -> str:
    """Return a list as it was downloaded."""
    octets = (block / measured.file).read_bytes()
    if measured.file.endswith(".tar.gz"):
        with tarfile.open(fileobj=BytesIO(octets)) as archive:
            member = archive.extractfile(f"blacklists/{source.member}")
            assert member is not None, source.slug
            octets = member.read()
    elif measured.file.endswith(".gz"):
        octets = gzip.decompress(octets)
    return octets.decode("utf-8", "replace")


def labels_of(data: Path) -> Mapping[str, frozenset[str]]:
    """Return the labels of each name of the table."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    table = gzip.decompress((data / TABLE).read_bytes()).decode()
    for row in read_table(table, TABLE).rows:
        found[row.name].add(row.label)
    return {name: frozenset(labels) for name, labels in found.items()}


def measure(data: Path) -> Iterator[str]:
    """Yield the lines of the file."""
    sources = {each.slug: each for each in sources_of(read_files(bundled_text).catalogue)}
    labels = labels_of(data)
    yield HEAD
    yield f"labels: {_map(Counter(label for each in labels.values() for label in each))}"
    yield f"domains: {len(labels)}"
    yield "lists:"
    for slug, measured in LISTS.items():
        source, wanted = sources[slug], frozenset(measured.wanted)
        text = text_of(measured, source, data / "block")
        parsed = parse_list(text, source.format, source.match)
        index = DictIndex([(ListInfo(0, slug, ListKind.CATEGORY, slug, "1"), parsed.entries)])
        blocked = {name for name in labels if any(not e.allow for e in index.find(name))}
        by_label = Counter(label for name in blocked for label in labels[name])
        yield f"  {slug}:"
        yield f"    version: {measured.at}"
        yield f"    entries: {parsed.used_count}"
        yield f"    wanted: [{', '.join(measured.wanted)}]"
        if wanted:
            of = [name for name, found in labels.items() if found & wanted]
            yield f"    caught: {{of: {len(of)}, blocked: {len(blocked.intersection(of))}}}"
        others = [name for name, found in labels.items() if not found & wanted]
        yield f"    others: {{of: {len(others)}, blocked: {len(blocked.intersection(others))}}}"
        yield f"    blocked: {_map(by_label)}"


def _map(counts: Mapping[str, int]) -> str:
    """Return a map in one line of at most 100 characters each."""
    text = ", ".join(f"{label}:{_KEPT}{n}" for label, n in sorted(counts.items()))
    lines = wrap(text, 90, initial_indent="      ", subsequent_indent="      ")
    made = f"{{{text}}}" if len(text) < 70 else "{\n" + "\n".join(lines) + "\n    }"
    return made.replace(_KEPT, " ")


_KEPT = "_"  # no line is broken there


HEAD = """\
# What lists of the catalogue catch of their subject, and what they take of everything else.
# Part of copdns.  Licence: Apache-2.0.  Written by `python -m tests.list_scores`.
#
# Measured with a table of domains that volunteers in many countries sorted by hand; docs/lists.md
# names it and tells the method.  Counts alone are here, and no domain of it.  Lists are as their
# maintainers published them, before the gate of copdns.
#
# domains: in the table.  labels: how many of them have each.  lists, by slug: version, the day of
#   what was measured; entries, how many could be used; wanted, the labels of its subject (none,
#   where no label is about that); caught, of the domains with such a label; others, of all others;
#   blocked, by label.  A domain counts once for each of its labels, and once in the sums.
measured: 2026-11-29"""


def main() -> None:
    PAGE.write_text("\n".join(measure(DATA)) + "\n")


if __name__ == "__main__":
    main()
