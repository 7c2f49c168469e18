"""What the public reads of what a provider filters: a page of the signed value, and the files."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from structlog.testing import capture_logs
from yarl import URL

from copdns.model.errors import StoreError
from copdns.provider.law import edits
from copdns.provider.law.edits import DAY
from copdns.provider.law.events import HoldDecided
from copdns.provider.law.keys import ProviderKeys, is_signed_by
from copdns.provider.law.measurements import Measured
from copdns.provider.law.statement import canonical_json
from copdns.provider.law.statement_shapes import OperatorFigures, SignedStatement
from copdns.provider.staff.publisher import Publisher
from copdns.store.provider_db.register_rows import RegisterStore
from copdns.web.staff.statement_page import FRESH_FOR, MOST_NAMES, PATH, TRY_AFTER
from copdns.words.phrases import LANGUAGES, PSEUDO
from tests.provider_staff import BO, NOW, REVIEWER, SPECIAL, order
from tests.reading import has_word
from tests.unit.store.filled_staff import fill_statement
from tests.unit.store.staff_site import HOTLINE, LISTS, Site, running_site
from tests.unit.store.test_staff_languages import untranslated

pytestmark = pytest.mark.once

FILE = f"{PATH}/statement.json"
PUBLISHED = Path(__file__).parents[3] / "docs/schemas"


@pytest.fixture
async def site(postgres: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with running_site(postgres, tmp_path) as site:
        yield site


def put_in_force(site: Site, *names: str, ends: int = NOW + DAY) -> int:
    """Enter an order and confirm it; return its number."""
    entered = site.store.write("ada", NOW, lambda _: order(*names, ends=ends))
    assert entered
    number = entered.number
    site.store.write("bo", NOW, lambda now: edits.confirm_order(now, number, SPECIAL, BO, NOW))
    return number


async def opened(site: Site, language: str = "en", path: str = PATH) -> tuple[int, str]:
    """Return what anybody reads, without a login."""
    send = site.browser().session.get(site.origin + path, headers={"Accept-Language": language})
    async with send as response:
        return response.status, await response.text()


async def test_the_page_says_what_the_signed_file_says_and_nothing_confidential(site: Site) -> None:
    await fill_statement(site)
    status, text = await opened(site)
    page = unescape(text)
    _, signed = await site.browser().get(FILE)
    told = signed["document"]
    # A confidential one is counted as the quarter began, and the register as the day did.
    assert (status, len(told["law"]["orders"]), told["law"]["confidential"]) == (200, 1, 0)
    assert told["register"]["entries"] == 0 < site.store.size()
    law, security, family = told["law"], told["security"], told["family"]
    parts = [*law["orders"], *security["feeds"], *security["by_hand"], *security["unvalidated"]]
    parts += [*family["lists"], *family["opened"], family["open_for_all"]]
    words = {"name", "why", "authority", "reference", "scope", "feed", "version", "list", "entry"}
    for each in parts:
        assert [each[key] for key in words & each.keys() if each[key] not in page] == []
    lists = [law["orders"][0][each] for each in ("blocked", "held")]
    assert lists == [["bad.example"], ["help.example"]]
    assert [name for names in lists for name in names if name not in page] == []
    contact, value = told["operator"]["contact"], signed["signature"]["value"]
    for shown in ("12,345", HOTLINE.site, contact, value, told["register"]["checksum"]):
        assert shown in page, shown
    for secret in ("secret.example", "9 Z 9/26", ">Bo<", "<script"):
        assert secret not in page, secret
    assert [who for who in ("ada", "rev2") if has_word(page, who)] == []
    assert "copdns_" not in str(
        site.browsers[-1].session.cookie_jar.filter_cookies(URL(site.origin))
    )


HEADINGS = {
    "held": "Not blocked: a person decides first",
    "open_after_decision": "Not blocked: a person decided so",
    "blocked_after_decision": "Blocked after a person’s decision",
}


@pytest.mark.parametrize(
    ("is_blocked", "key", "shown"),
    [
        (None, "held", "1 waits for a decision and is not blocked"),
        (False, "open_after_decision", "1 not blocked after a decision"),
        (True, "blocked_after_decision", "1 blocked after a decision"),
    ],
)
async def test_a_protected_site_of_an_order_stands_under_what_was_decided(
    site: Site, is_blocked: bool | None, key: str, shown: str
) -> None:
    number = put_in_force(site, "bad.example", "help.example")
    if is_blocked is not None:
        new = HoldDecided(number, "help.example", is_blocked, "A person looked.")
        site.store.write(
            "rev", NOW, lambda now: edits.decide_hold(now, new, SPECIAL, REVIEWER, NOW)
        )
    page = unescape((await opened(site))[1])
    assert {each for each in HEADINGS if f"<h4>{HEADINGS[each]}</h4>" in page} == {key}
    below = page.partition(f"<h4>{HEADINGS[key]}</h4>")[2].partition("</ul>")[0]
    assert "<bdi>help.example</bdi>" in below
    assert "bad.example" not in below
    blocked = page.partition("<summary>Blocked sites: ")[2].partition("</ul>")[0]
    assert ("bad.example" in blocked, "help.example" in blocked) == (True, is_blocked is True)
    assert ("A person looked." in page, "The decision is due by" in page) == (
        False,  # reasons of staff are theirs
        is_blocked is None,
    )
    reviewer = await site.logged_in("rev")
    headers = {"Accept": "text/html"}
    async with reviewer.session.get(f"{site.origin}/staff/statement", headers=headers) as found:
        assert shown in await found.text()


async def test_a_decision_that_is_late_is_called_late(site: Site) -> None:
    put_in_force(site, "help.example", ends=NOW + 3 * DAY)
    assert "The decision is due by" in (await opened(site))[1]
    site.later(DAY + FRESH_FOR)
    page = (await opened(site))[1]
    assert "and has not been made." in page
    assert "The decision is due by" not in page


async def test_the_file_is_signed_and_as_its_schema_says(site: Site) -> None:
    put_in_force(site, "bad.example")
    _, signed = await site.browser().get(FILE)
    found = SignedStatement.model_validate(signed)
    value = b64decode(found.signature.value)
    assert is_signed_by(site.keys.public_key(), value, canonical_json(found.document))
    for kind in ("statement", "report"):
        _, schema = await site.browser().get(f"{PATH}/schemas/{kind}.json")
        assert schema == json.loads((PUBLISHED / f"{kind}-v1.json").read_text())
        if kind == "statement":
            jsonschema.validate(signed, schema)
    assert (await opened(site, path=f"{PATH}/schemas/tenant-report.json"))[0] == 404


async def test_it_is_whole_in_each_language_also_where_there_is_nothing_to_say(site: Site) -> None:
    assert untranslated((await opened(site, PSEUDO))[1]) == set()
    await fill_statement(site)
    site.later(FRESH_FOR)
    assert untranslated((await opened(site, PSEUDO))[1]) == set()
    for language in LANGUAGES:
        _, page = await opened(site, language)
        tag, side = (
            "zh-Hans" if language == "zh" else language,
            "rtl" if language == "ar" else "ltr",
        )
        assert f'<html lang="{tag}" dir="{side}">' in page
        assert page.count('name="language" value=') == len(LANGUAGES)
        assert ("Blocked by law" in page) == (language == "en")


async def test_readers_have_one_made_a_minute_and_what_ends_is_gone_at_its_second(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, sign = [], Publisher.statement

    def count(*arguments: Any) -> Any:
        made.append(site.now)
        return sign(*arguments)

    monkeypatch.setattr(Publisher, "statement", count)
    put_in_force(site, "bad.example", ends=NOW + 30)
    for language in ("en", "fr", "ar") * 7:
        assert "bad.example" in (await opened(site, language))[1]
    assert made == [NOW]
    site.later(30)
    assert "bad.example" not in (await opened(site))[1]
    put_in_force(site, "worse.example")
    assert "worse.example" not in (await opened(site))[1]
    site.later(FRESH_FOR)
    assert "worse.example" in (await opened(site))[1]
    assert made == [NOW, NOW + 30, NOW + 30 + FRESH_FOR]


async def test_without_the_database_the_last_one_is_shown_with_its_time(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_store: RegisterStore, _now: int) -> Any:
        raise StoreError("PostgreSQL cannot be reached")

    load = RegisterStore.load_to_publish
    monkeypatch.setattr(RegisterStore, "load_to_publish", fail)
    with capture_logs() as logged:
        status, page = await opened(site)
        assert (status, HOTLINE.site in page, "not available" in page) == (503, True, True)
        assert (await opened(site, path=FILE))[0] == 503
        monkeypatch.setattr(RegisterStore, "load_to_publish", load)
        assert (await opened(site))[0] == 503, "it is not tried for each reader"
        site.later(TRY_AFTER)
        before = (await opened(site))[1]
        monkeypatch.setattr(RegisterStore, "load_to_publish", fail)
        site.later(FRESH_FOR)
        status, page = await opened(site)
    assert (status, "cannot update this page" in page) == (200, True)
    assert "cannot update this page" not in before
    assert {each["event"] for each in logged} == {"the public statement could not be made"}


async def test_an_order_of_many_names_makes_no_endless_page(site: Site) -> None:
    put_in_force(site, *(f"n{number}.example" for number in range(1_000)))
    page = (await opened(site))[1]
    assert page.count("<li><bdi>n") == MOST_NAMES
    assert "The signed file has the rest of them." in page
    assert "1,000" in page


async def test_what_was_kept_is_there_if_this_key_signed_it(site: Site, tmp_path: Path) -> None:
    await fill_statement(site)
    register, head = site.store.load_to_publish(int(site.now))
    right = Publisher(LISTS, (HOTLINE,), site.keys.public_key, site.keys.sign)
    other = ProviderKeys(tmp_path / "other")
    other.make()
    wrong = Publisher(LISTS, (HOTLINE,), other.public_key, other.sign)
    report = right.report(register, head, (), "2026-Q3", OperatorFigures(), Measured(), NOW)
    kept = {
        "a.json": right.statement(register, head, (), NOW - DAY),
        "b.json": report,
        "c.json": wrong.statement(register, head, (), NOW - 2 * DAY),
        "d.json": right.tenant_report(register, "north", (), "2026-Q3", Measured(), NOW),
        "e.json": {"names": ["secret.example"]},
    }
    for name, document in kept.items():
        (site.published / name).write_text(json.dumps(document))
    with capture_logs() as logged:
        page = (await opened(site))[1]
    assert page.count(f"{PATH}/kept/") == 2
    assert {each.get("file") for each in logged} >= {"c.json", "d.json", "e.json"}
    assert "Report of 2026-Q3" in page
    assert (await site.browser().get(f"{PATH}/kept/report-2026-Q3.json"))[1] == report
    for name in ("e.json", "..%2Fkeys%2Fsign.key", "report-2026-Q2.json"):
        assert (await opened(site, path=f"{PATH}/kept/{name}"))[0] == 404
    (site.published / "b.json").write_text("{}")
    assert (await opened(site, path=f"{PATH}/kept/report-2026-Q3.json"))[0] == 404, "checked before"


async def test_files_are_sent_ten_times_a_minute_and_the_page_to_everybody(site: Site) -> None:
    statuses = [(await opened(site, path=FILE))[0] for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    assert (await opened(site))[0] == 200
    assert (await site.browser().post("/blocked", {"name": "club.example"}))[0] == 200
