"""Tests of how the catalogue names lists that others keep, and of the lists that it names."""

from __future__ import annotations

import csv
import gzip
import json
import re
import tarfile
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest

from copdns.household.presets import apply
from copdns.list_files.resources import find_folder
from copdns.lists.parse import ListFormat, parse_list
from copdns.lists.shapes import CatalogueShape, ProtectedShape, ServicesShape, Shape
from copdns.lists.source import Source, sources_of
from copdns.model import yaml_text
from copdns.model.errors import ConfigError
from copdns.model.household import Band, Profile
from copdns.model.matchers import MatchKind
from copdns.model.names import suffixes
from tests.unit.households import shipped

GAMES: dict[str, Any] = {
    "slug": "bo-games",
    "title": "Games by Bo",
    "category": "games",
    "url": "https://lists.example/games.txt",
    "format": "domains",
    "match": "subtree",
    "licence": "CC0-1.0",
    "maintainer": "Bo",
    "homepage": "https://lists.example/",
    "report": "https://lists.example/mistakes",
    "names": 1200,
    "default": True,
    "about": "Online games, mostly English ones.",
}
PACKED = {"url": "https://lists.example/all.tar.gz", "member": "games/domains"}


def read(**changed: object) -> tuple[Source, ...]:
    """Return the sources of a catalogue with one, changed as said; None leaves a key out."""
    entry = {key: value for key, value in (GAMES | changed).items() if value is not None}
    categories = {"games": {"title": "Games", "about": "Play.", "layer": "content"}}
    text = json.dumps({"categories": categories, "lists": [], "sources": [entry]})
    return sources_of(yaml_text.read(text, "catalogue.yaml", CatalogueShape))


def test_a_source_is_what_the_catalogue_says_of_it() -> None:
    (source,) = read()
    assert source == Source(**GAMES)
    assert source.format is ListFormat.DOMAINS
    assert source.match is MatchKind.SUBTREE
    assert source.member == ""


def test_a_source_may_be_one_file_of_a_packed_folder() -> None:
    (source,) = read(**PACKED)
    assert (source.url, source.member) == (PACKED["url"], PACKED["member"])


def test_a_catalogue_needs_no_sources() -> None:
    text = "categories: {}\nlists: []\n"
    assert sources_of(yaml_text.read(text, "catalogue.yaml", CatalogueShape)) == ()


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"url": "http://lists.example/games.txt"}, "url"),
        ({"url": "https://Lists.example/games.txt"}, "url"),
        ({"url": "https://bo:secret@lists.example/"}, "url"),
        ({"url": "https://lists.example/a list.txt"}, "url"),
        ({"homepage": "lists.example"}, "homepage"),
        ({"report": "bo@lists.example"}, "report"),
        ({"format": "spreadsheet"}, "format"),
        ({"match": "below"}, "match"),
        ({"names": 0}, "names"),
        ({"default": "no"}, "default"),
        ({"about": "online games"}, "about"),
        ({"slug": "Games"}, "slug"),
        ({"licence": ""}, "licence"),
        ({"licence": None}, "licence"),
        ({"colour": "blue"}, "colour"),
        ({"url": PACKED["url"]}, "member is missing"),
        ({"member": PACKED["member"]}, "leave it out"),
    ],
)
def test_a_source_that_is_not_whole_is_refused_with_its_place(
    changed: dict[str, object], place: str
) -> None:
    with pytest.raises(ConfigError, match=rf"catalogue.yaml:1:\d+: sources.1.*{place}"):
        read(**changed)


def test_a_list_of_unclear_licence_is_offered_but_not_used_unasked() -> None:
    assert not read(licence="unclear", default=False)[0].default
    with pytest.raises(ConfigError, match="unclear licence"):
        read(licence="unclear")


BLOCKLISTS = find_folder("blocklists")
PAGE = (BLOCKLISTS.parent / "docs" / "lists.md").read_text()
AShape = TypeVar("AShape", bound=Shape)


def bundled(file: str, shape: type[AShape]) -> AShape:
    return yaml_text.read((BLOCKLISTS / file).read_text(), file, shape)


@cache
def sources() -> tuple[Source, ...]:
    return sources_of(bundled("catalogue.yaml", CatalogueShape))


@cache
def unasked() -> dict[str, Source]:
    """Return what is used by default, by slug."""
    return {source.slug: source for source in sources() if source.default}


