"""All that a child's pages say is asked of every language, not only of those that the desk has."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from gettext import NullTranslations

import pytest
from babel.messages.catalog import Catalog

from copdns.model.household import Band
from copdns.settings.config import EncryptedSettings, Settings
from copdns.web import pages, wording
from copdns.web.child import help as help_pages
from copdns.web.languages import phrases_in
from copdns.words.phrases import Phrases
from tests.test_words import ROOT, collected, is_wanted
from tests.web.away import put_setup
from tests.web.pages import CHILD
from tests.web.pages import PAGES as EVERY_PAGE
from tests.web.site import HTML, Client, Site
from tests.web.test_the_child_sees import fill, house

PAGES = (
    *("/", "/rules", "/month", "/me", "/bad", "/help", "/ticket", "/whose", "/consent", "/age"),
    "/timer",
    *("/app", "/offline", "/offline/empty", "/device/setup", "/device/test"),
    "/device/test/k7qf2m9d",
    *("/check", "/check?name=markrule.example", "/check?name=games.example", "/protection"),
    "/protection/k7qf2m9d",
    *("/ask", "/ask?name=markrule.example", "/ask?about=minutes&budget=mia-day"),
)


def test_no_page_of_a_child_is_left_out() -> None:
    """But the one of a block, whose code is made when something is blocked."""
    read = {path.partition("?")[0] for path in (*PAGES, "/ask/an-appeal")}
    routes = {page.route for page in EVERY_PAGE if {*page.who} & {*CHILD}}
    forms = {route: re.sub(r"\{\w+\}", "[^/]+", route) for route in routes}
    left_out = {
        route for route, form in forms.items() if not any(re.fullmatch(form, p) for p in read)
    }
    assert left_out == {"/why/{code}"}


class Listening(NullTranslations):
    """Says everything in English, and keeps what it was asked for, by context and text."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: set[tuple[str | None, str]] = set()

    def gettext(self, message: str) -> str:
        return self.pgettext(None, message)

    def pgettext(self, context: str | None, message: str) -> str:
        self.heard.add((context, message))
        return message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.npgettext(None, msgid1, msgid2, n)

    def npgettext(self, context: str | None, msgid1: str, msgid2: str, n: int) -> str:
        self.heard.add((context, msgid1))
        return msgid1 if n == 1 else msgid2


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return collected(ROOT, tmp_path_factory.mktemp("words") / "copdns.pot")


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Listening:
    listening = Listening()

    def speaking(language: str) -> Phrases:
        return replace(phrases_in(language), translations=listening)

    for module in (pages, wording, help_pages):
        monkeypatch.setattr(module, "phrases_in", speaking)
    return listening


@pytest.fixture
def site() -> Site:
    made = Site(house())
    made.settings = Settings(
        encrypted=EncryptedSettings(
            name="dns.example.net", tls_port=853, https_port=8443, certificate="a", key="a"
        )
    )
    return made


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        await fill(made, site)
        yield made


@pytest.mark.parametrize("band", [Band.TO_6, Band.TO_12, Band.TO_17])
async def test_each_text_of_a_childs_page_is_wanted_in_every_language(
    client: Client, site: Site, used: Catalog, heard: Listening, band: Band
) -> None:
    await site.set_band(band)
    (appeal,) = await site.appeals.appeals("home")
    heard.heard.clear()
    for page in (*PAGES, f"/ask/{appeal.id}", await put_setup(site), "/device/setup"):
        await client.get(page, headers=HTML)  # a page that is not for this age says so in words
    said = [used.get(message, context) for context, message in heard.heard]
    ours = [each for each in said if each is not None]  # a note that a person wrote is not
    assert len(ours) > 100
    assert "%(num)d minute" in {each.id[0] for each in ours}, "of a limit, in saying.py"
    assert [each.id for each in ours if not is_wanted(each, "ar")] == []


async def test_chinese_has_no_space_between_sentences(client: Client) -> None:
    headers = {**HTML, "Accept-Language": "zh"}
    async with client.get("/me", headers=headers) as reply:
        page = await reply.text()
    assert "\N{IDEOGRAPHIC FULL STOP}" in page
    assert not re.search("[\N{IDEOGRAPHIC FULL STOP}\N{FULLWIDTH QUESTION MARK}] +[^ <\\n]", page)


async def test_chinese_has_no_space_after_its_colon_and_before_its_bracket(
    client: Client, site: Site
) -> None:
    headers = {**HTML, "Accept-Language": "zh"}
    await site.set_band(Band.TO_15)
    cookies = {help_pages.COUNTRY: "GB"}
    pages = []
    for path in (await put_setup(site), "/bad"):
        async with client.get(path, headers=headers, cookies=cookies) as reply:
            pages.append(await reply.text())
    setup, bad = pages
    assert "\N{FULLWIDTH COLON}</strong>" in setup, "how to remove it"
    assert "\N{FULLWIDTH LEFT PARENTHESIS}" in bad, "what an organisation is"
    for page in pages:
        assert not re.search("\N{FULLWIDTH COLON}(</strong>)? +[^ \\n]", page)
        assert not re.search(" (<strong>)?\N{FULLWIDTH LEFT PARENTHESIS}", page)
