"""A home that sees the neighbours of a kernel which is made up."""

from __future__ import annotations

import asyncio

import dns.message

from copdns.model.household import Device, Household
from copdns.server.answer import Resolver
from copdns.server.recognition import Recognition
from tests.home import Home
from tests.household import MIA, asker, block, family
from tests.unit.kernel import Kernel

CARD, STRANGE = "02:00:00:00:00:08", "02:00:00:00:00:99"

HOUSE = family(
    MIA, rules=(block("games.example", "mia"),), devices=(Device("tablet", "", "mia", (), (CARD,)),)
)


class Recognising(Home):
    """A home that sees the neighbours of a kernel."""

    resolver_type = Resolver

    def __init__(self, kernel: Kernel, house: Household = HOUSE) -> None:
        super().__init__(house)
        self.kernel = kernel
        assert isinstance(self.resolver, Resolver)
        loop = asyncio.get_running_loop()
        self.recognition = Recognition(loop, self.resolver, kernel.connect)
        self.recognition.start(neighbours=True)

    def whose(self, address: str, transport: str = "udp") -> str:
        """Ask for what is blocked for Mia: "mia", "guest", "tcp" for "ask by TCP", or ""."""
        wire = dns.message.make_query("games.example", "A", use_edns=0).to_wire()
        reply = self.send(wire, asker(address, transport))
        if reply is None:
            return ""
        assert reply[:2] == wire[:2]
        if reply[2] & 2:
            assert not dns.message.from_wire(reply).answer
            return "tcp"
        return "guest" if dns.message.from_wire(reply).answer else "mia"

    def close(self) -> None:
        self.recognition.close()
        for each in self.kernel.sockets:
            each.close()
