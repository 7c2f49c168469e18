"""Groups of cases that need more than one query each: tables of names, types and addresses, wishes
over TCP, TLS, HTTPS and QUIC, forged answers, and a response policy zone."""

from __future__ import annotations

import socket
import ssl
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rdatatype
import dns.rdtypes.svcbbase
import dns.rrset

from copdns.list_files.load import load_catalogue
from tests.conformance_asking import Case, of, over_tcp, query, send, times_asked, udp
from tests.e2e.house import MIA, TOM, House
from tests.running import PATIENCE
from tests.upstream_server import Asked, Way, after, reply_to, silent

PAGE, NULL, REFUSED = "127.0.0.4", "127.0.0.5", "127.0.0.6"
MODES = {"page": PAGE, "null": NULL, "refused": REFUSED}
# Ranges that no outside name may point to, by an address of each.
INSIDE = {
    "10.1.2.3": "A",
    "172.16.1.2": "A",
    "192.168.1.2": "A",
    "169.254.1.2": "A",
    "100.64.1.2": "A",
    "0.0.0.0": "A",
    "fd00::2": "AAAA",
    "fe80::2": "AAAA",
    "::ffff:192.168.1.2": "AAAA",
    "::ffff:10.1.2.3": "AAAA",
}
ZONE = """\
$TTL 60
@ SOA localhost. hostmaster.localhost. 1 3600 600 86400 60
  NS localhost.
one.zone.example CNAME .
*.below.zone.example CNAME *.
*.all.zone.example CNAME .
free.all.zone.example CNAME rpz-passthru.
32.9.100.51.198.rpz-ip CNAME .
ns.zone.example.rpz-nsdname CNAME .
"""
# By name below zone.example, the reply: what the actions of the zone ask for.
OF_ZONE = {
    "one": "NOERROR, EDE 17",
    "x.one": "NOERROR, 127.0.0.80",
    "below": "NOERROR, 127.0.0.80",
    "x.below": "NOERROR, EDE 17",
    "x.all": "NOERROR, EDE 17",
    "free.all": "NOERROR, 127.0.0.80",
    "address": "NOERROR, EDE 17",
}


def pointing_at(rtype: str, address: str) -> Way:
    """Answer with one address, whatever is asked."""

    def way(asked: Asked) -> list[bytes]:
        reply = reply_to(asked, records=False)
        reply.authority.clear()
        reply.answer.append(dns.rrset.from_text(asked.name, 300, "IN", rtype, address))
        return [reply.to_wire()]

    return way


def hinting(asked: Asked) -> list[bytes]:
    """Answer with an HTTPS record that has an address of the home in it."""
    reply = reply_to(asked, records=False)
    reply.authority.clear()
    service = '1 . alpn="h2" ipv4hint="192.168.1.2"'
    reply.answer.append(dns.rrset.from_text(asked.name, 300, "IN", "HTTPS", service))
    return [reply.to_wire()]


def without_soa(asked: Asked) -> list[bytes]:
    reply = reply_to(asked, rcode=3, records=False)
    reply.authority.clear()
    return [reply.to_wire()]


def _other_id(wire: bytes) -> bytes:
    return bytes([wire[0] ^ 1]) + _forged(wire)[1:]


def _other_name(wire: bytes) -> bytes:
    return wire[:13] + b"z" + _forged(wire)[14:]


def _forged(wire: bytes) -> bytes:
    """Return a reply with the address of who forged it."""
    return wire.replace(bytes([127, 0, 0, 80]), bytes([127, 0, 0, 66]))


FORGERIES = {"number": _other_id, "question": _other_name}

SAYS: dict[str, Way] = {
    **{
        f"inside{number}.example": pointing_at(INSIDE[each], each)
        for number, each in enumerate(INSIDE)
    },
    "hint.example": hinting,
    "soaless.example": without_soa,
    "slow.example": silent,
    "address.zone.example": pointing_at("A", "198.51.100.9"),
    **{f"forged-{word}.example": after(forge) for word, forge in FORGERIES.items()},
}


