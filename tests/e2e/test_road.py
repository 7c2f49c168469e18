"""The path of a query through the real program, as dig and kdig see it.

The family is the one that `make run` starts with: 127.0.0.1 and ::1 are Mia, 127.0.0.2 is Tom,
everyone else counts as Ada.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import dns.message
import dns.query
import pytest
import yaml

from tests.e2e.house import ADA, MIA, ROOT, TOM, House, Reply, house
from tests.e2e.upstream import has
from tests.running import PATIENCE, free_port, running
from tests.upstream_server import filtered, silent

MIA_6 = "::1"
NOBODY_ANSWERED = (23, "no upstream answered")
FAST = 0.5  # seconds: nobody has to be asked
GIVEN_UP = 2.5

Tool = Callable[[str], str]


def dig(home: House, tool: str, source: str, name: str, *more: str) -> dict[str, Any]:
    """Return what dig read of the reply."""
    where = "::1" if ":" in source else "127.0.0.1"
    command = [tool, f"@{where}", "-p", str(home.program.port), "-b", source, "+yaml", name, *more]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    reply = yaml.load(done.stdout, yaml.BaseLoader)[0]["message"]["response_message_data"]
    ede = reply["OPT_PSEUDOSECTION"]["EDNS"].get("EDE", {})
    return {
        "status": reply["status"],
        "answer": [each.split(" ", 4)[3:] for each in reply.get("ANSWER_SECTION", [])],
        "ede": (ede["INFO-CODE"], ede["EXTRA-TEXT"]) if ede else None,
    }


ANYWHERE = ["A", "127.0.0.80"]
SAFE_SEARCH = ("4 (Forged Answer)", "safe_search: the engine's safe mode")


def by_rule(name: str) -> tuple[str, str]:
    return "17 (Filtered)", f"rule: {name}"


def by_list(category: str) -> tuple[str, str]:
    return "17 (Filtered)", f"category: {category} (list starter-{category})"


def by_contact(service: str) -> tuple[str, str]:
    return "17 (Filtered)", f"contact: service {service} (strangers)"


GOOGLE = [["CNAME", "forcesafesearch.google.com."], ANYWHERE]
YOUTUBE = [["CNAME", "restrict.youtube.com."], ANYWHERE]
YOUTUBE_MODERATE = [["CNAME", "restrictmoderate.youtube.com."], ANYWHERE]


@pytest.mark.tools
@pytest.mark.parametrize(
    ("source", "name", "status", "answer", "ede"),
    [
        (MIA, "chess.games.example", "NOERROR", [ANYWHERE], None),
        (MIA, "games.example", "NOERROR", [], by_rule("games.example")),
        (MIA_6, "games.example", "NOERROR", [], by_rule("games.example")),
        (TOM, "games.example", "NOERROR", [ANYWHERE], None),
        (MIA, "www.bet365.com", "NOERROR", [], by_list("gambling")),
        (MIA_6, "www.facebook.com", "NOERROR", [], by_contact("facebook")),
        (TOM, "www.facebook.com", "NOERROR", [ANYWHERE], None),
        (MIA, "www.google.com", "NOERROR", GOOGLE, SAFE_SEARCH),
        (MIA_6, "www.youtube.com", "NOERROR", YOUTUBE, SAFE_SEARCH),
        (TOM, "www.youtube.com", "NOERROR", YOUTUBE_MODERATE, SAFE_SEARCH),
        (ADA, "www.youtube.com", "NOERROR", [ANYWHERE], None),
        (MIA, "www.childline.org.uk", "NOERROR", [ANYWHERE], None),
        (MIA, "lessons.school.example", "NOERROR", [ANYWHERE], None),
        (MIA, "use-application-dns.net", "NXDOMAIN", [], None),
        (MIA_6, "use-application-dns.net", "NXDOMAIN", [], None),
        (ADA, "use-application-dns.net", "NXDOMAIN", [], None),
        (TOM, "mask.icloud.com", "NXDOMAIN", [], None),
        (ADA, "mask.icloud.com", "NOERROR", [ANYWHERE], None),
    ],
)
def test_each_person_gets_the_answer_of_their_own_profile(
    home: House,
    tool: Tool,
    source: str,
    name: str,
    status: str,
    answer: list[list[str]],
    ede: tuple[str, str] | None,
) -> None:
    seen = dig(home, tool("dig"), source, name)
    assert seen == {"status": status, "answer": answer, "ede": ede}


@pytest.mark.tools
def test_kdig_reads_why_a_name_is_blocked(home: House, tool: Tool) -> None:
    command = [tool("kdig"), "@127.0.0.1", "-p", str(home.program.port), "+edns", "games.example"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "EDE: 17 (Filtered): 'rule: games.example'" in said


@pytest.mark.parametrize("over_tcp", [False, True])
@pytest.mark.parametrize("source", [MIA, MIA_6])
def test_every_way_to_ask_gives_the_same(home: House, source: str, over_tcp: bool) -> None:
    allowed = home.ask("every-way.example", source=source, over_tcp=over_tcp)
    blocked = home.ask("games.example", source=source, over_tcp=over_tcp)
    assert allowed.data == ["127.0.0.80"]
    assert blocked.ede == (17, "rule: games.example")


def test_an_upstream_is_asked_once_for_all_and_policy_comes_after_the_cache(home: House) -> None:
    assert home.ask("roblox.com", source=ADA).data
    assert home.ask("roblox.com", source=TOM).data
    assert home.ask("roblox.com", source=MIA).ede == (17, "contact: service roblox (strangers)")
    assert home.ask("roblox.com", source=ADA).data
    assert home.upstream.names.count("roblox.com") == 1


def test_a_flush_lets_the_upstream_be_asked_again_and_tells_nothing(home: House) -> None:
    for name in ("moved.example", "stays.example"):
        home.ask(name)
    said = home.at_once("cache", "flush", "moved.example")
    assert said == home.at_once("cache", "flush", "moved.example")  # whether anything was there
    for name in ("moved.example", "stays.example"):
        home.ask(name)
    assert home.upstream.names.count("moved.example") == 2
    assert home.upstream.names.count("stays.example") == 1


def test_no_answer_stays_with_a_child_for_longer_than_a_minute(home: House) -> None:
    for source in (MIA, ADA):
        (rrset,) = home.ask("minute.example", source=source).message.answer
        assert rrset.ttl == 60


def without_recursion(home: House, name: str) -> dns.message.Message:
    """Ask for nothing but what is known already, as `dig +norecurse` does."""
    query = dns.message.make_query(name, "A", use_edns=0, flags=0, id=7)
    return dns.query.udp(query, "127.0.0.1", PATIENCE, home.program.port, source=TOM)


@pytest.mark.parametrize(
    "name", ["asked-before.example", "www.childline.org.uk", "chat.childline.org.uk"]
)
def test_no_answer_tells_that_somebody_else_asked_before(home: House, name: str) -> None:
    before = without_recursion(home, name)
    assert Reply(before).rcode == "REFUSED"
    assert Reply(before).ede is not None
    began, ttls = monotonic(), set()
    while monotonic() < began + 1.2:  # a TTL that counts down shows it within a second
        for source in (MIA, TOM):
            (rrset,) = home.ask(name, source=source).message.answer
            ttls.add(rrset.ttl)
        assert without_recursion(home, name) == before
    assert len(ttls) == 1


def test_many_who_ask_at_once_are_one_question_to_the_upstream(home: House) -> None:
    waiting = [home.begin("at-once.example") for _ in range(20)]
    assert all(reply().data for reply in waiting)
    assert home.upstream.names.count("at-once.example") == 1


# --- names inside answers -----------------------------------------------------------------------


def test_a_name_that_leads_to_a_blocked_one_is_blocked_and_says_so(home: House) -> None:
    home.upstream.says["alias.example"] = has("CNAME games.example.", "A 127.0.0.7")
    assert home.ask("alias.example").ede == (17, "rule: games.example")
    assert home.ask("alias.example", source=TOM).data == ["games.example.", "127.0.0.7"]


def test_what_the_upstream_blocked_says_that_it_was_the_upstream(home: House) -> None:
    home.upstream.says["filtered.example"] = filtered
    reply = home.ask("filtered.example")
    assert reply.ede == (35, "upstream_filtered: blocked by the upstream resolver")


def test_an_outside_name_may_not_point_into_the_home(tmp_path: Path) -> None:
    with house(tmp_path, environment={}, forked=False) as strict:
        reply = strict.ask("far.example")
    assert (reply.data, reply.ede) == ([], (15, "rebinding: private address"))


# --- upstreams that do not answer ---------------------------------------------------------------


def test_without_an_upstream_blocks_are_answered_and_the_rest_fails_in_time(
    tmp_path: Path,
) -> None:
    nobody = [free_port()]
    with running(
        tmp_path, ROOT / "config" / "home.yaml", upstreams=nobody, forked=False
    ) as program:
        began = monotonic()
        assert Reply(program.ask("games.example")).ede == (17, "rule: games.example")
        assert monotonic() - began < FAST
        allowed = Reply(program.ask("chess.games.example"))
        assert monotonic() - began < GIVEN_UP
    assert (allowed.rcode, allowed.ede) == ("SERVFAIL", NOBODY_ANSWERED)


def test_a_silent_upstream_is_given_up_in_time_and_holds_up_no_block(home: House) -> None:
    names = [f"silent-{n}.example" for n in range(5)]
    home.upstream.says |= dict.fromkeys(names, silent)
    began = monotonic()
    waiting = [home.begin(name) for name in names]
    assert home.ask("games.example").ede == (17, "rule: games.example")
    assert home.ask("special.home.arpa").rcode == "NXDOMAIN"
    assert monotonic() - began < FAST
    replies = [reply() for reply in waiting]
    assert monotonic() - began < GIVEN_UP
    assert {(each.rcode, each.ede) for each in replies} == {("SERVFAIL", NOBODY_ANSWERED)}
