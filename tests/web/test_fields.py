"""What comes as a form and is none of ours: refused in a few words, and never a bug in a page."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from tests.web.guardians import log_in, set_up
from tests.web.site import HTML, Client, Site

URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=a"


def part(*headers: str, body: bytes = b"x") -> bytes:
    head = "\r\n".join(("--a", "Content-Disposition: form-data; name=name", *headers))
    return head.encode() + b"\r\n\r\n" + body + b"\r\n--a--\r\n"


ODD = {
    "a character set that there is not": (f"{URLENCODED}; charset=foo", b"name=x"),
    "a codec that is no character set": (f"{URLENCODED}; charset=hex", b"name=x"),
    "a codec that expects names": (f"{URLENCODED}; charset=idna", b"name=\xff..x"),
    "another character set": (f"{URLENCODED}; charset=utf-16", b"name=x"),
    "no UTF-8": (URLENCODED, b"name=\xff\xfe"),
    "parts without a boundary": ("multipart/form-data", b"name=x"),
    "a boundary that never comes": (MULTIPART, b"name=x"),
    "a boundary that is too long": (f"multipart/form-data; boundary={'a' * 80}", b"x"),
    "parts in a character set that there is not": (
        MULTIPART,
        part("Content-Type: text/plain; charset=foo"),
    ),
    "parts that are no UTF-8": (MULTIPART, part(body=b"\xff\xfe")),
    "a part without a name": (MULTIPART, b"--a\r\nContent-Disposition: x\r\n\r\nx\r\n--a--\r\n"),
    "a part packed in a way that there is not": (
        MULTIPART,
        part("Content-Transfer-Encoding: foo"),
    ),
    "a part that is not packed": (MULTIPART, part("Content-Encoding: gzip")),
    "parts within parts": (
        MULTIPART,
        part("Content-Type: multipart/mixed; boundary=b", body=b"--b\r\n\r\nx\r\n--b--"),
    ),
    "a part that ends too early": (MULTIPART, b"--a\r\nContent-Disposition: form-data; name=fi"),
    "a file where none is expected": (
        MULTIPART,
        b'--a\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nx\r\n--a--\r\n',
    ),
    "no form at all": ("text/plain", b"name=x"),
}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    site = Site()
    async with site.visited() as made:
        await set_up(site)
        await log_in(made)
        yield made


@pytest.mark.parametrize("path", ["/guardian/people", "/guardian/calendar/import", "/ask"])
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
async def test_it_is_refused(client: Client, odd: tuple[str, bytes], path: str) -> None:
    headers = {"Content-Type": odd[0], "Origin": str(client.make_url("/")).rstrip("/"), **HTML}
    with capture_logs() as logs:
        reply = await client.post(path, data=odd[1], headers=headers)
    assert reply.status in (400, 415)
    assert "<h1>" in await reply.text()
    assert logs == []
