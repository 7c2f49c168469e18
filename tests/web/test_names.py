"""Names of the house on the desk: they count at once; what cannot be is said beside its field."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from copdns.accounts.roles import Role
from copdns.model.household import Contact, Household, SplitUpstream
from copdns.settings.config import Settings
from copdns.web.refused_form import ERROR_ID
from tests.home import Home
from tests.household import MIA, TOM, family, library
from tests.web.guardians import guardian_client, log_in, set_up
from tests.web.site import Client, Site, send, text

pytestmark = pytest.mark.logged_in

NAMES = "/guardian/names"
CLUB = {"name": "Club chat", "names": "club.example\n=voice.example", "contact": "strangers"}
PRINTER = {"name": "Printer.home.arpa", "addresses": "192.0.2.20, 2001:db8::20"}
START = {"name": "*.start.example", "target": "home.example"}
OFFICE = {"name": "office.example", "upstreams": "192.0.2.53 192.0.2.54:5353"}
ADDED = {"local": PRINTER, "rewrites": START, "splits": OFFICE, "services": CLUB}
REMOVED = {
    "local": "printer.home.arpa",
    "rewrites": "*.start.example",
    "splits": "office.example",
    "services": "club-chat",
}


@pytest.fixture
def site() -> Site:
    return Site(Home(family(MIA, TOM), library(services={"videos": ["videos.example"]})))


async def kept(site: Site) -> Household:
    house = await site.store.household("home")
    assert house is not None
    return house


def marks_off(page: str) -> str:
    return re.sub("<[^>]+>|[\u2066-\u2069]", "", page)


async def add_all(client: Client) -> str:
    page = ""
    for kind, fields in ADDED.items():
        page = await send(client, f"{NAMES}/{kind}", **fields)
    return page


async def test_all_four_kinds_are_added_and_shown(client: Client, site: Site) -> None:
    page = await add_all(client)
    house = await kept(site)
    assert house.local_names[0].addresses == ("192.0.2.20", "2001:db8::20")
    assert (str(house.rewrites[0].matcher), house.rewrites[0].target) == (
        "*.start.example",
        "home.example",
    )
    assert house.split_upstreams[0].upstreams == ("192.0.2.53:53", "192.0.2.54:5353")
    (club,) = house.services
    assert (club.slug, club.title, club.contact) == ("club-chat", "Club chat", Contact.STRANGERS)
    assert [str(each) for each in club.names] == ["club.example", "=voice.example"]
    for word in ("printer.home.arpa", "*.start.example", "192.0.2.54:5353", "Club chat"):
        assert word in page


async def test_what_is_technical_is_folded_and_the_apps_are_not(client: Client) -> None:
    page = await add_all(client)
    before, _, folded = page.partition("<details>\n  <summary><h2 ")
    assert "voice.example</bdi> (this exact site only)" in before
    assert "=voice.example</bdi>" not in page
    for each in ("local DNS records", "DNS rewrites", "DNS servers", "conditional forwarding"):
        assert f"(technical: {each})" in folded


async def test_a_name_of_the_house_is_answered_at_once(client: Client, site: Site) -> None:
    await add_all(client)
    await site.follow()
    assert site.home.ask("mia", "printer.home.arpa").data == ["192.0.2.20"]


async def test_a_rewrite_to_an_address_names_what_does_it(client: Client, site: Site) -> None:
    fields = {"name": "nas.example", "target": "192.0.2.8"}
    page = await send(client, f"{NAMES}/rewrites", 400, **fields)
    plain = page.replace("\N{FIRST STRONG ISOLATE}", "").replace("\N{POP DIRECTIONAL ISOLATE}", "")
    assert "copdns local add nas.example 192.0.2.8" in plain
    assert (await kept(site)).rewrites == ()


async def test_where_a_domain_is_forwarded_into_the_home_rebinding_is_told_of(
    client: Client, site: Site
) -> None:
    told = "add it to rebinding.names in the settings"
    await send(client, f"{NAMES}/splits", name="work.example", upstreams="192.0.2.53")
    assert told not in await text(client, NAMES)
    await send(client, f"{NAMES}/splits", name="office.example", upstreams="192.168.9.1")
    assert f"If office.example has such addresses, {told}" in await text(client, NAMES)
    site.settings = Settings.model_validate({"rebinding": {"names": ["office.example"]}})
    assert told not in await text(client, NAMES)


async def test_the_same_form_sent_twice_makes_one(client: Client, site: Site) -> None:
    await add_all(client)
    once = await kept(site)
    await add_all(client)
    assert await kept(site) == once


async def test_what_a_name_does_now_is_told_first_and_its_addresses_in_brackets(
    client: Client,
) -> None:
    page = marks_off(await send(client, f"{NAMES}/local", **PRINTER))
    assert "printer.home.arpa now works for everyone (technical: 192.0.2.20, 2001:db8::20)." in page
    at, changed = f"{NAMES}/local/printer.home.arpa", {"addresses": "192.0.2.21"}
    page = marks_off(await send(client, at, **changed))
    assert "(technical: 192.0.2.21, and before that 192.0.2.20, 2001:db8::20)." in page
    page = marks_off(await send(client, f"{at}/remove"))
    assert "printer.home.arpa no longer works for everyone." in page


async def test_each_is_changed_in_its_place(client: Client, site: Site) -> None:
    await add_all(client)
    changed = {
        "local/printer.home.arpa": {"addresses": "192.0.2.21"},
        "rewrites/*.start.example": {"target": "other.example"},
        "splits/office.example": {"upstreams": "192.0.2.55"},
        "services/club-chat": {**CLUB, "name": "Chat", "names": "chat.example", "contact": "known"},
    }
    for path, fields in changed.items():
        assert f'action="{NAMES}/{path}"' in await text(client, NAMES)
        await send(client, f"{NAMES}/{path}", **fields)
    house = await kept(site)
    assert house.local_names[0].addresses == ("192.0.2.21",)
    assert house.rewrites[0].target == "other.example"
    assert house.split_upstreams[0].upstreams == ("192.0.2.55:53",)
    (chat,) = house.services
    assert (chat.slug, chat.title, chat.contact) == ("club-chat", "Chat", Contact.KNOWN)
    assert [str(each) for each in chat.names] == ["chat.example"]


async def test_what_is_for_one_person_is_changed_by_its_name_without_an_id(client: Client) -> None:
    await send(client, f"{NAMES}/local", **PRINTER, scope="mia")
    page = await send(client, f"{NAMES}/splits", **(OFFICE | {"name": "."}), scope="mia")
    heads = [marks_off(each) for each in re.findall("<summary>.*?</summary>", page)]
    assert "Change printer.home.arpa" in heads
    assert "Change All domains" in heads
    assert not any("@" in each for each in heads)


async def test_each_is_removed_and_twice_is_harmless(client: Client, site: Site) -> None:
    await add_all(client)
    for kind, name in REMOVED.items():
        for _ in range(2):
            await send(client, f"{NAMES}/{kind}/{name}/remove")
    house = await kept(site)
    assert (house.local_names, house.rewrites, house.split_upstreams, house.services) == ((),) * 4


@pytest.mark.parametrize("kind", sorted(ADDED))
async def test_what_is_gone_is_not_changed(client: Client, kind: str) -> None:
    await send(client, f"{NAMES}/{kind}/gone.example", 404, **ADDED[kind])


@pytest.mark.parametrize(
    ("kind", "wrong", "field"),
    [
        ("local", {"name": "no/name"}, "name"),
        ("local", {"name": ""}, "name"),
        ("local", {"addresses": "somewhere"}, "addresses"),
        ("local", {"addresses": " "}, "addresses"),
        ("local", {"addresses": " ".join(f"192.0.2.{n}" for n in range(21))}, "addresses"),
        ("rewrites", {"name": "com"}, "name"),
        ("rewrites", {"target": "a b"}, "target"),
        ("rewrites", {"name": "start.example", "target": "www.start.example"}, "target"),
        ("splits", {"name": "."}, "name"),
        ("splits", {"upstreams": "dns.example"}, "upstreams"),
        ("splits", {"upstreams": "192.0.2.1:99999"}, "upstreams"),
        ("services", {"name": " "}, "name"),
        ("services", {"names": "com"}, "names"),
        ("services", {"names": ""}, "names"),
        ("services", {"contact": "everybody"}, "contact"),
    ],
)
async def test_what_cannot_be_comes_again_with_the_reason_at_its_field(
    client: Client, site: Site, kind: str, wrong: dict[str, str], field: str
) -> None:
    before = await kept(site)
    page = await send(client, f"{NAMES}/{kind}", 400, **{**ADDED[kind], **wrong})
    assert f'id="{ERROR_ID}"' in page
    opening = page[: page.index(f'id="{ERROR_ID}"')].rpartition("<form")[2]
    assert f'action="{NAMES}/{kind}"' in opening
    about = page[page.index(f'id="{ERROR_ID}"') :].partition("</form>")[0]
    assert f'name="{field}"' in about
    assert await kept(site) == before


async def test_a_refused_change_of_a_wildcard_comes_again_too(client: Client) -> None:
    await add_all(client)
    page = await send(client, f"{NAMES}/rewrites/*.start.example", 400, target="a b")
    assert 'value="a b"' in page


async def test_a_service_of_copdns_is_not_taken_and_another_id_is_found(
    client: Client, site: Site
) -> None:
    await send(client, f"{NAMES}/services", **{**CLUB, "name": "Videos"})
    await send(client, f"{NAMES}/services", **{**CLUB, "name": "Клуб"})
    await send(client, f"{NAMES}/services", **{**CLUB, "name": "俱乐部"})
    slugs = [each.slug for each in (await kept(site)).services]
    assert slugs == ["videos-2", "service", "service-2"]


async def test_a_service_that_is_closed_for_somebody_stays(client: Client, site: Site) -> None:
    await add_all(client)
    house = replace(await kept(site), profiles=(replace(MIA, services=frozenset({"club-chat"})),))
    edit = replace(house, devices=())
    await site.store.change("home", lambda _: edit, author="test", what="x", now=site.now)
    page = await text(client, NAMES)
    assert f'action="{NAMES}/services/club-chat/remove"' not in page
    assert 'href="/guardian/people/mia/closed">Mia</a>' in page
    page = await send(client, f"{NAMES}/services/club-chat/remove", 400)
    assert "club-chat is still blocked" in page.replace("\u2068", "").replace("\u2069", "")
    assert len((await kept(site)).services) == 1


async def test_who_may_not_be_written_to_there_is_named_as_well(client: Client, site: Site) -> None:
    await add_all(client)
    strangers = frozenset({Contact.STRANGERS})
    people = (
        replace(MIA, contacts=strangers, contact_exceptions=frozenset()),
        replace(TOM, contacts=strangers, contact_exceptions=frozenset({"club-chat"})),
    )
    edit = replace(await kept(site), profiles=people, devices=())
    await site.store.change("home", lambda _: edit, author="test", what="x", now=site.now)
    page = await text(client, NAMES)
    _, _, met = page.partition("Blocked by “Who can send messages” for:")
    assert '/guardian/people/mia/closed?open=contacts#contacts">Mia</a>' in met
    assert "/guardian/people/tom/closed" not in page
    await send(client, f"{NAMES}/services/club-chat/remove")
    assert (await kept(site)).services == ()


async def test_the_list_of_changes_and_the_childs_page_say_so(client: Client, site: Site) -> None:
    await add_all(client)
    for kind, name in REMOVED.items():
        await send(client, f"{NAMES}/{kind}/{name}/remove")
    said = {each.what for each in await site.store.changes("home")}
    assert {
        "local name printer.home.arpa: 192.0.2.20, 2001:db8::20",
        "local name printer.home.arpa removed",
        "rewrite of *.start.example: home.example",
        "rewrite of *.start.example removed",
        "conditional forwarding for office.example: 192.0.2.53:53, 192.0.2.54:5353",
        "conditional forwarding for office.example removed",
        "service club-chat added",
        "service club-chat removed",
    } <= said
    await send(client, "/device")
    assert "something for everyone at home" in await text(client, "/rules")


async def test_what_somebody_wrote_is_shown_harmlessly(client: Client) -> None:
    page = await send(client, f"{NAMES}/services", **{**CLUB, "name": "<b>x</b>\u202e"}, status=400)
    assert "<b>" not in page
    page = await send(client, f"{NAMES}/services", **{**CLUB, "name": "<b>x</b>"})
    assert "&lt;b&gt;x&lt;/b&gt;" in page


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.REVIEWER])
async def test_only_guardians_change_them(client: Client, site: Site, role: Role) -> None:
    await add_all(client)
    before = await kept(site)
    await send(client, "/guardian/logout")
    await set_up(site, "Bo", role)
    await log_in(client, "Bo")
    for kind, fields in ADDED.items():
        await send(client, f"{NAMES}/{kind}", 403, **fields)
        await send(client, f"{NAMES}/{kind}/{REMOVED[kind]}", 403, **fields)
        await send(client, f"{NAMES}/{kind}/{REMOVED[kind]}/remove", 403)
    assert await kept(site) == before
    page = await text(client, NAMES, 200 if role is Role.AUDITOR else 403)
    assert f'action="{NAMES}' not in page


async def test_what_everybodys_sites_end_in_is_refused_beside_its_field(
    client: Client, site: Site
) -> None:
    page = await send(client, f"{NAMES}/splits", name="co.uk", upstreams="192.0.2.53", status=400)
    assert "This would cover every site ending in .\u2068co.uk\u2069" in page
    assert (await kept(site)).split_upstreams == ()


async def test_what_an_older_house_has_of_these_is_shown_as_without_effect(site: Site) -> None:
    everybody = SplitUpstream("com", ("192.0.2.53:53",))
    site.home.change(replace(site.home.house, split_upstreams=(everybody,)))
    async with guardian_client(site) as client:
        page = await text(client, NAMES)
    assert "This has no effect: too many sites end in com." in page.replace("&#39;", "'")
