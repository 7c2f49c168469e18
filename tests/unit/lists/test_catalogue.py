"""Tests of putting data files and a user's own lists together."""

from dataclasses import replace

import pytest

from copdns.lists.catalogue import Catalogue, Category
from copdns.lists.drafts import build_small_catalogue
from copdns.lists.index import ListKind
from copdns.lists.parse import SkipReason
from copdns.lists.small_index import ListStatus
from copdns.lists.source import ListSource
from copdns.model.errors import ConfigError, ListError
from copdns.model.household import Contact
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.verdict import Reason
from copdns.policy.context import build_context
from copdns.policy.decide import decide
from copdns.policy.order import build_policy
from tests.household import DEFAULTS, MIA, family

FILES = {
    "catalogue.yaml": """
categories:
  games: {title: Games, layer: content, about: Play.}
  malware: {title: Malware, layer: security, about: Harm.}
lists:
  - {slug: starter-games, title: Some games, category: games, file: starter/games.txt,
     format: domains, match: subtree, licence: CC0-1.0, maintainer: Ada, report: ada.example}
  - {slug: starter-malware, title: Bad, category: malware, file: starter/malware.txt,
     format: hosts, match: exact, licence: CC0-1.0, maintainer: Ada, report: ada.example}
""",
    "starter/games.txt": "# Licence: CC0-1.0\nchess.example\nhelp.example\ntalk.help.example\n",
    "starter/malware.txt": "0.0.0.0 bad.example\n",
    "services.yaml": """
services:
  tube:
    title: Tube
    group: video
    contact: none
    names: [tube.example, "=safe.tube.example", "*.cdn.example"]
    beacons: [log.tube.example]
    affects: {tube.example: Films in lessons.}
""",
    "protected.yaml": """
groups:
  helpline:
    title: Help
    help: true
    beats_time: true
    names: [{name: help.example, country: INT, owner: Ada}]
  school:
    title: School
    help: false
    beats_time: false
    names: [{name: "=school.example", country: "NO", owner: Ada}]
""",
    "safesearch.yaml": """
engines:
  seek:
    title: Seek
    for_children: true
    modes: {strict: safe.seek.example, moderate: mild.seek.example}
    hosts: [seek.example]
    generated: {templates: ["www.seek.{suffix}"], suffixes: [example, co.example]}
  tube:
    title: Tube
    for_children: false
    modes: {strict: safe.tube.example}
    hosts: [tube.example]
no_safe_search: [{name: wild.example, title: Wild}]
""",
    "bypass.yaml": """
canaries:
  relay: {title: Relay off, about: It says so., names: [mask.example]}
names: [{name: vpn.example, kind: vpn, operator: Bo}]
""",
    "beacons.yaml": """
groups:
  push: {title: Waiting, names: [push.example]}
  crash: {title: Reports, names: ["=crash.example"]}
""",
    "infrastructure.yaml": """
groups:
  edge:
    title: Edge
    whole: [edge.example, mail.example]
    below: [login.example]
    numbered: ["dns-{00-63}.example"]
    claimed_by: {mail.example: [webmail]}
""",
    "top.yaml": """
groups:
  everyday: {title: Everyday, not_in: [games], names: [clips.example]}
""",
    "mistakes.yaml": """
mistakes: [{name: poems.example, not_in: [games], why: Poems.}]
""",
}

OWN = ListSource("mine", "games", "domains", "subtree", "go.example\n")


def built(*own: ListSource, **changed: str) -> Catalogue:
    """Return a library of the files above; changed: another text by the file's stem."""
    files = FILES | {f"{stem}.yaml": text for stem, text in changed.items()}
    return build_small_catalogue(files.__getitem__, own)


def blockers(lib: Catalogue, qname: str) -> set[str]:
    return {lib.index.infos[entry.list].slug for entry in lib.index.find(qname)}


def status(lib: Catalogue, slug: str) -> ListStatus:
    return next(each for each in lib.statuses if each.info.slug == slug)


@pytest.mark.parametrize(
    ("qname", "slug", "kind", "subject"),
    [
        ("www.chess.example", "starter-games", ListKind.CATEGORY, "games"),
        ("bad.example", "starter-malware", ListKind.SECURITY, "malware"),
        ("a.tube.example", "tube", ListKind.SERVICE, "tube"),
        ("eu.vpn.example", "bypass", ListKind.BYPASS, "bypass"),
        ("wild.example", "no-safe-search", ListKind.NO_SAFE_SEARCH, "no-safe-search"),
        ("mask.example", "canary-relay", ListKind.CANARY, "relay"),
        ("www.help.example", "helpline", ListKind.PROTECTED, "helpline"),
        ("mild.seek.example", "safe_search_targets", ListKind.PROTECTED, "safe_search_targets"),
        ("7.push.example", "beacons", ListKind.BEACON, "beacons"),
        ("crash.example", "beacons", ListKind.BEACON, "beacons"),
    ],
)
def test_every_list_speaks_at_its_step_and_for_its_subject(
    qname: str, slug: str, kind: ListKind, subject: str
) -> None:
    lib = built()
    (entry,) = lib.index.find(qname)
    info = lib.index.infos[entry.list]
    assert (info.slug, info.kind, info.subject) == (slug, kind, subject)


