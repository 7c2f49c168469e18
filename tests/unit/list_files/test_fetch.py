"""Fetching over real connections: what is new comes, and what is broken changes nothing."""

from __future__ import annotations

import asyncio
import gzip
import os
import shutil
import socket
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from copdns import __version__
from copdns.list_files.copies import Copies
from copdns.list_files.fetch import FetchOutcome, FetchResult, open_fetcher
from copdns.list_files.versions import Versions
from copdns.lists.download import FetchLimits
from copdns.lists.parse import ListFormat
from copdns.lists.source import Source
from copdns.lists.versions import HoldReason
from copdns.model.matchers import Matcher, MatchKind
from tests.list_server import End, ListServer, list_server, packed, tar
from tests.running import free_port

NOW = 1_800_000_000.0
SMALL = FetchLimits(wire=200_000, text=400_000)  # octets; of time there is as much as at home
TOYS = "chess.example\ngames.example\n"


def source(url: str, **fields: Any) -> Source:
    made = Source(
        slug="toys",
        title="Toys",
        category="games",
        url=url,
        format=ListFormat.DOMAINS,
        match=MatchKind.SUBTREE,
        licence="CC0-1.0",
        maintainer="Ada",
        homepage="",
        report="",
        names=2,
        default=True,
        about="",
    )
    return replace(made, **fields)


@dataclass
class Shelf:
    """A folder of copies, a clock, and a server.  now: moves when a test says so."""

    copies: Copies
    server: ListServer
    now: float = NOW
    limits: FetchLimits = SMALL
    vouched: tuple[Matcher, ...] = ()

    async def fetch(self, wanted: Source, *, smaller: bool = False) -> FetchOutcome:
        fetching = open_fetcher(self.copies, lambda: self.now, self.limits, vouched=self.vouched)
        async with fetching as fetcher:
            return await fetcher.fetch(wanted, may_shrink=smaller)

    @property
    def text(self) -> bytes:
        return self.copies.text_path("toys").read_bytes()

    @property
    def files(self) -> list[str]:
        return sorted(each.name for each in self.copies.folder.iterdir() if each.is_file())


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    copies = Copies(tmp_path)
    copies.folder.mkdir()
    with list_server() as server:
        yield Shelf(copies, server)


# --- what comes ----------------------------------------------------------------------------------


async def test_a_list_comes_whole_and_what_is_known_of_it_stands_beside(shelf: Shelf) -> None:
    headers = {"ETag": '"1"', "Last-Modified": "Tue, 24 Nov 2026 18:00:00 GMT"}
    url = shelf.server.put("/toys.txt", TOYS, headers=headers)
    outcome = await shelf.fetch(source(url))
    assert outcome.result is FetchResult.NEW
    assert shelf.text == TOYS.encode()
    assert shelf.files == ["toys.json", "toys.txt"]
    state = shelf.copies.state("toys")
    assert state == outcome.state
    assert (state.url, state.etag, state.names, state.octets) == (url, '"1"', 2, len(TOYS))
    assert state.fetched_at == state.checked_at == NOW
    assert (state.error, state.failures) == ("", 0)


@pytest.mark.parametrize("name", ["ETag", "Last-Modified"])
async def test_what_did_not_change_is_not_sent_again(shelf: Shelf, name: str) -> None:
    url = shelf.server.put("/toys.txt", TOYS, headers={name: '"1"'})
    await shelf.fetch(source(url))
    shelf.now += 3600
    outcome = await shelf.fetch(source(url))
    assert outcome.result is FetchResult.UNCHANGED
    assert (outcome.state.fetched_at, outcome.state.checked_at) == (NOW, NOW + 3600)
    shelf.server.put("/toys.txt", "go.example\n", headers={name: '"2"'})
    assert (await shelf.fetch(source(url))).result is FetchResult.NEW
    assert shelf.text == b"go.example\n"


async def test_the_same_text_without_an_etag_is_no_news(shelf: Shelf) -> None:
    url = shelf.server.put("/toys.txt", TOYS)
    assert (await shelf.fetch(source(url))).result is FetchResult.NEW
    assert (await shelf.fetch(source(url))).result is FetchResult.UNCHANGED