def household_of(before: Mapping[str, Any]) -> dict[str, object]:
    """Return the household with a person for each other mode, and what the groups need."""
    catalogue = load_catalogue(())
    engines = {slug: "strict" for slug, each in catalogue.engines.items() if each.for_children}
    signals = sorted(catalogue.canaries)
    wishes = {"safe_search": engines, "canaries": signals, "categories": ["zone"]}
    profiles = {**before["profiles"], "mia": {**before["profiles"]["mia"], **wishes}}
    for mode, address in MODES.items():
        profiles[mode] = {
            "band": "adult",
            "devices": {f"{mode}-pc": [address]},
            "block_mode": mode,
            "block": ["games.example"],
        }
    rules = [
        {"id": "r8", "block": "shows.example", "for": "tom"},
        {"id": "r7", "allow": "kids.shows.example", "for": "tom"},
    ]
    return {**before, "profiles": profiles, "rules": [*before["rules"], *rules]}


def settings_of(folder: Path) -> dict[str, object]:
    """Return the settings that the groups need: a list that is a response policy zone."""
    file = folder / "zone.rpz"
    file.write_text(ZONE)
    zone = {"slug": "zone", "path": str(file), "category": "zone", "format": "rpz"}
    zone["match"] = "exact"
    return {"lists": [zone]}


def group_cases() -> Iterator[Case]:
    """Yield the cases, in the order of the table."""
    yield from _negative_cases()
    yield from _stream_cases()
    yield from _forgery_cases()
    yield from _mode_cases()
    yield from _table_cases()
    yield from _zone_cases()
    yield from _https_cases()
    yield from _quic_cases()


def _negative_cases() -> Iterator[Case]:
    """Yield the cases of what does not exist."""
    gone = query("nowhere.example", use_edns=0)
    half = "NXDOMAIN, SOA with 30 s"
    yield Case("RFC 2308 5", "SOA with 300 s and a minimum of 60: half of the least", half, _gone)
    bare = query("soaless.example", use_edns=0)
    yield Case("RFC 2308 5", "NXDOMAIN without SOA, twice", "2 asked", _then(bare, bare))
    # RFC 8020 would let it be denied at once.  Some servers say NXDOMAIN of a name that has names
    # below it, and without checked signatures that cannot be told apart.
    below = query("x.nowhere.example", use_edns=0)
    yield Case("not RFC 8020 2", "below a name that does not exist", "1 asked", _then(gone, below))


def _gone(home: House) -> str:
    reply = dns.message.from_wire(send(home, query("nowhere.example").to_wire()) or b"")
    (soa,) = reply.authority
    return f"{of(reply.to_wire())}, {dns.rdatatype.to_text(soa.rdtype)} with {soa.ttl} s"


def _then(first: dns.message.Message, then: dns.message.Message) -> Callable[[House], str]:
    def get(home: House) -> str:
        for each in (first, then):
            send(home, each.to_wire())
        return f"{times_asked(home, then)} asked"

    return get


def _stream_cases() -> Iterator[Case]:
    """Yield the cases of connections."""
    yield Case("RFC 7766 8", "a query over TCP, octet by octet", "NOERROR, 127.0.0.80", _dripped)
    overtaken = "the fast one is answered first"
    yield Case("RFC 7766 6.2.1.1", "two over TCP, the first one slow", overtaken, _overtaken)
    keepalive = dns.edns.GenericOption(11, b"")
    lasting = query("plain.example", use_edns=0, options=[keepalive])
    yield Case(
        "RFC 7828 3.3.2",
        "keepalive is wished, over TCP",
        "given",
        lambda home: _kept(home, lasting),
    )
    yield Case(
        "RFC 7828 3.2.1",
        "the same over UDP",
        "not given",
        lambda home: _has_keepalive(send(home, lasting.to_wire()) or b""),
    )


def _dripped(home: House) -> str:
    wire = query("plain.example").to_wire()
    with socket.create_connection(("127.0.0.1", home.program.port), PATIENCE) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in len(wire).to_bytes(2, "big") + wire:
            sock.sendall(bytes([octet]))
        stream = sock.makefile("rb")
        return of(stream.read(int.from_bytes(stream.read(2), "big")))


