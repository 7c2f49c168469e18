"""Encrypted DNS on a device: what the dashboard and the child's page say, give and test."""

from __future__ import annotations

import asyncio
import json
import plistlib
import re
import threading
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import dns.message
import pytest

from copdns.model.household import Band
from copdns.network.probes import NAMES_PER_CODE, probe_names
from copdns.settings.config import EncryptedSettings, Settings
from copdns.web.device_setup import offer
from tests.home import Home
from tests.household import GUEST, LISTENER, MIA, TOM, asker, family
from tests.reading import has_word
from tests.shell_lines import lines_in, resolved_conf, run
from tests.unit.certificates import NAME, between, root, server
from tests.web.site import HTML, PAGES, Client, Site, send, text

URL = f"https://{NAME}:8443/dns-query"
DESK = "/guardian/devices/mia-phone/setup"
PROFILE = "copdns.mobileconfig"


@pytest.fixture
def site() -> Site:
    return Site(Home(family(MIA, TOM)))


@pytest.fixture
def ready(site: Site, tmp_path: Path) -> Site:
    """A home that serves both ways, with a certificate that its own authority signed."""
    own = server()
    (tmp_path / "dns.pem").write_bytes(own.pem + between().pem)
    (tmp_path / "dns.key").write_bytes(own.key_pem)
    site.settings = Settings(
        encrypted=EncryptedSettings(
            name=NAME,
            tls_port=853,
            https_port=8443,
            certificate=str(tmp_path / "dns.pem"),
            key=str(tmp_path / "dns.key"),
        )
    )
    return site


def changed(site: Site, **values: object) -> None:
    chosen = site.settings.encrypted.model_copy(update=values)
    site.settings = site.settings.model_copy(update={"encrypted": chosen})


async def read(client: Client, path: str) -> str:
    """Return a page without marks of direction."""
    return re.sub("[\u2068\u2069]", "", await text(client, path))


async def downloaded(client: Client, path: str) -> bytes:
    reply = await client.get(path)
    assert reply.status == 200
    assert f'filename="{path.rpartition("/")[2].partition("?")[0]}"' in str(
        reply.headers["Content-Disposition"]
    )
    return await reply.read()


def come(site: Site, who: str, code: str, transport: str, count: int = NAMES_PER_CODE) -> None:
    """Let a device's browser look up the names of a test."""
    for name in probe_names(code)[:count]:
        wire = dns.message.make_query(name, "A").to_wire()
        assert site.home.send(wire, asker(who, transport))


# --- the child's pages ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("band", "says", "not_says"),
    [
        (Band.TO_9, "secret message", "encrypted"),
        (Band.TO_12, "secret message", "encrypted."),
        (Band.TO_15, "Others on the Wi-Fi: they can't read site names any more", "secret message"),
    ],
)
async def test_a_child_reads_what_changes_and_who_sees_what(
    client: Client, ready: Site, band: Band, says: str, not_says: str
) -> None:
    await ready.set_band(band)
    page = await read(client, "/device/setup")
    before = page.partition("<details")[0]
    assert says in before
    assert not_says not in before
    unchanged = "the same as before" if band is Band.TO_15 else "will not see anything new"
    assert unchanged in before
    assert "To remove it:" in page
    assert f'href="/device/setup/{PROFILE}"' in page


@pytest.mark.parametrize("band", [Band.TO_9, Band.TO_15])
async def test_a_child_reads_that_chrome_opens_nothing_away_from_home(
    client: Client, ready: Site, band: Band
) -> None:
    """Only Firefox asks other DNS servers where copdns does not answer, and in one of its modes."""
    await ready.set_band(band)
    _, _, steps = (await read(client, "/device/setup")).partition("<h3>Firefox</h3>")
    firefox, _, chrome = steps.partition("<h3>")
    assert "“Increased Protection”" in firefox
    assert "opens no sites, not even helplines" not in firefox
    assert chrome.startswith("Chrome and Edge</h3>")
    before, _, _ = chrome.partition(URL)
    assert "Away from home, this browser then opens no sites, not even helplines." in before


