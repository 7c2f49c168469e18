"""Servers of lists that fail, break off, send something else, or do not end."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from copdns.list_files.facts import facts_folder, load_facts
from copdns.list_files.facts_bundle import sign_bundle
from tests.e2e.house import eventually
from tests.faults.place import Place, asking, command
from tests.list_server import End, ListServer, list_server
from tests.unit.list_files.test_facts_store import (
    GONE,
    KEY,
    OTHER,
    PUBLIC,
    add,
    newer,
    remove,
    shipped,
)

CHESS = "www.chess.example"
TOYS = "chess.example\n" + "".join(f"toys-{number}.example\n" for number in range(50))
LONG = 120.0  # seconds


@contextmanager
def fetched(home: Place, server: ListServer) -> Iterator[None]:
    """Have a good version of the list of games; leave its copy in the family's folder."""
    server.put("/toys", TOYS)
    home.configure(sources=own(server, "toys"))
    eventually(lambda: home.home.ask(CHESS).ede)
    yield
    assert home.home.ask(CHESS).ede


def own(server: ListServer, *slugs: str) -> dict[str, object]:
    form = {"category": "games", "format": "domains", "match": "subtree"}
    return {"own": [{"slug": each, "url": server.url(f"/{each}"), **form} for each in slugs]}


def update(home: Place) -> str:
    return command(home.home, "lists", "update")


@pytest.fixture
def server() -> Iterator[ListServer]:
    with list_server() as made:
        yield made


def test_a_list_server_fails(home: Place, server: ListServer) -> None:
    with fetched(home, server), asking(home.home), home.assert_shown("a_list_server_fails"):
        server.put("/toys", "", status=503)
        assert "503" in update(home)


def test_a_list_server_sends_something_else(home: Place, server: ListServer) -> None:
    with (
        fetched(home, server),
        asking(home.home),
        home.assert_shown("a_list_server_sends_something_else"),
    ):
        server.put("/toys", "<!doctype html><title>Welcome to the hotel</title>")
        assert "a web page" in update(home)


def test_a_download_breaks_off(home: Place, server: ListServer) -> None:
    with fetched(home, server), asking(home.home), home.assert_shown("a_download_breaks_off"):
        server.put("/toys", TOYS + "more.example\n", end=End.CUT)
        assert "cut off" in update(home)


def test_a_list_server_redirects_in_a_circle(home: Place, server: ListServer) -> None:
    with (
        fetched(home, server),
        asking(home.home),
        home.assert_shown("a_list_server_redirects_in_a_circle"),
    ):
        server.put("/toys", "", status=302, headers={"Location": server.url("/toys")})
        assert "redirects more than" in update(home)


def test_a_list_was_poisoned(home: Place, server: ListServer) -> None:
    with fetched(home, server), asking(home.home), home.assert_shown("a_list_was_poisoned"):
        server.put("/toys", TOYS + "google.com\nwikipedia.org\n" + TOYS.replace("toys", "boys"))
        assert "held" in update(home)
        assert home.home.ask("google.com").data
        assert not home.home.ask("boys-7.example").ede


@contextmanager
def bundled(home: Place, server: ListServer, octets: bytes) -> Iterator[str]:
    """Have facts downloaded, and yield what the command says; go back to those that ship."""
    chosen = {"url": server.put("/facts", octets), "keys": [PUBLIC]}
    home.configure(facts=chosen)
    try:
        yield command(home.home, "facts", "update")
    finally:
        home.configure()
        shutil.rmtree(facts_folder(home.home.data), ignore_errors=True)


def test_newer_facts_are_forged(home: Place, server: ListServer) -> None:
    forged = sign_bundle(newer(remove, made_at=shipped().made_at), OTHER)
    with (
        bundled(home, server, forged) as said,
        asking(home.home),
        home.assert_shown("newer_facts_are_forged"),
    ):
        assert "a key that this copdns does not know" in said


def test_newer_facts_take_help_away(home: Place, server: ListServer) -> None:
    weaker = sign_bundle(newer(add, remove, made_at=shipped().made_at), KEY)
    with (
        bundled(home, server, weaker) as said,
        asking(home.home),
        home.assert_shown("newer_facts_take_help_away"),
    ):
        assert "a change waits" in said
        assert GONE in load_facts(home.home.data).read("protected.yaml")


@pytest.mark.long
def test_a_download_has_no_end(home: Place, server: ListServer) -> None:
    with (
        fetched(home, server),
        asking(home.home, within=2.0),
        home.assert_shown("a_download_has_no_end"),
    ):
        server.put("/toys", TOYS * 100, end=End.ENDLESS)
        assert "larger than 128 MiB" in update(home)


@pytest.mark.long
def test_a_download_unpacks_to_too_much(home: Place, server: ListServer) -> None:
    bomb = gzip.compress(b"#" * (1 << 30), 9, mtime=0)
    with (
        fetched(home, server),
        asking(home.home, within=2.0),
        home.assert_shown("a_download_unpacks_to_too_much"),
    ):
        server.put("/toys", bomb, headers={"Content-Encoding": "gzip"})
        assert "256 MiB" in update(home)


@pytest.mark.long
def test_a_list_server_falls_silent(home: Place, server: ListServer) -> None:
    with fetched(home, server), asking(home.home), home.assert_shown("a_list_server_falls_silent"):
        server.put("/toys", TOYS, end=End.SILENT)
        assert "did not send anything for 30 s" in update(home)


@pytest.mark.long
def test_a_list_server_drips(home: Place, server: ListServer) -> None:
    """The rest of the quarter of an hour is waited for in tests/unit/list_files/test_fetch.py."""
    with fetched(home, server), asking(home.home), home.assert_shown("a_list_server_drips"):
        server.put("/drip", TOYS, end=End.SLOW)
        server.put("/cards", "solitaire.example\n")
        home.configure(sources=own(server, "toys", "drip", "cards"))
        eventually(lambda: home.home.ask("solitaire.example").ede, within=LONG)
