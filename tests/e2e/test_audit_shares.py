"""The audit of real lists by real labels: what the start for 7 to 9 years blocks, and what not."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.running import COPDNS

# slug, category, format and match, then the file below block/.
FILES = (
    ("sin-adult", "adult", "hosts", "subtree", "sinfonietta/pornography.hosts.txt.gz"),
    ("sin-gambling", "gambling", "hosts", "subtree", "sinfonietta/gambling.hosts.txt"),
    ("sin-violence", "violence", "hosts", "subtree", "sinfonietta/snuff.hosts.txt"),
    ("sin-social", "social", "hosts", "subtree", "sinfonietta/social.hosts.txt"),
    ("blp-drugs", "drugs", "adblock", "exact", "blocklistproject/drugs.adguard.txt.gz"),
    ("blp-piracy", "piracy", "adblock", "exact", "blocklistproject/piracy.adguard.txt"),
    ("blp-phishing", "phishing", "domains", "subtree", "large/phishing.domains.txt.gz"),
    ("doh", "bypass", "adblock", "exact", "doh-bypass/DOHadb.txt"),
    ("vpn", "bypass", "wildcard", "subtree", "hagezi-2022/doh-vpn-proxy-bypass.wildcard.txt"),
)
UT1 = {
    "mixed_adult": "adult",
    "gambling": "gambling",
    "drogue": "drugs",
    "agressif": "violence",
    "dating": "dating",
    "vpn": "bypass",
    "doh": "bypass",
    "social_networks": "social",
    "chat": "chat",
    "games": "games",
    "hacking": "malware",
}


@pytest.fixture(scope="module")
def audited(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("audit")
    block = shared_data / "block"
    lists = [
        _list(folder, slug, category, form, match, _unpacked(block / file))
        for slug, category, form, match, file in FILES
    ]
    with tarfile.open(block / "ut1" / "blacklists-shared.tar.gz") as tar:
        for name, category in UT1.items():
            member = tar.extractfile(f"blacklists/{name}/domains")
            assert member is not None
            slug = f"ut1-{name.replace('_', '-')}"
            lists.append(_list(folder, slug, category, "domains", "subtree", member.read()))
    (folder / "copdns.yaml").write_text(json.dumps({"lists": lists}))
    table = shared_data / "allow" / "citizenlab-A.tsv.gz"
    start: list[str | Path] = [*COPDNS, "-c", folder / "copdns.yaml", "--data", folder / "data"]
    done = subprocess.run(
        [*start, "lists", "audit", table, "--band=7-9", "--wanted=PORN,GMB", "--json"],
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _unpacked(path: Path) -> bytes:
    octets = path.read_bytes()
    return gzip.decompress(octets) if path.suffix == ".gz" else octets


def _list(
    folder: Path, slug: str, category: str, form: str, match: str, octets: bytes
) -> dict[str, str]:
    (folder / f"{slug}.txt").write_bytes(octets)
    kind = {"category": category, "format": form, "match": match}
    return {"slug": slug, "path": f"{slug}.txt", **kind}


def percent(audited: dict[str, Any], label: str) -> float:
    (share,) = [each["percent"] for each in audited["labels"] if each["label"] == label]
    return float(share)


@pytest.mark.shared_data
def test_most_of_what_should_be_blocked_is(audited: dict[str, Any]) -> None:
    assert audited["should_be"]["names"] > 350
    assert percent(audited, "PORN") > 60
    assert percent(audited, "GMB") > 35


@pytest.mark.shared_data
def test_little_else_is_blocked_and_least_of_what_children_have_a_right_to(
    audited: dict[str, Any],
) -> None:
    assert audited["should_not_be"]["names"] > 7_000
    assert audited["should_not_be"]["percent"] < 8
    assert max(percent(audited, label) for label in ("LGBT", "XED")) < 8
    assert max(percent(audited, label) for label in ("NEWS", "HUMR", "PUBH", "REL", "POLR")) < 3
    assert percent(audited, "IGO") == 0


@pytest.mark.shared_data
def test_the_audit_says_which_list_it_was(audited: dict[str, Any]) -> None:
    (porn,) = [each for each in audited["labels"] if each["label"] == "PORN"]
    by = {each["list"]: each["percent"] for each in porn["lists"]}
    assert by["sin-adult"] > 60
    assert by["starter-adult"] > 10
    games = {each["list"] for label in audited["labels"] for each in label["lists"]}
    assert "ut1-games" not in games  # the start for this age leaves games open