@pytest.mark.parametrize(
    "qname", ["www.bad.example", "www.school.example", "www.mild.seek.example"]
)
def test_exact_names_do_not_reach_below_themselves(qname: str) -> None:
    assert built().index.find(qname) == ()


def test_a_name_that_is_protected_is_left_out_of_what_blocks_and_counted() -> None:
    lib = built()
    assert blockers(lib, "help.example") == {"helpline"}
    assert blockers(lib, "talk.help.example") == {"helpline"}
    assert blockers(lib, "safe.tube.example") == {"tube", "safe_search_targets"}  # tube.example
    assert status(lib, "starter-games").unused == {SkipReason.PROTECTED: 2}
    assert status(lib, "starter-games").used_count == 1
    assert status(lib, "tube").unused == {SkipReason.PROTECTED: 1}


def test_a_name_above_a_protected_one_stays_listed() -> None:
    lib = built(replace(OWN, text="example.org\nhelp.example\n"))
    assert blockers(lib, "www.example.org") == {"mine"}
    above = FILES["protected.yaml"].replace("help.example", "help.chess.example")
    assert blockers(built(protected=above), "help.chess.example") == {"helpline", "starter-games"}


def test_a_beacon_of_a_service_belongs_to_the_service_and_to_the_beacons() -> None:
    assert blockers(built(), "log.tube.example") == {"tube", "beacons"}
    assert blockers(built(), "www.tube.example") == {"tube"}


def test_a_beacon_is_blocked_by_nothing_but_what_else_names_it() -> None:
    shared = build_context(built(), DEFAULTS, family())
    everything = replace(
        MIA,
        categories=frozenset({"games", "beacons", "beacon", "push"}),
        services=frozenset({"beacons", "push"}),
        contacts=frozenset(Contact),
        bypass=True,
        no_safe_search=True,
    )
    policy = build_policy(everything, (), shared, 0.0)
    assert [
        decide(policy, name, 1, 0.0).reason for name in ("push.example", "log.tube.example")
    ] == [
        Reason.DEFAULT,
        Reason.SERVICE,
    ]


def test_the_library_knows_what_its_lists_are_about() -> None:
    lib = built()
    assert lib.categories["malware"] == Category("malware", "Malware", "Harm.", "security")
    assert lib.services["tube"].contact is Contact.NONE
    assert lib.services["tube"].matchers[2] == Matcher("cdn.example", MatchKind.BELOW)
    assert lib.services["tube"].affects == {"tube.example": "Films in lessons."}
    assert lib.protected["helpline"].help
    assert not lib.protected["school"].beats_time
    assert lib.canaries["relay"].names == {"mask.example"}


def test_an_engine_has_its_hosts_and_those_made_from_templates() -> None:
    engine = built().engines["seek"]
    assert engine.hosts == {"seek.example", "www.seek.example", "www.seek.co.example"}
    assert engine.modes == {"strict": "safe.seek.example", "moderate": "mild.seek.example"}
    assert engine.for_children


def test_safe_search_targets_are_a_protected_group_that_a_bedtime_closes() -> None:
    group = built().protected["safe_search_targets"]
    assert not group.help
    assert not group.beats_time


def test_lists_have_the_same_numbers_every_time() -> None:
    one, other = built(OWN), built(OWN)
    assert one.index.infos == other.index.infos
    assert [each.info.number for each in one.statuses] == list(range(len(one.index.infos)))
    assert [each.info for each in one.statuses] == list(one.index.infos)
    assert one.index.infos[-1].slug == "mine"  # an own list moves no bundled one


def test_what_a_list_says_of_itself_is_kept() -> None:
    info = status(built(), "starter-games").info
    assert (info.title, info.licence, info.maintainer) == ("Some games", "CC0-1.0", "Ada")
    assert (info.report, info.size) == ("ada.example", 1)


def test_the_version_changes_with_the_names_and_with_nothing_else() -> None:
    def version(text: str) -> str:
        return status(built(replace(OWN, text=text)), "mine").info.version

    assert version("a.example\nb.example\n") == version("# new\nb.example\nA.example.\n")
    assert version("a.example\n") != version("b.example\n")
    assert version("a.example\n") != version("")


