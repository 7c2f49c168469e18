"""Which upstreams are asked, as settings, machine and households say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any

import pytest
from structlog.testing import capture_logs

from copdns.app import encrypted_upstreams
from copdns.app.upstreams_in_force import UpstreamsInForce
from copdns.dns.client_subnet import subnet_option
from copdns.dns.connections import BOOTSTRAP_ZONE, CLEAR_ZONE, NAT64_ZONE
from copdns.dns.upstream import UpstreamClient
from copdns.model.addresses import UpstreamAddress
from copdns.model.encrypted_addresses import server_address
from copdns.model.household import Household, SplitUpstream
from copdns.network import machine
from copdns.policy.split_table import REVERSE_ZONE
from copdns.settings.config import (
    SYSTEM,
    ClientSubnet,
    Dns64Settings,
    DnsSettings,
    Settings,
    UpstreamSettings,
)

OWN = ("127.0.0.1",)
NEAR = UpstreamAddress("192.0.2.53")


def settings(*servers: UpstreamAddress | str, **more: Any) -> Settings:
    return Settings(
        dns=DnsSettings(listen=OWN),
        upstreams=UpstreamSettings(servers=servers, deadline=3.0, attempt=0.5, **more),
    )


@pytest.fixture
async def upstreams() -> AsyncIterator[UpstreamClient]:
    made = UpstreamClient(asyncio.get_running_loop())
    yield made
    made.close()


async def test_the_servers_of_the_settings_are_asked_for_as_long_as_they_say(
    upstreams: UpstreamClient,
) -> None:
    await UpstreamsInForce(upstreams, lambda: settings(NEAR)).apply([])
    assert [each.label for each in upstreams.healths] == ["1"]
    assert (upstreams.deadline, upstreams.attempt) == (3.0, 0.5)


async def test_a_household_chooses_where_the_settings_do_not(upstreams: UpstreamClient) -> None:
    encrypted = "tls://dns.example@192.0.2.1"
    house = Household("home", "Home", split_upstreams=(SplitUpstream("", (encrypted,)),))
    chosen = UpstreamsInForce(upstreams, lambda: settings(SYSTEM))
    await chosen.apply([house])
    assert chosen.servers == (server_address(encrypted),)
    assert chosen.are_all_encrypted
    await chosen.apply([Household("home", "Home")])
    assert chosen.servers == (SYSTEM,)
    fixed = UpstreamsInForce(upstreams, lambda: settings(NEAR))
    await fixed.apply([house])
    assert fixed.servers == (NEAR,)
    assert len(upstreams.healths) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "fe80::1"])
async def test_an_upstream_that_could_never_answer_is_left_out_and_that_is_told(
    upstreams: UpstreamClient, host: str
) -> None:
    split = SplitUpstream("work.example", (str(UpstreamAddress(host)),))
    house = Household("home", "Home", split_upstreams=(split,))
    with capture_logs() as logged:
        chosen = settings(UpstreamAddress(host), NEAR)
        await UpstreamsInForce(upstreams, lambda: chosen).apply([house])
    assert len(upstreams.healths) == len(upstreams.numbers()) == 1
    assert [each["upstream"] for each in logged] == 2 * [str(UpstreamAddress(host))]


async def test_system_stands_for_what_the_machine_was_given(
    upstreams: UpstreamClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [UpstreamAddress("192.0.2.1"), UpstreamAddress("192.0.2.2")]
    monkeypatch.setattr(machine, "system_resolvers", lambda _own, _port: given)
    await UpstreamsInForce(upstreams, lambda: settings(SYSTEM, NEAR)).apply([])
    assert len(upstreams.healths) == 3


async def test_the_upstreams_of_a_split_domain_are_none_of_the_usual_ones(
    upstreams: UpstreamClient,
) -> None:
    split = SplitUpstream("work.example", ("192.0.2.99",))
    house = Household("home", "Home", split_upstreams=(split,))
    await UpstreamsInForce(upstreams, lambda: settings(NEAR)).apply([house])
    assert len(upstreams.healths) == 1
    assert len(upstreams.numbers()) == 2


def zones(upstreams: UpstreamClient) -> dict[str, list[str]]:
    return {
        zone: [str(each.address) for each in group.values()]
        for zone, group in upstreams._groups.by_zone.items()
    }


async def test_where_all_is_encrypted_time_servers_are_asked_for_at_the_same_machines(
    upstreams: UpstreamClient,
) -> None:
    servers = [server_address(f"tls://dns.example@192.0.2.{number}") for number in (1, 2)]
    await UpstreamsInForce(upstreams, lambda: settings(*servers)).apply([])
    assert zones(upstreams) == {
        "": ["tls://dns.example@192.0.2.1", "tls://dns.example@192.0.2.2"],
        CLEAR_ZONE: ["192.0.2.1:53", "192.0.2.2:53", *map(str, servers)],
    }
    assert all(each.encrypted and each.trusted for each in upstreams.healths)
    await UpstreamsInForce(upstreams, lambda: settings(*servers, NEAR)).apply([])
    assert CLEAR_ZONE not in zones(upstreams)


async def test_bootstrap_servers_are_asked_for_addresses_and_for_the_time_and_nothing_else(
    upstreams: UpstreamClient,
) -> None:
    chosen = settings(server_address("https://dns.example"), bootstrap=(NEAR,))
    await UpstreamsInForce(upstreams, lambda: chosen).apply([])
    assert zones(upstreams) == {
        "": ["https://dns.example"],
        CLEAR_ZONE: [str(NEAR), "https://dns.example"],
        BOOTSTRAP_ZONE: [str(NEAR)],
    }


async def test_what_speaks_tls_is_prepared_once_for_the_same_settings(
    upstreams: UpstreamClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[object] = []
    monkeypatch.setattr(encrypted_upstreams, "prepare", lambda usual: prepared.append(usual))
    chosen = [settings(server_address("tls://192.0.2.1"))]
    force = UpstreamsInForce(upstreams, lambda: chosen[-1])
    for _ in range(3):  # as after each change of the household
        await force.apply([])
    assert len(prepared) == 1
    chosen.append(settings(server_address("tls://192.0.2.1")))
    await force.apply([])
    assert len(prepared) == 2


async def test_what_could_not_be_prepared_is_tried_again(
    upstreams: UpstreamClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_wanted: object) -> None:
        raise PermissionError

    chosen = settings(server_address("tls://192.0.2.1"))
    force = UpstreamsInForce(upstreams, lambda: chosen)
    monkeypatch.setattr(encrypted_upstreams, "prepare", fail)
    with pytest.raises(PermissionError):
        await force.apply([])
    monkeypatch.undo()
    await force.apply([])
    assert len(upstreams.healths) == 1


async def test_the_order_is_the_one_of_the_settings(upstreams: UpstreamClient) -> None:
    await UpstreamsInForce(upstreams, lambda: settings(NEAR)).apply([])
    assert not upstreams.fastest
    await UpstreamsInForce(upstreams, lambda: settings(NEAR, order="fastest")).apply([])
    assert upstreams.fastest


async def test_an_upstream_filters_if_the_settings_say_so_or_the_world_knows_it(
    upstreams: UpstreamClient,
) -> None:
    servers = [
        UpstreamAddress("1.1.1.3"),
        server_address("tls://family.cloudflare-dns.com@192.0.2.1"),
        UpstreamAddress("1.1.1.1"),
        NEAR,
    ]
    chosen = settings(*servers, filtering=(NEAR,))
    await UpstreamsInForce(upstreams, lambda: chosen).apply([])
    assert [each.filtering for each in upstreams.healths] == [True, True, False, True]


async def test_a_machine_that_moved_has_other_cookies(upstreams: UpstreamClient) -> None:
    chosen = UpstreamsInForce(upstreams, lambda: settings(NEAR))
    await chosen.apply([])
    (health,) = upstreams.healths
    before = health.cookie
    await chosen.apply([])
    assert health.cookie == before
    chosen._machine = ("192.0.2.7",), None
    await chosen.apply([])
    assert health.cookie != before


async def test_a_machine_with_other_addresses_is_not_what_they_were_chosen_for(
    upstreams: UpstreamClient,
) -> None:
    chosen = UpstreamsInForce(upstreams, lambda: settings(NEAR))
    assert not chosen.is_current(OWN)
    await chosen.apply([])
    assert chosen.is_current(OWN)
    assert not chosen.is_current(("192.0.2.7",))


async def test_a_persons_names_and_private_reverse_names_have_upstreams_of_their_own(
    upstreams: UpstreamClient,
) -> None:
    splits = (
        SplitUpstream("", ("tls://dns.example@192.0.2.9",), "mia"),
        SplitUpstream("work.example", ("192.0.2.99",)),
    )
    house = Household("home", "Home", split_upstreams=splits)
    chosen = settings(NEAR, private_reverse=(UpstreamAddress("192.168.1.1"),))
    await UpstreamsInForce(upstreams, lambda: chosen).apply([house])
    assert zones(upstreams) == {
        "": [str(NEAR)],
        REVERSE_ZONE: ["192.168.1.1:53"],
        ".@mia": ["tls://dns.example@192.0.2.9"],
        "work.example": ["192.0.2.99:53"],
    }


async def test_the_prefix_of_a_translator_is_asked_of_those_that_the_settings_name(
    upstreams: UpstreamClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [UpstreamAddress("192.0.2.1")]
    monkeypatch.setattr(machine, "system_resolvers", lambda _own, _port: given)
    usual = settings(NEAR)
    for ask, asked in (((), str(NEAR)), ((SYSTEM,), "192.0.2.1:53")):
        chosen = usual.model_copy(update={"dns64": Dns64Settings(prefix="auto", ask=ask)})
        await UpstreamsInForce(upstreams, lambda chosen=chosen: chosen).apply([])
        assert zones(upstreams)[NAT64_ZONE] == [asked]
    await UpstreamsInForce(upstreams, lambda: usual).apply([])
    assert NAT64_ZONE not in zones(upstreams)


async def test_an_upstream_is_told_of_our_network_what_the_settings_say(
    upstreams: UpstreamClient,
) -> None:
    other, third = UpstreamAddress("192.0.2.54"), UpstreamAddress("192.0.2.55")
    network = ip_network("198.51.100.0/24")
    told = (ClientSubnet(server=NEAR, send=network), ClientSubnet(server=other, forward=True))
    chosen = settings(NEAR, other, third, client_subnet=told)
    await UpstreamsInForce(upstreams, lambda: chosen).apply([])
    assert [(each.subnet, each.forwards_subnet) for each in upstreams.healths] == [
        (subnet_option(network), False),
        (b"", True),
        (b"", False),
    ]
    await UpstreamsInForce(upstreams, lambda: settings(NEAR, other, third)).apply([])
    assert not any(each.knows_subnets for each in upstreams.healths)
