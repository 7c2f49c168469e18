"""`copdns lists update`, and what `lists status` and `doctor` say of lists that are fetched."""

from __future__ import annotations

import gzip
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from copdns.cli.list_downloads import NO_DOWNLOADS, duration_text
from copdns.list_files.copies import Copies
from tests.conftest import SHARED_DATA
from tests.list_server import End, ListServer, list_server, tar
from tests.unit.calling import Home

TOYS = "chess.example\ngames.example\n"
AT = "2026-11-24T18:00:00Z"


class Fetching(Home):
    """A family that blocks games, and a server with lists of them."""

    server: ListServer

    def use(self, *sources: dict[str, Any], **fields: Any) -> None:
        self.set(lists=[], sources={"use": "none", "own": sources, **fields})

    def source(self, slug: str, **fields: Any) -> dict[str, Any]:
        url = self.server.url(f"/{slug}")
        made = {"slug": slug, "url": url, "category": "games", "format": "domains"}
        return made | {"match": "subtree", **fields}

    def update(self, *words: str) -> dict[str, dict[str, Any]]:
        return {each["list"]: each for each in self.json("lists", "update", *words)["lists"]}

    def status(self, slug: str) -> dict[str, Any]:
        (found,) = [each for each in self.json("lists", "status") if each["list"] == slug]
        return dict(found)

    def text(self, slug: str) -> bytes:
        return Copies(self.data).text_path(slug).read_bytes()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Fetching]:
    with list_server() as server:
        made = Fetching(tmp_path)
        made.server = server
        made.use(made.source("toys"), made.source("cards"))
        yield made


# --- updating ------------------------------------------------------------------------------------


def test_every_list_gets_a_line_that_says_what_came(home: Fetching) -> None:
    home.server.put("/toys", TOYS, headers={"ETag": '"1"'})
    done = home.call("lists", "update")
    assert done.exit_code == 1
    assert "toys   new      2        28 B\n" in done.stdout
    assert "cards  missing" in done.stdout
    assert "no longer has this file (404)" in done.stdout
    home.server.put("/cards", "solitaire.example\n")
    assert "toys   unchanged  2        28 B\ncards  new " in home.ok("lists", "update")
    home.server.put("/cards", status=500)
    done = home.call("lists", "update")
    assert done.exit_code == 1
    assert "cards  kept       1        18 B  the server has a problem (500)" in done.stdout


def test_some_lists_can_be_named(home: Fetching) -> None:
    home.server.put("/toys", TOYS)
    assert list(home.update("toys", "toys")) == ["toys"]
    assert [each.path for each in home.server.asked] == ["/toys"]


def test_a_list_that_is_not_used_is_not_fetched(home: Fetching) -> None:
    done = home.call("lists", "update", "toyz")
    assert done.exit_code == 1
    assert "did you mean toys?" in done.output
    assert home.server.asked == []
    home.use()
    assert "no downloaded lists are in use" in home.ok("lists", "update")


def test_programs_get_json(home: Fetching) -> None:
    home.server.put("/toys", TOYS)
    found = home.update()
    toys = found["toys"]
    assert (toys["result"], toys["names"], toys["octets"], toys["error"]) == ("new", 2, 28, "")
    assert toys["fetched_at"] == toys["checked_at"]
    assert found["cards"]["result"] == "missing"


def test_who_looked_may_take_a_list_that_shrank(home: Fetching) -> None:
    home.server.put("/toys", "".join(f"n{n}.example\n" for n in range(1000)))
    home.update("toys")
    home.server.put("/toys", TOYS)
    assert home.update("toys")["toys"]["result"] == "held"
    assert home.update("toys", "--smaller")["toys"]["result"] == "new"


# --- versions ------------------------------------------------------------------------------------


def many(*counts: int) -> str:
    return "".join(f"n{n}.example\n" for n in range(*counts))


