"""The page of facts: what newer ones would take away waits there for a guardian."""

from __future__ import annotations

import pytest

from copdns.list_files.facts import load_facts
from copdns.settings.config import FactsSettings, Settings
from tests.unit.list_files.test_facts_store import GONE, NOW, PUBLIC, add, bundle, remove
from tests.web.guardians import PASSWORD
from tests.web.programs import page
from tests.web.site import Client, Site, send, text
from tests.web.test_step_up import FRESH

pytestmark = pytest.mark.logged_in

HERE = "/guardian/facts"


def receive(site: Site) -> None:
    site.facts.store.receive(bundle(remove, add), [PUBLIC], NOW)


async def test_a_fresh_house_reads_what_it_has(client: Client) -> None:
    shown = await text(client, HERE)
    assert "Version" in shown
    assert "Waiting for your decision" not in shown


async def test_what_waits_is_kept_by_a_button(client: Client, site: Site) -> None:
    receive(site)
    shown = await text(client, HERE)
    assert GONE in shown
    await send(client, f"{HERE}/keep", version=site.facts.store.state.version)
    assert GONE in load_facts(site.folder).read("protected.yaml")
    assert "You kept this" in await text(client, HERE)


async def test_or_taken_away_by_another(client: Client, site: Site) -> None:
    receive(site)
    await send(client, f"{HERE}/accept", version=site.facts.store.state.version)
    assert f'"{GONE}"' not in load_facts(site.folder).read("protected.yaml")
    changes = await site.store.changes("home")
    assert "facts: the changes that waited are accepted" in changes[-1].what
    await send(client, f"{HERE}/rollback", digest="shipped")
    assert load_facts(site.folder).digest == ""


async def test_a_page_of_before_decides_nothing(client: Client, site: Site) -> None:
    receive(site)
    shown = await send(client, f"{HERE}/accept", 400, version="0" * 12)
    assert "look at the changes first" in shown
    assert GONE in load_facts(site.folder).read("protected.yaml")


async def test_what_takes_help_away_asks_for_the_password_again(client: Client, site: Site) -> None:
    receive(site)
    site.home.wait(FRESH)
    before = site.facts.store.state
    version = before.version
    await send(client, f"{HERE}/accept", 403, version=version)
    await send(client, f"{HERE}/rollback", 403, digest="shipped")
    await page(client)("POST", "/facts/accept", 403, json={"version": version})
    await page(client)("POST", "/facts/rollback", 403, json={"digest": "shipped"})
    assert site.facts.store.state == before
    await send(client, f"{HERE}/keep", version=version)
    await send(client, f"{HERE}/accept", version=version, step_up_password=PASSWORD)
    assert f'"{GONE}"' not in load_facts(site.folder).read("protected.yaml")


async def test_trouble_is_told(client: Client, site: Site) -> None:
    site.settings = Settings(facts=FactsSettings(url="https://facts.example/"))
    site.facts.store.note_failure("its signature is wrong", site.now, is_refused=True)
    assert "sites and helplines were refused" in await text(client, HERE)
