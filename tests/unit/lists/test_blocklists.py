"""Checks of the bundled data itself: spelling, sources, and that no list meets what it must not."""

from __future__ import annotations

import csv
import gzip
import json
import re
import tarfile
import time
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import TypeVar

import pytest
import yaml
from publicsuffixlist import PublicSuffixList

from copdns.list_files.resources import find_folder
from copdns.lists.catalogue import Catalogue
from copdns.lists.drafts import build_small_catalogue
from copdns.lists.index import ListKind
from copdns.lists.parse import SkipReason
from copdns.lists.shapes import BeaconsShape, ServicesShape, Shape
from copdns.model import yaml_text
from copdns.model.household import LANGUAGES, Contact
from copdns.model.matchers import Matcher, MatchKind, parse_matcher
from copdns.model.names import suffixes

AShape = TypeVar("AShape", bound=Shape)

BLOCKLISTS = find_folder("blocklists")
FILES = sorted(path for path in BLOCKLISTS.rglob("*") if path.is_file())
STARTERS = sorted((BLOCKLISTS / "starter").glob("*.txt"))
HELP = {
    "child_helpline",
    "crisis_mental_health",
    "abuse_reporting",
    "sexual_health_education",
    "lgbtq_youth",
}
LISTED = (ListKind.SECURITY, ListKind.CATEGORY, ListKind.BYPASS, ListKind.NO_SAFE_SEARCH)
# A real top-level domain, and a name below every public suffix, the private ones included.
SUFFIXES = PublicSuffixList(accept_unknown=False)


@cache
def bundled() -> Catalogue:
    return build_small_catalogue(lambda file: (BLOCKLISTS / file).read_text())


def names_of(*kinds: ListKind) -> list[tuple[str, Matcher]]:
    """Return (slug, matcher) of every entry in lists of these kinds, without exceptions."""
    index = bundled().index
    assert hasattr(index, "_entries")
    entries = (entry for found in index._entries.values() for entry in found)
    return [
        (index.infos[entry.list].slug, Matcher(entry.name, entry.match))
        for entry in entries
        if index.infos[entry.list].kind in kinds and not entry.allow
    ]


def listed(names: Iterable[str], *kinds: ListKind) -> dict[str, set[str]]:
    """Return which of these names are covered, by the slug of the list."""
    index = bundled().index
    hits: dict[str, set[str]] = {}
    for name in names:
        for entry in index.find(name):
            info = index.infos[entry.list]
            if info.kind in kinds:
                hits.setdefault(info.slug, set()).add(name)
    return hits


