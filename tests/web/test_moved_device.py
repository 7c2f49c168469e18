"""A device of somebody of 13 or more is not given away behind their back, to be read there.

Tom's telephone is given to Mia, of whom blocked sites are recorded, or all.  Ada does it with a
browser; what applies to the telephone is asked for as the program does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from copdns.accounts.account import DAY, HOUR, GuestKind
from copdns.accounts.claims import ClaimKind
from copdns.accounts.moves import REMEMBERED_FOR, with_moves
from copdns.household.edits import add_device, remove_device, remove_profile, set_device
from copdns.model.errors import AccountError
from copdns.model.household import Band, FullLogSpan, Household, PrivacyMode, Profile
from copdns.privacy.recent_blocks import OwnedDevice
from tests.home import Home
from tests.household import ADA, ADDRESSES, GUEST, MIA, NOW, TOM, block, family
from tests.web.guardians import set_up
from tests.web.site import Client, Site
from tests.web.test_proof_of_person import Browser

OLDER = replace(TOM, band=Band.TO_17)
TOMS = ADDRESSES["tom"]
CHANGE = "/guardian/devices/tom-phone/change"


class Person(Browser):
    """A browser; after what it sends, what is stored applies."""

    async def sends(self, path: str, status: int = 200, **fields: str) -> str:
        page = await super().sends(path, status, **fields)
        await put_in_force(self._site)
        return page


async def put_in_force(site: Site) -> None:
    """Do what the running program does (`AccountChores.with_guests`)."""
    house = await site.store.household("home")
    assert house is not None
    site.home.change(with_moves(house, await site.context.claims.all_moves("home"), site.now))


async def whose(site: Site, address: str = TOMS) -> str:
    """Return whose rules and privacy apply to an address now."""
    await put_in_force(site)
    snapshot = site.home.resolver.snapshot
    site.who = address
    return snapshot.identify(site.asker).policy.profile


@pytest.fixture(params=[TOM, OLDER], ids=["15", "17"])
def tom_profile(request: pytest.FixtureRequest) -> Profile:
    found = request.param
    assert isinstance(found, Profile)
    return found


@pytest.fixture
def site(tom_profile: Profile) -> Site:
    rules = (replace(block("toys.example"), id="r1"),)
    return Site(Home(family(MIA, tom_profile, ADA, rules=rules)))


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        await set_up(site)
        yield made


@pytest.fixture
async def ada(site: Site, client: Client) -> Person:
    found = Person(site, client, "ada")
    await found.logs_in()
    return found


@pytest.fixture
async def tom(site: Site, client: Client) -> Person:
    found = Person(site, client, "tom")
    await found.sends("/device")
    return found


async def test_it_is_announced_and_until_then_all_is_kept_as_his_mode_allows(
    ada: Person, tom: Person, site: Site, tom_profile: Profile
) -> None:
    await ada.sends(CHANGE, profile="mia", name="Phone")
    assert await whose(site) == "tom"
    page = await tom.opens("/")
    assert "wants to give <bdi>Tom's phone</bdi> to Mia." in page.replace("&#39;", "'")
    needs_yes = tom_profile.band is Band.TO_17
    assert ("That needs your yes." in page) is needs_yes
    site.home.leap(DAY - 1)
    assert await whose(site) == "tom"
    site.home.leap(1)
    assert await whose(site) == ("tom" if needs_yes else "mia")
    site.home.leap(60 * DAY)
    assert await whose(site) == ("tom" if needs_yes else "mia")


async def test_at_once_with_his_own_yes(ada: Person, tom: Person, site: Site) -> None:
    await ada.sends(CHANGE, profile="mia", name="Phone")
    (move,) = await site.context.claims.all_moves("home")
    assert 'action="/device/move"' in await tom.opens("/rules")
    await tom.sends("/device/move", move=move.id)
    assert await whose(site) == "mia"


async def test_nobody_else_says_yes_for_him(
    ada: Person, tom: Person, site: Site, client: Client
) -> None:
    await ada.sends(CHANGE, profile="mia", name="Phone")
    (move,) = await site.context.claims.all_moves("home")
    for who in ("mia", "192.0.2.200", "tom"):  # the last in a browser that is not linked
        other = Person(site, client, who)
        await other.sends("/device/move", 403, move=move.id)
        assert await whose(site) == "tom"


@pytest.mark.parametrize("wait", [0, HOUR, 29 * DAY])
async def test_nor_by_removing_it_and_adding_it_anew(
    ada: Person, tom: Person, site: Site, wait: int
) -> None:
    await ada.sends("/guardian/devices/tom-phone/remove")
    site.home.leap(wait)
    await ada.logs_in()
    await ada.sends("/guardian/devices", name="A new one", profile="mia", known=TOMS)
    assert await whose(site) == "tom"
    assert "to Mia." in await tom.opens("/"), "in his browser, which was linked to it"


async def test_nor_by_a_network_around_it(ada: Person, tom: Person, site: Site) -> None:
    await ada.sends(CHANGE, known="192.0.2.99")
    await ada.sends("/guardian/devices", name="All", profile="mia", known="192.0.2.14/31")
    assert await whose(site) == "tom"


async def test_what_is_given_back_was_never_away(ada: Person, tom: Person, site: Site) -> None:
    await ada.sends(CHANGE, profile="mia", name="Phone")
    await ada.sends(CHANGE, profile="tom", name="Phone")
    assert await site.context.claims.all_moves("home") == ()
    assert "wants to give" not in await tom.opens("/")


async def test_ada_sees_on_the_page_of_devices_whose_it_still_is(
    ada: Person, tom: Person, site: Site
) -> None:
    await ada.sends(CHANGE, profile="mia", name="Phone")
    assert "still counts as Tom" in await ada.opens("/guardian/devices")


async def test_the_device_of_a_child_below_13_is_moved_at_once(
    ada: Person, site: Site, client: Client
) -> None:
    await ada.sends("/guardian/devices/mia-phone/change", profile="tom", name="Phone")
    assert await whose(site, ADDRESSES["mia"]) == "tom"


async def test_his_last_blocks_stay_his_when_the_device_is_hers_again(
    ada: Person, site: Site, client: Client
) -> None:
    """Mia's telephone is Tom's for a while; what was blocked for him is not hers to read."""
    mia, change = Person(site, client, "mia"), "/guardian/devices/mia-phone/change"
    await mia.sends("/device")
    await ada.sends(change, profile="tom", name="Phone")
    await ada.sends(change, profile="mia", name="Phone")
    site.home.ask("mia", "tom.toys.example")
    toms = site.home.recent.blocks(OwnedDevice("home", "tom", "mia-phone"), site.now)
    assert [each.name for each in toms] == ["tom.toys.example"]
    (move,) = await site.context.claims.all_moves("home")
    await site.context.claims.agree("home", "tom", move.id, "Tom", site.now)
    await put_in_force(site)
    site.home.ask("mia", "mia.toys.example")
    page = await mia.opens("/")
    assert "mia.toys.example" in page
    assert "tom.toys.example" not in page


async def told(site: Site, profile: str) -> list[ClaimKind]:
    """Return the kinds of what a person is told of the telephone, sorted."""
    claims = await site.context.claims.of("home", profile, site.now)
    return sorted(each.kind for each in claims if each.device == "tom-phone")


async def test_what_is_given_meanwhile_is_told_to_whom_it_still_is(
    ada: Person, tom: Person, site: Site
) -> None:
    await ada.sends(CHANGE, profile="mia", name="Phone")
    assert (await told(site, "tom"), await told(site, "mia")) == ([], [ClaimKind.DEVICE])
    await ada.sends("/guardian/devices/tom-phone/let-in")
    assert await told(site, "tom") == [ClaimKind.OPENING]
    await ada.sends(CHANGE, known=f"{TOMS} 192.0.2.99")
    both = [ClaimKind.ADDRESS, ClaimKind.OPENING]
    assert await told(site, "tom") == both
    assert await told(site, "mia") == sorted([ClaimKind.DEVICE, *both]), "it is to be hers"


async def test_what_is_given_with_the_move_is_told_to_him_too(
    ada: Person, tom: Person, site: Site
) -> None:
    await ada.sends(CHANGE, profile="mia", name="Phone", known=f"{TOMS} 192.0.2.99")
    assert await told(site, "tom") == [ClaimKind.ADDRESS]


async def test_nor_is_it_somebody_elses_for_a_day(ada: Person, tom: Person, site: Site) -> None:
    """A program could name any address."""
    with pytest.raises(AccountError, match="13 or more"):
        await site.guests.approve("home", GuestKind.GUEST, TOMS, "mia", "Ada", site.now)
    await ada.sends(CHANGE, profile="mia", name="Phone")
    with pytest.raises(AccountError, match="13 or more"):
        await site.guests.approve("home", GuestKind.GUEST, TOMS, "mia", "Ada", site.now)
    for who, address in (("tom", TOMS), ("", TOMS), ("mia", "192.0.2.200")):
        await site.guests.approve("home", GuestKind.GUEST, address, who, "Ada", site.now)


@pytest.mark.parametrize("kind", GuestKind)
async def test_nor_once_it_was_removed(
    ada: Person, tom: Person, site: Site, kind: GuestKind
) -> None:
    """As a guest whom Ada lets in, or by Mia's PIN: guest rules apply until the move is over."""
    await ada.sends("/guardian/devices/tom-phone/remove")
    with pytest.raises(AccountError, match="13 or more"):
        await site.guests.approve("home", kind, TOMS, "mia", "Ada", site.now)
    await site.guests.approve("home", kind, TOMS, "tom", "Ada", site.now)
    site.home.leap(REMEMBERED_FOR)
    await site.guests.approve("home", kind, TOMS, "mia", "Ada", site.now)


