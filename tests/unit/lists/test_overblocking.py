"""What the nine default lists of the data folder take from children that they have a right to.

All of them go through the gate with the bundled lists, as on a real machine, and each name of a
table is put to the policy of a preset.  The tables are measured with, and not bundled.
"""

from __future__ import annotations

import csv
import gzip
import sys
import tarfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
import yaml

from copdns.household.presets import apply
from copdns.list_files.load import bundled_presets, bundled_text
from copdns.lists.catalogue import Catalogue, build_catalogue, read_files
from copdns.lists.drafts import added_drafts, all_drafts, bundled_drafts
from copdns.lists.index import ListKind
from copdns.lists.parse import SkipReason
from copdns.lists.small_index import Draft, build_index
from copdns.lists.source import ListSource, sources_of
from copdns.model.household import Band, Profile
from copdns.model.verdict import Reason, Verdict
from copdns.policy.context import build_context
from copdns.policy.decide import Policy, decide
from copdns.policy.order import build_policy
from copdns.policy.special_names import A
from tests.household import DEFAULTS, NOW, family

UT1 = "ut1/blacklists-shared.tar.gz"
# The default lists of the catalogue that the data folder has, by their file below block/.
NINE = {
    "sinfonietta-pornography": "sinfonietta/pornography.hosts.txt.gz",
    "ut1-gambling": UT1,
    "sinfonietta-gambling": "sinfonietta/gambling.hosts.txt",
    "blp-drugs": "blocklistproject/drugs.domains.txt.gz",
    "blp-vaping": "blocklistproject/vaping.domains.txt",
    "sinfonietta-snuff": "sinfonietta/snuff.hosts.txt",
    "blp-piracy": "blocklistproject/piracy.domains.txt",
    "ut1-doh": UT1,
    "ut1-vpn": UT1,
}
# Lists that wait to be chosen, and hold what the gate is for.
OTHERS = {
    "ut1-dating": UT1,
    "ut1-games": UT1,
    "sinfonietta-social": "sinfonietta/social.hosts.txt",
    "blp-phishing": "large/phishing.domains.txt.gz",
}
RIGHTS = ("XED", "PUBH", "HUMR", "LGBT")
CHILDREN = (Band.TO_9, Band.TO_12, Band.TO_15, Band.TO_17)
# What a preset names: services, categories, and that engines without a safe mode are blocked.
CHOSEN = {Reason.SERVICE, Reason.CONTACT, Reason.CATEGORY, Reason.NO_SAFE_SEARCH}

pytestmark = pytest.mark.shared_data


def say(line: str) -> None:
    """Show what was measured, in the output of a test that failed, or with `pytest -s`."""
    sys.stdout.write(f"{line}\n")


def copies(data: Path, files: Mapping[str, str]) -> tuple[ListSource, ...]:
    known = {each.slug: each for each in sources_of(read_files(bundled_text).catalogue)}
    return tuple(
        ListSource(
            slug,
            known[slug].category,
            known[slug].format,
            known[slug].match,
            text=list_text(data / "block" / file, known[slug].member),
            is_catalogued=True,
        )
        for slug, file in files.items()
    )


def list_text(path: Path, member: str) -> str:
    if path.name.endswith(".tar.gz"):
        with tarfile.open(path) as tar:
            file = tar.extractfile(f"blacklists/{member}")
            assert file is not None
            return file.read().decode("utf-8", "replace")
    raw = path.read_bytes()
    return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8", "replace")


@cache
def library(data: Path, *, more: bool = False, gate: bool = True) -> Catalogue:
    sources = copies(data, {**NINE, **OTHERS} if more else NINE)
    found = read_files(bundled_text)
    drafts: Iterator[Draft] | list[Draft] = all_drafts(found, bundled_text, sources)
    if not gate:
        drafts = [*bundled_drafts(found, bundled_text), *added_drafts(found, sources)]
    return build_catalogue(found, sources, *build_index(list(drafts)))


def policy(found: Catalogue, band: Band) -> Policy:
    profile = apply(bundled_presets()[band], Profile("mia", "Mia", band))
    return build_policy(profile, (), build_context(found, DEFAULTS, family()), NOW)


def blocks(made: Policy, names: set[str]) -> dict[str, Verdict]:
    verdicts = {name: decide(made, name, A, NOW) for name in sorted(names)}
    return {name: each for name, each in verdicts.items() if each.blocks}