async def test_nothing_says_that_all_is_as_before_elsewhere_where_chrome_is_set_up(
    client: Client, ready: Site
) -> None:
    await ready.set_band(Band.TO_15)
    assert "nothing changes, except in Chrome and Edge" in await read(client, "/device/setup")
    changed(ready, https_port=0)
    page = await read(client, "/device/setup")
    assert "Everywhere else, nothing changes." in page
    assert "Chrome" not in page


@pytest.mark.logged_in
async def test_a_guardian_reads_it_too_and_which_files_differ(client: Client, ready: Site) -> None:
    for address, has_files in ((DESK, True), (f"{DESK}?strict=on", False)):
        _, _, chrome = (await read(client, address)).partition('id="chrome"')
        chrome, _, _ = chrome.partition("</section>")
        assert "this browser then opens no sites, not even helplines" in chrome
        assert ("With one of these files, sites open there as before:" in chrome) is has_files


async def test_a_home_without_it_says_so_and_offers_nothing(client: Client, site: Site) -> None:
    page = await read(client, "/device/setup")
    assert "This is not set up in your home." in page
    assert PROFILE not in page
    assert (await client.get(f"/device/setup/{PROFILE}")).status == 404
    assert "/device/setup" not in await read(client, "/me")


@pytest.mark.parametrize("who", ["mia", GUEST])
async def test_what_a_phone_says_where_another_dns_server_is_closed_is_named_with_what_helps(
    client: Client, site: Site, who: str
) -> None:
    site.who = who
    pages = ["/protection", "/protection/k7qf2m9d", *(["/device/setup"] if who == "mia" else [])]
    for path in pages:
        page = await read(client, path)
        assert "Private DNS server cannot be accessed" in page
        assert "choose “Automatic”" in page
        assert "This network is blocking encrypted DNS traffic" in page


async def test_the_page_about_privacy_leads_there(client: Client, ready: Site) -> None:
    assert 'href="/device/setup"' in await read(client, "/me")


async def test_a_device_that_nobody_named_is_told_so(client: Client, ready: Site) -> None:
    ready.who = GUEST
    for path in ("/device/setup", f"/device/setup/{PROFILE}"):
        assert (await client.get(path, headers=HTML)).status == 403


async def test_a_child_gets_a_signed_profile_for_home_only(client: Client, ready: Site) -> None:
    signed = await downloaded(client, f"/device/setup/{PROFILE}")
    begin, end = signed.index(b"<?xml"), signed.index(b"</plist>") + len(b"</plist>")
    profile = plistlib.loads(signed[begin:end])
    assert not signed.startswith(b"<?xml"), "inside a signature"
    (payload,) = profile["PayloadContent"]
    assert payload["DNSSettings"]["ServerURL"] == URL
    assert payload["OnDemandRules"][-1] == {"Action": "Disconnect"}
    assert "Remove Profile" in profile["PayloadDescription"]


async def test_a_profile_is_in_the_readers_language(client: Client, ready: Site) -> None:
    reply = await client.get(f"/device/setup/{PROFILE}", headers={"Accept-Language": "fr"})
    signed = await reply.read()
    end = signed.index(b"</plist>") + len(b"</plist>")
    profile = plistlib.loads(signed[signed.index(b"<?xml") : end])
    assert "this sends" not in profile["PayloadDescription"].lower()


async def test_a_key_that_cannot_sign_leaves_a_profile_without_signature(
    client: Client, ready: Site
) -> None:
    changed(ready, key=ready.settings.encrypted.certificate)
    profile = plistlib.loads(await downloaded(client, f"/device/setup/{PROFILE}"))
    assert profile["PayloadType"] == "Configuration"