def test_an_own_list_adds_to_a_category() -> None:
    lib = built(OWN)
    assert blockers(lib, "www.go.example") == {"mine"}
    info = status(lib, "mine").info
    assert (info.kind, info.subject, info.title) == (ListKind.CATEGORY, "games", "mine")
    assert lib.categories.keys() == built().categories.keys()


@pytest.mark.parametrize(
    ("category", "kind"),
    [
        ("malware", ListKind.SECURITY),
        ("bypass", ListKind.BYPASS),
        ("comics", ListKind.CATEGORY),
    ],
)
def test_the_category_of_an_own_list_says_at_which_step_it_speaks(
    category: str, kind: ListKind
) -> None:
    assert status(built(replace(OWN, category=category)), "mine").info.kind is kind


def test_an_own_list_may_bring_a_category_of_its_own() -> None:
    lib = built(replace(OWN, category="comics"), replace(OWN, slug="more", category="comics"))
    assert lib.categories["comics"].layer == "content"
    assert "bypass" not in built(replace(OWN, category="bypass")).categories


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (replace(OWN, text="", error="/lists/mine.txt: no such file"), "no such file"),
        (replace(OWN, text="a.example/page\n"), "list of pages"),
        (replace(OWN, text="<html>"), "web page"),
        (replace(OWN, slug="starter-games"), "another list is already called starter-games"),
        (replace(OWN, slug="tube"), "another list is already called tube"),
        (replace(OWN, category="tube"), "tube is the name of a service"),
        (replace(OWN, category="malware", opens=True), "no list opens what is listed as malware"),
    ],
)
def test_an_own_list_that_cannot_be_used_says_why_and_blocks_nothing(
    source: ListSource, words: str
) -> None:
    lib = built(source)
    assert words in lib.statuses[-1].error
    assert lib.statuses[-1].used_count == 0
    assert lib.index.find("go.example") == ()
    assert blockers(lib, "chess.example") == {"starter-games"}  # the others go on


@pytest.mark.parametrize("own", [{"slug": "tube", "category": "tube"}, {"category": "tube"}])
def test_a_list_that_was_called_as_an_app_before_there_was_one_stays(own: dict[str, str]) -> None:
    lib = built(replace(OWN, title="Tubes", keeps_name=True, **own))
    assert status(lib, lib.statuses[-1].info.slug).error == ""
    assert blockers(lib, "www.go.example") == {lib.statuses[-1].info.slug}
    assert "tube" in lib.categories
    assert "tube" not in lib.services
    assert lib.index.find("tube.example") == ()
    assert lib.left_out == ("Tube",)
    assert built(replace(OWN, keeps_name=True)).left_out == ()


@pytest.mark.parametrize(
    ("slug", "name"), [("helpline", "help.example"), ("canary-relay", "mask.example")]
)
def test_neither_does_a_protected_group_or_a_signal_take_its_name(slug: str, name: str) -> None:
    lib = built(replace(OWN, slug=slug, keeps_name=True))
    assert status(lib, slug).error == ""
    assert blockers(lib, "www.go.example") == {slug}
    assert blockers(lib, name) == {f"copdns-{slug}"}
    assert status(lib, f"copdns-{slug}").info.subject == slug.removeprefix("canary-")


def test_an_own_list_may_open_what_others_of_its_category_block() -> None:
    def opened(**changed: object) -> set[str]:
        own = replace(OWN, text="chess.example\n", **changed)
        lib = built(own)
        found = [each for each in lib.index.find("chess.example") if each.allow]
        return {lib.index.infos[each.list].slug for each in found}

    assert opened() == set()
    assert opened(opens=True) >= {"starter-games"}
    assert "starter-games" not in opened(opens=True, category="ads")


def test_two_own_lists_of_one_name_are_told_apart() -> None:
    lib = built(OWN, replace(OWN, text="other.example\n"))
    assert blockers(lib, "go.example") == {"mine"}
    assert lib.index.find("other.example") == ()
    assert "another slug" in lib.statuses[-1].error


def test_problems_of_an_own_list_are_counted_and_shown() -> None:
    found = status(built(replace(OWN, text="go.example\ncom\nhelp.example\n")), "mine")
    assert found.unused == {SkipReason.SUFFIX: 1, SkipReason.PROTECTED: 1}
    assert [problem.line for problem in found.problems] == [2]


def test_a_broken_bundled_list_is_an_error_that_names_its_file() -> None:
    files = FILES | {"starter/games.txt": "<html>"}
    with pytest.raises(ListError, match=r"blocklists/starter/games.txt: this is a web page"):
        build_small_catalogue(files.__getitem__)


def test_a_broken_data_file_is_an_error_with_its_place() -> None:
    text = FILES["bypass.yaml"].replace("kind: vpn", "kind: pipe")
    with pytest.raises(ConfigError, match=r"blocklists/bypass.yaml:4:\d+: names.1.kind"):
        built(bypass=text)
