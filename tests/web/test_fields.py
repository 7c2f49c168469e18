"""What comes as a form and is none of ours: refused in a few words, and never a bug in a page."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from tests.web.site import HTML, Client

pytestmark = pytest.mark.logged_in

URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=a"


def part(*headers: str, body: bytes = b"x") -> bytes:
    head = "\r\n".join(("--a", "Content-Disposition: form-data; name=name", *headers))
    return head.encode() + b"\r\n\r\n" + body + b"\r\n--a--\r\n"


FORMS = ("/guardian/people", "/guardian/calendar/import", "/guardian/move-in", "/ask")
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


# As the headers of a body say that it comes, and how it does.
BROKEN = {
    "packed in a way that it is not": ({"Content-Encoding": "gzip"}, b"name=x"),
    "packed in a way that there is not": ({"Content-Encoding": "deflate"}, b"\xff" * 9),
    "a part with too many headers": ({"Content-Type": MULTIPART}, part(*["X-A: b"] * 1000)),
    "a part with a header that is too long": (
        {"Content-Type": MULTIPART},
        part(f"X-A: {'b' * 20_000}"),
    ),
}


@pytest.mark.parametrize("path", FORMS)
async def test_it_is_refused(client: Client, path: str) -> None:
    for name, (kind, body) in ODD.items():
        headers = {"Content-Type": kind, "Origin": str(client.make_url("/")).rstrip("/"), **HTML}
        with capture_logs() as logs:
            reply = await client.post(path, data=body, headers=headers)
        assert reply.status in (400, 415), name
        assert "<h1>" in await reply.text(), name
        assert logs == [], name


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("logged_in", [True, False])
async def test_a_body_that_is_not_as_its_headers_say_is_refused(
    client: Client, broken: tuple[dict[str, str], bytes], path: str, *, logged_in: bool
) -> None:
    if not logged_in:
        client.session.cookie_jar.clear()
    origin = str(client.make_url("/")).rstrip("/")
    headers = {"Content-Type": URLENCODED, "Origin": origin, **HTML, **broken[0]}
    with capture_logs() as logs:
        reply = await client.post(path, data=broken[1], headers=headers)
    assert reply.status in (400, 401, 415)
    assert "<h1>" in await reply.text()
    assert logs == []


async def test_a_program_reads_that_its_body_is_broken(client: Client) -> None:
    origin = str(client.make_url("/")).rstrip("/")
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip", "Origin": origin}
    with capture_logs() as logs:
        reply = await client.post("/api/v1/rules", data=b"{}", headers=headers)
    assert (reply.status, reply.content_type) == (400, "application/problem+json")
    assert logs == []
