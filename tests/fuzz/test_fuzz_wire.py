"""Whatever arrives: octets by chance, sound messages spoiled, and dnspython as a second opinion."""

from __future__ import annotations

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from copdns.dns.message import read_response
from copdns.dns.query import read_query, with_tcp_size
from copdns.dns.records import QR
from copdns.dns.wire import error_reply, rewrite_response, upstream_reply
from copdns.model.errors import WireError
from copdns.model.names import from_wire, to_wire
from tests.fuzz.packets import answers, names, queries, rrsets, spoiled
from tests.home import Home
from tests.household import asker
from tests.unit.messages import query
from tests.whole import examples

thorough = settings(
    max_examples=examples(400), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

some_octets = st.binary(max_size=600)
query_wires = queries().map(lambda each: each.to_wire())
answer_wires = answers().map(lambda each: each.to_wire(max_size=65535))


# --- nothing but a wire error ------------------------------------------------------------------


@thorough
@given(some_octets | spoiled(query_wires))
def test_any_octets_are_a_query_or_a_wire_error(wire: bytes) -> None:
    try:
        read_query(wire)
    except WireError as error:
        if len(wire) >= 12:
            reply = dns.message.from_wire(error_reply(wire, error))
            assert reply.flags & QR


@thorough
@given(some_octets | spoiled(answer_wires))
def test_any_octets_are_an_answer_or_a_wire_error(wire: bytes) -> None:
    try:
        answer = read_response(wire)
    except WireError:
        return
    assert all(0 <= at <= len(answer.rrs) - 4 for at, _ in answer.ttl_places)
    assert sum(answer.section_counts) == len(answer.ttl_places)
    assert 0 <= answer.additional_at <= len(answer.rrs)


@thorough
@given(some_octets | spoiled(query_wires))
def test_a_whole_home_answers_any_octets_soundly_or_not_at_all(wire: bytes) -> None:
    reply = HOME.send(wire, asker("mia"))
    if len(wire) < 12 or wire[2] & 0x80:
        assert reply is None
    if reply is None:
        return
    assert reply[:2] == wire[:2]
    assert len(reply) <= 1232
    assert dns.message.from_wire(reply).flags & QR


HOME = Home()


@thorough
@given(answers(), spoiled(answer_wires))
def test_a_sound_question_keeps_its_reply_sound_whatever_the_upstream_sends(
    sound: dns.message.Message, wire: bytes
) -> None:
    """The records themselves pass as they came; what stands around them is ours."""
    asked = dns.message.make_query(sound.question[0].name, sound.question[0].rdtype, use_edns=0)
    read = read_query(asked.to_wire())
    try:
        answer = read_response(wire)
    except WireError:
        return
    reply = upstream_reply(b"\0\1", read, answer, answer.rrs)
    assert reply[:2] == b"\0\1"
    assert len(reply) <= read.max_reply_size
    assert reply[12:].startswith(read.question)


# --- a second opinion --------------------------------------------------------------------------


@thorough
@given(queries())
def test_a_query_is_read_as_dnspython_reads_it(theirs: dns.message.QueryMessage) -> None:
    wire = theirs.to_wire()
    read = read_query(wire)
    asked = theirs.question[0]
    assert to_wire(read.qname) == asked.name.canonicalize().to_wire()
    assert (read.qtype, read.qclass) == (asked.rdtype, asked.rdclass)
    assert read.question == wire[12 : 12 + len(read.question)]
    assert (read.edns is not None) == (theirs.edns >= 0)
    assert read.key.do == bool(theirs.ednsflags & dns.flags.DO)
    assert read.key.cd == bool(theirs.flags & dns.flags.CD)
    if read.edns is not None:
        assert read.edns.udp_size == max(theirs.payload, 512)


@thorough
@given(names())
def test_a_name_has_one_normal_form_and_gets_back_to_the_wire(name: dns.name.Name) -> None:
    text = from_wire(name.to_wire())
    assert from_wire(name.canonicalize().to_wire()) == text
    assert to_wire(text) == name.canonicalize().to_wire()
    assert text.count(".") == max(len(name.labels) - 2, 0)
    assert text.isascii()


@thorough
@given(answers())
def test_an_answer_is_given_on_as_it_came(theirs: dns.message.Message) -> None:
    wire = theirs.to_wire(max_size=65535)
    asked = dns.message.make_query(theirs.question[0].name, theirs.question[0].rdtype)
    read = with_tcp_size(read_query(asked.to_wire()))
    try:
        answer = read_response(wire)
    except WireError:
        assume(False)
    reply = upstream_reply(asked.to_wire()[:2], read, answer, answer.rrs)
    ours, came = dns.message.from_wire(reply), dns.message.from_wire(wire)
    assert ours.rcode() == came.rcode()
    for given_on, original in zip(ours.sections, came.sections, strict=True):
        assert [each.to_text() for each in given_on] == [each.to_text() for each in original]


TARGET = "safe.example"


@thorough
@given(names(), st.lists(rrsets(), max_size=3, unique_by=lambda each: (each.name, each.rdtype)))
def test_a_rewritten_answer_is_the_alias_and_the_targets_records(
    name: dns.name.Name, records: list[dns.rrset.RRset]
) -> None:
    assume(all(rrset.name != name for rrset in records))  # a second alias of the same name
    reply = dns.message.make_response(dns.message.make_query(f"{TARGET}.", "HTTPS"))
    reply.answer = records
    read = with_tcp_size(read_query(query(name.to_wire(), 65)))
    theirs = read_response(reply.to_wire(max_size=65535))
    try:
        made = rewrite_response(read, TARGET, theirs, theirs.rrs, 300)
    except WireError:
        assume(False)
    ours = dns.message.from_wire(upstream_reply(b"\0\0", read, made, made.rrs))
    alias = dns.rrset.from_text(name, 0, "IN", "CNAME", f"{TARGET}.")
    expected = [alias, *dns.message.from_wire(reply.to_wire(max_size=65535)).answer]
    assert sorted(_records(ours.answer)) == sorted(_records(expected))
    assert all(rrset.ttl <= 300 for rrset in ours.answer)


def _records(rrsets: list[dns.rrset.RRset]) -> list[tuple[str, int, str]]:
    return [
        (rrset.name.canonicalize().to_text(), rrset.rdtype, rdata.to_text().lower())
        for rrset in rrsets
        for rdata in rrset
    ]