async def test_a_copy_that_is_gone_or_was_touched_is_restored_or_fetched_whole(
    shelf: Shelf,
) -> None:
    url = shelf.server.put("/toys.txt", TOYS, headers={"ETag": '"1"'})
    await shelf.fetch(source(url))
    shelf.copies.text_path("toys").write_text("cut")
    assert (await shelf.fetch(source(url))).result is FetchResult.UNCHANGED
    assert shelf.text == TOYS.encode()
    shutil.rmtree(shelf.copies.folder / "versions")
    shelf.copies.text_path("toys").write_text("cut")
    assert (await shelf.fetch(source(url))).result is FetchResult.NEW
    shutil.rmtree(shelf.copies.folder / "versions")
    shelf.copies.text_path("toys").unlink()
    assert (await shelf.fetch(source(url))).result is FetchResult.NEW
    assert shelf.text == TOYS.encode()


async def test_another_address_is_asked_without_the_old_etag(shelf: Shelf) -> None:
    first = shelf.server.put("/a.txt", TOYS, headers={"ETag": '"1"'})
    second = shelf.server.put("/b.txt", "go.example\n", headers={"ETag": '"1"'})
    await shelf.fetch(source(first))
    assert (await shelf.fetch(source(second))).result is FetchResult.NEW


async def test_a_304_that_nobody_asked_for_is_an_error(shelf: Shelf) -> None:
    url = shelf.server.put("/toys.txt", status=304)
    outcome = await shelf.fetch(source(url))
    assert outcome.result is FetchResult.MISSING
    assert "304" in outcome.state.error


@pytest.mark.parametrize(
    ("body", "headers", "member"),
    [
        (packed(TOYS), {}, ""),
        (packed(TOYS), {"Content-Encoding": "gzip"}, ""),
        (gzip.compress(packed(TOYS)), {"Content-Encoding": "gzip"}, ""),
        (packed(TOYS[:10]) + packed(TOYS[10:]), {}, ""),  # two members are one text
        (tar({"games/urls": "a.example/b", "games/domains": TOYS}), {}, "games/domains"),
        (tar({"./games/domains": TOYS, "games/domains": "x"}), {}, "games/domains"),
        (gzip.decompress(tar({"games/domains": TOYS})), {}, "games/domains"),
    ],
    # Not by their octets: those of an archive tell the second in which it was made.
    ids=["gz", "gz twice", "gz on the way too", "two members", "tar.gz", "./ in it", "tar"],
)
async def test_what_is_packed_is_unpacked(
    shelf: Shelf, body: bytes, headers: dict[str, str], member: str
) -> None:
    url = shelf.server.put("/toys", body, headers=headers)
    assert (await shelf.fetch(source(url, member=member))).result is FetchResult.NEW
    assert shelf.text == TOYS.encode()
    assert shelf.files == ["toys.json", "toys.txt"]


