"""A device that is recognised away from home: what the dashboard says before, makes once and
revokes, and what its person reads."""

from __future__ import annotations

import asyncio
import json
import plistlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from html import unescape
from pathlib import Path
from threading import Event

import dns.message
import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient

from copdns.household.token_edits import add_token
from copdns.model.device_tokens import MAX_TOKENS, short_token, token_digest
from copdns.model.household import Band, LocalName
from copdns.network.probes import probe_names
from copdns.settings.config import EncryptedSettings, Settings
from copdns.web.device_setup import certificate_look
from copdns.web.device_setup.away_setup import AWAY, MOST, SHOWN_FOR, TWICE_WITHIN
from tests.home import Home
from tests.household import GUEST, LISTENER, MIA, TOM, asker, family
from tests.shell_lines import lines_in
from tests.unit.certificates import NAME, NOW, between, root, server
from tests.web.guardians import log_in, set_up
from tests.web.site import HTML, PAGES, Client, Site, send, text

DEVICES = "/guardian/devices"
AWAY_PAGE = f"{DEVICES}/mia-phone/away"
PROFILE = "copdns.mobileconfig"
OWN = LISTENER
SEND = {"read": "on", "off_at_home": "on"}
DOT = re.compile(rf"\b([a-z2-7]{{26}})\.{re.escape(NAME)}")
DOH = re.compile(rf"https://{re.escape(NAME)}:8443/dns-query/([a-z2-7]{{26}})")


@pytest.fixture
def site() -> Site:
    home = Home(family(MIA, TOM))
    home.clock.wait(NOW.timestamp() - home.clock.wall)  # when the certificates are valid
    return Site(home)


