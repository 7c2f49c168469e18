"""The weekly summary as it arrives: at one guardian, as text and as HTML, without a name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from email.header import decode_header, make_header

import pytest

from copdns.events.mail import NO_SERVER, address_for, mail_server_of, send_mail
from copdns.events.ways import DeliveryTimes
from copdns.privacy.digest import DigestSums
from copdns.web.report import digest_mail
from copdns.words.phrases import DESK_LANGUAGES, phrases
from tests.household import NOW, family
from tests.running import PATIENCE
from tests.unit.mail_server import MailServer, mail_server

pytest.importorskip("apprise")

DESK = "https://copdns.home.arpa/guardian/"
SUMS = DigestSums(NOW - 7 * 86_400, NOW, 1234, 56, 3, 2, 1, 1)
ONCE = DeliveryTimes(pauses=(), notice=PATIENCE)
ELSEWHERE = "&to=somebody@mail.example&cc=else@mail.example"


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


def server_url(mail: MailServer) -> str:
    plain = f"mailto://127.0.0.1:{mail.port}?mode=insecure&smtp=127.0.0.1"
    return f"{plain}&from=copdns@mail.example{ELSEWHERE}"


@pytest.mark.parametrize("language", DESK_LANGUAGES)
async def test_it_arrives_in_the_guardians_language_as_text_and_html(
    mail: MailServer, language: str
) -> None:
    written = digest_mail(SUMS, family(), DESK, phrases(language))
    notices = ("ntfy://topic.example", server_url(mail))
    assert await send_mail(notices, "ada@mail.example", written, ONCE) == ""
    message = await asyncio.to_thread(mail.mail.get, timeout=PATIENCE)
    assert str(make_header(decode_header(message["Subject"]))) == written.title
    parts = {
        part.get_content_type(): str(part.get_payload(decode=True), "utf-8")
        for part in message.walk()
        if not part.is_multipart()
    }
    assert set(parts) == {"text/plain", "text/html"}
    for text in parts.values():
        assert ": 1234" in re.sub(r"(?<=\d)[^\d<](?=\d)", "", text).replace("\xa0:", ":")
        assert f"{DESK}me#digest" in text
        assert not any(name in text for name in ("Mia", "Tom", "mia", "tom"))
    assert f'<html lang="{language}"' in parts["text/html"]
    assert [each for each in mail.to if "ada@mail.example" not in each] == []


async def test_what_went_wrong_is_said(mail: MailServer) -> None:
    written = digest_mail(SUMS, family(), DESK, phrases("en"))
    assert await send_mail((), "ada@mail.example", written, ONCE) == NO_SERVER
    mail.codes = [550]
    trouble = await send_mail((server_url(mail),), "ada@mail.example", written, ONCE)
    assert trouble.startswith("the service did not accept it")


def test_nothing_of_the_household_is_markup() -> None:
    house = family()
    object.__setattr__(house, "name", "<script>")
    html = digest_mail(SUMS, house, DESK, phrases("en")).html
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_where_nothing_is_counted_it_says_so() -> None:
    html = digest_mail(SUMS._replace(lookups=None, blocks=None), family(), DESK, phrases("en")).html
    assert "so nothing is counted" in html
    assert "1,234" not in html


def test_only_the_recipient_of_the_server_is_another() -> None:
    url = (
        "mailtos://ada:p%40ss@mail.example:465/x@y.example?smtp=a.example&to=b@c.example&cc=d@e.fr"
    )
    found = address_for(url, "bo@mail.example")
    assert found == (
        "mailtos://ada:p%40ss@mail.example:465?smtp=a.example&to=bo%40mail.example&format=html"
    )
    assert mail_server_of(("ntfy://a.example", "json://b.example")) == ""