async def test_one_process_at_once_signs_whoever_asks(
    client: Client, ready: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, most = 0, 0

    def sign(*_: object, is_secret: bool) -> bytes:
        nonlocal now, most
        now += 1
        most = max(most, now)
        threading.Event().wait(0.01)
        now -= 1
        return b"signed"

    monkeypatch.setattr(offer, "sign_profile", sign)
    paths = [f"/device/setup/{PROFILE}"] * 8
    assert await asyncio.gather(*(downloaded(client, each) for each in paths)) == [b"signed"] * 8
    assert most == 1


async def test_a_port_that_android_does_not_know_is_not_offered(
    client: Client, ready: Site
) -> None:
    assert "<h3>Android</h3>" in await read(client, "/device/setup")
    changed(ready, tls_port=8853, https_port=0)
    page = await read(client, "/device/setup")
    assert "<h3>Android</h3>" not in page
    assert PROFILE not in page


@pytest.mark.parametrize("lacks", ["name", "certificate"])
async def test_android_finds_it_by_itself_where_a_name_or_a_certificate_is_missing(
    client: Client, ready: Site, lacks: str
) -> None:
    changed(ready, **{lacks: ""})
    page = await read(client, "/device/setup")
    assert "Choose “Automatic”." in page
    assert "Choose “Off” in the same place." in page
    assert PROFILE not in page
    assert "custom provider" not in page
    changed(ready, tls_port=8853)
    assert "This is not set up in your home." in await read(client, "/device/setup")


async def test_no_file_takes_choices_from_the_address_on_a_childs_page(
    client: Client, ready: Site
) -> None:
    """A page of a stranger can lead a child there, and the profile would be signed."""
    signed = await downloaded(client, f"/device/setup/{PROFILE}?strict=on&networks=Cafe")
    assert b"Cafe" not in signed
    policies = json.loads(await downloaded(client, "/device/setup/policies.json?strict=on"))
    assert policies["policies"]["DNSOverHTTPS"]["Fallback"] is True


async def test_without_a_token_nothing_is_offered_where_each_device_needs_one(
    client: Client, ready: Site
) -> None:
    changed(ready, public=True)
    page = await read(client, "/device/setup")
    assert "This is not set up in your home." in page
    assert PROFILE not in page
    assert (await client.get(f"/device/setup/{PROFILE}")).status == 404


# --- the test -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transport", "count", "says"),
    [
        ("tls", NAMES_PER_CODE, "It works: others on the Wi-Fi cannot read"),
        ("https", NAMES_PER_CODE, "It works: others on the Wi-Fi cannot read"),
        ("udp", NAMES_PER_CODE, "but others on the Wi-Fi can see which sites you open"),
        ("tls", 2, "works here only some of the time"),
        ("tls", 0, "copdns is not working here."),
    ],
)
async def test_a_device_is_told_by_which_way_it_came(
    client: Client, site: Site, transport: str, count: int, says: str
) -> None:
    code = _code(await read(client, "/device/test"))
    come(site, "mia", code, transport, count)
    page = await read(client, f"/device/test/{code}")
    assert says in page
    assert ("It has the rules of someone in this home." in page) is (count > 0)
    assert not has_word(page, "Mia"), "this browser is not linked"
    # What does not work at all is not mended by encrypting it, and what is encrypted needs none.
    leads_on = "Stop other people on the Wi-Fi from seeing which sites you open" in page
    assert leads_on is (transport == "udp")
    state = "allowed" if count == NAMES_PER_CODE and transport != "udp" else "limited"
    assert f's-{state if count else "blocked"}"' in page
    assert 'class="button" href="/device/test">Check again' in page


async def test_a_linked_browser_is_told_whose_rules_it_has(client: Client, site: Site) -> None:
    await send(client, "/device")
    code = _code(await read(client, "/device/test"))
    come(site, "mia", code, "tls")
    assert "Mia's rules apply here." in await read(client, f"/device/test/{code}")


async def test_the_pictures_of_a_test_come_from_names_of_ours_alone(client: Client) -> None:
    reply = await client.get("/device/test", headers=HTML)
    assert "img-src 'self' http://*.probe.home.arpa" in reply.headers["Content-Security-Policy"]
    assert (await reply.text()).count("/protection/dot/") == NAMES_PER_CODE


async def test_an_odd_code_is_replaced(client: Client) -> None:
    page = await read(client, "/device/test?code=%22%3E%3Cscript%3E")
    assert "<script>" not in page
    assert len(_code(page)) == 8
    assert _code(await read(client, "/device/test?code=k7qf2m9d")) == "k7qf2m9d"


# --- the dashboard --------------------------------------------------------------------------------


@pytest.mark.logged_in
async def test_the_dashboard_names_what_is_missing_and_where(client: Client, site: Site) -> None:
    for path in (DESK, "/guardian/encrypted"):
        page = await read(client, path)
        for setting in ("encrypted.tls_port", "encrypted.name", "encrypted.certificate"):
            assert setting in page
        assert URL not in page
    assert (await client.get(f"{DESK}/{PROFILE}")).status == 404