@pytest.fixture
def ready(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A home that is open to the internet, with a certificate of an authority that is known."""
    (tmp_path / "known.pem").write_bytes(root().pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "known.pem"))
    put_certificate(site, tmp_path, names=(NAME, f"*.{NAME}"))
    return site


def put_certificate(site: Site, folder: Path, **changes: object) -> None:
    own = server(**changes)
    (folder / "dns.pem").write_bytes(own.pem + between().pem)
    (folder / "dns.key").write_bytes(own.key_pem)
    site.settings = Settings(
        encrypted=EncryptedSettings(
            name=NAME,
            tls_port=853,
            https_port=8443,
            public=True,
            certificate=str(folder / "dns.pem"),
            key=str(folder / "dns.key"),
        )
    )


def changed(site: Site, **values: object) -> None:
    chosen = site.settings.encrypted.model_copy(update=values)
    site.settings = site.settings.model_copy(update={"encrypted": chosen})


def plain(page: str) -> str:
    """Return a page without marks of direction."""
    return re.sub("[\u2068\u2069]", "", unescape(page))


async def read(client: Client, path: str) -> str:
    return plain(await text(client, path))


async def make(client: Client, site: Site, **fields: str) -> str:
    """Make a token, and return the address of its page."""
    origin = f"http://{client.host}:{client.port}"
    reply = await client.post(
        AWAY_PAGE,
        data={**SEND, **fields},
        headers={**HTML, "Origin": origin},
        allow_redirects=False,
    )
    assert reply.status == 303, await reply.text()
    await site.follow()
    return str(reply.headers["Location"])


async def tokens(site: Site, device: str = "mia-phone") -> tuple[str, ...]:
    house = await site.store.household("home")
    assert house is not None
    return next(each.tokens for each in house.devices if each.id == device)


def profile_in(signed: bytes) -> dict[str, object]:
    begin, end = signed.index(b"<?xml"), signed.index(b"</plist>") + len(b"</plist>")
    found: dict[str, object] = plistlib.loads(signed[begin:end])
    return found


# --- before ---------------------------------------------------------------------------------------


@pytest.mark.logged_in
async def test_the_page_names_each_setting_that_is_missing(client: Client, site: Site) -> None:
    page = await read(client, AWAY_PAGE)
    for setting in ("tls_port", "name", "certificate", "public"):
        assert f"encrypted.{setting}" in page
    assert f'action="{AWAY_PAGE}"' not in page
    assert "this cannot be set up yet" in (await refused(client)).lower()
    assert await tokens(site) == ()


async def refused(client: Client, **fields: str) -> str:
    return plain(await send(client, AWAY_PAGE, 400, **{**SEND, **fields}))


@pytest.mark.logged_in
async def test_it_says_before_anything_is_made_that_a_phone_may_find_no_sites(
    client: Client, ready: Site
) -> None:
    page = await read(client, AWAY_PAGE)
    assert "a phone may open no sites, not even helplines" in page
    assert "Calls and text messages work." in page
    (box,) = re.findall('<input[^>]*name="read"[^>]*>', page)
    assert " required" in box
    said = plain(await send(client, AWAY_PAGE, 400, off_at_home="on"))
    assert "Tick the box to say that you read what this means." in said
    assert await tokens(ready) == ()


@pytest.mark.logged_in
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"names": ("other.example.net",)}, "The certificate is for other.example.net"),
        ({"begin": NOW.replace(year=2020)}, "The certificate ended on"),
    ],
)
async def test_a_certificate_that_all_devices_refuse_is_told_and_nothing_is_offered(
    client: Client, ready: Site, tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    put_certificate(ready, tmp_path, **changes)
    page = await read(client, AWAY_PAGE)
    assert "They would then open no sites at all" in page
    assert says in page, page
    await refused(client)
    assert await tokens(ready) == ()


@pytest.mark.logged_in
async def test_without_names_of_devices_in_the_certificate_a_token_stands_in_no_name(
    client: Client, ready: Site, tmp_path: Path
) -> None:
    put_certificate(ready, tmp_path, names=(NAME,))
    page = await read(client, AWAY_PAGE)
    assert "a certificate that covers the devices' names too" in page
    page = await read(client, await make(client, ready))
    assert DOH.search(page)
    assert not DOT.search(page)
    assert "Private DNS" not in page


@pytest.mark.logged_in
async def test_apple_devices_get_nothing_where_only_they_refuse_the_certificate(
    client: Client, ready: Site, tmp_path: Path
) -> None:
    put_certificate(ready, tmp_path, names=(NAME, f"*.{NAME}"), days=500)
    page = await read(client, await make(client, ready))
    assert PROFILE not in page
    assert DOT.search(page)
    assert DOH.search(page)


@pytest.mark.logged_in
@pytest.mark.parametrize(
    ("leads", "says"),
    [
        ({}, f"copdns does not know where {NAME} leads on your Wi-Fi."),
        ({NAME: OWN}, f"On your Wi-Fi, {NAME} leads to copdns, with a token in front of it too."),
        ({NAME: "192.0.2.77"}, f"{NAME} leads to 192.0.2.77, which is not copdns."),
        ({NAME: OWN, f"*.{NAME}": "192.0.2.77"}, f"{NAME} leads to 192.0.2.77, which"),
    ],
)
async def test_it_says_where_the_name_leads_at_home(
    client: Client, ready: Site, leads: dict[str, str], says: str
) -> None:
    ready.home.defaults = replace(ready.home.defaults, listener=NAME)
    names = tuple(LocalName(name, (at,)) for name, at in leads.items())
    edit = lambda home: replace(home, local_names=names)  # noqa: E731 - one use
    await ready.store.change("home", edit, author="", what="", now=ready.now)
    await ready.follow()
    page = await read(client, AWAY_PAGE)
    assert says in page
    assert ("a phone opens no sites at home" in page) is (leads != {NAME: OWN})
    assert f'action="{AWAY_PAGE}"' in page  # the router may lead it back in


@pytest.mark.logged_in
async def test_more_networks_than_a_profile_can_have_make_no_token(
    client: Client, ready: Site
) -> None:
    for networks in ("\n".join("123456789"), "x" * 33):
        page = await refused(client, networks=networks)
        assert "Wi-Fi network" in page
        assert networks in page  # to be mended
    assert await tokens(ready) == ()


# --- what is made ---------------------------------------------------------------------------------


@pytest.mark.logged_in
async def test_a_token_is_shown_with_all_that_is_entered_and_how_it_is_removed(
    client: Client, ready: Site
) -> None:
    where = await make(client, ready)
    page = await read(client, where)
    (token,) = set(DOT.findall(page)) | set(DOH.findall(page))
    assert [token_digest(token)] == [*await tokens(ready)]
    assert page.count("To remove it:") == 7
    assert f"{PAGES.door}device/away/" in page
    netsh, netsh_end, router, router_end = lines_in(page)
    assert f"server={OWN} dohtemplate=https://{NAME}:8443/dns-query/{token} " in netsh
    assert netsh_end == f"netsh dns delete encryption server={OWN}"
    assert f"resolver_url='https://{NAME}:8443/dns-query/{token}'" in router
    assert "https-dns-proxy" in router_end
    assert "Without copdns they open no sites, not even helplines" in page
    for file in sorted(set(re.findall(rf'href="({where}/[^"]*)"', page))):
        reply = await client.get(file)
        octets = await reply.read()
        assert reply.status == 200
        assert reply.headers["Cache-Control"] == "no-store"
        assert token.encode() in octets or "remove" in file
    reply = await client.get(where, headers=HTML)
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.logged_in
async def test_what_is_made_is_that_of_the_form(client: Client, ready: Site) -> None:
    where = await make(client, ready, networks="Blue door", strict="on")
    signed = await (await client.get(f"{where}/{PROFILE}")).read()
    (payload,) = profile_in(signed)["PayloadContent"]  # type: ignore[misc]
    home, everywhere = payload["OnDemandRules"]
    assert home == {
        "Action": "Disconnect",
        "InterfaceTypeMatch": "WiFi",
        "SSIDMatch": ["Blue door"],
    }
    (exception,) = everywhere["ActionParameters"]
    assert exception == {"DomainAction": "NeverConnect", "Domains": ["captive.apple.com"]}
    assert payload["DNSSettings"]["AllowFailover"] is False
    assert "ServerAddresses" not in payload["DNSSettings"]
    policies = json.loads(await (await client.get(f"{where}/policies.json")).text())
    assert policies["policies"]["DNSOverHTTPS"]["Fallback"] is False


@pytest.mark.logged_in
async def test_a_newer_profile_replaces_the_one_of_an_older_token(
    client: Client, ready: Site
) -> None:
    ids = set()
    for _ in range(2):
        ready.home.wait(TWICE_WITHIN)
        where = await make(client, ready)
        signed = await (await client.get(f"{where}/{PROFILE}")).read()
        ids.add(profile_in(signed)["PayloadIdentifier"])
    assert len(ids) == 1
    assert len(await tokens(ready)) == 2


@pytest.mark.logged_in
async def test_a_profile_with_a_token_replaces_the_one_for_home(
    client: Client, ready: Site
) -> None:
    changed(ready, public=False)
    signed = await (await client.get(f"{DEVICES}/mia-phone/setup/{PROFILE}")).read()
    at_home = profile_in(signed)["PayloadIdentifier"]
    changed(ready, public=True)
    signed = await (await client.get(f"{await make(client, ready)}/{PROFILE}")).read()
    assert profile_in(signed)["PayloadIdentifier"] == at_home


@pytest.mark.logged_in
async def test_who_presses_twice_makes_one_token(client: Client, ready: Site) -> None:
    first, second = await asyncio.gather(make(client, ready), make(client, ready))
    assert first == second
    assert len(await tokens(ready)) == 1
    assert await make(client, ready, networks="Blue door") != first  # something else was wanted


@pytest.mark.logged_in
async def test_a_page_that_stays_open_is_left_when_its_time_is_over(
    client: Client, ready: Site
) -> None:
    where = await make(client, ready)
    ready.home.wait(200)
    for path in (where, f"/device/away/{where.rpartition('/')[2]}"):
        reply = await client.get(f"{path}?code=k7qf2m9d", headers=HTML)
        assert reply.headers["Refresh"] == f"{SHOWN_FOR - 200}; url={path}"


@pytest.mark.logged_in
async def test_one_process_at_a_time_looks_at_the_certificate(
    client: Client, ready: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way: list[int] = []
    most = 0

    def look(*_words: object) -> str:
        nonlocal most
        under_way.append(1)
        # As long as it takes for whoever would begin beside it: the first one waits in vain.
        Event().wait(0.02)
        most = max(most, len(under_way))
        under_way.pop()
        return "[[], 0, []]"

    monkeypatch.setattr(certificate_look, "run_process", look)
    paths = (AWAY_PAGE, "/guardian/encrypted") * 4
    await asyncio.gather(*(text(client, each) for each in paths))
    assert most == 1


@pytest.mark.logged_in
async def test_the_token_is_in_no_address_and_nothing_that_is_stored(
    client: Client, ready: Site
) -> None:
    where = await make(client, ready)
    page = await read(client, where)
    (token,) = set(DOT.findall(page))
    assert token not in where
    assert not [each for each in re.findall('(?:href|action)="([^"]*)"', page) if token in each]
    for each in await ready.store.changes("home"):
        assert token not in each.what
    for file in ready.folder.rglob("*"):
        if file.is_file():
            assert token.encode() not in file.read_bytes(), file
    others = (DEVICES, AWAY_PAGE, "/guardian/changes", "/guardian/")
    for path in others:
        assert token not in await read(client, path), path


@pytest.mark.logged_in
async def test_after_ten_minutes_it_is_gone(client: Client, ready: Site) -> None:
    where = await make(client, ready)
    ready.home.wait(SHOWN_FOR - 1)
    assert (await client.get(where, headers=HTML)).status == 200
    ready.home.wait(1)
    for path in (where, f"{where}/{PROFILE}", f"/device/away/{where.rpartition('/')[2]}"):
        assert (await client.get(path, headers=HTML)).status == 404, path
    assert len(await tokens(ready)) == 1  # it stays right


@pytest.mark.logged_in
async def test_another_browser_and_another_device_do_not_show_it(
    client: Client, ready: Site
) -> None:
    where = await make(client, ready)
    other = where.replace("mia-phone", "tom-phone")
    assert (await client.get(other, headers=HTML)).status == 404
    await set_up(ready, "Rita")
    client.session.cookie_jar.clear()
    reply = await client.get(where, headers=HTML, allow_redirects=False)
    assert reply.status == 303  # to the login
    await log_in(client, "Rita")
    for path in (where, f"{where}/{PROFILE}"):
        assert (await client.get(path, headers=HTML)).status == 404


@pytest.mark.logged_in
async def test_no_more_than_some_are_in_memory(client: Client, ready: Site) -> None:
    first = await make(client, ready)
    setups = ready.app[AWAY]
    code = first.rpartition("/")[2]
    house = await ready.store.household("home")
    assert house is not None
    made = setups.find(code, house, ready.now)
    assert made is not None
    for number in range(MOST):
        setups.add(made._replace(code=str(number)))
    assert setups.find(code, house, ready.now) is None
    assert setups.find("0", house, ready.now) is not None


@pytest.mark.logged_in
async def test_the_test_shows_whose_rules_a_question_from_away_got(
    client: Client, ready: Site
) -> None:
    where = await make(client, ready)
    page = await read(client, where)
    (token,) = set(DOT.findall(page))
    found = re.search(r"http://([0-9a-z]{8})-1\.probe\.home\.arpa/", page)
    assert found
    assert "We have not heard from this device yet" in await read(
        client, f"{where}?code={found[1]}"
    )
    wire = dns.message.make_query(probe_names(found[1])[0], "A").to_wire()
    away = replace(asker("203.0.113.9", "tls"), token=token_digest(token))
    assert ready.home.send(wire, away)
    page = await read(client, f"{where}?code={found[1]}")
    assert "This device uses copdns, with Mia's rules." in page
    assert "It is encrypted: DNS over TLS." in page
    assert "203.0.113.9" not in page


# --- two guardians --------------------------------------------------------------------------------


@asynccontextmanager
async def ritas_browser(client: Client, site: Site) -> AsyncIterator[Client]:
    """Give another browser of the same house, in which Rita is logged in."""
    await set_up(site, "Rita")
    async with TestClient(client.server, cookie_jar=CookieJar(unsafe=True)) as made:
        await log_in(made, "Rita")
        yield made


@pytest.mark.logged_in
async def test_two_guardians_at_once_make_a_token_each_and_read_their_own(
    client: Client, ready: Site
) -> None:
    async with ritas_browser(client, ready) as rita:
        first, second = await asyncio.gather(make(client, ready), make(rita, ready))
        stored = await tokens(ready)
        assert len(stored) == 2
        shown = []
        for own, where, other in ((client, first, second), (rita, second, first)):
            (token,) = set(DOT.findall(await read(own, where)))
            shown.append(token_digest(token))
            assert (await own.get(other, headers=HTML)).status == 404
        assert sorted(shown) == sorted(stored)


@pytest.mark.logged_in
async def test_the_last_token_that_a_device_can_have_is_made_once(
    client: Client, ready: Site
) -> None:
    for number in range(MAX_TOKENS - 1):
        edit = partial(add_token, device_id="mia-phone", digest=token_digest(str(number)))
        await ready.store.change("home", edit, author="", what="", now=ready.now)
    await ready.follow()
    async with ritas_browser(client, ready) as rita:
        replies = await asyncio.gather(
            *(
                each.post(
                    AWAY_PAGE,
                    data=SEND,
                    headers={**HTML, "Origin": f"http://{each.host}:{each.port}"},
                    allow_redirects=False,
                )
                for each in (client, rita)
            )
        )
        assert sorted(each.status for each in replies) == [303, 400]
        (other,) = [await each.text() for each in replies if each.status == 400]
    assert "has 8 tokens, which is the most; revoke one first" in plain(other)
    assert len(await tokens(ready)) == MAX_TOKENS


# --- what its person reads ------------------------------------------------------------------------


@pytest.mark.logged_in
async def test_the_device_itself_opens_what_was_made_for_it_and_no_other_does(
    client: Client, ready: Site
) -> None:
    where = await make(client, ready)
    code = where.rpartition("/")[2]
    page = await read(client, f"/device/away/{code}")
    assert "sites that help are never recorded" in page or "sites that help children" in page
    assert 'href="/help#call"' in page
    assert 'href="/device/test"' in page
    (token,) = set(DOT.findall(page)) | set(DOH.findall(page))
    netsh, netsh_end = lines_in(page)
    assert f"/dns-query/{token} autoupgrade=yes udpfallback=yes" in netsh
    assert token not in netsh_end
    assert "Away from home, Windows and Linux ask the DNS server of the network there" in page
    assert "OpenWrt" not in page, "a child sets up no router"
    signed = await (await client.get(f"/device/away/{code}/{PROFILE}")).read()
    assert token.encode() in signed
    for who, status in (("tom", 403), (GUEST, 403)):
        ready.who = who
        for path in (f"/device/away/{code}", f"/device/away/{code}/{PROFILE}"):
            reply = await client.get(path, headers=HTML)
            assert reply.status == status, (who, path)
            assert token not in await reply.text()


@pytest.mark.logged_in
@pytest.mark.parametrize(
    ("band", "says"),
    [
        (Band.TO_9, "Your rules work away from home too."),
        (Band.TO_12, "You can still phone."),
        (Band.TO_15, "We don't tell anyone where you are, not even your parents or carers."),
    ],
)
async def test_a_person_reads_what_it_changes_on_their_own_page(
    client: Client, ready: Site, band: Band, says: str
) -> None:
    assert "away from home too" not in await read(client, "/device/setup")
    assert 'href="/device/setup"' not in await read(client, "/me")
    await make(client, ready)
    await ready.set_band(band)
    page = await read(client, "/device/setup")
    assert says in page
    assert "This is not set up in your home." not in page
    assert 'href="/device/setup"' in await read(client, "/me")


# --- revoking -------------------------------------------------------------------------------------


@pytest.mark.logged_in
async def test_a_revoked_token_is_asked_about_and_never_comes_back(
    client: Client, ready: Site
) -> None:
    where = await make(client, ready)
    (digest,) = await tokens(ready)
    path = f"{DEVICES}/mia-phone/tokens/{short_token(digest)}/revoke"
    for page in (DEVICES, AWAY_PAGE, where):
        assert f'action="{path}"' in await read(client, page)
    asked = plain(await send(client, path, 409))
    assert "A revoked token never comes back" in asked
    assert await tokens(ready) == (digest,)
    page = plain(await send(client, path, sure="on"))
    assert await tokens(ready) == ()
    assert "A token of Mia's phone was revoked" in page, page
    assert "/guardian/undo/" not in page.partition("A token of")[2].partition("</section>")[0]
    assert (await client.get(where, headers=HTML)).status == 404
    await send(client, path, sure="on")  # twice is harmless
    assert await tokens(ready) == ()


@pytest.mark.logged_in
async def test_undoing_that_a_token_was_made_revokes_it_for_good(
    client: Client, ready: Site
) -> None:
    where = await make(client, ready)
    found = re.search(r'action="(/guardian/undo/[^"]+)"', await text(client, where))
    assert found
    page = await send(client, found[1], back=DEVICES)
    assert await tokens(ready) == ()
    again = re.search(r'action="(/guardian/undo/[^"]+)"', page)
    assert again is None, "undoing the undoing would bring it back"