MAC, ELSE = "02:00:00:00:00:15", "2001:db8::15"  # of Tom's telephone, which no list says
OTHERS = "02:00:00:00:00:99"


@pytest.fixture
def shown(site: Site) -> None:
    """What the network shows: the telephone, known by its address, and a visitor's."""
    site.store.see = lambda _household: {(TOMS, MAC), (ELSE, MAC), ("192.0.2.77", OTHERS)}


@pytest.mark.parametrize("known", [MAC, ELSE])
@pytest.mark.parametrize("where", ["a device of its own", "her telephone"])
async def test_nor_by_what_the_network_shows_to_be_his(
    ada: Person, tom: Person, site: Site, shown: None, tom_profile: Profile, known: str, where: str
) -> None:
    mias = ADDRESSES["mia"]
    if where == "her telephone":
        await ada.sends("/guardian/devices/mia-phone/change", known=f"{mias} {known}")
    else:
        await ada.sends("/guardian/devices", name="New", profile="mia", known=known)
    page = (await tom.opens("/")).replace("&#39;", "'")
    assert "wants to give <bdi>Tom's phone</bdi> to Mia." in page
    await put_in_force(site)
    house = site.home.house
    his = next(each for each in house.devices if known in (*each.macs, *each.addresses))
    assert (his.id, his.profile) == ("tom-phone", "tom")
    assert await whose(site) == "tom"
    assert await whose(site, mias) == "mia", "what else it is known by stays hers"
    site.home.leap(DAY)
    await put_in_force(site)
    hers = next(e for e in site.home.house.devices if known in (*e.macs, *e.addresses))
    assert hers.profile == ("tom" if tom_profile.band is Band.TO_17 else "mia")


