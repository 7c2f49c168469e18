"""The audit of real lists by real labels: what the start for 7 to 9 years blocks, and what not.

The lists of the catalogue come from a server on loopback, as `copdns lists update` fetches them.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from copdns.household.presets import apply
from copdns.list_files.load import bundled_presets, bundled_text
from copdns.lists.catalogue import files
from copdns.lists.source import Source, sources_of
from copdns.model.household import Band, Profile
from tests.list_server import ListServer, list_server
from tests.running import COPDNS

UT1 = "ut1/blacklists-shared.tar.gz"
# Lists of the catalogue by the file below block/ that holds them: defaults, and where the default
# of a category is not among the files, another one of it (*).
FILES = {
    "sinfonietta-pornography": "sinfonietta/pornography.hosts.txt.gz",
    "ut1-gambling": UT1,
    "sinfonietta-gambling": "sinfonietta/gambling.hosts.txt",
    "blp-drugs": "blocklistproject/drugs.domains.txt.gz",
    "blp-vaping": "blocklistproject/vaping.domains.txt",
    "sinfonietta-snuff": "sinfonietta/snuff.hosts.txt",
    "ut1-agressif": UT1,  # *
    "ut1-dating": UT1,  # *
    "sinfonietta-social": "sinfonietta/social.hosts.txt",  # *
    "ut1-games": UT1,  # *, for a category that the start for this age leaves open
    "blp-piracy": "blocklistproject/piracy.domains.txt",
    "blp-phishing": "large/phishing.domains.txt.gz",  # *
    "ut1-doh": UT1,
    "ut1-vpn": UT1,
}
STARTER = {
    "self_harm",
    "chat",
    "malware",
}  # of these the data have none, and starter lists stand in


def catalogued() -> dict[str, Source]:
    return {each.slug: each for each in sources_of(files(bundled_text).catalogue)}


class Audited:
    """A household whose settings fetch those lists from a server, and the audit of a table."""

    def __init__(self, folder: Path, data: Path, server: ListServer) -> None:
        self._options = ("-c", folder / "copdns.yaml", "--data", folder / "data")
        sources = [_own(catalogued()[slug], data / "block", server) for slug in FILES]
        settings = {"sources": {"use": "none", "own": sources, "max_names": 1_000_000}}
        (folder / "copdns.yaml").write_text(json.dumps(settings))
        self.update = self._said("lists", "update")
        table = data / "allow" / "citizenlab-A.tsv.gz"
        self.audit = self._said("lists", "audit", table, "--band=7-9", "--wanted=PORN,GMB")

    def _said(self, *words: str | Path) -> dict[str, Any]:
        done = subprocess.run(
            [*COPDNS, *self._options, *words, "--json"],
            env=os.environ,
            capture_output=True,
            text=True,
            check=True,
        )
        return dict(json.loads(done.stdout))

    def percent(self, label: str) -> float:
        (share,) = [each["percent"] for each in self.audit["labels"] if each["label"] == label]
        return float(share)

    def lists(self, label: str) -> dict[str, float]:
        (share,) = [each for each in self.audit["labels"] if each["label"] == label]
        return {each["list"]: each["percent"] for each in share["lists"]}


def _own(source: Source, block: Path, server: ListServer) -> dict[str, str]:
    """Serve a list, and return the settings that take it from there, read as the catalogue says."""
    url = server.put(f"/{FILES[source.slug]}", (block / FILES[source.slug]).read_bytes())
    form = {"format": source.format.value, "match": source.match.value}
    member = {"member": f"blacklists/{source.member}"} if source.member else {}
    return {"slug": source.slug, "url": url, "category": source.category, **form, **member}


@pytest.fixture(scope="module")
def audited(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    with list_server() as server:
        yield Audited(tmp_path_factory.mktemp("audit"), shared_data, server)


def test_every_category_of_the_start_for_this_age_has_a_list_of_the_catalogue() -> None:
    start = apply(bundled_presets()[Band("7-9")], Profile("mia", "Mia", Band("7-9")))
    needed = {*start.categories, "malware", "phishing", "bypass"}
    assert needed - STARTER <= {catalogued()[slug].category for slug in FILES}


@pytest.mark.shared_data
def test_all_of_them_are_fetched(audited: Audited) -> None:
    assert {each["list"]: each["result"] for each in audited.update["lists"]} == dict.fromkeys(
        FILES, "new"
    )
    assert sum(each["names"] for each in audited.update["lists"]) > 300_000


@pytest.mark.shared_data
def test_most_of_what_should_be_blocked_is(audited: Audited) -> None:
    assert audited.audit["should_be"]["names"] > 350
    assert audited.percent("PORN") > 60
    assert audited.percent("GMB") > 35


@pytest.mark.shared_data
def test_little_else_is_blocked_and_least_of_what_children_have_a_right_to(
    audited: Audited,
) -> None:
    assert audited.audit["should_not_be"]["names"] > 7_000
    assert audited.audit["should_not_be"]["percent"] < 8
    assert max(audited.percent(label) for label in ("LGBT", "XED")) < 8
    assert max(audited.percent(label) for label in ("NEWS", "HUMR", "PUBH", "REL", "POLR")) < 3
    assert audited.percent("IGO") == 0


@pytest.mark.shared_data
def test_the_audit_says_which_list_it_was(audited: Audited) -> None:
    assert audited.lists("PORN")["sinfonietta-pornography"] > 60
    assert audited.lists("GMB")["ut1-gambling"] > 30
    assert audited.lists("PORN")["starter-adult"] > 10
    named = {each for label in audited.audit["labels"] for each in audited.lists(label["label"])}
    assert "ut1-games" not in named  # the start for this age leaves games open
