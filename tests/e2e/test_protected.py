"""What nobody here may block resolves under everything that a household can write.

A child helpline and a host of safe search stand for all of them; a neighbour of each shows that
what was written does work.  The school that the household itself protects wins over all but what a
guardian blocks by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from copdns.dns.help_answers import help_keys
from copdns.list_files.load import bundled_text
from copdns.lists.catalogue import read_files
from tests.e2e.house import MIA, POINTS_HOME, House, Reply, eventually, house
from tests.e2e.upstream import has, upstream
from tests.running import running
from tests.upstream_server import ADDRESS, Way, filtered

PROTECTED = (
    *("childline.org.uk", "www.childline.org.uk"),
    "forcesafesearch.google.com",
)
SCHOOL = "lessons.school.town.example"
BY_HAND = ("a rule", "an address rule")
NEIGHBOURS = ("neighbour.org.uk", "market.town.example", "mail.google.com")
PARENTS = ("org.uk", "town.example", "google.com")  # of all of them
EACH = (*PROTECTED, SCHOOL, *NEIGHBOURS)
ELSEWHERE = "127.0.0.99"

USUAL = {"id": "home", "protected": ["school.town.example"]}


def mia(**profile: object) -> dict[str, object]:
    devices = {"mia-tablet": [MIA]}
    return {"profiles": {"mia": {"band": "7-9", "devices": devices, **profile}}}


def each(names: Sequence[str], address: str) -> dict[str, list[str]]:
    return {name: [address] for name in names}


WRITTEN: dict[str, dict[str, object]] = {
    "a rule for everyone": {"block": PARENTS},
    "a rule for everyone, about the name": {"block": EACH},
    "a rule for the child": mia(block=PARENTS),
    "a rule for the child, about the name": mia(block=[f"={name}" for name in EACH]),
    "a rule about what is below": mia(block=[f"*.{name}" for name in PARENTS]),
    "a service of their own": {
        "own_services": {"ours": {"names": PARENTS}},
        **mia(services=["ours"]),
    },
    "a list from disk": mia(categories=["ours"]),
    "allow-list only": mia(default="allowlist"),
    "a local zone": {"local_names": each(PARENTS, "192.0.2.1")},
    "a local name": {"local_names": each(EACH, "192.0.2.1")},
    "a rewrite of the zone": {"rewrites": dict.fromkeys(PARENTS, "elsewhere.invalid")},
    "a rewrite of the name": {"rewrites": dict.fromkeys(EACH, "elsewhere.invalid")},
    "an address rule": {"block": ["127.0.0.0/8"]},
    "a split upstream for the zone": {"split_upstreams": each(PARENTS, "ELSEWHERE")},
    "a split upstream for the name": {"split_upstreams": each(EACH, "ELSEWHERE")},
}


# Of these nothing is changed either: a household does not answer for all of org.uk, and no list
# takes Google away from the whole internet.
OUT_OF_REACH = {
    "a list from disk": "mail.google.com",
    "a local zone": "neighbour.org.uk",
    "a rewrite of the zone": "neighbour.org.uk",
    "a split upstream for the zone": "neighbour.org.uk",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("home")
    listed = folder / "ours.txt"
    listed.write_text("\n".join((*PARENTS, *EACH)))
    ours = {"slug": "ours", "path": str(listed), "category": "ours"}
    settings = {"lists": [{**ours, "format": "domains", "match": "subtree"}]}
    with house(folder, settings, {**USUAL, **mia()}) as found:
        yield found


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """Another upstream, which has other addresses; its address."""
    with upstream({"": has(f"A {ELSEWHERE}")}) as server:
        yield str(server.address)


@pytest.mark.parametrize("written", WRITTEN)
def test_nothing_that_a_household_writes_closes_a_protected_name(
    home: House, elsewhere: str, tmp_path: Path, written: str
) -> None:
    file = tmp_path / "household.yaml"
    household = {**USUAL, **mia(), **WRITTEN[written]}
    file.write_text(json.dumps(household).replace("ELSEWHERE", elsewhere))
    before = home.metrics()["copdns_policy_revision"]
    home.at_once("household", "import", file)
    eventually(lambda: home.metrics()["copdns_policy_revision"] > before)

    for name in NEIGHBOURS:
        is_changed = home.ask(name).data != [ADDRESS]
        assert is_changed is (name != OUT_OF_REACH.get(written)), name
    for name in PROTECTED:
        reply = home.ask(name)
        assert (reply.data, reply.ede) == ([ADDRESS], None)
        assert home.check(name, MIA)["reason"] == "protected"
    assert (home.ask(SCHOOL).data == [ADDRESS]) is not written.startswith(BY_HAND)


def test_a_rule_against_a_protected_name_is_refused_and_says_why(home: House) -> None:
    done = home.program.command("rule", "add", "block", "www.childline.org.uk")
    assert done.returncode == 1
    assert "childline.org.uk is protected" in done.stderr


def names_of_help() -> set[str]:
    groups = read_files(bundled_text).protected.groups.values()
    matchers = (each.name for group in groups if group.help for each in group.names)
    return {key.qname for key in help_keys(matchers)}


NULL = has("A 0.0.0.0", "AAAA ::")


@pytest.mark.parametrize("way", [filtered, NULL], ids=["by saying so", "by 0.0.0.0"])
def test_an_upstream_that_filters_a_protected_name_is_passed_over(tmp_path: Path, way: Way) -> None:
    with upstream({"": way}) as filtering, upstream() as open_one:
        ports = [filtering.address.port, open_one.address.port]
        known = {"COPDNS_UPSTREAMS__FILTERING": json.dumps([str(filtering.address)])}
        with running(tmp_path, upstreams=ports, environment=POINTS_HOME | known) as program:
            for number in range(20):
                reply = Reply(program.ask(f"n{number}.childline.org.uk"))
                assert (reply.data, reply.ede) == ([ADDRESS], None)
        assert filtering.asked  # the test would show nothing else
        # Besides these it was asked for the help names that copdns fetches on its own.
        asked, on_its_own = set(open_one.names), names_of_help()
        assert asked - on_its_own == {f"n{number}.childline.org.uk" for number in range(20)}
