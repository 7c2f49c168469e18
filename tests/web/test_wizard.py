"""The set-up: each step is kept, in any order and on any day; nobody else gets in."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import pytest
from markupsafe import escape

from copdns.accounts.roles import Role
from copdns.appeals.appeal import AppealKind, AppealRequest, ContestedVerdict
from copdns.list_files.load import bundled_presets, load_catalogue
from copdns.model.hosts import child_page_url
from copdns.model.household import Band, Household
from copdns.model.verdict import Action, Reason
from copdns.network.setup_steps import SetupStep
from copdns.network.unknown_devices import UnknownDevice
from copdns.policy.snapshot import Sightings
from copdns.store.household_db.audit_trail import AuditTrail
from copdns.store.log_db.unknown_devices import save_unknown_devices
from copdns.web.context import PARTS
from copdns.web.device_setup.qr import qr
from copdns.web.languages import bundled_helplines
from copdns.web.pages import Pages
from tests.home import Home
from tests.household import GUEST, MIA, TOM, family
from tests.web.guardians import PASSWORD, guardian_client, log_in, set_up
from tests.web.site import Client, Site, send, text

LIBRARY = load_catalogue(())  # as shipped: presets speak of what is in it
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def site() -> Site:
    return Site(Home(family(MIA), LIBRARY))


@pytest.fixture
async def desk(client: Client, site: Site) -> Client:
    await set_up(site)
    await log_in(client)
    return client


async def stored(site: Site) -> Household:
    found = await site.store.household("home")
    assert found is not None
    return found


async def take(client: Client, step: SetupStep, status: int = 200, **fields: str) -> str:
    return await send(client, f"/guardian/wizard/{step}", status, **fields)


async def test_the_code_of_the_console_opens_it_once(client: Client, site: Site) -> None:
    made = await site.logins.setup_code("home", site.now)
    assert made is not None
    code = made.code
    fields = {"name": "Ada", "password": PASSWORD, "again": PASSWORD}
    await send(client, "/guardian/setup", 400, code="AAAA-AAAA", **fields)
    page = await send(client, "/guardian/setup", 400, code=code, **{**fields, "again": "another"})
    assert f'value="{code}"' in page
    assert 'value="Ada"' in page
    page = await send(client, "/guardian/setup", code=code, **fields)
    assert "Step 1 of 5" in page
    assert "Not fully protected yet" not in page, "which these steps are to change"
    assert "Not fully protected yet" in await text(client, "/guardian/wizard")
    page = await send(client, "/guardian/setup", 400, code=code, **{**fields, "name": "Bo"})
    assert "This household has been set up already; log in with the name and password" in page
    assert 'href="/guardian/login">Log in</a>' in page
    assert await site.logins.setup_code("home", site.now) is None


async def test_whoever_holds_an_earlier_code_reads_why_it_no_longer_works(
    client: Client, site: Site
) -> None:
    first = await site.logins.setup_code("home", site.now)
    second = await site.logins.setup_code("home", site.now)
    assert first is not None
    assert second is not None
    assert (first.ends_earlier, second.ends_earlier) == (False, True)
    fields = {"name": "Ada", "password": PASSWORD, "again": PASSWORD}
    page = await send(client, "/guardian/setup", 400, code=first.code, **fields)
    assert "A newer setup code was made, so this one no longer works; enter the newest one." in page
    assert 'value="Ada"' in page
    assert "Step 1 of 5" in await send(client, "/guardian/setup", code=second.code, **fields)


async def test_the_second_step_says_what_becomes_of_a_parent_who_is_not_added(desk: Client) -> None:
    page = await text(desk, "/guardian/wizard/children")
    assert "You too? If you are not added, your own devices get the guest rules." in page
    assert "The guest rules also block adult content and gambling." in page


async def test_it_can_be_left_and_gone_on_with(desk: Client, site: Site) -> None:
    assert "Step 2 of 5" in await take(desk, SetupStep.PLACE, timezone="Europe/Paris")
    assert "Step 3 of 5" in await take(desk, SetupStep.CHILDREN)
    page = await text(desk, "/guardian/wizard")
    assert 'class="button" href="/guardian/wizard/router"' in page
    assert page.count("done") == 3  # the two steps above, and the devices that were there before


async def test_where_the_house_is_is_kept(desk: Client, site: Site) -> None:
    await take(
        desk, SetupStep.PLACE, name="We", timezone="Europe/Paris", language="fr", country="FR"
    )
    home = await stored(site)
    assert (home.name, home.timezone, home.language, home.country) == (
        "We",
        "Europe/Paris",
        "fr",
        "FR",
    )
    page = await take(desk, SetupStep.PLACE, 400, timezone="Mars/Base")
    assert "is not a valid time zone" in page
    assert (await stored(site)).timezone == "Europe/Paris"


async def test_the_zone_of_the_machine_is_offered_until_one_was_chosen(
    desk: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/Lima")
    page = await text(desk, "/guardian/wizard/place")
    assert 'data-of="PE" selected>America/Lima</option>' in page
    assert "Our guess: please check." in page
    assert "Etc/" not in page
    await take(desk, SetupStep.PLACE, name="We", timezone="UTC")
    page = await text(desk, "/guardian/wizard/place")
    assert "<option selected>UTC</option>" in page
    assert "Our guess" not in page


@pytest.mark.parametrize(
    ("speaks", "zone", "country"),
    [
        ("fr-FR,fr;q=0.9", "Europe/Paris", "FR"),
        ("en-US,en;q=0.9", "Etc/UTC", ""),  # said wherever nobody chose
        ("es-MX", "Etc/UTC", "MX"),  # a country with several zones
    ],
)
async def test_a_computer_without_a_place_has_the_zone_of_the_browsers_country(
    desk: Client, monkeypatch: pytest.MonkeyPatch, speaks: str, zone: str, country: str
) -> None:
    monkeypatch.setenv("TZ", "Etc/UTC")
    headers = {"Accept": "text/html", "Accept-Language": speaks}
    page = await (await desk.get("/guardian/wizard/place", headers=headers)).text()
    assert f" selected>{zone}</option>" in page
    assert f'<option value="{country}" selected>' in page or not country


async def test_the_schools_names_are_protected(desk: Client, site: Site) -> None:
    await take(desk, SetupStep.SCHOOL, names="School.Example\nclub.example, club.example")
    assert (await stored(site)).protected == ("school.example", "club.example")
    assert HOSTILE not in await take(desk, SetupStep.SCHOOL, 400, names=HOSTILE)


async def test_the_first_form_asks_for_them_too_and_their_step_is_done_with_it(
    desk: Client, site: Site
) -> None:
    page = await take(desk, SetupStep.PLACE, timezone="UTC", names="school.example")
    assert "Who lives with you" in page
    assert (await stored(site)).protected == ("school.example",)
    assert "school.example</textarea>" in await text(desk, "/guardian/wizard/place")
    page = await take(desk, SetupStep.PLACE, 400, timezone="Europe/Paris", names=HOSTILE)
    assert HOSTILE not in page
    assert (await stored(site)).timezone == "UTC", "nothing of a form that is refused is stored"
    page = await text(desk, "/guardian/wizard")
    assert 'href="/guardian/wizard/school"' in page, "they can be changed by themselves"
    await take(desk, SetupStep.PLACE, timezone="UTC", names="")
    assert (await stored(site)).protected == ()


async def test_a_copied_address_is_as_good_as_a_name(desk: Client, site: Site) -> None:
    await take(desk, SetupStep.SCHOOL, names="https://www.School.example/home?x=1")
    assert (await stored(site)).protected == ("www.school.example",)


async def test_a_child_gets_the_start_of_the_age(desk: Client, site: Site) -> None:
    page = await take(desk, SetupStep.CHILDREN, add="1", name="Tom O'Neil", band="13-15", times="1")
    assert "Tom O&#39;Neil" in page
    tom = (await stored(site)).profile("tom-o-neil")
    assert tom is not None
    assert (tom.band, bool(tom.safe_search)) == (Band.TO_15, True)
    await take(desk, SetupStep.CHILDREN, 400, add="1", name="Tom", band="5")
    page = await take(desk, SetupStep.CHILDREN, add="1", name=HOSTILE, band="7-9")
    assert HOSTILE not in page


async def test_who_was_written_down_and_not_added_yet_comes_along(desk: Client, site: Site) -> None:
    """That is everybody, somebody says, with a name in the form: it is not lost."""
    page = await text(desk, "/guardian/wizard/children")
    assert page.count('action="/guardian/wizard/children"') == 1, "both buttons send what is there"
    await take(desk, SetupStep.CHILDREN, 400, name="Tom")
    assert "Step 3 of 5" in await take(desk, SetupStep.CHILDREN, name="Tom", band="13-15")
    assert (await stored(site)).profile("tom") is not None


async def test_the_way_to_the_childrens_page_names_its_port() -> None:
    """Where another web server has port 80, the address and the code lead to ours all the same."""
    site, door = Site(Home(family(MIA), LIBRARY)), child_page_url(8080)
    site.app[PARTS] = replace(site.context, pages=Pages(door=door))
    async with site.visited() as client:
        await set_up(site)
        await log_in(client)
        page = await text(client, "/guardian/wizard/door")
        assert "http://why.home.arpa:8080/" in page
        assert qr(door).path in page
        # Browsers put no page on the home screen that came without HTTPS.
        assert "bookmark the page" in page
        assert "home screen" not in page
        assert qr(door).path in await text(client, "/guardian/agreement/mia")


async def test_no_code_is_shown_that_no_other_device_can_open() -> None:
    """As `make run` listens: other devices cannot look the name up, nor reach the page."""
    site = Site(Home(family(MIA), LIBRARY))
    site.app[PARTS] = replace(site.context, addresses=lambda: ("127.0.0.1", "::1"))
    async with site.visited() as client:
        await set_up(site)
        await log_in(client)
        page = await text(client, "/guardian/wizard/door")
    assert "http://why.home.arpa/" in page
    assert "copdns answers only on this computer so far." in page
    assert 'class="qr"' not in page
    assert "scan the code" not in page


async def test_each_age_says_what_it_begins_with(desk: Client) -> None:
    page = await text(desk, "/guardian/wizard/children")
    for preset in bundled_presets().values():
        assert str(escape(preset.summary)) in page
    assert "No internet from 20:00 to 06:30 on school nights" in page, (
        "who takes the suggested bedtime over reads it before"
    )
    assert "Games: 30 minutes on school days" in page


async def test_a_device_that_was_seen_gets_an_owner(desk: Client, site: Site) -> None:
    seen = UnknownDevice("home", "u1", "", "02:00:00:00:00:99", GUEST, "tablet", site.now, site.now)
    other = UnknownDevice("other", "u2", "", "", "192.0.2.201", "Bo", site.now, site.now)
    save_unknown_devices(site.folder, [seen, other])
    page = await text(desk, "/guardian/wizard/devices")
    assert re.search(rf"last seen [^<]+ · <bdi>{GUEST}</bdi>", page)
    assert "02:00:00:00:00:99" not in page, "a number that means nothing to a parent"
    assert "192.0.2.201" not in page
    assert 'name="whose-u1" value="mia"' in page
    await take(desk, SetupStep.DEVICES, **{"whose-u1": "mia", "name-u1": "Mia's tablet"})
    (device,) = [each for each in (await stored(site)).devices if each.macs]
    assert (device.id, device.name, device.profile) == ("mia-s-tablet", "Mia's tablet", "mia")
    await take(desk, SetupStep.DEVICES, 400, **{"whose-u2": "mia"})
    await take(desk, SetupStep.DEVICES, 400, **{"whose-u1": "nobody"})


@pytest.mark.parametrize(
    ("address", "mac"),
    [
        ("127.0.0.1", ""),
        ("192.0.2.77", "02:00:00:00:00:99"),  # seen by another address: by IPv4, say
    ],
)
async def test_a_guardian_is_told_which_device_they_are_holding(
    desk: Client, site: Site, address: str, mac: str
) -> None:
    at = site.now
    seen = UnknownDevice("home", "u1", "", mac, address, "Pixel", at, at)
    other = UnknownDevice("home", "u2", "", "02:00:00:00:00:98", "127.0.0.1", "tablet", at, at)
    save_unknown_devices(site.folder, [seen, other])
    if mac:
        resolver = site.home.resolver
        resolver.snapshot = resolver.snapshot.with_sightings(Sightings({"127.0.0.1": mac}))
    for path in ("/guardian/wizard/devices", "/guardian/devices", "/guardian/"):
        page = await text(desk, path)
        before, *after = page.split("You are using this one now.")
        assert len(after) == 1, path
        # The names of both stand on each page, in whatever order.
        assert before.rindex("Pixel") > before.rfind("tablet"), path


@pytest.mark.parametrize("way", ["now", "before", "never"])
async def test_an_address_is_enough_and_the_device_is_known_for_good_if_the_network_shows_how(
    desk: Client, site: Site, way: str
) -> None:
    """A parent finds the address in the Wi-Fi settings; the router gives it to another some day."""
    address, mac = "192.0.2.77", "00:00:5e:00:53:07"
    resolver = site.home.resolver
    if way == "now":
        resolver.snapshot = resolver.snapshot.with_sightings(Sightings({address: mac}))
    elif way == "before":
        at = site.now
        seen = UnknownDevice("home", "u1", "", mac, address, "", at, at)
        save_unknown_devices(site.folder, [seen])
    await take(desk, SetupStep.DEVICES, known=address, profile="mia", name="Box")
    (box,) = [each for each in (await stored(site)).devices if each.name == "Box"]
    assert (box.macs, box.addresses) == (((), (address,)) if way == "never" else ((mac,), ()))


async def test_one_tap_for_each_device_and_one_to_go_on(desk: Client, site: Site) -> None:
    """Whose a device is is marked by its own name, which gives it to nobody: a child could name it
    like a parent.  Who chooses nobody leaves it for later."""
    at = site.now
    names = {"u1": "Mias-iPad", "u2": "tablet", "u3": "tv", "u4": "Adas-iPhone"}
    seen = [
        UnknownDevice("home", key, "", "", f"192.0.2.{60 + number}", name, at, at)
        for number, (key, name) in enumerate(names.items())
    ]
    save_unknown_devices(site.folder, seen)
    page = await text(desk, "/guardian/wizard/devices")
    assert page.count("The name of the device fits.") == 1
    assert page.count('value="" checked') == len(names)
    assert not re.search(r'name="whose-u." value="\w+" checked', page)
    page = await take(
        desk, SetupStep.DEVICES, **{"whose-u1": "mia", "whose-u2": "mia", "whose-u3": ""}
    )
    assert "Step 5 of 5" in page
    assert {"Mias-iPad", "tablet"} <= {each.name for each in (await stored(site)).devices}
    assert "tv" not in {each.name for each in (await stored(site)).devices}


async def test_a_step_that_is_gone_past_says_nothing(desk: Client) -> None:
    page = await take(desk, SetupStep.SCHOOL, names="")
    assert "Nothing was changed" not in page
    page = await take(desk, SetupStep.CHILDREN, add="1", name="Tom", band="13-15", times="1")
    assert "was added, with the settings of the age group." in page
    assert page.count("This now applies to") == 0  # one line, so that the step stays in sight


async def test_helplines_that_nobody_has_to_check_are_no_step(desk: Client, site: Site) -> None:
    lines = bundled_helplines()
    known = next(each for each in lines.countries if not lines.to_confirm(each))
    await take(desk, SetupStep.PLACE, timezone="UTC", country=known)
    assert "Protection check" in await take(desk, SetupStep.DEVICES)
    page = await text(desk, "/guardian/wizard")
    assert "5. <strong>" not in page
    for each in ("helplines", "door"):
        assert f'href="/guardian/wizard/{each}"' in page, "they can be looked at"
    assert "Step" not in await text(desk, "/guardian/wizard/helplines")
    history = [each.what for each in await AuditTrail(site.context.thread).changes("home", 50)]
    assert "setup: devices done" in history
    assert not {"setup: helplines done", "setup: door done"} & set(history), "nobody did it"


async def test_the_page_after_the_last_step_has_the_way_to_the_childrens_page_and_who_asks(
    desk: Client, site: Site
) -> None:
    page = await take(desk, SetupStep.HELPLINES)
    assert "Your children's page</h2>" in page
    assert "<path d=" in page
    assert "request to answer" not in page
    assert 'id="asking" data-fresh="20" data-from="/guardian/asking"' in page
    to = ContestedVerdict(Action.BLOCK, Reason.RULE, rule="toys.example")
    wanted = AppealRequest("mia", "mia-phone", AppealKind.NAME, to, name="toys.example")
    await site.appeals.file("home", wanted, site.now)
    page = await text(desk, "/guardian/checks?setup=done")
    assert "1 request to answer" in page
    assert "toys.example" in page
    later = await text(desk, "/guardian/checks")
    assert "1 request to answer" in later
    assert "toys.example" not in later
    part = later[later.index('<div id="asking"') :]
    assert part.startswith(await text(desk, "/guardian/asking?brief=yes")), "no difference"


async def test_a_step_can_be_skipped_and_stays_to_do(desk: Client, site: Site) -> None:
    """Skipping is a link: nothing is stored, so that the step does not count as done."""
    page = await text(desk, "/guardian/wizard/router")
    assert '<a href="/guardian/wizard/devices">Skip this step</a>' in page
    last = await text(desk, "/guardian/wizard/door")
    assert '<a href="/guardian/checks?setup=done">Skip this step</a>' in last
    end = await text(desk, "/guardian/checks?setup=done")
    assert '<h2 id="way">Your children\'s page</h2>' in end.replace("&#39;", "'"), "all the same"


async def test_at_its_end_it_leads_on_to_each_child_and_to_being_told(desk: Client) -> None:
    assert "Be told when a child asks" not in await text(desk, "/guardian/checks")
    for each in SetupStep:
        page = await take(desk, each, timezone="UTC")
    assert re.search(r'href="/guardian/app">.*Be told when a child asks', page)
    next_ones = re.findall('<a class="row" href="/guardian/people/([a-z]+)/closed">', page)
    assert next_ones == ["mia"]
    assert '<details class="card"><summary><h2>Not fully protected yet: 4 things' in page, (
        "for another day"
    )
    assert "4 things left to check" not in await text(desk, "/guardian/checks"), "all of it"


async def test_a_device_that_was_not_seen_is_written_in(desk: Client, site: Site) -> None:
    page = await text(desk, "/guardian/wizard/devices")
    assert "see a device here?" in page
    assert "turn Wi-Fi off and on again" in page
    for _ in range(2):
        page = await take(
            desk, SetupStep.DEVICES, add="1", known="00:00:5e:00:53:02", profile="mia", name="Box"
        )
        assert "Step 4 of 5" in page, "there may be a further one"
        assert '<details class="card" id="add" open>' in page
    (device,) = [each for each in (await stored(site)).devices if each.macs]
    assert (device.id, device.profile, device.macs) == ("box", "mia", ("00:00:5e:00:53:02",))
    await take(desk, SetupStep.DEVICES, 400, known="no address", profile="mia")


async def test_after_a_device_the_form_for_the_next_one_is_open_with_its_person() -> None:
    async with guardian_client(Site(Home(family(MIA, TOM, devices=()), LIBRARY))) as desk:

        def chosen(page: str) -> list[str]:
            whose = page.partition('id="add-whose"')[2].partition("</select>")[0]
            return re.findall('<option value="([a-z]+)" selected>', whose)

        assert chosen(await text(desk, "/guardian/wizard/devices")) == []
        box = {"known": "00:00:5e:00:53:02", "profile": "mia", "name": "Box", "add": "1"}
        headers = {"Origin": f"http://{desk.host}:{desk.port}"}
        answer = await desk.post(
            "/guardian/wizard/devices", data=box, headers=headers, allow_redirects=False
        )
        assert answer.headers["Location"] == "/guardian/wizard/devices?more=yes#add"
        page = await text(desk, "/guardian/wizard/devices?more=yes")
        assert chosen(page) == ["tom"]
        assert "“Continue” saves this too." in page
        # A person alone, who was chosen before, is no device.
        page = await take(desk, SetupStep.DEVICES, profile="tom", known="", name="")
        assert "Step 5 of 5" in page


async def test_a_device_that_was_described_and_not_added_yet_comes_along(
    desk: Client, site: Site
) -> None:
    """Somebody goes on with a device in the form: it is added and told, or the step stays and says
    what is missing."""
    page = await text(desk, "/guardian/wizard/devices")
    assert page.count('action="/guardian/wizard/devices"') == 1, "both buttons send what is there"
    box = {"known": "00:00:5e:00:53:02", "profile": "mia", "name": "Box"}
    for missing, said in (
        ("known", "Enter the MAC address or an IP address of the device"),
        ("profile", "Choose whose device this is"),
    ):
        page = await take(desk, SetupStep.DEVICES, 400, **{**box, missing: "", "kind": "other"})
        assert said in page
        assert 'value="Box"' in page
        assert '<details class="card" id="add" open>' in page
    assert (await site.setups.progress("home")).items == {}
    page = await take(desk, SetupStep.DEVICES, **box)
    assert "Step 5 of 5" in page
    assert "\u2068Box\u2069 belongs to \u2068Mia\u2069 now." in page
    assert "box" in {each.id for each in (await stored(site)).devices}
    page = await take(desk, SetupStep.DEVICES, 400, add="1", known="", profile="", name="")
    assert "Enter the MAC address or an IP address of the device" in page


async def test_a_guardian_vouches_for_a_helpline(desk: Client, site: Site) -> None:
    lines = bundled_helplines()
    country = next(each for each in lines.countries if lines.to_confirm(each))
    await take(desk, SetupStep.PLACE, timezone="UTC", country=country)
    line = lines.to_confirm(country)[0]
    assert line.name in await text(desk, "/guardian/wizard/helplines")
    await take(desk, SetupStep.HELPLINES, line=line.id)
    assert (await stored(site)).helplines == (line.id,)
    await take(desk, SetupStep.HELPLINES, line="made-up")
    assert (await stored(site)).helplines == ()


async def test_the_router_is_told_our_addresses_and_children_the_way(desk: Client) -> None:
    assert "192.0.2.1" in await text(desk, "/guardian/wizard/router")
    assert "<path d=" in await text(desk, "/guardian/wizard/door")
    await take(desk, SetupStep.ROUTER)
    assert "Protection check" in await take(desk, SetupStep.DOOR)


@pytest.mark.parametrize("step", SetupStep)
async def test_looking_at_a_step_changes_nothing(desk: Client, site: Site, step: SetupStep) -> None:
    before = await stored(site)
    await text(desk, f"/guardian/wizard/{step}")
    assert await stored(site) == before
    assert (await site.setups.progress("home")).items == {}


@pytest.mark.parametrize("step", SetupStep)
async def test_nobody_else_sets_a_house_up(client: Client, site: Site, step: SetupStep) -> None:
    before = await stored(site)
    await take(client, step, 401, name="Bo", band="adult", add="1")
    await set_up(site, "Bo", Role.REVIEWER)
    await log_in(client, "Bo")
    await take(client, step, 403, name="Bo", band="adult", add="1")
    await text(client, f"/guardian/wizard/{step}", 403)
    assert await stored(site) == before


async def test_a_step_that_is_none_is_not_there(desk: Client) -> None:
    await text(desk, "/guardian/wizard/nothing", 404)


async def test_the_same_twice_is_harmless(desk: Client, site: Site) -> None:
    for _ in range(2):
        await take(desk, SetupStep.SCHOOL, names="school.example")
    assert (await stored(site)).protected == ("school.example",)


async def test_the_first_guardian_is_not_told_of_themselves(client: Client, site: Site) -> None:
    made = await site.logins.setup_code("home", site.now)
    assert made is not None
    code = made.code
    fields = {"name": "Ada", "password": PASSWORD, "again": PASSWORD}
    await send(client, "/guardian/setup", code=code, **fields)
    assert "for you" not in await text(client, "/guardian/")


async def test_a_house_without_a_name_is_called_so_in_the_readers_language(
    client: Client, site: Site
) -> None:
    edit = partial(replace, name="Home")
    await site.store.change("home", edit, author="", what="", now=site.now)
    await site.follow()
    await set_up(site)
    await log_in(client)
    for language, name in (("fr", "Maison"), ("es", "Casa"), ("en", "Home")):
        await send(client, "/language", language=language)
        assert f'<input id="name" name="name" value="{name}"' in await text(
            client, "/guardian/wizard/place"
        )
        assert f"<h1>{name}</h1>" in await text(client, "/guardian/")
        assert f"<bdi>{name}</bdi>" in await text(client, "/"), "the child's page"