def wanted(band: Band) -> set[str]:
    """Return the categories that the preset of an age band blocks."""
    profile = apply(shipped(band), Profile("mia", "Mia", band))
    security = {"malware", "phishing"} if profile.security else set()
    return {*profile.categories, *security} | ({"bypass"} if profile.bypass else set())


def test_every_list_has_a_name_and_an_address_of_its_own() -> None:
    starters = [each.slug for each in bundled("catalogue.yaml", CatalogueShape).lists]
    services = bundled("services.yaml", ServicesShape).services
    groups = bundled("protected.yaml", ProtectedShape).groups
    names = Counter([*starters, *services, *groups, *(source.slug for source in sources())])
    assert [name for name, count in names.items() if count > 1] == []
    assert len({source.url for source in sources()}) == len(sources())


def test_every_list_is_about_something_that_can_be_blocked() -> None:
    categories = bundled("catalogue.yaml", CatalogueShape).categories
    services = bundled("services.yaml", ServicesShape).services
    known = {*categories, *services, "bypass"}
    assert {source.category for source in sources()} <= known


@pytest.mark.parametrize("band", [band for band in Band if band.is_child])
def test_what_the_preset_of_a_child_blocks_is_covered_without_being_asked_for(band: Band) -> None:
    covered = {source.category for source in unasked().values()}
    assert wanted(band) - covered <= {
        "self_harm",  # a list by key words would close the helplines first
        "chat",  # the public ones close messengers and Microsoft Teams; contact kinds do this
    }


def test_nothing_is_used_unasked_that_a_small_box_cannot_carry() -> None:
    assert sum(source.names for source in unasked().values()) <= 1_500_000
    assert max(source.names for source in unasked().values()) <= 250_000


def test_private_use_is_no_condition_of_what_is_used_unasked() -> None:
    """A provider of Internet access runs the same lists."""
    assert not any("-NC" in source.licence for source in unasked().values())


@pytest.mark.parametrize(
    "folder_of_ut1",
    [
        *("liste_bu", "liste_blanche", "exceptions_liste_bu", "child", "sexual_education"),
        *("press", "bank", "update", "cleaning", "translation", "webmail", "jobsearch"),
        *("cooking", "sports", "radio", "educational_games", "ai", "shortener", "webhosting"),
        *("mixed_adult", "lingerie", "fakenews", "associations_religieuses", "sect"),
        *("chat", "social_networks", "drogue", "filehosting"),  # what docs/lists.md says of them
    ],
)
def test_lists_of_what_is_allowed_or_too_wide_are_never_used_to_block(folder_of_ut1: str) -> None:
    members = {source.member.partition("/")[0] for source in sources()}
    urls = " ".join(source.url for source in sources())
    assert folder_of_ut1 not in members
    assert f"/{folder_of_ut1}." not in urls


def test_a_packed_list_is_taken_as_names_and_never_as_pages() -> None:
    """Beside `domains` there are `urls` and `expressions`, which would close too much."""
    for source in sources():
        assert not source.member or re.fullmatch(r"[a-z_]+/domains", source.member), source.slug


def test_no_list_is_about_self_harm() -> None:
    assert not any(source.category == "self_harm" for source in sources())
    assert "self-harm or eating disorders" in PAGE


def test_the_page_about_lists_tells_of_each_what_the_catalogue_says() -> None:
    rows = {
        (category, slug, licence, maintainer, default == "yes")
        for category, slug, licence, maintainer, default in re.findall(
            r"^\| `([\w-]+)` \| `([\w-]+)` \| [\d,]+ \| (\S+) \| ([^|]+) \| (yes|no) \|$",
            PAGE,
            re.MULTILINE,
        )
    }
    assert rows == {
        (each.category, each.slug, each.licence, each.maintainer, each.default)
        for each in sources()
    }


# Where the data folder has the same list, or a recent copy of it.
COPIES = {
    "sinfonietta-pornography": "sinfonietta/pornography.hosts.txt.gz",
    "sinfonietta-gambling": "sinfonietta/gambling.hosts.txt",
    "sinfonietta-social": "sinfonietta/social.hosts.txt",
    "sinfonietta-snuff": "sinfonietta/snuff.hosts.txt",
    "blp-drugs": "blocklistproject/drugs.domains.txt.gz",
    "blp-vaping": "blocklistproject/vaping.domains.txt",
    "blp-piracy": "blocklistproject/piracy.domains.txt",
    "blp-phishing": "large/phishing.domains.txt.gz",
    "jpgpi250-doh": "doh-bypass/DOHadb.txt",
}
UT1 = "ut1/blacklists-shared.tar.gz"