@pytest.mark.logged_in
async def test_the_dashboard_says_that_each_device_needs_a_token(
    client: Client, ready: Site
) -> None:
    changed(ready, public=True)
    page = await read(client, DESK)
    assert "Protect it away from home too" in page
    assert PROFILE not in page


@pytest.mark.logged_in
async def test_the_dashboard_has_steps_files_and_ways_back(client: Client, ready: Site) -> None:
    page = await read(client, DESK)
    assert "What needs doing first" not in page
    assert page.count("To remove it:") == 7
    for file in set(re.findall(rf'href="({DESK}/[^"]*)"', page)):
        assert await downloaded(client, file)
    assert URL in page
    assert '<path d="M' in page
    assert f"{PAGES.door}device/setup" in page


@pytest.mark.logged_in
@pytest.mark.parametrize("path", ["/device/setup", DESK])
async def test_computers_are_told_and_untold(
    client: Client, ready: Site, tmp_path: Path, path: str
) -> None:
    page = await read(client, path)
    netsh, netsh_end, resolved, resolved_end = lines_in(page)
    windows = f"server={LISTENER} dohtemplate={URL} autoupgrade=yes udpfallback=yes"
    assert netsh == f"netsh dns add encryption {windows}"
    assert netsh_end == f"netsh dns delete encryption server={LISTENER}"
    assert run(resolved, tmp_path) == "systemctl restart systemd-resolved\n"
    assert resolved_conf(tmp_path) == {"DNSOverTLS": "opportunistic"}
    run(resolved_end, tmp_path)
    assert not [*tmp_path.rglob("*.conf")]
    for step in ("“On (manual template)”", "Turn on “Fallback", "Choose “Automatic (DHCP)”"):
        assert step in page, step
    assert f'<bdi dir="ltr">{LISTENER}</bdi>' in page
    assert "https-dns-proxy" not in page, "at home a router needs nothing"


@pytest.mark.logged_in
async def test_computers_ask_copdns_alone_where_a_family_chooses_so(
    client: Client, ready: Site, tmp_path: Path
) -> None:
    page = await read(client, f"{DESK}?strict=on")
    netsh, _, resolved, _ = lines_in(page)
    assert netsh.endswith("udpfallback=no")
    run(resolved, tmp_path)
    assert resolved_conf(tmp_path) == {
        "DNS": f"{LISTENER}:853#{NAME}",
        "DNSOverTLS": "yes",
        "Domains": "~.",
    }
    assert "away from home it opens no sites, not even helplines" in page
    assert "Leave “Fallback to plaintext” off" in page


async def test_commands_are_folded_and_only_there_where_they_work(
    client: Client, ready: Site
) -> None:
    page = await read(client, "/device/setup")
    folded = re.findall(r'<details class="card">(.*?)</details>', page, re.DOTALL)
    assert [len(lines_in(each)) for each in folded if lines_in(each)] == [4]
    changed(ready, https_port=0)
    page = await read(client, "/device/setup")
    assert "netsh" not in page
    assert "resolved.conf.d" in page
    changed(ready, tls_port=8853)
    page = await read(client, "/device/setup")
    assert lines_in(page) == []
    assert "For a whole computer, not just one browser" not in page
    changed(ready, https_port=8443, public=True)
    assert lines_in(await read(client, "/device/setup")) == []


@pytest.mark.logged_in
async def test_no_commands_for_another_server_stand_where_a_name_is_missing(
    client: Client, ready: Site
) -> None:
    changed(ready, name="")
    for path in ("/device/setup", DESK, f"{DESK}?strict=on"):
        blocks = lines_in(await read(client, path))
        assert len(blocks) == 2, path
        assert "opportunistic" in blocks[0], path
        assert "elsewhere nothing changes" in await read(client, path), path


@pytest.mark.logged_in
async def test_the_dashboard_offers_android_what_takes_no_name(client: Client, ready: Site) -> None:
    changed(ready, name="")
    page = await read(client, DESK)
    assert "Set “encrypted.name”" in page
    assert "Android and Linux do not need what is missing" in page
    assert "Choose “Automatic”." in page
    assert "See the result" in page
    for absent in (
        "mobileconfig",
        "policies.json",
        "DohTemplate",
        "https://:",
        "Use these choices",
    ):
        assert absent not in page, absent
    changed(ready, tls_port=0)
    assert "Automatic" not in await read(client, DESK)