def test_a_held_version_is_shown_and_decided_about(home: Fetching) -> None:
    home.use(home.source("toys"))
    home.ok("profile", "set", "mia", "--category", "games")
    for text in (many(100), many(200) + "microsoft.com\n"):
        home.server.put("/toys", text)
        home.update("toys")
    said = home.ok("lists", "diff", "toys")
    for line in (
        "  it has many more domains\n",
        "  201 domains instead of 100\n",
        "! microsoft.com (many sites need microsoft.com)\n",
        "+ n100.example\n",
        "to use it: copdns lists accept toys; if it is wrong: copdns lists refuse toys\n",
    ):
        assert line in said
    assert "toys: a new version is held (growth); see copdns lists diff toys" in home.ok(
        "lists", "status"
    )
    held = home.json("lists", "diff", "toys")["held"]
    assert (held["reasons"], held["added"], home.status("toys")["waiting"]) == (
        ["growth"],
        101,
        held,
    )
    assert (
        "a newer version of the list toys came"
        in home.call("lists", "accept", "toys", "--version", "abc").output
    )
    assert "is used now, with 201 domains" in home.ok(
        "lists", "accept", "toys", "--version", held["version"]
    )
    assert home.text("toys") == (many(200) + "microsoft.com\n").encode()
    assert home.ok("lists", "diff", "toys").startswith("no version of toys is held\n")
    assert "is used now, with 100 domains" in home.ok("lists", "rollback", "toys")
    home.update("toys")
    assert home.json("lists", "diff", "toys")["held"]["reasons"] == ["growth", "rolled_back"]
    assert "stays in use" in home.ok("lists", "refuse", "toys")
    assert home.json("lists", "diff", "toys")["held"] is None
    lines = [each["what"].partition(";")[0] for each in home.json("household", "history")][-3:]
    assert lines == [
        "list toys: new version accepted",
        "list toys: back to an earlier version",
        "list toys: new version refused",
    ]


def test_only_downloaded_lists_have_versions(home: Fetching) -> None:
    for command in ("diff", "accept", "refuse", "rollback"):
        done = home.call("lists", command, "toyz")
        assert (done.exit_code, "did you mean toys?" in done.output) == (1, True)
    done = home.call("lists", "rollback", "toys")
    assert (done.exit_code, "no such earlier version" in done.output) == (1, True)


def test_on_a_terminal_a_bar_shows_how_far_it_is(home: Fetching) -> None:
    home.server.put("/toys", TOYS)
    home.server.put("/cards", TOYS)
    ours, theirs = os.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "copdns", *home.start, "lists", "update"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        check=True,
    )
    os.close(theirs)
    octets = b""
    with suppress(OSError):  # the end of a terminal whose program has gone
        while part := os.read(ours, 100_000):  # at most 4 KiB at a time
            octets += part
    os.close(ours)
    shown = octets.decode()
    assert "100%" in shown
    assert "toys" in shown
    assert "100%" not in done.stdout


def test_only_changes_of_a_list_change_what_is_judged(home: Fetching) -> None:
    home.server.put("/toys", TOYS)
    home.update("toys")
    assert home.call("check", "www.chess.example", "--profile", "mia").exit_code == 3
    assert home.json("lists", "search", "chess.example")["entries"][0]["list"] == "toys"
    home.server.put("/toys", b"\x89PNG")
    home.update("toys")
    assert home.call("check", "www.chess.example", "--profile", "mia").exit_code == 3


# --- telling -------------------------------------------------------------------------------------