async def test_nothing_of_an_archive_is_written_but_the_one_text(
    shelf: Shelf, tmp_path: Path
) -> None:
    link = tarfile.TarInfo("domains-link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    files = {"../../evil": "e", "/tmp/copdns-evil": "e", "l": link, "games/domains": TOYS}
    url = shelf.server.put("/toys.tar.gz", tar(files))
    assert (await shelf.fetch(source(url, member="games/domains"))).result is FetchResult.NEW
    written = {str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*") if each.is_file()}
    versions, digest = "lists/versions/toys", shelf.copies.state("toys").sha256
    assert written == {
        *("lists/toys.json", "lists/toys.txt"),
        *(f"{versions}/book.json", f"{versions}/book.copy", f"{versions}/{digest}.gz"),
    }
    assert not Path("/tmp/copdns-evil").exists()


async def test_redirects_are_followed_and_the_address_of_the_source_is_kept(shelf: Shelf) -> None:
    shelf.server.put("/new/toys.txt", TOYS)
    url = shelf.server.put("/toys.txt", status=302, headers={"Location": "/new/toys.txt"})
    assert (await shelf.fetch(source(url))).state.url == url
    assert shelf.text == TOYS.encode()


async def test_no_name_that_a_server_redirects_to_leads_to_this_machine(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name can point anywhere; programs here may trust whoever comes from loopback."""
    port = urlsplit(shelf.server.put("/metrics", TOYS)).port

    async def points_here(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", points_here)
    there = {"Location": f"http://lists.example:{port}/metrics"}
    url = shelf.server.put("/toys.txt", status=302, headers=there)
    outcome = await shelf.fetch(source(url))
    assert outcome.result is FetchResult.MISSING
    assert "redirects to lists.example, which is this machine itself" in outcome.state.error
    assert [each.path for each in shelf.server.asked] == ["/toys.txt"]


async def test_nothing_is_told_but_the_version(shelf: Shelf) -> None:
    url = shelf.server.put("/toys.txt", TOYS, headers={"Set-Cookie": "id=mia"})
    await shelf.fetch(source(url))
    await shelf.fetch(source(url))
    for asked in shelf.server.asked:
        assert asked.headers == {
            "Host": url.split("/")[2],
            "User-Agent": f"copdns/{__version__}",
            "Accept": "*/*",
            "Accept-Encoding": "gzip",
        }


# --- what is broken ------------------------------------------------------------------------------

HTML = b"\n<!DOCTYPE html><title>Log in</title>"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
PAGES = "".join(f"site{n}.example/page\n" for n in range(10))
BOMB = gzip.compress(b"a.example\n" * 100_000)
MORE = "".join(f"n{n}.example\n" for n in range(3000))
MANY = "".join(f"n{n}.example\n" for n in range(2000))
# Only for a server that is never done: any other must be waited for, however slow the machine is.
IMPATIENT: dict[End, dict[str, Any]] = {End.SILENT: {"idle": 0.3}, End.SLOW: {"total": 1.0}}


def link(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return info


@pytest.mark.parametrize(
    ("page", "member", "told"),
    [
        ({"status": 404}, "", "no longer has this file (404)"),
        ({"status": 403}, "", "refused the download (403)"),
        ({"status": 429}, "", "too many requests (429)"),
        ({"status": 500}, "", "has a problem (500)"),
        ({"status": 206, "body": TOYS.encode()}, "", "status 206"),
        ({"body": b""}, "", "no usable domains"),
        ({"body": b"# nothing yet\n"}, "", "no usable domains"),
        ({"body": HTML}, "", "a web page"),
        ({"body": gzip.compress(HTML)}, "", "a web page"),
        ({"body": PNG}, "", "a picture (PNG)"),
        ({"body": gzip.compress(PNG)}, "", "a picture (PNG)"),
        ({"body": b"a.example\n\0"}, "", "not text"),
        ({"body": TOYS.encode(), "end": End.CUT}, "", "cut off"),
        ({"body": packed(TOYS)[:-9]}, "", "gzip ends too early"),
        ({"body": packed(TOYS)[:-5] + b"\xff" * 5}, "", "broken gzip"),
        ({"body": packed(TOYS), "headers": {"Content-Encoding": "br"}}, "", "'br'"),
        ({"body": TOYS.encode(), "end": End.SILENT}, "", "did not send anything for 0.3 s"),
        ({"body": b"x", "end": End.SLOW}, "", "longer than 1 s"),
        ({"body": TOYS.encode() * 100, "end": End.ENDLESS}, "", "larger than 0.190735 MiB"),
        ({"body": b"x" * 200_001}, "", "larger than 0.190735 MiB"),
        ({"body": BOMB}, "", "the unpacked file is larger than 0.38147 MiB"),
        ({"body": gzip.compress(BOMB)}, "", "the unpacked file is larger than 0.38147 MiB"),
        ({"body": tar({"a": "x" * 900_000, "games/domains": TOYS})}, "games/domains", "unpacked"),
        ({"body": PAGES.encode()}, "", "a list of pages"),
        ({"body": b"a.example\n" + b"^nothing^\n" * 200}, "", "only 1 of 201 lines"),
        ({"body": tar({"games/urls": "x"})}, "games/domains", "no games/domains (it contains"),
        ({"body": tar({})}, "games/domains", "it contains nothing"),
        ({"body": tar({"d": link("games/domains")})}, "games/domains", "not a regular file"),
        ({"body": tar({"games/domains": TOYS})}, "", "a tar archive; name the file"),
        ({"body": packed(TOYS)}, "games/domains", "not a tar archive"),
        ({"body": tar({"games/domains": MANY})[:-4000]}, "games/domains", "too early"),
        ({"status": 302, "headers": {"Location": "/toys"}}, "", "more than 5 times"),
        ({"status": 302}, "", "without saying where to"),
        (
            {"status": 302, "headers": {"Location": "file:///etc/passwd"}},
            "",
            "file addresses are not",
        ),
        ({"status": 301, "headers": {"Location": "ftp://127.0.0.1/"}}, "", "ftp addresses are not"),
    ],
)
async def test_the_old_copy_stays_byte_for_byte_and_the_reason_is_known(
    shelf: Shelf, page: dict[str, Any], member: str, told: str
) -> None:
    await shelf.fetch(source(shelf.server.put("/old.txt", MANY, headers={"ETag": '"1"'})))
    before = shelf.copies.state("toys")
    shelf.now += 60
    shelf.limits = replace(SMALL, **IMPATIENT.get(page.get("end", End.WHOLE), {}))
    outcome = await shelf.fetch(source(shelf.server.put("/toys", **page), member=member))
    assert outcome.result is FetchResult.KEPT
    assert told in outcome.state.error
    assert shelf.text == MANY.encode()
    assert shelf.files == ["toys.json", "toys.txt"]
    expected = replace(before, tried_at=NOW + 60, error=outcome.state.error, failures=1)
    assert shelf.copies.state("toys") == expected


async def test_a_server_that_is_gone_is_told(shelf: Shelf) -> None:
    outcome = await shelf.fetch(source(f"http://127.0.0.1:{free_port()}/toys.txt"))
    assert outcome.result is FetchResult.MISSING
    assert "127.0.0.1 cannot be reached (" in outcome.state.error
    assert shelf.files == ["toys.json"]


async def test_a_server_that_speaks_no_http_is_told(shelf: Shelf) -> None:
    url = shelf.server.put("/toys", TOYS, headers={"Content-Length": "x"})
    outcome = await shelf.fetch(source(url))
    assert "HTTP answer of 127.0.0.1 is not valid" in outcome.state.error


async def test_a_certificate_that_nobody_vouches_for_is_refused(shelf: Shelf) -> None:
    url = shelf.server.put("/toys", TOYS).replace("http:", "https:")
    outcome = await shelf.fetch(source(url))
    assert outcome.result is FetchResult.MISSING
    assert "127.0.0.1" in outcome.state.error


async def test_failures_count_until_one_try_succeeds(shelf: Shelf) -> None:
    url = shelf.server.put("/toys", status=500)
    await shelf.fetch(source(url))
    assert (await shelf.fetch(source(url))).state.failures == 2
    shelf.server.put("/toys", TOYS)
    assert (await shelf.fetch(source(url))).state.failures == 0


# --- what differs too much -----------------------------------------------------------------------


async def test_who_looked_may_take_a_list_that_shrank(shelf: Shelf) -> None:
    await shelf.fetch(source(shelf.server.put("/toys", MANY)))
    url = shelf.server.put("/toys", TOYS)
    assert (await shelf.fetch(source(url))).result is FetchResult.HELD
    assert shelf.text == MANY.encode()
    assert (await shelf.fetch(source(url), smaller=True)).result is FetchResult.NEW
    assert shelf.text == TOYS.encode()


async def test_a_version_that_differs_too_much_is_held_until_somebody_decides(
    shelf: Shelf,
) -> None:
    versions = Versions(shelf.copies)
    await shelf.fetch(source(shelf.server.put("/toys", MANY, headers={"ETag": '"1"'})))
    before = shelf.copies.state("toys")
    url = shelf.server.put("/toys", MORE, headers={"ETag": '"2"'})
    shelf.now += 60
    outcome = await shelf.fetch(source(url))
    assert outcome.result is FetchResult.HELD
    assert outcome.state == replace(before, tried_at=NOW + 60)
    held = versions.book("toys").held
    assert held is not None
    assert (held.reasons, held.diff.added) == ((HoldReason.GROWTH,), 1000)
    assert (shelf.text, shelf.files) == (MANY.encode(), ["toys.json", "toys.txt"])
    # It is not sent again, and stays.
    shelf.now += 60
    assert (await shelf.fetch(source(url))).result is FetchResult.HELD
    assert shelf.server.asked[-1].headers["If-None-Match"] == '"2"'
    assert versions.book("toys").held == held
    assert versions.accept("toys").etag == '"2"'
    assert shelf.text == MORE.encode()
    assert (await shelf.fetch(source(url))).result is FetchResult.UNCHANGED


async def test_a_version_that_differs_less_takes_the_place_of_a_held_one(shelf: Shelf) -> None:
    versions = Versions(shelf.copies)
    await shelf.fetch(source(shelf.server.put("/toys", MANY)))
    url = shelf.server.put("/toys", MORE)
    await shelf.fetch(source(url))
    versions.mark_told("toys", versions.book("toys").held.version)  # type: ignore[union-attr]
    shelf.server.put("/toys", MORE + "one.example\n")
    assert (await shelf.fetch(source(url))).result is FetchResult.HELD
    newer = versions.book("toys").held
    assert newer is not None
    assert (newer.diff.added, newer.is_told) == (1001, True)
    shelf.server.put("/toys", MANY + "one.example\n")
    assert (await shelf.fetch(source(url))).result is FetchResult.NEW
    assert versions.book("toys").held is None
    assert [each.names for each in versions.earlier("toys")] == [2000]


async def test_a_maintainer_who_goes_back_leaves_nothing_to_decide(shelf: Shelf) -> None:
    await shelf.fetch(source(shelf.server.put("/toys", MANY)))
    url = shelf.server.put("/toys", MORE)
    await shelf.fetch(source(url))
    shelf.server.put("/toys", MANY)
    assert (await shelf.fetch(source(url))).result is FetchResult.UNCHANGED
    assert Versions(shelf.copies).book("toys").held is None


async def test_a_refused_version_is_not_held_again(shelf: Shelf) -> None:
    versions = Versions(shelf.copies)
    await shelf.fetch(source(shelf.server.put("/toys", MANY)))
    url = shelf.server.put("/toys", MORE)
    await shelf.fetch(source(url))
    versions.refuse("toys")
    outcome = await shelf.fetch(source(url))
    assert (outcome.result, outcome.state.error) == (FetchResult.UNCHANGED, "")
    assert versions.book("toys").held is None
    assert shelf.text == MANY.encode()


async def test_needed_names_are_told_of_by_what_the_household_vouches_for(shelf: Shelf) -> None:
    await shelf.fetch(source(shelf.server.put("/toys", MANY)))
    bad = ["google.com", "microsoft.com", "apple.com", "github.com", "school.example"]
    url = shelf.server.put("/toys", MANY + "\n".join(bad))
    shelf.vouched = (Matcher("school.example"),)
    assert (await shelf.fetch(source(url))).result is FetchResult.HELD
    held = Versions(shelf.copies).book("toys").held
    assert held is not None
    assert held.reasons == (HoldReason.NEEDED,)
    assert {each.name for each in held.diff.needed} == set(bad)


async def test_a_disk_that_takes_no_more_is_told_and_the_copy_stays(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelf.fetch(source(shelf.server.put("/toys", TOYS)))
    full = Copies(shelf.copies.folder.parent)
    monkeypatch.setattr(full, "scratch_path", lambda _slug, _suffix: FullPath("/dev/full"))
    shelf.copies = full
    outcome = await shelf.fetch(source(shelf.server.put("/toys", "go.example\n" * 1000)))
    assert "No space left on device" in outcome.state.error
    assert f"free some space on the disk of {full.folder}" in outcome.state.error
    assert shelf.text == TOYS.encode()


class FullPath(type(Path())):  # type: ignore[misc]
    """A file on a disk without room: writing to /dev/full fails as such a disk does."""

    def open(self, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        return super().open(mode.replace("x", "w"), *args, **kwargs)

    def unlink(self, missing_ok: bool = False) -> None:
        """Stays, as a device."""


async def test_a_folder_that_is_closed_to_us_is_told(shelf: Shelf) -> None:
    if os.geteuid() == 0:
        shelf.copies.folder.rmdir()
        shelf.copies.folder.write_text("in the way, which even root cannot pass")
    else:
        shelf.copies.folder.chmod(0o500)
    outcome = await shelf.fetch(source(shelf.server.put("/toys", TOYS)))
    assert "could not be saved" in outcome.state.error
    assert outcome.result is FetchResult.MISSING
