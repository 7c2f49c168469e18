"""Names of leased devices stand where else a name of the home network does not exist."""

from __future__ import annotations

import pytest

from copdns.model.household import LocalName
from copdns.network.lease_names import lease_records
from copdns.network.leases import Lease
from tests.home import Home
from tests.household import family

LEASES = tuple(
    Lease(f"192.168.1.{at}", f"02:00:00:00:00:{at}", name)
    for at, name in ((20, "laptop"), (21, "nas"), (22, "copdns"))
)


@pytest.mark.parametrize(
    ("name", "rtype", "rcode", "data"),
    [
        ("laptop.home.arpa", "A", "NOERROR", ["192.168.1.20"]),
        ("LAPTOP.home.arpa", "AAAA", "NOERROR", []),  # it has none, but it exists
        ("20.1.168.192.in-addr.arpa", "PTR", "NOERROR", ["laptop.home.arpa."]),
        ("nas.home.arpa", "A", "NOERROR", ["192.168.1.5"]),  # what the household wrote wins
        ("other.home.arpa", "A", "NXDOMAIN", []),
        ("copdns.home.arpa", "A", "NOERROR", ["192.0.2.1"]),
    ],
)
def test_a_name_from_a_lease_is_answered_and_no_other_is_changed(
    name: str, rtype: str, rcode: str, data: list[str]
) -> None:
    home = Home(family(local_names=(LocalName("nas.home.arpa", ("192.168.1.5",)),)))
    home.resolver.lease_records = lease_records(LEASES, "home.arpa")
    reply = home.ask("mia", name, rtype)
    assert (reply.rcode, reply.data) == (rcode, data)
    assert home.upstream.asked == []
    home.resolver.lease_records = {}
    gone = home.ask("mia", "laptop.home.arpa")
    assert gone.rcode == "NXDOMAIN"
