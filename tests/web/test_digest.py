"""A guardian chooses, tries and stops a weekly summary by email."""

from __future__ import annotations

import html
from types import SimpleNamespace
from typing import Any

import pytest

from copdns.app import digest_chores
from copdns.app.digest_chores import DigestChores
from copdns.events.mail import Mail
from copdns.store.household_db.digests import Digests
from tests.home import Home
from tests.household import MIA, NOW, TOM, family
from tests.reading import has_word
from tests.web.site import Client, Site, send, text

pytestmark = pytest.mark.logged_in

ME, PAGE = "/guardian/me", "/guardian/me/digest"
FIELDS = {"address": "ada@mail.example", "weekday": "6", "at": "18:00"}
WEEK = 7 * 86_400


@pytest.fixture
def site() -> Site:
    return Site(Home(family(MIA, TOM)))


async def chosen(site: Site) -> Any:
    found = await Digests(site.thread).all("home")
    return found[0] if found else None


async def test_it_is_chosen_changed_and_stopped(client: Client, site: Site) -> None:
    assert await chosen(site) is None
    page = await text(client, ME)
    assert "If you set up copdns yourself, see the technical part" in page
    assert "Summaries are sent once email is set up." in page
    assert "Send me a weekly summary" not in page, "no mail server would send it"
    assert (await send(client, PAGE, **FIELDS)).count("once email is set up") == 2
    found = await chosen(site)
    assert (found.address, found.weekday, found.minute) == ("ada@mail.example", 6, 18 * 60)
    assert 'value="ada@mail.example"' in await text(client, ME)
    await send(client, PAGE, **(FIELDS | {"weekday": "0"}))
    assert (await chosen(site)).weekday == 0
    for _ in range(2):
        await send(client, f"{PAGE}/stop")
    assert await chosen(site) is None
    lines = [each.what for each in await site.store.changes("home")]
    assert lines[-1] == "weekly summary by email turned off"
    assert not any("mail.example" in each for each in lines)


async def test_a_test_says_what_went_wrong(client: Client) -> None:
    await send(client, PAGE, **FIELDS)
    page = html.unescape(await send(client, f"{PAGE}/test", 400))
    assert "no email is set up" in page


async def test_it_is_sent_once_when_it_is_due_and_trouble_is_told(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await send(client, PAGE, **FIELDS)
    sent: list[tuple[str, Mail]] = []

    async def post(_notices: object, recipient: str, mail: Mail, _times: object) -> str:
        sent.append((recipient, mail))
        return "the service did not accept it"

    monkeypatch.setattr(digest_chores, "send_mail", post)
    clock = Clocked()
    chores = DigestChores(
        site.store,
        site.thread,
        site.context.log,
        site.context.folder,
        site.context.snapshot,
        site.context.settings,
        clock,  # type: ignore[arg-type]
        "https://copdns.home.arpa/guardian/",
    )
    await chores.send_due()  # it was just chosen
    assert sent == []
    clock.wall = NOW + WEEK + 3 * 3600  # a Sunday, 19:00
    clock.is_wrong = True
    await chores.send_due()
    assert sent == []
    clock.is_wrong = False
    for _ in range(2):
        await chores.send_due()
    ((recipient, mail),) = sent
    assert recipient == "ada@mail.example"
    assert not has_word(mail.html, "Mia")
    assert "Last delivery failed:" in await text(client, ME)


class Clocked:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.wall, self.is_wrong = NOW, False

    def __call__(self) -> SimpleNamespace:
        return SimpleNamespace(wall=self.wall, mono=self.wall)