@cache
def labelled(data: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    with gzip.open(data / "allow" / "citizenlab-A.tsv.gz", "rt") as rows:
        for _, label, host, *_ in csv.reader(rows, delimiter="\t"):
            found.setdefault(label, set()).add(host.lower())
    return found


def universities(data: Path) -> set[str]:
    with (data / "allow" / "universities-hipo.tsv").open() as rows:
        return {row[0].lower() for row in csv.reader(rows, delimiter="\t")}


def rightly_blocked() -> dict[str, str]:
    file = yaml.safe_load((Path(__file__).parent / "rightly_blocked.yaml").read_text())
    return {**file["labels"], **file["services"]}


@pytest.mark.parametrize("slug", NINE)
def test_a_default_list_is_measured(shared_data: Path, slug: str) -> None:
    (source,) = [
        each for each in sources_of(read_files(bundled_text).catalogue) if each.slug == slug
    ]
    assert source.default
    (status,) = [each for each in library(shared_data).statuses if each.info.slug == slug]
    assert 0.6 < status.used_count / source.names < 1.4


@pytest.mark.parametrize("band", CHILDREN)
def test_what_children_have_a_right_to_is_blocked_only_with_a_reason(
    shared_data: Path, band: Band
) -> None:
    names = set().union(*(labelled(shared_data)[label] for label in RIGHTS))
    found = blocks(policy(library(shared_data), band), names | universities(shared_data))
    say(f"{band}: {len(found)} of {len(names)} labelled names, by {', '.join(NINE)}")
    assert found.keys() - rightly_blocked().keys() == set()


def test_every_reason_is_still_needed(shared_data: Path) -> None:
    names = set().union(*(labelled(shared_data)[label] for label in RIGHTS))
    found = blocks(policy(library(shared_data, more=True), Band.TO_9), names)
    assert rightly_blocked().keys() - found.keys() == set()


@pytest.mark.parametrize("band", CHILDREN)
def test_of_the_most_asked_names_hardly_any_is_blocked_but_what_the_preset_chose(
    shared_data: Path, band: Band
) -> None:
    file = shared_data / "allow" / "opendns-top-domains.txt"
    names = {line.strip().lower() for line in file.read_text().split()}
    found = blocks(policy(library(shared_data), band), names)
    others = {name: each for name, each in found.items() if each.reason not in CHOSEN}
    say(f"{band}: {len(found)} of {len(names)} blocked, by no choice {', '.join(others)}")
    assert len(names) > 9_000
    assert len(others) < len(names) / 1000


def test_the_gate_lets_no_less_of_what_lists_are_about_through(shared_data: Path) -> None:
    for label in ("PORN", "GMB"):
        names = labelled(shared_data)[label]
        with_gate, without = (
            len(blocks(policy(library(shared_data, gate=gate), Band.TO_9), names))
            for gate in (True, False)
        )
        say(f"{label}: {with_gate} of {len(names)} blocked with the gate, {without} without")
        assert with_gate >= without > 0.4 * len(names)


# What people met, each with the list that had it.
@pytest.mark.parametrize(
    "name",
    [
        *("www.icloud.com", "gateway.icloud.com.apple-dns.net", "apple-dns.net"),  # ut1-doh
        *("mta5.am0.yahoodns.net", "token.safebrowsing.apple"),
        *("gay.ru", "fridae.asia", "mambaonline.com", "hablemosdesexo.com"),  # adult
        *("www.wnycstudios.org", "cds.s5x3j6q5.hwcdn.net"),
        *("sofascore.com", "www.sofascore.com"),  # ut1-gambling
        *("drugs.com", "rxlist.com"),  # blp-drugs
        "d.la1-c1-frf.salesforceliveagent.com",  # ut1-vpn
        *("jnu.ac.in", "unizar.es", "uvm.edu", "minia.edu.eg"),  # blp-phishing
        *("apps.apple.com", "play.google.com", "digipen.edu"),  # ut1-games
        "weareher.com",  # sinfonietta-social
    ],
)
def test_false_blocks_are_gone(shared_data: Path, name: str) -> None:
    found = library(shared_data, more=True)
    profile = apply(bundled_presets()[Band.TO_9], Profile("mia", "Mia", Band.TO_9))
    every = {*profile.categories, "games", "social", "dating"}
    strict = policy_of(found, profile, frozenset(every))
    assert not decide(strict, name, A, NOW).blocks


def policy_of(found: Catalogue, profile: Profile, categories: frozenset[str]) -> Policy:
    strict = Profile(
        profile.id, profile.name, profile.band, categories=categories, bypass=True, security=True
    )
    return build_policy(strict, (), build_context(found, DEFAULTS, family()), NOW)


def test_people_s_pages_at_livejournal_stay_open_and_the_site_is_blocked(shared_data: Path) -> None:
    made = policy(library(shared_data, more=True), Band.TO_9)
    assert not decide(made, "lgbt-grani.livejournal.com", A, NOW).blocks
    assert decide(made, "www.livejournal.com", A, NOW).blocks
    assert decide(made, "livejournal.com", A, NOW).blocks


def test_facebook_in_another_language_is_blocked_as_facebook_only(shared_data: Path) -> None:
    found = library(shared_data, more=True)
    listed = {found.index.infos[each.list] for each in found.index.find("es-la.facebook.com")}
    subjects = {each.subject for each in listed if each.kind is not ListKind.BEACON}
    assert subjects == {"facebook", "social"}


def test_what_the_gate_left_out_is_counted(shared_data: Path) -> None:
    (doh,) = [each for each in library(shared_data).statuses if each.info.slug == "ut1-doh"]
    assert doh.unused[SkipReason.INFRASTRUCTURE] == 4
    assert {each.entry for each in doh.held} >= {"apple-dns.net", "yahoodns.net"}