def _overtaken(home: House) -> str:
    slow, fast = query("slow.example"), query("plain.example")
    replies = over_tcp(home, [slow.to_wire(), fast.to_wire()])
    order = [int.from_bytes(each[:2], "big") for each in replies]
    return "the fast one is answered first" if order == [fast.id, slow.id] else "in line"


def _kept(home: House, message: dns.message.Message) -> str:
    return _has_keepalive(over_tcp(home, [message.to_wire()])[0])


def _has_keepalive(wire: bytes) -> str:
    found = [each for each in dns.message.from_wire(wire).options if int(each.otype) == 11]
    return "given" if found else "not given"


def _forgery_cases() -> Iterator[Case]:
    """Yield the cases of answers that come before the right one."""
    for word in FORGERIES:
        yield Case(
            "RFC 5452 9.1",
            f"an answer with another {word} comes first",
            "NOERROR, 127.0.0.80",
            udp(query(f"forged-{word}.example")),
        )


def _mode_cases() -> Iterator[Case]:
    """Yield the cases of how a block is answered."""
    expected = {
        "page": {"A": "NOERROR, 127.0.0.1, EDE 4", "AAAA": "NOERROR, EDE 17"},
        "null": {"A": "NOERROR, 0.0.0.0, EDE 17", "AAAA": "NOERROR, ::, EDE 17"},
        "refused": {"A": "REFUSED, EDE 17", "AAAA": "REFUSED, EDE 17"},
    }
    for mode, by_type in expected.items():
        for rtype in ("A", "AAAA", "HTTPS", "TXT"):
            told = by_type.get(rtype, "REFUSED, EDE 17" if mode == "refused" else "NOERROR, EDE 17")
            asked = query("games.example", rtype, use_edns=0)
            yield Case("RFC 8914 4", f"mode {mode}, {rtype}", told, udp(asked, MODES[mode]))
    structured = dns.edns.GenericOption(26, b"")
    wishing = query("games.example", use_edns=0, options=[structured])
    yield Case(
        "structured errors", "mode page, with option 26", "NOERROR, EDE 17", udp(wishing, PAGE)
    )
    for name, told in {"shows.example": "NOERROR, EDE 17", "kids.shows.example": _FREE}.items():
        what = "a name below it is allowed" if name == "shows.example" else "that name"
        asked = query(name, use_edns=0)
        yield Case("RFC 8020 2", f"mode nxdomain: {what}", told, udp(asked, TOM))


_FREE = "NOERROR, 127.0.0.80"


def _table_cases() -> Iterator[Case]:
    """Yield the cases of the tables that come with copdns, and of networks at home."""
    catalogue = load_catalogue(())
    for slug, engine in sorted(catalogue.engines.items()):
        if engine.for_children:
            asked = f"{slug}: {len(engine.hosts)} names, A, AAAA and HTTPS"
            target = engine.modes["strict"]
            told = f"all lead to {target}"
            yield Case("safe search", asked, told, _leading(sorted(engine.hosts), target))
    for slug, canary in sorted(catalogue.canaries.items()):
        names = sorted(canary.names)
        told = "NXDOMAIN, aa"
        yield Case("canary", f"{slug}: {len(names)} names and x below", told, _all_said(names))
    for number, address in enumerate(INSIDE):
        asked = query(f"inside{number}.example", INSIDE[address], use_edns=0)
        yield Case("rebinding", f"an outside name with {address}", "NOERROR, EDE 15", udp(asked))
    hint = query("hint.example", "HTTPS", use_edns=0)
    yield Case(
        "rebinding", "an HTTPS record with a hint of 192.168.1.2", "NOERROR, EDE 15", udp(hint)
    )


def _leading(names: Iterable[str], target: str) -> Callable[[House], str]:
    """Ask for all names; return those that do not lead to the target, in words."""

    def get(home: House) -> str:
        wrong = [
            f"{name} {rtype}"
            for name in names
            for rtype in ("A", "AAAA", "HTTPS")
            if not _leads(send(home, query(name, rtype).to_wire()) or b"", target)
        ]
        return f"not {', '.join(wrong)}" if wrong else f"all lead to {target}"

    return get