@cache
def copies(block: Path) -> dict[str, tuple[Source, dict[str, MatchKind]]]:
    """Return the names of every source that the data folder has a copy of, by slug."""
    texts = {slug: _text(block / file) for slug, file in COPIES.items()}
    with tarfile.open(block / UT1) as tar:
        held = set(tar.getnames())
        for source in sources():
            if source.member and f"blacklists/{source.member}" in held:
                file = tar.extractfile(f"blacklists/{source.member}")
                assert file is not None
                texts[source.slug] = file.read().decode("utf-8", "replace")
    known = {source.slug: source for source in sources()}
    return {
        slug: (known[slug], parse_list(text, known[slug].format, known[slug].match).blocks)
        for slug, text in texts.items()
    }


def _text(path: Path) -> str:
    raw = path.read_bytes()
    return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8", "replace")


def listed(name: str, blocks: dict[str, MatchKind]) -> bool:
    return any(
        blocks.get(each) is MatchKind.SUBTREE or (each == name and name in blocks)
        for each in suffixes(name)
    )


def labelled(allow: Path) -> dict[str, set[str]]:
    """Return real hosts by what people who measure censorship say that they are about."""
    found: dict[str, set[str]] = defaultdict(set)
    with gzip.open(allow / "citizenlab-A.tsv.gz", "rt") as rows:
        for _, label, host, *_ in csv.reader(rows, delimiter="\t"):
            found[label].add(host.lower())
    return found


def protected(name: str) -> bool:
    groups = bundled("protected.yaml", ProtectedShape).groups.values()
    owned = {each.name.name for group in groups for each in group.names}
    return any(each in owned for each in suffixes(name))


@pytest.mark.shared_data
def test_a_list_is_as_long_as_the_catalogue_says_and_written_as_it_says(shared_data: Path) -> None:
    found = copies(shared_data / "block")
    assert len(found) == 15
    for source, blocks in found.values():
        assert 0.6 < len(blocks) / source.names < 1.4, source.slug


@pytest.mark.shared_data
def test_what_is_used_unasked_leaves_help_health_and_learning_open(shared_data: Path) -> None:
    allow = shared_data / "allow"
    with (allow / "universities-hipo.tsv").open() as rows:
        open_to_all = {row[0] for row in csv.reader(rows, delimiter="\t")}
    with gzip.open(allow / "dotgov-full.csv.gz", "rt") as rows:
        open_to_all |= {row[0].lower() for row in csv.reader(rows)}
    labels = labelled(allow)
    open_to_all |= labels["LGBT"] | labels["XED"] | labels["PUBH"] | labels["HUMR"]
    closed = {
        slug: {name for name in open_to_all if listed(name, blocks) and not protected(name)}
        for slug, (source, blocks) in copies(shared_data / "block").items()
        if source.default
    }
    assert {slug: names for slug, names in closed.items() if names} == {
        "sinfonietta-pornography": {
            *("gaytoday.com", "www.gayegypt.com", "www.gayscape.com", "www.gaystarnews.com"),
            *("www.nifty.org", "www.planetromeo.com"),  # stories about sex, and dates
            *("www.premaritalsex.info", "www.sfsi.org", "www.ultimatebirthcontrol.com"),
        },
        "blp-drugs": {"365worldstorewrx.com", "cocaine.org"},
    }


@pytest.mark.shared_data
def test_most_of_what_is_used_unasked_closes_what_it_is_about(shared_data: Path) -> None:
    """The lower bound: of gambling and the ways round, the lists measured here are a part."""
    labels = labelled(shared_data / "allow")
    found = copies(shared_data / "block").values()
    for label, category, share in [("PORN", "adult", 0.7), ("GMB", "gambling", 0.4)]:
        lists = [
            blocks for source, blocks in found if source.default and source.category == category
        ]
        closed = {name for name in labels[label] if any(listed(name, each) for each in lists)}
        assert len(closed) / len(labels[label]) > share, label
