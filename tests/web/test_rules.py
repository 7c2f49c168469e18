"""My rules: what is open and closed, when, and why; each reason once, and nobody else's."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from copdns.household.presets import apply
from copdns.list_files.load import bundled_presets, load_catalogue
from copdns.list_files.resources import find_folder
from copdns.model.household import Band, Contact, Household, OwnService, Rule, RuleAction
from copdns.model.matchers import parse_matcher
from copdns.model.times import Budget, Schedule, Slot, Topic, TopicKind
from copdns.store.household_db.proposals import Proposal
from copdns.web.notes import group_rules
from copdns.words.phrases import LANGUAGES
from tests.home import Home
from tests.household import MIA, NOW, TOM, block, family
from tests.web.site import Client, Site, send, text

GAMES = (Topic(TopicKind.CATEGORY, "games"), Topic(TopicKind.CATEGORY, "chat"))


def of_preset(band: Band) -> Household:
    """Return the family in which Mia has all of a preset."""
    preset = bundled_presets()[band]
    times = preset.times("mia")
    rules = tuple(
        Rule(f"r{n}", RuleAction.ALLOW, name, scope="mia", note=why)
        for n, (name, why) in enumerate(preset.allowed_names)
    )
    mia = apply(preset, replace(MIA, band=band))
    return family(mia, TOM, rules=rules, schedules=times.schedules, budgets=times.budgets)


async def rules(site: Site, language: str = "en", who: str = "mia") -> str:
    """Return what somebody reads, without markup and the marks of direction."""
    site.who = who
    async with site.visited() as client:
        return await read(client, "/rules", language)


async def read(client: Client, path: str, language: str) -> str:
    headers: Mapping[str, str] = {"Accept": "text/html", "Accept-Language": language}
    page = await (await client.get(path, headers=headers)).text()
    text = re.sub(r"<[^>]*>", "", page.partition("<main")[2].partition("</main>")[0])
    return " ".join(re.sub("[\u2066-\u2069]", "", html.unescape(text)).split())


async def test_each_kind_of_site_has_its_own_sign_for_who_cannot_read_yet() -> None:
    """A padlock beside all of them says nothing of what is behind it."""
    site = Site(Home(of_preset(Band.TO_6)))
    site.who = "mia"
    async with site.visited() as client:
        page = await text(client, "/rules")
    closed = page.partition('id="closed"')[2].partition("</section>")[0]
    signs = re.findall(r'<span class="tile sign-of" aria-hidden="true">(.*?)</span>', closed)
    assert len(signs) > 3
    assert len(set(signs)) > len(signs) // 2
    lock = (find_folder("web-ui") / "pictures" / "lock.svg").read_text(encoding="utf-8").strip()
    assert lock not in closed


@pytest.mark.parametrize("band", Band)
async def test_no_reason_of_a_preset_is_read_twice(band: Band) -> None:
    page = await rules(Site(Home(of_preset(band))))
    reasons = [each.why for each in bundled_presets()[band].lines]
    assert [each for each in reasons if page.count(each) > 1] == []
    assert sum(each in page for each in reasons) >= 2


async def test_guests_read_their_own_rules_and_no_preset_of_adults() -> None:
    page = await rules(Site(Home(of_preset(Band.TO_9))), who="192.0.2.200")
    assert "These are the guest rules." in page
    assert not [each.why for each in bundled_presets()[Band.ADULT].lines if each.why in page]


async def test_a_reason_is_told_only_where_it_is_so() -> None:
    """Ada closed all but some sites: that one may look around is the preset's word, not hers."""
    house = of_preset(Band.TO_12)
    small = apply(bundled_presets()[Band.TO_6], house.profiles[0])
    mia = replace(house.profiles[0], default=small.default)
    page = await rules(Site(Home(family(mia, TOM))))
    assert "You can use only the sites your family chose for you." in page
    assert "You may look around." not in page


async def test_times_and_minutes_are_told() -> None:
    slots = (Slot(frozenset({"school_night"}), 20 * 60, 630),)
    house = family(
        MIA,
        TOM,
        schedules=(Schedule("bedtime", "mia", slots), Schedule("tv", "mia", slots, GAMES)),
        budgets=(Budget("play", "mia", (("school", 30), ("weekend", 60)), GAMES[:1]),),
    )
    page = await rules(Site(Home(house)))
    assert "No internet on school nights 20:00–06:30" in page
    assert "Games and chats with strangers: off" in page
    assert "Games: 30 minutes on school days and 60 minutes at weekends" in page


@pytest.mark.parametrize("language", LANGUAGES)
async def test_lists_are_put_as_the_language_does(language: str) -> None:
    names = [parse_matcher(f"{letter}.example") for letter in "abc"]
    notes = tuple(
        Rule(
            f"r{n}",
            RuleAction.ALLOW,
            name,
            scope="mia",
            note="For school.",
            created=int(NOW) - 10**7,
        )
        for n, name in enumerate(names)
    )
    page = await rules(Site(Home(family(MIA, TOM, rules=notes))), language)
    wanted = {
        "en": "a.example, b.example and c.example",
        "fr": "a.example, b.example et c.example",
        "es": "a.example, b.example y c.example",
        "ar": "a.example وb.example وc.example",
        "ru": "a.example, b.example и c.example",
        "zh": "a.example、b.example 和 c.example",
    }
    assert wanted[language] in page