async def test_what_is_taken_back_is_no_longer_announced(
    ada: Person, tom: Person, site: Site, shown: None
) -> None:
    await ada.sends("/guardian/devices", name="New", profile="mia", known=MAC)
    await ada.sends("/guardian/devices/new/remove")
    assert await site.context.claims.all_moves("home") == ()


async def test_nobody_elses_device_is_announced(
    ada: Person, tom: Person, site: Site, shown: None
) -> None:
    await ada.sends("/guardian/devices", name="A visitor", profile="mia", known=OTHERS)
    await ada.sends("/guardian/devices", name="His own", profile="tom", known=MAC)
    await ada.sends("/guardian/devices", name="Hers", profile="mia", known=ELSE)
    moves = await site.context.claims.all_moves("home")
    assert moves == (), "a telephone that shows a MAC address of his list is known by it"


@pytest.mark.parametrize("known", ["192.0.2.15", "192.0.2.14/31"])
async def test_nor_by_a_narrower_address_within_his(
    ada: Person, tom: Person, site: Site, known: str
) -> None:
    await ada.sends(CHANGE, known="192.0.2.8/29")
    await put_in_force(site)
    assert await whose(site) == "tom"
    await ada.sends("/guardian/devices", name="New", profile="mia", known=known)
    assert await whose(site) == "tom"
    await ada.sends("/guardian/devices/new/remove")
    assert await whose(site) == "tom"
    assert await site.context.claims.all_moves("home") == ()


