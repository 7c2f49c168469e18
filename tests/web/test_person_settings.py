"""Settings are changed with open eyes: what else stops, and what a preset makes different."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import yaml

from copdns.accounts.roles import Role
from copdns.household.presets import apply
from copdns.list_files.load import bundled_presets, load_catalogue
from copdns.model.household import Band, Contact, Default, OwnService, RuleAction
from copdns.model.matchers import Matcher
from copdns.model.times import EVERY_DAY, Schedule, Slot
from copdns.web.desk.activity.collateral import services_by_contact
from tests.home import Home
from tests.household import MIA, TOM, block, family
from tests.web.guardians import log_in, set_up
from tests.web.site import Client, Site, send, stored_profile, text

pytestmark = pytest.mark.logged_in

ROOT = Path(__file__).parents[2]
SHIPPED = load_catalogue(())
CLOSED, PRESET = "/guardian/people/mia/closed", "/guardian/people/mia/preset"


@pytest.fixture
def site() -> Site:
    return Site(Home(family(MIA, TOM), SHIPPED))


async def test_a_category_closes_within_the_next_look(client: Client, site: Site) -> None:
    name = "888.com"
    assert not site.home.ask("mia", name).verdict.blocks
    await send(client, CLOSED, category="gambling", default="allow", security="on", sure="on")
    await site.follow()
    assert site.home.ask("mia", name).verdict.category == "gambling"
    (*_, line) = await site.store.changes("home")
    assert (line.author, line.what) == ("Ada", "profile mia set: categories +gambling")


async def test_each_category_says_what_it_is_about(client: Client) -> None:
    page = await text(client, CLOSED)
    assert "Betting, casinos, poker, lotteries, and betting with things won in games" in page
    assert "Gambling" in page


async def test_what_an_app_takes_with_it_stands_below_its_switch(
    client: Client, site: Site
) -> None:
    page = re.sub("\\s+", " ", await text(client, f"{CLOSED}?find=youtube"))
    assert page.count("Blocking it also stops: YouTube videos on school sites") == 1
    assert "Blocking it also stops: Short links" in page, "of X, which is not blocked either"
    page = await send(client, CLOSED, service="youtube", default="allow", security="on")
    assert "This will also stop working" not in page, "no tick would leave YouTube blocked"
    await site.follow()
    assert site.home.ask("mia", "youtubei.googleapis.com").verdict.service == "youtube"
    page = await text(client, CLOSED)
    assert "Blocking it also stops: YouTube videos" not in page, "it is"


async def test_what_can_be_kept_is_asked_before_anything_is_stored(
    client: Client, site: Site
) -> None:
    wanted = {"service": "facebook", "default": "allow", "security": "on"}
    page = await send(client, CLOSED, **wanted)
    assert "This will also stop working" in page
    assert "You can change this at any time." in page
    assert page.count('name="keep"') == 2
    assert "Signing in to other sites with Facebook." in page, "without a tick: facebook.com"
    assert (await stored_profile(site)).services == frozenset()
    await send(client, CLOSED, sure="on", keep="fbsbx.com", **wanted)
    assert (await stored_profile(site)).services == {"facebook"}
    house = await site.store.household("home")
    assert house is not None
    (rule,) = house.rules
    assert (str(rule.target), rule.scope, rule.action) == ("fbsbx.com", "mia", RuleAction.ALLOW)
    await site.follow()
    assert not site.home.ask("mia", "cdn.fbsbx.com").verdict.blocks
    assert site.home.ask("mia", "facebook.com").verdict.service == "facebook"
    # What a rule allows does not stop, and is asked for no more.
    await send(client, CLOSED, default="allow", security="on")
    assert (await send(client, CLOSED, **wanted)).count('name="keep"') == 1


async def test_what_is_closed_by_contact_says_so_everywhere(client: Client, site: Site) -> None:
    fields = {"contact": "strangers", "service": "youtube", "security": "on"}
    await send(client, CLOSED, default="allow", sure="on", **fields)
    strangers = services_by_contact(SHIPPED, Contact.STRANGERS)
    page = await text(client, CLOSED)
    page = re.sub("[\u2068\u2069]", "", page)
    by_contact = "Already blocked (your choice under “Who can send Mia messages”)"
    assert page.count(by_contact) == len(strangers)
    besides = (
        "It is blocked by something else, so its own switch changes nothing.</span></span><input"
    )
    assert page.count(besides) == len(strangers)
    assert page.count('class="half" name="service"') == len(strangers)
    assert f"{by_contact} · Strangers" not in page, "said once is enough"
    # Beside the number: some are in a category that is left on.
    assert re.search("Games: [0-9]+ of [0-9]+ blocked, because strangers can send messages", page)
    assert "Comments and live chat" in page
    short = await text(client, "/guardian/people/mia")
    assert f"{len(strangers)} apps blocked</span>" in page, "not that messages are on"
    apps = f"{len(strangers)} apps where strangers can send messages"
    assert f'/closed?open=contacts#contacts">{apps}</a>' in short
    folded = await text(client, f"{CLOSED}?open=contacts")
    assert '<details class="card" id="contacts" open>' in folded
    assert '<details class="card" id="services">' in folded
    assert "<dd>YouTube" in short
    assert "<dd>Viruses and scam sites</dd>" in short


async def test_an_exception_opens_one_app_and_says_why_it_counts(
    client: Client, site: Site
) -> None:
    page = await text(client, CLOSED)
    assert 'name="except" value="minecraft"' in page
    assert "Players can chat and play with people they have never met." in page
    fields = {"contact": "strangers", "except": "minecraft", "security": "on"}
    await send(client, CLOSED, default="allow", sure="on", **fields)
    assert (await stored_profile(site)).contact_exceptions == {"minecraft"}
    page = re.sub("[\u2068\u2069]", "", await text(client, CLOSED))
    assert "Allowed (your exception) · Strangers can send messages there" in page
    assert 'name="except" value="minecraft" checked' in page
    await site.follow()
    assert not site.home.ask("mia", "minecraft.net").verdict.blocks
    assert site.home.ask("mia", "roblox.com").verdict.blocks
    assert "Minecraft" in await text(client, "/guardian/people/mia")
    (*_, line) = await site.store.changes("home")
    assert line.what == "profile mia set: contacts +strangers, contact_exceptions +minecraft"
    asked = await text(client, "/guardian/people/mia/rules?name=minecraft.net")
    assert "An exception allows this app" in asked
    await send(client, CLOSED, 400, default="allow", **{"except": "netflix"})


async def test_what_is_blocked_without_its_own_tick_is_counted_and_explained(
    client: Client, site: Site
) -> None:
    fields = {"service": "youtube", "sure": "on"}
    await send(client, CLOSED, default="allow", **fields)
    page = re.sub("[\u2068\u2069]", "", await text(client, CLOSED))
    video = sum(each.group == "video" for each in SHIPPED.services.values())
    assert f"Video: 1 of {video} blocked" in page
    assert "some of its sites are blocked (its own switch)" not in page
    assert page.count("Blocked (its own switch)") == 1
    await send(client, CLOSED, default="allow", **fields, keep="youtubei.googleapis.com")
    page = re.sub("[\u2068\u2069]", "", await text(client, CLOSED))
    assert f"Video: 0 of {video} blocked" in page
    assert page.count("some of its sites are blocked (its own switch)") == 1


async def test_one_blocked_service_is_no_plural_in_french_and_spanish(client: Client) -> None:
    await send(client, CLOSED, default="allow", service="youtube", sure="on")
    for language, one in (("fr", "1 appli bloquée sur [0-9]+"), ("es", "1 de [0-9]+ bloqueada")):
        headers = {"Accept": "text/html", "Accept-Language": language}
        page = await (await client.get(CLOSED, headers=headers)).text()
        assert re.search(rf"\b{one}\b", page)
        assert not re.search(rf"\b{one}s\b", page)


async def test_words_in_the_title_of_an_app_are_in_the_readers_language(client: Client) -> None:
    headers = {"Accept": "text/html", "Accept-Language": "fr"}
    page = await (await client.get(f"{CLOSED}?find=priv%C3%A9", headers=headers)).text()
    assert 'href="#service-' in page or 'id="service-' in page
    assert "Relais privé iCloud" in page
    assert "ChatGPT et Sora" in page
    assert "iCloud Private Relay" not in page


async def test_a_service_that_rules_block_counts_as_blocked(client: Client, site: Site) -> None:
    names = map(str, SHIPPED.services["youtube"].matchers)
    rules = [replace(block(name, "mia"), id=f"r{at}") for at, name in enumerate(names)]
    await site.store.change(
        "home",
        lambda house: replace(house, rules=tuple(rules)),
        author="Ada",
        what="rules",
        now=site.now,
    )
    video = sum(each.group == "video" for each in SHIPPED.services.values())
    page = re.sub("[\u2068\u2069]", "", await text(client, CLOSED))
    assert f"Video: 1 of {video} blocked" in page


async def test_only_a_teenager_who_becomes_younger_is_told_a_day_before(client: Client) -> None:
    words = "is told a day before"
    assert words not in await text(client, f"{PRESET}?band=0-6")
    assert words in await text(client, "/guardian/people/tom/preset?band=10-12")
    assert words not in await text(client, "/guardian/people/tom/preset?band=16-17")


async def test_a_form_says_all_of_it(client: Client, site: Site) -> None:
    await send(client, CLOSED, contact="strangers", bypass="on", default="allowlist", sure="on")
    mia = await stored_profile(site)
    assert (mia.contacts, mia.bypass, mia.default, mia.security) == (
        {Contact.STRANGERS},
        True,
        Default.ALLOWLIST,
        False,
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"default": "open"},
        {},
        {"default": "allow", "category": "nonsense"},
        {"default": "allow", "service": "../../etc"},
        {"default": "allow", "contact": "everyone"},
        {"default": "allow", "canary": "<b>"},
    ],
)
async def test_what_is_not_known_changes_nothing(
    client: Client, site: Site, fields: dict[str, str]
) -> None:
    page = await send(client, CLOSED, 400, **fields)
    assert "<b>" not in page
    assert await stored_profile(site) == MIA


async def test_youtube_is_chosen_in_three_ways(client: Client, site: Site) -> None:
    for mode in ("strict", "moderate", "off"):
        fields = {"engine-youtube": mode, "engine-google": "strict"}
        await send(client, "/guardian/people/mia/search", **fields)
        found = dict((await stored_profile(site)).safe_search)
        assert found == {"google": "strict"} | ({} if mode == "off" else {"youtube": mode})
    await send(client, "/guardian/people/mia/search", 400, **{"engine-google": "wild"})


async def test_a_preset_shows_its_differences_with_the_reason_of_each(client: Client) -> None:
    page = await text(client, f"{PRESET}?band=7-9")
    assert "Chats with people you don&#39;t know are not safe." in page
    assert "Gambling" in page
    await text(client, f"{PRESET}?band=99", 400)


async def test_age_labels_stand_where_age_groups_are_explained(client: Client) -> None:
    labels = "PEGI 12. In some app stores: IARC 12+."
    assert labels in await text(client, "/guardian/people/mia/preset?band=13-15")
    assert labels in await text(client, "/guardian/people")
    assert "PEGI" not in await text(client, "/guardian/people/mia/preset?band=adult")


async def test_labels_of_germany_stand_only_in_a_german_household(
    client: Client, site: Site
) -> None:
    german = "In Germany: USK and FSK 12."
    assert german not in await text(client, "/guardian/people")
    move = partial(replace, country="DE")
    await site.store.change("home", move, author="", what="", now=site.now)
    assert german in await text(client, "/guardian/people")


async def test_what_an_age_group_blocks_is_said_whole(client: Client) -> None:
    strangers = services_by_contact(SHIPPED, Contact.STRANGERS)
    assert {"Roblox", "Minecraft"} <= {each.title for each in strangers}
    told = f"{len(strangers)} apps where strangers can send messages (such as Roblox and Minecraft)"
    short = await text(client, f"{PRESET}?band=7-9")
    for each in ("Also blocked: viruses, scam sites, ", told, "search engines", "get around"):
        assert each in short
    page = await text(client, "/guardian/people")
    assert page.count(told) == 2, "7 to 9 and 10 to 12; under 7, everything else is blocked"
    assert page.count("Also blocked:") == 4


async def test_an_app_of_the_households_own_is_counted_on_both_pages(
    client: Client, site: Site
) -> None:
    club = OwnService("club", "Club", (Matcher("club.example"),), Contact.STRANGERS)
    mia = replace(MIA, contacts=frozenset({Contact.STRANGERS}))
    edit = partial(replace, services=(club,), profiles=(mia, TOM))
    await site.store.change("home", edit, author="", what="", now=site.now)
    await site.follow()
    number = len(services_by_contact(SHIPPED, Contact.STRANGERS)) + 1
    told = f"{number} apps where strangers can send messages"
    for path in ("/guardian/people/mia", "/guardian/people"):
        assert told in await text(client, path)


async def test_engines_that_the_age_settings_leave_out_say_why(client: Client) -> None:
    page = await text(client, "/guardian/people/mia/search")
    left_out = [each.title for each in SHIPPED.engines.values() if not each.for_children]
    assert page.count("This is off in the settings for every age, because") == len(left_out) > 0


async def test_each_reason_of_a_preset_is_read_once(client: Client, site: Site) -> None:
    await send(client, PRESET, band="7-9")
    page = await text(client, f"{PRESET}?band=13-15")
    reasons = {each.why for each in bundled_presets()[Band.TO_15].lines}
    assert max(page.count(each) for each in reasons) == 1


async def test_what_is_no_longer_blocked_has_no_reason_for_blocks_below_it(client: Client) -> None:
    await send(client, PRESET, band="7-9")
    page = await text(client, f"{PRESET}?band=13-15")
    assert "After: allowed" in page
    assert "You can use everything except" not in page


async def test_the_age_that_holds_is_marked(client: Client) -> None:
    page = await text(client, f"{PRESET}?band=13-15")
    assert page.count('7 to 9 years <span class="tiny">current</span></a>') == 1
    assert page.count(">current</span></a>") == 1


async def test_taking_it_over_makes_these_and_no_times_unasked(client: Client, site: Site) -> None:
    await send(client, PRESET, band="10-12")
    mia = await stored_profile(site)
    assert (mia.band, mia.bypass, "gambling" in mia.categories) == (Band.TO_12, True, True)
    house = await site.store.household("home")
    assert house is not None
    assert not house.schedules
    page = await text(client, f"{PRESET}?band=10-12")
    assert "Nothing. These settings already match." in page


async def test_the_age_can_change_alone(client: Client, site: Site) -> None:
    await send(client, PRESET, band="10-12", only_age="on")
    assert (await stored_profile(site)).band is Band.TO_12
    assert not (await stored_profile(site)).categories


async def test_a_lower_age_from_13_on_is_announced(client: Client, site: Site) -> None:
    page = await send(client, "/guardian/people/tom/preset", band="10-12", only_age="on")
    tom = await stored_profile(site, "tom")
    assert tom.band is Band.TO_15
    assert tom.band_change is not None
    assert tom.band_change.at == site.now + 86_400
    assert "the age group is: 10 to 12 years. We have told Tom" in page
    await send(client, "/guardian/people/tom/preset", band="13-15", only_age="on")
    assert (await stored_profile(site, "tom")).band_change is None


async def test_the_rules_of_a_lower_age_wait_for_the_announcement(
    client: Client, site: Site
) -> None:
    page = await send(client, "/guardian/people/tom/preset", band="10-12")
    tom = await stored_profile(site, "tom")
    assert not tom.categories
    assert tom.privacy == "counts"
    proposal = await site.context.proposals.of("home", "tom")
    assert proposal is not None
    assert (proposal.band, proposal.since) == (Band.TO_12, site.now + 86_400)
    assert "the age group is: 10 to 12 years. We have told Tom" in page
    site.home.clock.wait(86_401)
    await send(client, "/guardian/people/tom/preset", band="10-12")
    assert "gambling" in (await stored_profile(site, "tom")).categories
    assert await site.context.proposals.of("home", "tom") is None


async def test_a_proposal_switches_nothing_and_both_can_read_it(client: Client, site: Site) -> None:
    page = await send(client, "/guardian/people/mia/propose", band="10-12", days="30")
    assert "Nothing changes until you press “Use these settings now”." in page
    assert await stored_profile(site) == MIA
    await send(client, "/device")
    child = await text(client, "/rules")
    assert "New rules are planned from" in child
    assert "Most people who bet lose their money." in child
    assert "your age group" in child
    for days in ("0", "9999", "soon"):
        await send(client, "/guardian/people/mia/propose", 400, band="10-12", days=days)
    await send(client, "/guardian/people/mia/propose/drop", sure="on")
    await send(client, "/guardian/people/mia/propose/drop", sure="on")
    assert "planned from" not in await text(client, "/rules")


async def test_on_its_day_the_desk_reminds_until_it_is_decided(client: Client, site: Site) -> None:
    await send(client, "/guardian/people/mia/propose", band="10-12", days="1")
    assert "You planned the settings" not in await text(client, "/guardian/")
    site.home.clock.wait(86_400)
    page = await text(client, "/guardian/")
    assert "You planned the settings “10 to 12 years” for Mia from" in page
    await site.context.proposals.remind(site.now)
    assert "The planned change for Mia is due." in await text(client, "/guardian/notices")
    assert await stored_profile(site) == MIA
    await send(client, PRESET, band="10-12")
    assert "You planned the settings" not in await text(client, "/guardian/")


async def test_taking_over_ends_the_proposal(client: Client, site: Site) -> None:
    await send(client, "/guardian/people/mia/propose", band="10-12", days="30")
    await send(client, PRESET, band="10-12")
    assert await site.context.proposals.of("home", "mia") is None


async def test_two_who_disagree_get_what_is_fair_for_the_age(client: Client, site: Site) -> None:
    await send(client, PRESET, band="7-9")
    await send(client, CLOSED, default="allowlist", sure="on")
    await set_up(site, "Another", Role.GUARDIAN)
    await send(client, "/guardian/logout")
    await log_in(client, "Another")
    page = await send(client, CLOSED, default="allowlist", category="gambling", sure="on")
    assert "You and another parent or carer chose different settings." in page
    fair = apply(bundled_presets()[Band.TO_9], MIA)
    mia = await stored_profile(site)
    assert mia.categories == fair.categories
    assert mia.default is Default.ALLOWLIST  # on which they agree
    page = await send(client, CLOSED, default="allowlist", sure="on")
    assert "differently" not in page


async def test_the_child_reads_that_something_changed_and_nobody_else(
    client: Client, site: Site
) -> None:
    await send(client, "/device")
    await send(client, CLOSED, category="gambling", default="allow", security="on", sure="on")
    page = await text(client, "/rules")
    assert "what's blocked for you" in page
    assert "Ada" in page
    assert "You can now see your page" not in page, "whoever reads it has just tapped on it"
    assert "mia-phone" not in page
    site.who = "tom"
    assert "What changed" not in await text(client, "/rules")


async def test_a_child_reads_that_another_browser_was_linked_and_not_that_this_one_was(
    client: Client, site: Site
) -> None:
    await send(client, "/device")
    for page in ("/", "/rules"):
        assert "What changed" not in await text(client, page)
        assert "changed on" not in await text(client, page)
    another = "browser linked to this device for mia"
    await site.store.note("home", "mia-phone", another, int(site.now) - 60)
    page = await text(client, "/rules")
    assert "You can now see your page on <bdi>Mia&#39;s phone</bdi>" in page, "a name, and no id"
    assert "phone</bdi> changed" not in page, "a device changes nothing by itself"


async def test_engines_that_are_named_as_blocked_are_blocked(client: Client) -> None:
    page = await text(client, "/guardian/people/mia/search")
    assert "for example Yahoo, Baidu and Kagi. It also blocks Startpage if you chose “off”" in page
    file = yaml.safe_load((ROOT / "blocklists/safesearch.yaml").read_text())
    without = {each["title"].partition(" ")[0] for each in file["no_safe_search"]}
    assert {"Yahoo", "Baidu", "Kagi"} <= without


async def test_an_old_page_changes_only_what_its_person_changed(client: Client, site: Site) -> None:
    page = await text(client, CLOSED)
    (shown,) = re.findall(r'name="seen" value="([^"]+)"', page)
    usual = {"seen": html.unescape(shown), "default": "allow", "security": "on", "sure": "on"}
    await send(client, CLOSED, **usual, service="tiktok")
    await send(client, CLOSED, **usual, service="netflix")
    assert (await stored_profile(site)).services == {"tiktok", "netflix"}
    (shown,) = re.findall(r'name="seen" value="([^"]+)"', await text(client, CLOSED))
    await send(client, CLOSED, **{**usual, "seen": html.unescape(shown), "default": "allowlist"})
    assert (await stored_profile(site)).services == frozenset()
    await send(client, CLOSED, **usual)  # as it was made, so nothing
    assert (await stored_profile(site)).default is Default.ALLOWLIST
    await send(client, CLOSED, 400, **{**usual, "seen": "[1"})


async def test_each_app_says_what_it_is_and_what_comes_next(client: Client, site: Site) -> None:
    bedtime = Schedule("mia-bed", "mia", (Slot(frozenset({EVERY_DAY}), 19 * 60, 12 * 60),))
    await site.store.change(
        "home",
        lambda home: replace(home, schedules=(bedtime,)),
        author="Ada",
        what="bedtime",
        now=site.now,
    )
    page = re.sub("[\u2068\u2069]", "", await text(client, CLOSED))
    assert "What is allowed here ends together: Allowed until 19:00 (bedtime)." in page
    assert "Allowed · Strangers can send messages there" in page
    # What all of them have in common is told once.
    assert page.count("llowed until 19:00 (bedtime)") == 1
    # What two settings block names both, and no bedtime, which changes nothing then.
    fields = {"contact": "strangers", "category": "social", "security": "on"}
    await send(client, CLOSED, default="allow", sure="on", **fields)
    page = re.sub("[\u2068\u2069]", "", await text(client, CLOSED))
    both = "“Who can send Mia messages”, and also the category Social media)</"
    assert f"Already blocked (your choice under {both}" in re.sub(r"\s+<", "<", page)
    assert "still blocked after" not in page
    assert re.search("Social media: ([0-9]+) of \\1 blocked</", page)


@pytest.mark.parametrize(
    ("sought", "found"),
    [
        ("mine", "service-minecraft"),
        ("mojang.com", "service-minecraft"),  # one of its sites
        ("GAMBL", "category-gambling"),
    ],
)
async def test_an_app_or_a_category_is_found_with_its_switch(
    client: Client, sought: str, found: str
) -> None:
    page = await text(client, f"{CLOSED}?find={sought}")
    switch, link = page.index(f'<li id="{found}">'), page.index(f'href="#{found}"')
    assert switch < page.index("Block these categories") < link  # nobody has to go down for it
    # Each switch is sent once, whatever was looked for.
    switches = r'role="switch" name="(\w+)" value="([\w-]+)"'
    everything = re.findall(switches, await text(client, CLOSED))
    assert sorted(re.findall(switches, page)) == sorted(everything)
    assert 'href="#service' not in await text(client, CLOSED)


async def test_what_is_not_found_is_said(client: Client) -> None:
    assert "No match for" in await text(client, f"{CLOSED}?find=nothing+like+it")