async def test_one_site_and_several_have_words_of_their_own() -> None:
    texts = ("games.example", "198.51.100.0/24")
    written = tuple(block(each, "mia", created=int(NOW) - 10**7) for each in texts)
    page = await rules(Site(Home(family(MIA, TOM, rules=written))), "fr")
    assert "games.example : bloqué D’autres sites : bloqués" in page


@pytest.mark.parametrize("band", [Band.TO_9, Band.TO_15])
async def test_rules_are_told_in_words(band: Band) -> None:
    texts = ("*.library.example", "=ads.example", "198.51.100.0/24")
    written = tuple(block(each, "mia", created=int(NOW) - 10**7) for each in texts)
    page = await rules(Site(Home(family(replace(MIA, band=band), TOM, rules=written))))
    assert not [each for each in texts[:2] if each in page]
    wanted = {
        Band.TO_9: (
            "library.example: blocked",
            "ads.example: blocked",
            "Some more sites: blocked",
        ),
        Band.TO_15: (
            "All sites ending in .library.example: blocked",
            "ads.example: blocked",
            "Only this exact address is blocked, not sites such as shop.ads.example.",
            "A group of sites (technical address: 198.51.100.0/24): blocked",
            "The number doesn't show which sites these are. You can ask your parents or carers.",
        ),
    }
    assert not [each for each in wanted[band] if each not in page]
    assert ("198.51.100.0" in page) is (band is Band.TO_15)


async def test_a_rule_without_effect_is_told_nobody_as_a_rule() -> None:
    written = (block("::/0", "mia"), block("198.51.100.0/24", "mia"))
    page = await rules(Site(Home(family(replace(MIA, band=Band.TO_15), TOM, rules=written))))
    assert "198.51.100.0/24" in page
    assert "::/0" not in page


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "Allowed after a request. Part of Roblox."),
        ("fr", "Autorisé après une demande. Fait partie de : Roblox."),
        ("es", "Permitido tras una petición. Forma parte de: Roblox."),
        ("en", "This is not Stolen films and games: decided after a request."),
        (
            "fr",
            "Ce n’est pas la bonne catégorie (Films et jeux volés) : décidé après une demande.",
        ),
    ],
)
async def test_a_note_that_an_answer_left_is_told_in_the_readers_language(
    language: str, told: str
) -> None:
    """As they are stored: opening.py composes them."""
    notes = (
        "Allowed after a request. Part of roblox.",
        "This is not piracy: decided after a request.",
    )
    written = tuple(
        Rule(f"r{n}", RuleAction.ALLOW, parse_matcher(f"{n}.example"), scope="mia", note=note)
        for n, note in enumerate(notes)
    )
    roblox = OwnService("roblox", "Roblox", (parse_matcher("roblox.example"),))
    house = family(MIA, TOM, rules=written, services=(roblox,))
    assert told in await rules(Site(Home(house)), language)


async def test_reasons_of_what_is_proposed_are_in_the_readers_language() -> None:
    site = Site(Home(of_preset(Band.TO_9)))
    async with site.visited() as client:
        await send(client, "/device")
        await site.context.proposals.propose(
            Proposal("home", "mia", Band.TO_12, site.now, "Ada", site.now)
        )
        page = await read(client, "/rules", "fr")
    reasons = [each.why for each in bundled_presets()[Band.TO_12].lines]
    assert [each for each in reasons if each in page] == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_child_reads_which_apps_are_allowed_although_strangers_can_write(
    language: str,
) -> None:
    excepted = frozenset({"minecraft", "netflix"})  # nobody can write there: it is none
    mia = replace(MIA, contacts=frozenset({Contact.STRANGERS}), contact_exceptions=excepted)
    page = await rules(Site(Home(family(mia, TOM), load_catalogue(()))), language)
    assert "Minecraft" in page
    assert "Netflix" not in page
    if language == "en":
        assert "You can use these too. People can write to you there: Minecraft." in page


def test_the_rules_of_an_app_are_read_as_one() -> None:
    names = tuple(parse_matcher(each) for each in ("video.example", "clips.example"))
    app = OwnService("video", "Video", names)
    first = Rule("r1", RuleAction.BLOCK, names[0], scope="mia")
    other = Rule("r3", RuleAction.BLOCK, parse_matcher("toys.example"), scope="mia")
    rules = [first, replace(first, id="r2", target=names[1]), other]
    assert [(each.app, len(each.rules)) for each in group_rules(rules, (app,))] == [
        ("video", 2),
        ("", 1),
    ]
    half = group_rules([first, other], (app,))
    assert [each.app for each in half] == ["", ""], "one of its sites is not the app"
