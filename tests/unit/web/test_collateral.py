"""What else stops is told before a block is kept."""

from __future__ import annotations

from dataclasses import replace

from copdns.household.differences import Difference, differences
from copdns.list_files.load import load_catalogue
from copdns.lists.catalogue import Catalogue
from copdns.model.household import Contact
from copdns.web.desk.activity.collateral import Loss, losses
from tests.household import MIA, library


def losses_of(changed: tuple[Difference, ...], lists: Catalogue, *blocked: str) -> tuple[Loss, ...]:
    """Return the losses of a person to whom all is open but these names."""
    return losses(changed, lists, lambda name: name not in blocked)


def test_a_service_tells_what_needs_its_names() -> None:
    shipped = load_catalogue(())
    blocked = replace(MIA, services=frozenset({"youtube"}))
    found = losses_of(differences(MIA, blocked), shipped)
    assert len([each for each in found if "YouTube Kids" in each.what]) == 1, "it needs three names"
    assert losses_of(differences(blocked, MIA), shipped) == ()


def test_only_what_keeps_the_block_whole_is_offered() -> None:
    # youtube.com would open YouTube again, and with one of its names alone no video plays.
    shipped = load_catalogue(())
    wanted = frozenset({"youtube", "facebook", "fortnite_epic"})
    found = losses_of(differences(MIA, replace(MIA, services=wanted)), shipped)
    assert {each.names for each in found if each.blocked == "youtube"} == {()}
    offered = {name for each in found for name in each.names}
    assert offered == {"fb.com", "fbsbx.com", "easyanticheat.net", "easy.ac"}
    for service in shipped.services.values():
        assert set(service.spares) <= set(service.affects), service.slug
        assert str(service.matchers[0]) not in service.spares, service.slug


def test_what_is_blocked_or_allowed_whatever_is_chosen_is_no_loss() -> None:
    shipped = load_catalogue(())
    changed = differences(MIA, replace(MIA, services=frozenset({"facebook"})))
    found = losses_of(changed, shipped, "fb.com", "facebook.net")
    assert [each.names for each in found] == [("fbsbx.com",)]


def test_services_of_a_contact_kind_tell_it_too() -> None:
    shipped = load_catalogue(())
    whole = {Contact.STRANGERS, Contact.KNOWN}
    found = losses_of(differences(MIA, replace(MIA, contacts=frozenset(whole))), shipped)
    assert {each.blocked for each in found} <= set(shipped.services)


def test_a_category_tells_which_services_stand_on_its_lists() -> None:
    lists = library(
        categories={"games": ["video.example", "!clips.example", "clips.example"]},
        services={"video": ["video.example", "cdn.example"], "clips": ["clips.example"]},
    )
    changed = differences(MIA, replace(MIA, categories=frozenset({"games"})))
    assert losses_of(changed, lists) == (
        Loss("category", "games", "", "video", ("video.example",)),
    )
    assert losses_of(changed, lists, "video.example") == ()
