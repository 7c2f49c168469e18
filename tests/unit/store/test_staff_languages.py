"""The staff's pages and the public's form, in the languages that they have."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import get_args

import pytest

from copdns.appeals.review import DecisionReason
from copdns.provider.law import edits
from copdns.provider.law.events import EVENT_KINDS, HandLayer, KeptRecord
from copdns.provider.law.register import OrderState
from copdns.provider.law.statement import RETENTION
from copdns.provider.law.statement_shapes import FigureSource
from copdns.provider.rollout.rollouts import RolloutKind, RolloutStage, RolloutState
from copdns.provider.staff.desk import REASONS, CaseOrigin, CaseReason, CaseState
from copdns.provider.staff.duties import Duty, StaffRole
from copdns.store.provider_db.staff_languages import StaffLanguages
from copdns.web.staff.console import PAGES
from copdns.web.staff.wording import WORDS
from copdns.words.phrases import LANGUAGES, PSEUDO
from tests.provider_staff import NOW
from tests.unit.store.filled_staff import VISITS, fill_staff
from tests.unit.store.staff_site import Site, running_site
from tests.unit.store.test_staff_pages import CHECKED, Visitor, visitor

pytestmark = pytest.mark.once

TEMPLATES = Path(__file__).parents[3] / "web-ui" / "templates"
# What people wrote, machines are called and dates are made of; the mark; other languages' names.
JINJA = re.compile(r"\{#.*?#\}|\{% block body_class %\}\w+|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
NAMES = re.compile(r"&\w+;|aria-current=\"\w+\"|copdns|SERVFAIL")
DATA = re.compile(
    r"<(bdi|code|pre|time)\b[^>]*>.*?</\1>|<form class=\"languages\".*?</form>"
    r"|\b(copdns|SERVFAIL|Ada|ada|Bo|bo|rev2?|A court|\d O \d+/26|4 Gs 1/26|root|14\.0% blocked"
    r"|It steals passwords|(A|An|Another) (reviewer|auditor)|Support|North|north|20\d\d-Q\d"
    r"|all customers|France|and)\b",  # the last two are words of the locale
    re.DOTALL,
)


@pytest.fixture
async def site(postgres: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with running_site(postgres, tmp_path) as site:
        yield site


async def opened(them: Visitor, path: str, language: str) -> str:
    headers = {"Accept": "text/html", "Accept-Language": language}
    async with them.session.get(them.site.origin + path, headers=headers) as response:
        assert response.status == 200, path
        return await response.text()


def untranslated(page: str) -> set[str]:
    """Return the texts of a page in the pseudo-language that are neither translated nor data."""
    body = DATA.sub("", page.partition("<body")[2].partition(">")[2])
    shown = re.findall(r"(?:aria-label|alt|placeholder)=\"([^\"]+)\"", body)
    texts = [*re.sub(r"<[^>]*>", "\n", body).splitlines(), *shown]
    while any("[" in each for each in texts):  # the innermost first: values are texts, too
        before = list(texts)
        texts = [re.sub(r"\[[^\[\]]*\]", "", each) for each in texts]
        if texts == before:
            break
    return {each.strip() for each in map(unescape, texts) if re.search(r"[^\W\d_]", each)}


def test_no_text_stands_in_a_template_of_the_staff_untranslated() -> None:
    wrong = []
    for path in (*sorted((TEMPLATES / "staff").glob("*.html")), *TEMPLATES.glob("site_*.html")):
        text = JINJA.sub("", path.read_text())
        bare = re.findall(r"aria-label=\"(\w[^\"]*)\"", text)
        bare += re.sub(r"<[^>]*>", "\n", text).splitlines()
        wrong += [
            f"{path.name}: {each.strip()}"
            for each in bare
            if re.search(r"[^\W\d_]", NAMES.sub("", each))
        ]
    assert wrong == [], "\n".join(wrong)


async def test_every_page_is_translated_as_a_whole(site: Site) -> None:
    await fill_staff(site)
    wrong = []
    for who, pages in VISITS:
        them = await visitor(site, who)
        for each in pages:
            page = await opened(them, f"/staff/{each}", PSEUDO)
            wrong += [f"{each}: {text}" for text in sorted(untranslated(page))]
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize(
    ("about", "values"),
    [
        ("page", {path for path, page in PAGES.items() if page.picture}),
        ("role", set(StaffRole)),
        ("duty", set(Duty)),
        ("state", {*OrderState, *CaseState}),
        ("why a list is wrong", set(CaseReason)),
        ("decision", set(REASONS)),
        ("origin", set(CaseOrigin)),
        ("record", set(KeptRecord)),
        ("by hand", set(HandLayer)),
        ("rollout", set(RolloutKind)),
        ("stage", set(RolloutStage)),
        ("state of a rollout", set(RolloutState)),
        ("entry", set(EVENT_KINDS)),
        ("retention", set(RETENTION.values())),
        ("source", set(get_args(FigureSource))),
    ],
)
def test_every_value_has_its_words(about: str, values: set[str]) -> None:
    assert WORDS[about].keys() == {str(each) for each in values}


async def test_a_page_is_in_the_language_that_was_chosen_or_that_the_browser_prefers(
    site: Site,
) -> None:
    ada = await visitor(site, "ada")
    for accept, lang, title in (
        ("fr-CA, en;q=0.5", "fr", "Injonctions légales"),
        ("es", "es", "Órdenes legales"),
        ("ar, ru", "en", "Legal orders"),  # of which the staff has no pages
    ):
        page = await opened(ada, "/staff/orders", accept)
        assert f'<html lang="{lang}" dir="ltr">' in page
        assert f"<h1>{title}</h1>" in page
        assert page.count('name="language" value=') == 3
    _, page, path = await ada.send("/language", {"language": "fr", "back": "/staff/orders"})
    assert (path, "<h1>Injonctions légales</h1>" in page) == ("/staff/orders", True)
    _, page, path = await ada.send("/staff/orders", CHECKED)
    assert "attend une deuxième personne" in page
    assert re.search(r"<time datetime=\"2026-\S+\">\d+ nov\. 2026, \d\d:\d\d</time>", page)
    status, page, _ = await ada.send(f"{path}/confirm")
    assert (status, 'lang="fr"' in page) == (409, True)
    assert "La confirmation revient à une autre personne" in page
    assert 'name="back" value="' + path in page
    _, page = await ada.open("/staff/desk")
    assert "Cela ne fait pas partie de vos attributions." in page
    _, told = await (await site.logged_in("ada")).get("/staff/desk")
    assert told["detail"] == "this is not one of your duties", "programs read one language"


async def logged_in_with(site: Site, who: str, accept: str) -> Visitor:
    """Log in by a browser that prefers a language."""
    browser = site.browser()
    browser.session.headers.update({"Accept": "text/html", "Accept-Language": accept})
    site.sign_on.subject = f"subject of {who}"
    async with browser.session.get(f"{site.origin}/staff/login") as response:
        assert response.status == 200
    return Visitor(site, browser.session)


async def test_a_language_is_kept_with_the_account_and_comes_to_another_browser(site: Site) -> None:
    languages = StaffLanguages(site.store.pool)
    ada, bo = [await logged_in_with(site, *each) for each in (("ada", "en"), ("bo", "es"))]
    assert (languages.of("ada"), languages.of("bo")) == ("en", "es"), "as their browsers prefer"
    await ada.send("/language", {"language": "fr", "back": "/staff/orders"})
    await bo.send("/language", {"language": "ar", "back": "/blocked"})  # no page of the staff
    stranger = await visitor(site, "")
    stranger.session.cookie_jar.update_cookies({"copdns_staff": "not a session"})
    assert (await stranger.send("/language", {"language": "es", "back": "/blocked"}))[0] == 200
    assert (languages.of("ada"), languages.of("bo")) == ("fr", "es")
    again = await logged_in_with(site, "ada", "es")
    assert 'lang="fr"' in (await again.open("/staff/orders"))[1]
    site.store.write("console", NOW, lambda now: edits.remove_staff(now, "ada", None))
    assert languages.of("ada") == ""


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_public_reads_why_a_site_is_blocked_in_every_language(
    site: Site, language: str
) -> None:
    rev, rev2 = await site.logged_in("rev"), await site.logged_in("rev2")
    anyone = await visitor(site, "")
    anyone.session.headers["Accept-Language"] = language
    tag, side = ("zh-Hans" if language == "zh" else language), "rtl" if language == "ar" else "ltr"
    status, page, _ = await anyone.send("/blocked", {"name": "www.club.example"})
    assert (status, f'<html lang="{tag}" dir="{side}">' in page) == (200, True)
    assert page.count('name="language" value=') == len(LANGUAGES)
    asked = {"name": "www.club.example", "list": "casinos", "reason": "changed"}
    assert (await anyone.send("/blocked/review", asked))[0] == 200
    (case,) = (await rev.get("/staff/desk"))[1]
    drawn = case["reviewers"]
    by = rev if "rev" in drawn else rev2
    reason = str(DecisionReason.SECURITY_RISK)
    decide = f"/staff/desk/{case['number']}/decide"
    assert (await by.post(decide, {"reason": reason}))[0] == 200
    _, page, _ = await anyone.send("/blocked", {"name": "www.club.example"})
    for english in ("Blocked only", "Gambling", "it is dangerous", "Ask for a review", "gambling"):
        assert (english in page) == (language == "en" and english != "gambling"), english
