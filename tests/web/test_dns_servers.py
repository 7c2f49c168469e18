"""The DNS servers of all names on the dashboard: chosen, tried, and given back."""

from __future__ import annotations

import re

import pytest

from copdns.list_files.load import known_resolvers
from copdns.model.addresses import UpstreamAddress
from copdns.settings.config import Settings, UpstreamSettings
from tests.home import Home
from tests.household import MIA, TOM, family
from tests.web.site import Client, Site, send, text

pytestmark = pytest.mark.logged_in

NAMES, HERE = "/guardian/names", "/guardian/names/servers"
QUAD9 = ("tls://dns10.quad9.net@9.9.9.10", "tls://dns10.quad9.net@149.112.112.10")


class Network:
    """Which servers answer; asked: those that were tried."""

    def __init__(self) -> None:
        self.silent: set[str] = set()
        self.asked: list[str] = []

    def trouble_of(self, upstream: UpstreamAddress) -> str:
        self.asked.append(str(upstream))
        return "no answer within 2 s" if upstream.host in self.silent else ""


@pytest.fixture
def site() -> Site:
    return Site(Home(family(MIA, TOM)))


@pytest.fixture
def network(site: Site) -> Network:
    made = Network()
    object.__setattr__(site.context, "trouble_of_upstream", made.trouble_of)
    return made


async def chosen(site: Site) -> tuple[str, ...]:
    house = await site.store.household("home")
    assert house is not None
    return house.usual_upstreams


def words(page: str) -> str:
    plain = re.sub(r"[\u2066-\u2069]", "", re.sub(r"<[^>]+>", " ", page))
    return " ".join(plain.split())


async def test_a_well_known_one_is_chosen_tried_and_undone(
    client: Client, site: Site, network: Network
) -> None:
    assert "The ones that this computer got from the network." in words(await text(client, NAMES))
    page = await send(client, HERE, resolver="quad9-unfiltered", scheme="tls")
    assert await chosen(site) == QUAD9
    assert sorted(network.asked) == sorted(QUAD9)
    assert QUAD9[0] in page
    (undo,) = re.findall(r'action="(/guardian/undo/\w+)"', page)
    await send(client, undo)
    assert await chosen(site) == ()
    assert [each.what for each in await site.store.changes("home")][-2] == (
        f"DNS servers: {', '.join(QUAD9)}"
    )


async def test_ones_own_are_chosen_and_given_back(
    client: Client, site: Site, network: Network
) -> None:
    await send(client, HERE, upstreams="192.0.2.61, https://dns.example@192.0.2.2/dns-query")
    assert await chosen(site) == ("192.0.2.61:53", "https://dns.example@192.0.2.2")
    for _ in range(2):
        page = await send(client, f"{HERE}/remove")
    assert await chosen(site) == ()
    assert "The ones that this computer got from the network." in words(page)


async def test_nothing_is_saved_that_does_not_answer_unless_one_says_so(
    client: Client, site: Site, network: Network
) -> None:
    network.silent = {"192.0.2.2"}
    wanted = {"upstreams": "192.0.2.61 192.0.2.2"}
    page = words(await send(client, HERE, 400, **wanted))
    assert "192.0.2.2:53 does not answer: no answer within 2 s. Nothing was saved" in page
    assert await chosen(site) == ()
    await send(client, HERE, **wanted, anyway="on")
    assert await chosen(site) == ("192.0.2.61:53", "192.0.2.2:53")
    split = {"name": "office.example", "upstreams": "192.0.2.2"}
    page = words(await send(client, f"{NAMES}/splits", 400, **split))
    assert "192.0.2.2:53 does not answer" in page
    await send(client, f"{NAMES}/splits", **split, anyway="on")
    house = await site.store.household("home")
    assert house is not None
    assert [each.key for each in house.split_upstreams] == [".", "office.example"]


async def test_trying_says_what_went_wrong_and_saves_nothing(
    client: Client, site: Site, network: Network
) -> None:
    await send(client, HERE, upstreams="192.0.2.61 192.0.2.2")
    await send(client, f"{NAMES}/splits", name="office.example", upstreams="192.0.2.3")
    before = await site.store.household("home")
    assert "All of these DNS servers answer" in words(await send(client, f"{HERE}/try"))
    network.silent = {"192.0.2.2", "192.0.2.3"}
    page = words(await send(client, f"{HERE}/try"))
    assert "192.0.2.2:53 does not answer: no answer within 2 s" in page
    page = words(await send(client, f"{NAMES}/splits/office.example/try"))
    assert "192.0.2.3:53 does not answer: no answer within 2 s" in page
    assert await site.store.household("home") == before
    both = "DNS servers tried: 192.0.2.61:53, 192.0.2.2:53"
    assert await tried(site) == [both, both, "DNS servers tried: 192.0.2.3:53"]
    await send(client, HERE, 400, upstreams="192.0.2.2")  # what was not saved was asked too
    assert (await tried(site))[3:] == ["DNS servers tried: 192.0.2.2:53"]


async def tried(site: Site) -> list[str]:
    """Return what the history says of servers that were tried, the first one first."""
    changes = [each.what for each in await site.store.changes("home")]
    return [each for each in changes if each.startswith("DNS servers tried")]


async def test_one_that_filters_is_not_chosen_beside_one_that_does_not(
    client: Client, site: Site, network: Network
) -> None:
    page = words(await send(client, HERE, 400, upstreams="9.9.9.9 192.0.2.61"))
    assert "would be up to chance" in page
    assert network.asked == []
    assert await chosen(site) == ()


async def test_what_the_settings_name_is_shown_and_not_changed_here(
    client: Client, site: Site, network: Network
) -> None:
    site.settings = Settings(upstreams=UpstreamSettings(servers=("192.0.2.7",)))
    page = await text(client, NAMES)
    assert "192.0.2.7:53" in page
    assert f'action="{HERE}"' not in page
    await send(client, HERE, 400, upstreams="192.0.2.61")
    assert await chosen(site) == ()
    assert "All of these DNS servers answer" in words(await send(client, f"{HERE}/try"))


async def test_nothing_is_chosen_by_an_empty_form(
    client: Client, site: Site, network: Network
) -> None:
    for wrong in ({}, {"resolver": "nobody"}, {"resolver": "quad9", "scheme": "quic"}):
        await send(client, HERE, 400, **wrong)
    assert await chosen(site) == ()


def test_the_well_known_ones_that_filter_are_known_to_filter() -> None:
    from copdns.list_files.load import is_known_to_filter
    from copdns.model.encrypted_addresses import server_address

    for each in known_resolvers():
        for scheme in ("tls", "https", ""):
            servers = [server_address(written) for written in each.servers(scheme)]
            assert servers
            assert {is_known_to_filter(server) for server in servers} == {each.filters}, each.id