def test_the_status_tells_age_source_and_why_the_old_copy_is_in_force(home: Fetching) -> None:
    home.use(home.source("toys", licence="CC0-1.0", maintainer="Bo", title="Toys by Bo"))
    home.server.put("/toys", TOYS)
    home.update()
    home.server.put("/toys", "<html>", headers={"Content-Type": "text/plain"})
    home.update()
    home.update()
    toys = home.status("toys")
    assert (toys["used"], toys["licence"], toys["maintainer"]) == (2, "CC0-1.0", "Bo")
    assert (toys["title"], toys["url"], toys["octets"]) == (
        "Toys by Bo",
        home.server.url("/toys"),
        28,
    )
    assert toys["age"] < 60
    assert toys["failures"] == 2
    text = home.ok("lists", "status")
    assert "CC0-1.0" in text
    assert " seconds ago: this is a web page, not a list" in text
    assert "(failed 2 times in a row)" in text
    assert home.server.url("/toys") not in text
    assert home.server.url("/toys") in home.ok("lists", "status", "--all")


def test_what_is_not_here_is_told_plainly_everywhere(home: Fetching) -> None:
    home.server.put("/toys", TOYS)
    home.update()
    plainly = "not fully protected yet: 1 of 2 lists is not downloaded yet (cards)"
    text = home.ok("lists", "status")
    assert plainly in text
    assert "cards: not here: the server no longer has this file (404)" in text
    assert "not here" in next(line for line in text.splitlines() if line.startswith("cards "))
    findings = home.json("doctor")["findings"]
    told = {(each["status"], each["what"]) for each in findings if each["about"] == "lists"}
    assert ("warn", plainly) in told
    assert home.call("config", "check").exit_code == 0


def test_what_is_left_out_or_called_wrongly_is_told(home: Fetching) -> None:
    home.use(home.source("toys", names=5000), use=["toyz"], max_names=4000)
    text = home.ok("lists", "status")
    assert "may contain 4,000 domains (sources.max_names): toys" in text
    assert "contains unknown lists: toyz" in text
    checked = home.call("config", "check")
    assert (checked.exit_code, checked.stdout) == (78, "")
    assert "contains unknown lists: toyz" in checked.stderr
    assert home.call("config", "check", "--json").exit_code == 78
    told = [each["what"] for each in home.json("doctor")["findings"] if each["about"] == "lists"]
    assert any("may contain 4,000 domains" in each for each in told)
    assert any("contains unknown lists: toyz" in each for each in told)


def test_who_fetches_nothing_is_told_what_that_means(home: Fetching) -> None:
    home.use()
    assert NO_DOWNLOADS in home.ok("lists", "status")