@pytest.mark.logged_in
@pytest.mark.parametrize(
    ("networks", "says"),
    [
        ("x" * 33, "cannot be the name of a Wi-Fi network"),
        ("\n".join("123456789"), "room for 8 Wi-Fi networks; these are 9"),
    ],
)
async def test_networks_that_a_profile_cannot_have_are_refused(
    client: Client, ready: Site, networks: str, says: str
) -> None:
    query = urlencode({"networks": networks, "strict": "on"})
    page = await text(client, f"{DESK}?{query}", 400)
    assert says in page
    assert f">\n{networks}</textarea>" in page  # to be mended
    assert f'href="{DESK}/{PROFILE}"' in page  # without these choices
    assert (await client.get(f"{DESK}/{PROFILE}?{query}")).status == 400


@pytest.mark.logged_in
async def test_what_a_family_chooses_is_in_the_files(client: Client, ready: Site) -> None:
    page = await read(client, f"{DESK}?networks=Blue+door&strict=on")
    (link,) = set(re.findall(rf'href="({DESK}/policies.json[^"]*)"', page))
    policies = json.loads(await downloaded(client, link.replace("&amp;", "&")))
    assert policies["policies"]["DNSOverHTTPS"]["Fallback"] is False
    (link,) = set(re.findall(rf'href="({DESK}/{PROFILE}[^"]*)"', page))
    assert b"Blue door" in await downloaded(client, link.replace("&amp;", "&"))
    # The file on the device's own page has no choices, so nobody is sent there for it.
    child_page = f"{PAGES.door}device/setup"
    assert child_page in await read(client, DESK)
    assert child_page not in page


@pytest.mark.logged_in
async def test_the_dashboard_says_who_came_by_which_way(client: Client, ready: Site) -> None:
    code = _code(await read(client, DESK), "device/test?code=")
    assert "We have not heard from this device yet" in await read(client, f"{DESK}?code={code}")
    come(ready, "mia", code, "tls")
    page = await read(client, f"{DESK}?code={code}")
    assert "This device uses copdns, with Mia's rules." in page
    assert "It is encrypted: DNS over TLS." in page
    other = await read(client, f"/guardian/devices/tom-phone/setup?code={code}")
    assert "This is another device. It uses copdns, with Mia's rules." in other


@pytest.mark.logged_in
async def test_a_test_of_another_household_is_not_shown(client: Client, ready: Site) -> None:
    mine = ready.home.resolver.snapshot.identify(asker())
    client_of_others = replace(mine, household="other")
    (name, *_) = probe_names("k7qf2m9d")
    ready.probes.note_query(name, asker("mia", "tls"), client_of_others, ready.now)
    assert "We have not heard" in await read(client, f"{DESK}?code=k7qf2m9d")


@pytest.mark.logged_in
async def test_a_device_that_is_not_there_has_no_page(client: Client, ready: Site) -> None:
    for path in ("/guardian/devices/nothing/setup", f"/guardian/devices/nothing/setup/{PROFILE}"):
        assert (await client.get(path, headers=HTML)).status == 404


@pytest.mark.logged_in
async def test_the_certificate_is_looked_at_as_devices_do(
    client: Client, ready: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "known.pem").write_bytes(root().pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "known.pem"))
    changed(ready, name="other.example")
    page = await read(client, "/guardian/encrypted")
    assert "Not yet. If you set up copdns yourself, see the technical part" in page
    assert "The certificate is for" in page
    assert "Refused by:" in page
    # The page of a device promises what it would refuse: it says so before.
    page = await read(client, DESK)
    assert page.index("Not yet.") < page.index("Before you begin")
    changed(ready, certificate=str(tmp_path / "gone.pem"))
    assert "gone.pem: No such file" in await read(client, "/guardian/encrypted")


def _code(page: str, before: str = "/device/test/") -> str:
    found = re.search(re.escape(before) + "([0-9a-z]{8})", page)
    assert found
    return found[1]