# --- a person who is removed, and guests ----------------------------------------------------------


def remove_tom(household: Household, heir: str) -> Household:
    """Return the household without Tom.  heir: who gets his telephone; "" for nobody."""
    if heir:
        household = set_device(household, "tom-phone", profile=heir)
    else:
        household = remove_device(household, "tom-phone")
    return remove_profile(household, "tom")


async def change(site: Site, *edits: partial[Household]) -> None:
    """Store edits, as a page, the API, a command and an import do in the end."""
    for edit in edits:
        await site.store.change("home", edit, author="Ada", what="test", now=site.now)


async def mode_at(site: Site, address: str = TOMS) -> tuple[str, PrivacyMode]:
    """Return whose rules apply to an address, and what is kept of it."""
    await put_in_force(site)
    return asked(site, address)


def asked(site: Site, address: str) -> tuple[str, PrivacyMode]:
    site.who = address
    policy = site.home.resolver.snapshot.identify(site.asker).policy
    return policy.profile, policy.privacy_at(site.now)


WAYS = {
    "with an heir": (partial(remove_tom, heir="mia"),),
    "given, then removed": (
        partial(set_device, device_id="tom-phone", profile="mia"),
        partial(remove_profile, profile_id="tom"),
    ),
    "removed, then added": (
        partial(remove_tom, heir=""),
        partial(add_device, device_id="new", profile_id="mia", addresses=(TOMS,)),
    ),
    "removed, then a network": (
        partial(add_device, device_id="net", profile_id="mia", addresses=("192.0.2.0/27",)),
        partial(remove_tom, heir=""),
    ),
}


@pytest.mark.parametrize("way", WAYS)
async def test_the_device_of_somebody_who_is_removed_is_nobodys(
    ada: Person, site: Site, tom_profile: Profile, way: str
) -> None:
    await change(site, *WAYS[way])
    assert await mode_at(site) == ("guest", PrivacyMode.COUNTS)
    with pytest.raises(AccountError, match="13 or more"):
        await site.guests.approve("home", GuestKind.GUEST, TOMS, "mia", "Ada", site.now)
    site.home.leap(DAY - 1)
    assert await whose(site) == "guest"
    site.home.leap(1)
    is_late = tom_profile.band is Band.TO_17 or way == "removed, then added"
    assert await whose(site) == ("guest" if is_late else "mia")
    site.home.leap(30 * DAY)
    assert await whose(site) == "mia"


async def test_the_telephone_is_his_again_where_he_is_made_again(ada: Person, site: Site) -> None:
    await change(site, *WAYS["with an heir"])
    tom = replace(OLDER, tags=frozenset())
    await change(site, lambda house: replace(house, profiles=(*house.profiles, tom)))
    assert await whose(site) == "tom"


async def test_a_page_shows_why_the_heir_has_it_not_yet(ada: Person, site: Site) -> None:
    await ada.sends("/guardian/people/tom/remove", sure="on", heir="mia")
    assert await whose(site) == "guest"
    page = await ada.opens("/guardian/devices")
    assert "used by someone who was removed" in page


@pytest.mark.parametrize(
    "kept",
    [{"full_log": FullLogSpan(int(NOW), int(NOW) + DAY)}, {"privacy": PrivacyMode.BLOCKED}],
)
def test_no_name_is_kept_of_a_guest_with_the_rules_of_a_person(
    site: Site, kept: dict[str, Any]
) -> None:
    watched = replace(MIA, **kept)
    site.home.change(family(watched, OLDER, ADA, guest="mia"))
    assert asked(site, GUEST) == ("mia", PrivacyMode.COUNTS)
    full = PrivacyMode.FULL if "full_log" in kept else PrivacyMode.BLOCKED
    assert asked(site, ADDRESSES["mia"]) == ("mia", full)
