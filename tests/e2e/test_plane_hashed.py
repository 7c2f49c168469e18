"""What dnsdist makes of answers about names on a list of hashes, of a resolver that validates."""

from __future__ import annotations

from collections.abc import Iterator

import dns.flags
import dns.message
import dns.query
import dns.rrset
import pytest

from copdns.provider.law.hashed_list import read_hashed
from copdns.provider.plane.snapshot import Group, ListedNames, PlaneSnapshot, PolicyClass
from tests.e2e.plane import DEFAULT_GROUP, Node, running_node, told
from tests.e2e.upstream import upstream
from tests.hashed_lists import write_hashed
from tests.running import PATIENCE
from tests.upstream_server import Asked

pytestmark = pytest.mark.tools

LINE = "127.0.0.11"
TEXT = write_hashed(["hidden.example"], "A hotline", "7", 9_000_000_000, bytes(range(16)))
FIRST = PlaneSnapshot(
    1,
    (),
    {DEFAULT_GROUP: Group(0)},
    {0: PolicyClass()},
    ListedNames(hashed=(read_hashed(TEXT, "a list of hashes"),)),
)
RECORDS = {"A": "127.0.0.80", "TYPE65400": r"\# 1 00", "AMTRELAY": "0 0 0 ."}


def signed(asked: Asked) -> list[bytes]:
    """Answer as a resolver that found the signatures right."""
    reply = dns.message.make_response(asked.message, recursion_available=True)
    reply.flags |= dns.flags.AD
    reply.answer = [dns.rrset.from_text(asked.name, 300, "IN", asked.rtype, RECORDS[asked.rtype])]
    return [reply.to_wire()]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("node")
    with (
        upstream({"hidden.example": signed, "other.example": signed}) as server,
        running_node(folder, FIRST, server.address.port) as node,
    ):
        yield node


@pytest.mark.parametrize("rtype", RECORDS)
def test_no_record_is_left_whatever_its_type_and_nothing_is_called_signed(
    node: Node, rtype: str
) -> None:
    def ask(name: str) -> dns.message.Message:
        query = dns.message.make_query(name, rtype, want_dnssec=True)
        query.flags |= dns.flags.AD
        return dns.query.udp(query, "127.0.0.1", PATIENCE, node.port, source=LINE)

    other = ask("other.example")
    assert other.answer
    assert other.flags & dns.flags.AD
    hidden = ask("hidden.example")
    assert told(hidden) == "NXDOMAIN 16 legal"
    assert hidden.sections[1:3] == [[], []]
    assert not hidden.flags & dns.flags.AD
