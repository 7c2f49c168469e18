"""The prefix of a network's translator is learned, kept and given up (RFC 7050)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from copdns.app.nat64_chores import (
    AFTER_NONE,
    AFTER_SILENCE,
    BETWEEN_ANNOUNCEMENTS,
    LONGEST,
    SHORTEST,
    Nat64Chores,
)
from copdns.dns.connections import NAT64_ZONE
from copdns.model.nat64 import nat64_prefix
from copdns.network.announced_prefix import MAX_KNOWN, AnnouncedPrefixes
from copdns.settings.config import Dns64Settings, Settings
from tests.fakes import BROKEN, NO_SUCH_NAME, SILENCE, FakeUpstream
from tests.unit.kernel import prefix_message
from tests.unit.upstreams import HandLoop

SHOWN = {"AAAA": ["64:ff9b::192.0.0.170", "64:ff9b::192.0.0.171"], "ttl": 120}
OTHER = {"AAAA": ["2001:db8:64::192.0.0.170"], "ttl": 86400}
PREFIX, OTHER_PREFIX = nat64_prefix("64:ff9b::/96"), nat64_prefix("2001:db8:64::/96")
AUTO = Settings(dns64=Dns64Settings(prefix="auto"))


class Network:
    """A network whose servers say what they are told to, and who learns from them."""

    def __init__(self) -> None:
        self.clock = HandLoop()
        self.upstream = FakeUpstream()
        self.settings = AUTO
        self.kernel, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ours.setblocking(False)
        announced = AnnouncedPrefixes(lambda _: ours)
        self.chores = Nat64Chores(self.upstream, lambda: self.settings, self.clock, announced)  # type: ignore[arg-type]

    async def follow(self, seconds: float = 0.0, says: object = SHOWN) -> bool:
        """Let time pass and look; say whether another prefix holds now."""
        self.clock.wait(seconds)
        self.upstream.script = {"ipv4only.arpa": says}
        task = asyncio.ensure_future(self.chores.follow())
        while not task.done():
            turned = asyncio.get_running_loop().create_future()
            turned.get_loop().call_soon(turned.set_result, None)
            await turned
            self.upstream.deliver()
        return task.result()

    def announce(self, prefix: str, lifetime: int) -> None:
        """Have a router announce a prefix."""
        self.kernel.send(prefix_message(prefix, lifetime))


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    made = Network()
    yield made
    made.settings = Settings()
    await made.chores.follow()  # it hears no more
    made.kernel.close()


async def test_what_a_router_announces_counts_before_what_servers_show(network: Network) -> None:
    network.announce("2001:db8:64::/96", 600)
    assert await network.follow()
    assert network.chores.prefixes == (OTHER_PREFIX,)
    assert network.upstream.asked == []
    assert not await network.follow(599)
    assert await network.follow(2)
    assert network.chores.prefixes == (PREFIX,)  # asked for, once nobody announces one


async def test_a_prefix_that_a_router_takes_back_is_gone(network: Network) -> None:
    network.announce("2001:db8:64::/96", 600)
    assert await network.follow()
    network.announce("2001:db8:64::/96", 0)
    assert await network.follow(BETWEEN_ANNOUNCEMENTS, NO_SUCH_NAME)
    assert network.chores.prefixes == ()


async def test_a_stranger_who_announces_something_else_each_second_changes_little(
    network: Network,
) -> None:
    changes = 0
    for second in range(60):
        network.announce("2001:db8:64::/96", 600 * (second % 2))
        changes += await network.follow(1)
    assert changes <= 60 / BETWEEN_ANNOUNCEMENTS + 1


async def test_many_announced_prefixes_are_few_and_the_first_one_stays(network: Network) -> None:
    network.announce("2001:db8:64::/96", 600)
    for n in range(1, 100):
        network.announce(f"2001:db8:64:{n:x}::/96", 65528)
    await network.follow()
    assert network.chores.prefixes[0] == OTHER_PREFIX
    assert len(network.chores.prefixes) == MAX_KNOWN


@pytest.mark.parametrize("prefix", ["::/96", "::ffff:0:0/96", "fe80::/64", "ff02::/96", "::/32"])
async def test_a_prefix_that_no_translator_has_is_not_taken(network: Network, prefix: str) -> None:
    network.announce(prefix, 600)
    await network.follow()
    assert network.chores.prefixes == (PREFIX,)


async def test_a_prefix_is_learned_and_asked_for_again_before_its_answer_expires(
    network: Network,
) -> None:
    assert await network.follow()
    assert network.chores.prefixes == (PREFIX,)
    (key,) = network.upstream.asked
    assert (key.qname, key.qtype, key.zone) == ("ipv4only.arpa", 28, NAT64_ZONE)
    assert (key.do, key.cd) == (False, False)
    assert not await network.follow(119)
    assert len(network.upstream.asked) == 1
    assert await network.follow(2, OTHER)
    assert network.chores.prefixes == (OTHER_PREFIX,)
    assert not await network.follow(LONGEST - 1)
    assert len(network.upstream.asked) == 2
    assert await network.follow(2)
    assert len(network.upstream.asked) == 3


async def test_a_short_answer_does_not_make_it_ask_all_the_time(network: Network) -> None:
    await network.follow(says={**SHOWN, "ttl": 1})
    await network.follow(SHORTEST - 1)
    assert len(network.upstream.asked) == 1


@pytest.mark.parametrize("says", [SILENCE, BROKEN])
async def test_while_nobody_answers_the_earlier_prefix_stays(
    network: Network, says: object
) -> None:
    await network.follow()
    assert not await network.follow(121, says)
    assert network.chores.prefixes == (PREFIX,)
    assert not await network.follow(AFTER_SILENCE + 1)
    assert len(network.upstream.asked) == 3


@pytest.mark.parametrize("says", [{"A": "192.0.0.170"}, NO_SUCH_NAME, {"AAAA": "2001:db8::1"}])
async def test_a_network_without_a_translator_has_no_prefix(network: Network, says: object) -> None:
    await network.follow()
    assert await network.follow(121, says)
    assert network.chores.prefixes == ()
    await network.follow(AFTER_NONE - 1)
    assert len(network.upstream.asked) == 2
    assert await network.follow(2)


async def test_nobody_is_asked_unless_the_settings_say_so(network: Network) -> None:
    await network.follow()
    network.settings = Settings()
    await network.follow(LONGEST)
    assert (network.chores.prefixes, len(network.upstream.asked)) == ((), 1)
    network.settings = AUTO
    assert await network.follow()