def starter_names(path: Path) -> list[str]:
    lines = (line.strip() for line in path.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_says_its_licence_in_its_head(path: Path) -> None:
    head = path.read_text().split("\n\n")[0]
    assert re.search(r"^# .*Licence: Apache-2\.0\.", head, re.MULTILINE)


@pytest.mark.parametrize("path", sorted(BLOCKLISTS.glob("*.yaml")), ids=lambda path: path.name)
def test_the_data_is_plain_yaml_for_any_reader(path: Path) -> None:
    assert yaml.load(path.read_text(), yaml.SafeLoader)  # the strict one: without libyaml


def test_nothing_is_taken_from_a_source_that_forbids_it() -> None:
    for path in FILES:
        assert not re.search(r"citizen.?lab", path.read_text(), re.IGNORECASE), path


def test_every_file_is_read_and_every_list_is_there() -> None:
    text = (BLOCKLISTS / "catalogue.yaml").read_text()
    assert set(re.findall(r"file: (\S+)", text)) == {f"starter/{path.name}" for path in STARTERS}


def test_every_category_has_a_list_that_fills_it() -> None:
    """Right after the installation, before anything is downloaded."""
    infos = [status.info for status in bundled().statuses if status.used_count]
    filled = {each.subject for each in infos if each.slug == f"starter-{each.subject}"}
    assert filled == set(bundled().categories)


@pytest.mark.parametrize("path", STARTERS, ids=lambda path: path.stem)
def test_a_starter_list_has_a_name_a_line_in_normal_form_and_each_once(path: Path) -> None:
    names = starter_names(path)
    assert names == [str(parse_matcher(name)) for name in names]
    assert len(names) == len(set(names))
    for name in names:
        assert not any(parent in names for parent in suffixes(name.partition(".")[2])), name


def test_nothing_that_is_bundled_is_left_out_when_it_is_read() -> None:
    """No duplicates, no slips, and no entry that is or stands below a protected name."""
    for status in bundled().statuses:
        assert (status.unused, status.problems, status.error) == ({}, (), ""), status.info.slug
        assert status.used_count > 0, status.info.slug


def test_every_name_ends_in_a_real_domain_and_is_more_than_a_public_suffix() -> None:
    names = {each.name for _, each in names_of(*ListKind)}
    assert {name for name in names if not SUFFIXES.privatesuffix(name)} <= {
        "nhs.uk",  # one owner, protected as a whole on purpose
        # Each service's own, where it keeps what its users bring apart from each other.
        "discordsays.com",
        "oaiusercontent.com",
        "playstation-cloud.com",
    }


def test_a_starter_list_takes_whole_sites() -> None:
    parts = {
        name
        for path in STARTERS
        for name in starter_names(path)
        if SUFFIXES.privatesuffix(name) != name
    }
    assert parts == {"unityads.unity3d.com"}  # the rest of the site makes games


def test_the_lists_of_one_service_or_file_do_not_repeat_themselves() -> None:
    by_list: dict[str, list[Matcher]] = {}
    for slug, each in names_of(*ListKind):
        by_list.setdefault(slug, []).append(each)
    for slug, matchers in by_list.items():
        for one, other in combinations(matchers, 2):
            assert not one.covers(other.name), f"{slug}: {other} stands below {one}"
            assert not other.covers(one.name), f"{slug}: {one} stands below {other}"


def test_a_name_belongs_to_one_service_or_to_one_inside_another() -> None:
    shared = {}
    services = names_of(ListKind.SERVICE)
    for (slug, one), (owner, other) in combinations(services, 2):
        if slug != owner and (one.covers(other.name) or other.covers(one.name)):
            shared[frozenset((slug, owner))] = {one.name, other.name}
    assert shared == {
        frozenset(("facebook", "messenger")): {"facebook.com", "edge-chat.facebook.com"},
        frozenset(("x_twitter", "grok")): {"x.com", "grok.x.com"},
    }


def test_services_say_what_else_a_name_carries_only_of_their_own_names() -> None:
    for service in bundled().services.values():
        own = {str(each) for each in service.matchers}
        assert service.affects.keys() <= own, service.slug
        assert all(each.endswith(".") for each in service.affects.values()), service.slug


@pytest.mark.parametrize(
    ("slug", "contact"),
    [
        ("netflix", Contact.NONE),
        ("youtube_kids", Contact.NONE),
        ("chatgpt", Contact.NONE),
        ("whatsapp", Contact.KNOWN),
        ("zoom", Contact.KNOWN),
        ("roblox", Contact.STRANGERS),
        ("tiktok", Contact.STRANGERS),
        ("omegle_like", Contact.STRANGERS),
    ],
)
def test_a_service_says_with_whom_it_puts_a_child_in_touch(slug: str, contact: Contact) -> None:
    assert bundled().services[slug].contact is contact


def test_social_networks_and_random_chats_are_open_to_strangers() -> None:
    risky = {"social", "social_adult_risk", "messaging_stranger_risk", "live", "dating"}
    found = [each for each in bundled().services.values() if each.group in risky]
    assert {each.group for each in found} == risky
    assert [each.slug for each in found if each.contact is not Contact.STRANGERS] == []


def test_one_word_names_one_thing() -> None:
    """A schedule names categories and services alike, and the log names lists."""
    found = bundled()
    assert not found.categories.keys() & found.services.keys()
    slugs = [info.slug for info in found.index.infos]
    assert len(slugs) == len(set(slugs))


def test_the_five_help_groups_and_phone_calls_leave_no_trace() -> None:
    groups = bundled().protected.values()
    assert {group.slug for group in groups if group.help} == HELP
    assert {group.slug for group in groups if group.is_untraced} == {*HELP, "phone_calls"}
    assert all(group.beats_time for group in groups if group.help)


def test_only_encyclopaedias_and_search_targets_end_at_bedtime() -> None:
    closing = {group.slug for group in bundled().protected.values() if not group.beats_time}
    assert closing == {"education_reference", "safe_search_targets"}


def test_every_protected_name_is_protected_by_one_group() -> None:
    names = names_of(ListKind.PROTECTED)
    for (_, one), (_, other) in combinations(names, 2):
        assert not one.covers(other.name), (one, other)
        assert not other.covers(one.name), (one, other)


def test_every_safe_host_is_protected_and_is_itself_no_host_that_is_rewritten() -> None:
    engines = bundled().engines.values()
    hosts = {host for engine in engines for host in engine.hosts}
    for engine in engines:
        for target in engine.modes.values():
            assert listed([target], ListKind.PROTECTED), target
            assert target not in hosts  # a loop


def test_engines_for_children_are_strict_and_the_others_wait() -> None:
    engines = bundled().engines
    assert {slug for slug, engine in engines.items() if not engine.for_children} == {
        "qwant",
        "startpage",
        "dailymotion",
    }
    assert all("strict" in engine.modes for engine in engines.values())
    assert engines["youtube"].modes.keys() == {"strict", "moderate"}


def test_google_is_rewritten_under_all_its_countries_and_nowhere_else() -> None:
    hosts = bundled().engines["google"].hosts
    assert len(hosts) == 194
    assert {"www.google.com", "www.google.co.uk", "www.google.no"} <= hosts
    assert all(host.startswith("www.google.") for host in hosts)


def test_a_search_engine_that_is_made_safe_is_on_no_list() -> None:
    hosts = [host for engine in bundled().engines.values() for host in engine.hosts]
    # The presets do not switch Startpage's safe mode on, so it counts as an engine without one;
    # where a profile switches it on, that comes first.
    assert listed(hosts, *LISTED) == {"no-safe-search": {"startpage.com", "www.startpage.com"}}


def test_canaries_are_documented_signals() -> None:
    canaries = bundled().canaries
    assert canaries.keys() == {"firefox_doh", "private_relay", "chrome_prefetch"}
    assert canaries["firefox_doh"].names == {"use-application-dns.net"}
    assert {each.match for _, each in names_of(ListKind.CANARY)} == {MatchKind.SUBTREE}
    assert listed((each.name for _, each in names_of(ListKind.CANARY)), ListKind.PROTECTED) == {}


def shape_of(file: str, shape: type[AShape]) -> AShape:
    return yaml_text.read((BLOCKLISTS / file).read_text(), file, shape)


def test_a_beacon_of_a_service_stands_inside_that_service() -> None:
    for slug, service in shape_of("services.yaml", ServicesShape).services.items():
        outside = [b for b in service.beacons if not any(n.covers(b.name) for n in service.names)]
        assert outside == [], slug


def test_what_stands_inside_a_service_is_named_as_its_beacon() -> None:
    groups = shape_of("beacons.yaml", BeaconsShape).groups.values()
    names = {each.name for group in groups for each in group.names}
    assert listed(names, ListKind.SERVICE) == {}


def test_a_service_is_more_than_its_beacons() -> None:
    for slug, service in shape_of("services.yaml", ServicesShape).services.items():
        left = [n for n in service.names if not any(b.covers(n.name) for b in service.beacons)]
        assert left, slug


def test_what_is_protected_is_not_named_as_a_beacon_again() -> None:
    beacons = names_of(ListKind.BEACON)
    assert listed((each.name for _, each in beacons), ListKind.PROTECTED) == {}


def test_no_beacon_takes_along_a_protected_name_that_people_use() -> None:
    """Time and updates may stand below one: both take no minutes."""
    allowed = {"os_connectivity", "os_time", "os_update", "certificates", "push_notifications"}
    beacons = [each for _, each in names_of(ListKind.BEACON)]
    for slug, protected in names_of(ListKind.PROTECTED):
        if any(each.covers(protected.name) for each in beacons):
            assert slug in allowed, protected


@pytest.mark.parametrize(
    "name",
    [
        "connectivitycheck.gstatic.com",  # is there a network?
        "clients4.google.com",
        "mtalk.google.com",  # is there a message?
        "1-courier.push.apple.com",
        "client.wns.windows.com",
        "time.apple.com",  # what time is it?
        "2.android.pool.ntp.org",
        "app-measurement.com",  # this is what happened
        "settings.crashlytics.com",
        "v10.events.data.microsoft.com",
        "ichnaea.netflix.com",
        "googleads.g.doubleclick.net",
        "ocsp.digicert.com",  # does this certificate hold?
        "ocsp.usertrust.com",
        "update.googleapis.com",  # is there something newer?
        "gateway.icloud.com",
    ],
)
def test_what_devices_ask_for_by_themselves_takes_no_minutes(name: str) -> None:
    assert listed([name], ListKind.BEACON, ListKind.PROTECTED)


@pytest.mark.parametrize(
    "name",
    [
        *("www.youtube.com", "rr3---sn-4g5e6nez.googlevideo.com", "i.ytimg.com"),
        *("www.netflix.com", "api-global.netflix.com", "ipv4-c001-fra001.1.oca.nflxvideo.net"),
        *("www.roblox.com", "presence.roblox.com", "tr.rbxcdn.com"),
        *("media-fra3-1.cdn.whatsapp.net", "web.whatsapp.com", "gateway.discord.gg"),
        *("www.tiktok.com", "v16-webapp.tiktok.com", "scontent.cdninstagram.com"),
        *("www.facebook.com", "x.com", "www.reddit.com", "store.steampowered.com"),
        *("www.google.com", "www.apple.com", "www.microsoft.com", "www.amazon.com"),
        *("fonts.gstatic.com", "www.gstatic.com", "mail.google.com", "maps.google.com"),
        *("music.apple.com", "itunes.apple.com", "www.mozilla.org", "teams.microsoft.com"),
    ],
)
def test_what_people_use_takes_minutes(name: str) -> None:
    assert listed([name], ListKind.BEACON) == {}


@pytest.mark.shared_data
def test_most_that_a_telephone_asks_for_when_it_wakes_is_no_use(shared_data: Path) -> None:
    """Nobody touched these two: they had just found their network."""
    with (shared_data / "queries" / "real-devices.tsv").open() as file:
        rows = list(csv.reader(file, delimiter="\t"))
    for capture, left in (("android.pcap", {"www.google.com"}), ("iphone.pcap", set())):
        names = {row[3].lower() for row in rows if row[0] == capture and row[2] != "SNI"}
        known = set().union(*listed(names, ListKind.BEACON, ListKind.PROTECTED).values())
        assert names - known == left, capture


@pytest.mark.shared_data
def test_of_the_most_visited_sites_those_take_no_minutes_that_devices_visit(
    shared_data: Path,
) -> None:
    sites = json.loads((shared_data / "allow" / "top-sites.json").read_text())
    found = listed((site["rootDomain"] for site in sites), ListKind.BEACON)
    assert found == {"beacons": {"accounts.google.com", "doubleclick.net", "icloud.com"}}


@pytest.mark.parametrize(
    "name",
    [
        "tailscale.com",  # work and school laptops
        "ngrok.com",
        "www.google.com",
        "www.apple.com",
        "www.cloudflare.com",
        "www.mozilla.org",
        "www.opera.com",
        "joindns4.eu",
        "yandex.net",
        "time.cloudflare.com",
    ],
)
def test_the_ways_round_the_filter_take_nothing_else_along(name: str) -> None:
    assert listed([name], *LISTED) == {}


def test_the_page_about_lists_names_all_that_ships_and_every_reason() -> None:
    page = (BLOCKLISTS.parent / "docs" / "lists.md").read_text()
    found = bundled()
    for slugs in (found.categories, found.protected, found.engines, found.canaries, SkipReason):
        assert [slug for slug in slugs if f"| `{slug}` |" not in page] == []
    for title in (group.title for group in found.protected.values()):
        assert title in page


def test_the_library_is_ready_in_a_moment() -> None:
    start = time.process_time()
    build_small_catalogue(lambda file: (BLOCKLISTS / file).read_text())
    assert time.process_time() - start < 0.5


def public_lists(block: Path) -> Iterator[tuple[str, str]]:
    """Yield (who made it, text) for every list in the data folder.

    Files of one maintainer count as one source, in whatever form and folder they are.
    """
    makers = {"large/phishing": "blocklistproject", "large/tracking": "blocklistproject"}
    makers |= {"large/ultimatehosts": "ultimatehosts", "rpz/hagezi": "hagezi"}
    makers |= {"hagezi-": "hagezi", "rpz/stevenblack": "stevenblack", "stevenblack-": "stevenblack"}
    for path in sorted(block.rglob("*")):
        where = path.relative_to(block).as_posix()
        maker = next((m for start, m in makers.items() if where.startswith(start)), where)
        if path.name.endswith(".tar.gz"):
            with tarfile.open(path) as tar:
                members = [m for m in tar if m.isfile() and m.name.endswith("/domains")]
                for member in members:
                    file = tar.extractfile(member)
                    assert file is not None
                    yield "ut1", file.read().decode("utf-8", "replace")
        elif re.search(r"(domains|hosts|wildcard|adguard|filter|porn.*)\.txt|\.rpz", path.name):
            raw = path.read_bytes()
            raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
            yield maker.partition("/")[0], raw.decode("utf-8", "replace")


@pytest.mark.shared_data
def test_every_starter_name_stands_in_two_lists_of_different_makers(shared_data: Path) -> None:
    """By itself, with one label before it (www, m ...), or below a listed name.

    The lists borrow from each other, so this guards against slips and inventions; that a name
    is what its list says was judged by hand.
    """
    wanted: dict[str, set[str]] = {}  # what may stand in a list: the starter names it speaks for
    starters = {name for path in STARTERS for name in starter_names(path)}
    for name in starters:
        for parent in suffixes(name):
            wanted.setdefault(parent, set()).add(name)
    makers: dict[str, set[str]] = {name: set() for name in starters}
    names = re.compile(r"(?:[a-z0-9_-]+\.)+[a-z][a-z0-9-]*")
    for maker, text in public_lists(shared_data / "block"):
        for found in names.findall(text):
            for name in wanted.get(found, ()):
                makers[name].add(maker)
            parent = found.partition(".")[2]
            if parent in starters:
                makers[parent].add(maker)
    assert {name: found for name, found in makers.items() if len(found) < 2} == {}


@pytest.mark.shared_data
def test_no_list_takes_along_schools_authorities_or_what_children_need(shared_data: Path) -> None:
    allow = shared_data / "allow"
    with (allow / "universities-hipo.tsv").open() as rows:
        innocent = {row[0] for row in csv.reader(rows, delimiter="\t")}
    with gzip.open(allow / "dotgov-full.csv.gz", "rt") as rows:
        innocent |= {row[0].lower() for row in csv.reader(rows)}
    with tarfile.open(shared_data / "block" / "ut1" / "blacklists-shared.tar.gz") as tar:
        for category in ("child", "sexual_education", "liste_blanche", "bank", "update", "press"):
            file = tar.extractfile(f"blacklists/{category}/domains")
            assert file is not None
            innocent |= set(file.read().decode("utf-8", "replace").split())
    assert len(innocent) > 30_000
    assert listed(innocent, *LISTED) == {}


@pytest.mark.shared_data
def test_of_the_most_visited_sites_lists_block_those_they_are_about(shared_data: Path) -> None:
    sites = json.loads((shared_data / "allow" / "top-sites.json").read_text())
    hits = listed((site["rootDomain"] for site in sites), *LISTED)
    social = hits.pop("starter-social")
    assert {"facebook.com", "tiktok.com", "x.com"} <= social
    assert hits == {
        "starter-adult": {"chaturbate.com", "pornhub.com"},
        "starter-ads": {"doubleclick.net"},
        "starter-games": {"nintendo.com", "playstation.com", "steampowered.com"},
        "services-games": {"nintendo.com", "playstation.com", "steampowered.com"},
        "no-safe-search": {"search.yahoo.com"},
    }


PAGE = (BLOCKLISTS.parent / "docs" / "lists.md").read_text()


def test_help_sites_that_nobody_has_opened_are_told_and_not_protected() -> None:
    unopened = bundled().unopened
    table = PAGE.partition("#### Help sites to be opened")[2].partition("\n### ")[0]
    assert set(re.findall(r"^\| (?:[A-Z]{2}|INT) \| `([^`]+)` \|", table, re.MULTILINE)) == unopened
    assert f"These {len(unopened)} help sites" in table
    assert listed(unopened, *ListKind) == {}


def test_every_language_of_a_child_has_ten_help_sites() -> None:
    table = PAGE.partition("#### Help sites by language")[2].partition("\n#### ")[0]
    rows = dict(re.findall(r"^\| ([A-Z][a-z]+) \| (.+) \|$", table, re.MULTILINE))
    english = {"English", "French", "Spanish", "Arabic", "Russian", "Chinese"}
    assert rows.keys() == english
    assert len(LANGUAGES) == len(english)
    for row in rows.values():
        names = re.findall(r"`([^`]+)`(\*?)", row)
        assert len(names) >= 10
        for name, star in names:
            if star:
                assert name in bundled().unopened
            else:
                assert listed([name], ListKind.PROTECTED).keys() <= HELP
                assert listed([name], ListKind.PROTECTED)


def test_what_may_be_listed_below_a_help_name_only_measures_visitors() -> None:
    index = bundled().index
    assert hasattr(index, "_entries")
    found = {e.name for each in index._entries.values() for e in each if e.allow}
    assert found == {
        "analytics.hrc.org",
        "analytics.kooth.com",
        "cardinal.krisenchat.de",  # of a service for measuring that gives such names
        "matomo.offlimits.nl",
        "matomo.planning-familial.org",
        "piwik.weisser-ring.de",
        "sst.youngminds.org.uk",  # passes on what a page measured
        "stat.nummergegenkummer.de",
    }
    # Each of these was on a list too, but people reach help by it.
    for name in (
        "jes.aidshilfe.de",
        "go.missingkids.org",
        "go.rainn.org",
        "content.lgbt.foundation",
    ):
        assert listed([name], ListKind.PROTECTED).keys() <= HELP
        assert listed([name], ListKind.PROTECTED)