def _leads(wire: bytes, target: str) -> bool:
    answer = dns.message.from_wire(wire).answer
    return [str(each) for each in (answer[0] if answer else ())] == [f"{target}."]


def _all_said(names: Iterable[str]) -> Callable[[House], str]:
    """Ask for all names, and for one below each; return what is said, once."""
    asked = [each for name in names for each in (name, f"x.{name}")]
    return lambda home: " | ".join(
        sorted({of(send(home, query(each, use_edns=0).to_wire())) for each in asked})
    )


def _zone_cases() -> Iterator[Case]:
    """Yield the cases of a response policy zone that is used as a list."""
    for name, told in OF_ZONE.items():
        asked = query(f"{name}.zone.example", use_edns=0)
        yield Case("RPZ", f"{name}.zone.example", told, udp(asked))


def _https_cases() -> Iterator[Case]:
    """Yield the cases of DNS over HTTPS."""
    wire = query("games.example", use_edns=0, id=0).to_wire()
    said = f"200, {_MESSAGE}, private, max-age=10, EDE 17"
    yield Case("RFC 8484 4.1.1", "GET for a blocked name", said, _over_https("GET", wire))
    yield Case("RFC 8484 4.1.1", "POST of it", said, _over_https("POST", wire))
    yield Case("RFC 8484 4.1", "POST of text", "415", _over_https("POST", wire, "text/plain"))
    yield Case("RFC 8484 4.1", "GET without a query", "400", _over_https("GET", b""))


_MESSAGE = "application/dns-message"


def _over_https(method: str, wire: bytes, kind: str = _MESSAGE) -> Callable[[House], str]:
    """Send a query over HTTPS; return status, type and life of the reply, and its error."""

    def get(home: House) -> str:
        target, body = "/dns-query", wire if method == "POST" else None
        if method == "GET" and wire:
            target += "?dns=" + urlsafe_b64encode(wire).rstrip(b"=").decode()
        connection = HTTPSConnection(
            MIA, port_of(home, "h2"), timeout=PATIENCE, context=_trusting()
        )
        headers = {"Content-Type": kind} if method == "POST" else {"Accept": kind}
        connection.request(method, target, body, headers)
        reply = connection.getresponse()
        read = reply.read()
        connection.close()
        if reply.status != 200:
            return str(reply.status)
        codes = [int(e.code) for e in dns.message.from_wire(read).options if int(e.otype) == 15]
        life = reply.headers["Cache-Control"]
        return f"200, {reply.headers['Content-Type']}, {life}, EDE {', '.join(map(str, codes))}"

    return get


def _quic_cases() -> Iterator[Case]:
    """Yield the cases of DNS over QUIC."""
    yield Case(
        "RFC 9250 4.2.1",
        "a blocked name over QUIC, padded",
        "NOERROR, EDE 17; a multiple of 468 octets",
        _over_quic,
    )


def _over_quic(home: House) -> str:
    asked = query("games.example", use_edns=0, pad=128)
    reply = dns.query.quic(asked, MIA, PATIENCE, port_of(home, "doq"), verify=False)
    size = len(reply.wire or b"")
    padded = "a multiple of 468 octets" if size and size % 468 == 0 else f"{size} octets"
    return f"{of(reply.wire)}; {padded}"


def port_of(home: House, protocol: str) -> int:
    """Return the port of a protocol (ALPN), as a device finds it (RFC 9462)."""
    reply = dns.message.from_wire(send(home, query("_dns.resolver.arpa", "SVCB").to_wire()) or b"")
    keys = dns.rdtypes.svcbbase.ParamKey
    for rdata in reply.answer[0]:
        if protocol.encode() in rdata.params[keys.ALPN].ids:
            return int(rdata.params[keys.PORT].port)
    raise LookupError(f"nothing speaks {protocol}")


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