def test_a_category_that_only_a_fetched_list_is_about_is_known_from_the_start(
    home: Fetching,
) -> None:
    home.use(home.source("cards", category="card_games"))
    home.ok("profile", "set", "mia", "--category", "card_games")
    home.server.put("/cards", "solitaire.example\n")
    home.update()
    assert home.call("check", "solitaire.example", "--profile", "mia").exit_code == 3


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 seconds"), (59.9, "59 seconds"), (60, "1 minute"), (7300, "2 hours"), (2e5, "2 days")],
)
def test_ages_are_told_in_their_largest_unit(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


# --- processes -----------------------------------------------------------------------------------


def test_a_killed_update_leaves_the_old_copy_and_nothing_in_the_way(home: Fetching) -> None:
    home.server.put("/toys", TOYS)
    home.update("toys")
    before = home.status("toys")
    home.server.put("/toys", "go.example\n" * 1000, end=End.SILENT)
    process = home.process("lists", "update", "toys")
    assert home.server.begun.wait(30)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert home.text("toys") == TOYS.encode()
    after = home.status("toys")
    assert after.pop("age") >= before.pop("age")
    assert after == before
    home.server.put("/toys", "go.example\n")
    assert home.update("toys")["toys"]["result"] == "new"
    assert sorted(each.name for each in Copies(home.data).folder.iterdir()) == [
        *("lock", "toys.json", "toys.txt", "versions")
    ]


def test_a_second_update_waits_for_the_first(home: Fetching) -> None:
    home.server.put("/toys", TOYS)
    with Copies(home.data).hold_lock(wait=False):
        process = home.process("lists", "update", "toys")
        assert process.stderr is not None
        assert "waiting until it is done" in process.stderr.readline()
        assert home.server.asked == []
    out, _ = process.communicate()
    assert "toys  new" in out


def test_a_file_that_may_not_grow_is_told_and_the_copy_stays(home: Fetching) -> None:
    home.server.put("/toys", TOYS)
    home.update("toys")
    home.server.put("/toys", "go.example\n" * 10_000)
    done = subprocess.run(
        [sys.executable, "-m", "copdns", *home.start, "lists", "update", "toys"],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
    )
    assert done.returncode == 1
    assert "File too large); free some space on the disk" in done.stdout
    assert home.text("toys") == TOYS.encode()
    assert "free some space on the disk" in home.status("toys")["fetch_error"]


# --- real lists ----------------------------------------------------------------------------------


def ut1(member: str) -> dict[str, Any]:
    return {"file": "ut1/blacklists-shared.tar.gz", "member": f"blacklists/{member}/domains"}


REAL: dict[str, dict[str, Any]] = {
    "sinfonietta-gambling": {"file": "sinfonietta/gambling.hosts.txt", "format": "hosts"},
    "sinfonietta-adult": {"file": "sinfonietta/pornography.hosts.txt.gz", "format": "hosts"},
    "stevenblack": {"file": "stevenblack-2022/stevenblack.domains.txt.gz"},
    "ultimatehosts": {"file": "large/ultimatehosts.wildcard.txt.gz", "format": "wildcard"},
    "phishing": {"file": "large/phishing.domains.txt.gz", "category": "phishing"},
    "adguard": {"file": "adguard-sdns-2019/filter.txt.gz", "format": "adblock"},
    "drugs": {"file": "blocklistproject/drugs.adguard.txt.gz", "format": "adblock"},
    "ut1-dating": ut1("dating"),
    "ut1-gambling": ut1("gambling"),
    "ut1-vpn": ut1("vpn"),
}


@pytest.mark.shared_data
def test_real_lists_come_through_in_every_form_and_stay_when_their_server_breaks(
    home: Fetching,
) -> None:
    sources = []
    for slug, fields in REAL.items():
        octets = (SHARED_DATA / "block" / fields["file"]).read_bytes()
        home.server.put(f"/{slug}", octets, headers={"ETag": f'"{slug}"'})
        keys = {key: value for key, value in fields.items() if key != "file"}
        sources.append(home.source(slug, **keys))
    home.use(*sources, max_names=5_000_000)
    first = home.update()
    assert {each["result"] for each in first.values()} == {"new"}
    assert sum(each["names"] for each in first.values()) > 500_000
    before = {slug: home.text(slug) for slug in REAL}
    plain = gzip.decompress((SHARED_DATA / "block" / REAL["phishing"]["file"]).read_bytes())
    assert before["phishing"] == plain
    assert {each["result"] for each in home.update().values()} == {"unchanged"}
    for slug in REAL:
        home.server.put(f"/{slug}", before[slug][:1000].replace(b"example", b""), end=End.CUT)
    assert {each["result"] for each in home.update().values()} == {"kept"}
    assert {slug: home.text(slug) for slug in REAL} == before


@pytest.mark.shared_data
def test_a_real_list_of_pages_is_refused_with_its_reason(home: Fetching) -> None:
    archive = (SHARED_DATA / "block" / "ut1/blacklists-shared.tar.gz").read_bytes()
    home.server.put("/toys", archive)
    home.use(home.source("toys", member="blacklists/drogue/urls"))
    assert "this is a list of pages" in home.update()["toys"]["error"]
    assert "this is a list of pages" in home.ok("lists", "status")


def test_a_state_that_was_written_is_json_that_others_can_read(home: Fetching) -> None:
    home.server.put("/toys", tar({"a/domains": TOYS}))
    home.use(home.source("toys", member="a/domains"))
    home.update()
    state = json.loads((Copies(home.data).folder / "toys.json").read_text())
    assert state["url"] == home.server.url("/toys")
    assert state["octets"] == 28
    assert len(state["sha256"]) == 64
