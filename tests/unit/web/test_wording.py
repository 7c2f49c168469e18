"""What pages say of a verdict that was stored without all that it said once."""

from __future__ import annotations

import pytest

from copdns.appeals.appeal import contest
from copdns.list_files.load import bundled_presets, load_catalogue
from copdns.model.household import Contact
from copdns.model.times import Budget, Topic, TopicKind
from copdns.model.verdict import Action, Reason, Verdict
from copdns.web.desk.form import MAX_NOTE
from copdns.web.languages import phrases_in
from copdns.web.wording import DeskWording, Wording, with_small_letter
from copdns.words.former_notes import GAMES
from copdns.words.levels import Level
from tests.household import MIA, NOW, family, library


def test_an_hour_is_called_so() -> None:
    budget = Budget("play", "mia", (("school", 60), ("weekend", 120), ("holiday", 45)))
    say = DeskWording(phrases_in("en"), Level.FULL, family(MIA), LIBRARY, NOW)
    told = say.minutes(budget)
    assert told == "1 hour on school days, 2 hours at weekends and 45 minutes in the holidays"


def test_kinds_of_sites_within_a_sentence_have_small_letters_and_names_their_own() -> None:
    about = [
        Topic(TopicKind.CATEGORY, "games"),
        Topic(TopicKind.CATEGORY, "social"),
        Topic(TopicKind.SERVICE, "room"),
    ]
    say = DeskWording(phrases_in("en"), Level.FULL, family(MIA), LIBRARY, NOW)
    assert say.subjects(about[:2]) == "Games and social media"
    assert say.subjects(about[::2]) == f"Games and {say.title('service', 'room')}"
    assert say.subjects([]) == ""
    assert with_small_letter("VPNs") == "VPNs"


@pytest.mark.parametrize(
    ("before", "told"),
    [
        ((0, 60), ["Sun 29\u00a0Mar, 15:59", "16:00"]),
        ((0, 0), ["Sun 29\u00a0Mar, 16:00"]),
        ((0, 86_400), ["Sat 28\u00a0Mar, 16:00", "Sun 29\u00a0Mar, 16:00"]),
        ((0, 20, 60), ["Sun 29\u00a0Mar, 15:59", "16:00"]),
    ],
)
def test_moments_are_told_in_their_order_and_each_day_once(
    before: tuple[int, ...], told: list[str]
) -> None:
    say = Wording(phrases_in("en"), Level.FULL, family(MIA), LIBRARY, NOW)
    assert say.moments(NOW + 20 - each for each in before) == told


@pytest.mark.parametrize("language", ["fr", "es"])
def test_each_list_that_comes_along_is_called_in_the_readers_language(language: str) -> None:
    shipped = load_catalogue(())
    say = DeskWording(phrases_in(language), Level.FULL, family(MIA), shipped, NOW)
    infos = shipped.index.infos
    same = [each.title for each in infos if say.list_title(each) == each.title]
    services = {
        each.title
        for each in shipped.services.values()
        if say.app_name(each.title) == each.title  # most have no words in them
    }
    assert set(same) <= services, "only the names of apps and services are the same everywhere"


LIBRARY = library(services={"room": ["room.example"]}, contacts={"room": Contact.STRANGERS})


def test_a_request_tells_the_kind_of_contact_as_long_as_the_service_is_known() -> None:
    to = contest(Verdict(Action.BLOCK, Reason.CONTACT, 12, service="room", contact="strangers"))
    common = phrases_in("en"), Level.PICTURES, family(MIA)
    assert "Strangers can message you there." in Wording(*common, LIBRARY, NOW).why(to)
    assert "Services where strangers can contact" in DeskWording(*common, LIBRARY, NOW).why(to)
    assert "People can message you there." in Wording(*common, library(), NOW).why(to)


def test_a_request_against_a_limit_of_no_minutes_is_not_said_to_be_used_up() -> None:
    to = contest(Verdict(Action.BLOCK, Reason.BUDGET, 9, period="play"))
    none, some = (Budget("play", "mia", (("daily", minutes),)) for minutes in (0, 30))
    for budget, told in ((none, "no minutes"), (some, "used")):
        house = family(MIA, budgets=(budget,))
        assert told in Wording(phrases_in("en"), Level.FULL, house, LIBRARY, NOW).why(to)


@pytest.mark.parametrize("language", ["en", "fr", "es"])
def test_a_note_of_ours_that_is_left_as_it_was_shown_is_kept_for_all_languages(
    language: str,
) -> None:
    say = DeskWording(phrases_in(language), Level.FULL, family(MIA), LIBRARY, NOW)
    ours = [
        GAMES,
        "Allowed after a request. Part of room.",
        *(each.note for preset in bundled_presets().values() for each in preset.times("mia")[0]),
    ]
    for kept in ours:
        shown = say.note_to_edit(kept)
        assert len(shown) <= MAX_NOTE
        assert (shown == kept) is (language == "en")
        assert say.note_to_keep(" ".join(shown.split()), kept) == kept
        assert say.note_to_keep("Dinner.", kept) == "Dinner."
        assert not say.note_to_keep("", kept)
