"""What else stops is told before a block is kept."""

from __future__ import annotations

from dataclasses import replace

from copdns.household.differences import differences
from copdns.list_files.load import load_catalogue
from copdns.model.household import Contact
from copdns.web.desk.activity.collateral import Loss, losses
from tests.household import MIA, library


def test_a_service_tells_what_needs_its_names() -> None:
    shipped = load_catalogue(())
    blocked = replace(MIA, services=frozenset({"youtube"}))
    found = losses(differences(MIA, blocked), shipped)
    assert any("YouTube Kids" in each.what for each in found)
    assert all(each.names for each in found)
    assert losses(differences(blocked, MIA), shipped) == ()


def test_services_of_a_contact_kind_tell_it_too() -> None:
    shipped = load_catalogue(())
    whole = {Contact.STRANGERS, Contact.KNOWN}
    found = losses(differences(MIA, replace(MIA, contacts=frozenset(whole))), shipped)
    assert {each.blocked for each in found} <= set(shipped.services)


def test_a_category_tells_which_services_stand_on_its_lists() -> None:
    lists = library(
        categories={"games": ["video.example", "!clips.example", "clips.example"]},
        services={"video": ["video.example", "cdn.example"], "clips": ["clips.example"]},
    )
    found = losses(differences(MIA, replace(MIA, categories=frozenset({"games"}))), lists)
    assert found == (Loss("category", "games", "", "video", ("video.example",)),)
