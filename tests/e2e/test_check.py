"""`copdns check` tells the same story as the wire, and as the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from tests.e2e.house import ADA, MIA, ROOT, TOM, House, eventually, house

ASKED = [
    *("printer.home.arpa", "www.printer.home.arpa", "router.home.arpa", "localhost", "nas.lan"),
    *("use-application-dns.net", "mask.icloud.com", "resolver.arpa", "start.example"),
    *("www.childline.org.uk", "en.wikipedia.org", "school.example", "lessons.school.example"),
    *("crypto-loot.com", "games.example", "www.games.example", "chess.games.example"),
    *("ads.example", "eu.ads.example", "casino.example", "a.library.example", "library.example"),
    *("dns.google", "clubchat.example", "voice.example", "eu.voice.example", "www.roblox.com"),
    *("bet365.com", "www.bet365.com", "www.bumble.com", "www.google.com", "www.google.co.uk"),
    *("duckduckgo.com", "www.youtube.com", "yandex.com", "startpage.com", "chess.example"),
]
WHO = [MIA, "::1", TOM, ADA]
HELP = {"www.childline.org.uk"}

Say = Callable[[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The example family, in which every name that Mia asks is kept."""
    folder = tmp_path_factory.mktemp("home")
    with house(folder, ROOT / "config" / "home.yaml") as found:
        found.command("profile", "set", "mia", "--privacy", "full")
        eventually(lambda: found.metrics()["copdns_policy_revision"] == 2)
        yield found


@pytest.fixture(scope="module")
def say(home: House) -> Say:
    """What `copdns check` says of a name and a client, called once for each pair."""
    return cache(lambda name, source: home.check(name, source))


def expected(said: dict[str, Any]) -> tuple[str, str, str]:
    """Return rcode, first data and explanation that a reply has when it agrees with `check`."""
    match said["action"], said["reason"]:
        case "block", _:
            return "NOERROR", "", said["text"]
        case "rewrite", _:
            return "NOERROR", f"{said['target']}.", said["text"]
        case "allow", _:
            return "NOERROR", "127.0.0.80", ""
        case "local", "canary":
            return "NXDOMAIN", "", ""
    return LOCAL[said["name"]]


LOCAL = {
    "localhost": ("NOERROR", "127.0.0.1", ""),
    "nas.lan": ("NXDOMAIN", "", ""),
    "printer.home.arpa": ("NOERROR", "192.168.1.20", ""),
    "resolver.arpa": ("NOERROR", "", ""),
    "router.home.arpa": ("NXDOMAIN", "", ""),
    "www.printer.home.arpa": ("NXDOMAIN", "", ""),
}


@pytest.mark.parametrize("source", WHO)
def test_check_foretells_every_answer(home: House, say: Say, source: str) -> None:
    differ = {}
    for name in ASKED:
        reply = home.ask(name, source=source)
        got = (reply.rcode, *(reply.data or [""])[:1], reply.ede[1] if reply.ede else "")
        said = expected(say(name, source))
        if got != said:
            differ[name] = (got, said)
    assert not differ


def test_check_and_log_give_the_same_reasons(home: House, say: Say) -> None:
    said = [say(name, MIA) for name in ASKED if name not in HELP]
    for name in ASKED:
        home.ask(name)

    def logged(key: str) -> list[object]:
        return [each.row._asdict()[key] for each in home.log.rows("home", "mia", len(said))]

    eventually(lambda: logged("qname") == [each["name"] for each in said])
    for key in ("action", "reason", "category", "service", "list", "rule"):
        assert logged(key) == [each[key] for each in said]


@pytest.mark.parametrize("source", WHO)
def test_check_shows_every_step_in_its_order_and_which_one_decides(say: Say, source: str) -> None:
    reached = set()
    for name in ASKED:
        said = say(name, source)
        assert [step["number"] for step in said["steps"]] == list(range(1, 16))
        (deciding,) = (step for step in said["steps"] if step["decides"])
        first = next(step for step in said["steps"] if step["action"])
        assert deciding is first
        for key in ("action", "reason", "category", "service", "list", "rule"):
            assert deciding[key] == said[key]
        reached.add(said["step"])
    # The others have nothing to say in this family: no legal order, no grant, no closed time.
    assert reached >= ({2, 4, 5, 10, 11, 12, 13, 14, 15} if source == MIA else {2, 4, 5, 15})
