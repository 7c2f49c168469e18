"""What the standards ask for, beside what the program does: `python -m tests.conformance`.

Each case is sent to the real program on loopback, behind an upstream that does as it is told.  The
table says for each what is asked, by which text, what is expected and what came; a case that
differs makes the command fail.  --page FILE writes the table as a page of the documentation.
Packets of other servers' tests are replayed as well (`replay.py` of their folder), and it tells in
how many of them the verdict is that of three other resolvers, where these agree.  Where there are
none, the page keeps what it said of them.
"""

from __future__ import annotations

import argparse
import gzip
import json
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.svcbbase
import dns.rrset

from tests.conformance_asking import (
    SILENCE,
    Case,
    Result,
    at_upstream,
    of,
    options_of,
    over_tcp,
    query,
    raw,
    send,
    times_asked,
    twice,
    udp,
)
from tests.conformance_groups import SAYS as GROUPS_SAY
from tests.conformance_groups import group_cases, household_of, port_of, settings_of
from tests.e2e.house import MIA, TOM, House, house
from tests.encrypted_server import NAME, make_certificate
from tests.replies import ede_of
from tests.running import PATIENCE, free_port
from tests.upstream_server import (
    Asked,
    Way,
    authenticated,
    failing,
    nothing,
    reply_to,
    truncated,
    without_edns,
)

SHORTLY = 0.3  # seconds in which a reply to a message that gets none would have come
MANY = 100  # queries in one segment
PACKETS = Path(__file__).parents[2] / "shared" / "data" / "packets"
PREFIX = "2001:db8:64::/96"  # of the translator

HOUSEHOLD = {
    "household": "Example family",
    "profiles": {
        "mia": {
            "band": "7-9",
            "devices": {"mia-tablet": [MIA]},
            "block": ["games.example"],
            "safe_search": {"google": "strict"},
            "canaries": ["firefox_doh"],
        },
        "tom": {"band": "13-15", "devices": {"tom-phone": [TOM]}, "block_mode": "nxdomain"},
    },
    "rules": [{"id": "r9", "block": "films.example", "for": "tom"}],
}


# --- what the upstream says --------------------------------------------------------------------


def large(asked: Asked) -> list[bytes]:
    reply = reply_to(asked)
    reply.answer = [
        dns.rrset.from_text(asked.name, 300, "IN", "TXT", *(f'"{"x" * 200}{n}"' for n in range(9)))
    ]
    return [reply.to_wire(max_size=65535)]


def at_home(asked: Asked) -> list[bytes]:
    reply = reply_to(asked)
    reply.answer = [dns.rrset.from_text(asked.name, 300, "IN", "A", "192.168.1.1")]
    return [reply.to_wire()]


def cloaked(asked: Asked) -> list[bytes]:
    reply = reply_to(asked)
    reply.answer = [
        dns.rrset.from_text(asked.name, 300, "IN", "CNAME", "games.example."),
        dns.rrset.from_text("games.example.", 300, "IN", "A", "127.0.0.80"),
    ]
    return [reply.to_wire()]


def only(rtype: str, data: str, otherwise: int = 0) -> Way:
    """Have one record, and of other types nothing, or an error."""

    def way(asked: Asked) -> list[bytes]:
        if asked.rtype != rtype:
            return [reply_to(asked, records=False, rcode=otherwise).to_wire()]
        reply = reply_to(asked, records=False)
        reply.authority.clear()
        reply.answer.append(dns.rrset.from_text(asked.name, 300, "IN", rtype, data))
        return [reply.to_wire()]

    return way


def leading_to(name: str, ipv4: str) -> Way:
    """Lead to a name that has IPv4 alone."""

    def way(asked: Asked) -> list[bytes]:
        reply = reply_to(asked, records=False)
        reply.answer.append(dns.rrset.from_text(asked.name, 300, "IN", "CNAME", name))
        if asked.rtype == "A":
            reply.authority.clear()
            reply.answer.append(dns.rrset.from_text(name, 300, "IN", "A", ipv4))
        return [reply.to_wire()]

    return way


SAYS: dict[str, Way] = {
    "four.example": only("A", "198.51.100.7"),
    "six.example": only("AAAA", "2001:db8::80"),
    "typeless.example": only("A", "198.51.100.7", 2),
    "leading.example": leading_to("four.example.", "198.51.100.7"),
    "led.example": leading_to("games.example.", "198.51.100.7"),
    "large.example": large,
    "cut.example": truncated,
    "old.example": without_edns,
    "signed.example": authenticated,
    "broken.example": failing(2),
    "nowhere.example": failing(3),
    "empty.example": nothing,
    "inside.example": at_home,
    "cloak.example": cloaked,
}

# --- the cases ---------------------------------------------------------------------------------

_A = query("plain.example").to_wire()
_OPT = bytes.fromhex("0000291000000000000000")
_TWO_OPTS = _A[:10] + b"\0\2" + _A[12:] + 2 * _OPT
_SPECIAL = (
    ("RFC 6761 6.3", "localhost", "A", "NOERROR, aa, 127.0.0.1"),
    ("RFC 6761 6.3", "any.localhost", "AAAA", "NOERROR, aa, ::1"),
    ("RFC 6761 6.4", "any.invalid", "A", "NXDOMAIN, aa"),
    ("RFC 6761 6.2", "any.test", "A", "NXDOMAIN, aa"),
    ("RFC 7686 2", "any.onion", "A", "NXDOMAIN, aa"),
    ("RFC 9476 2", "any.alt", "A", "NXDOMAIN, aa"),
    ("RFC 6762 22.1", "printer.local", "A", "NXDOMAIN, aa"),
    ("RFC 8375 4", "any.home.arpa", "A", "NXDOMAIN, aa"),
    ("RFC 6303 4", "1.0.168.192.in-addr.arpa", "PTR", "NXDOMAIN, aa"),
    ("RFC 6303 4", "168.192.in-addr.arpa", "PTR", "NOERROR, aa"),
    ("RFC 7793", "1.64.100.in-addr.arpa", "PTR", "NXDOMAIN, aa"),
    ("RFC 8880 7.1", "ipv4only.arpa", "A", "NOERROR, aa, 192.0.0.170, 192.0.0.171"),
    ("RFC 8880 7.1", "ipv4only.arpa", "AAAA", "NOERROR, aa"),
    ("RFC 9462 6.4", "_dns.resolver.arpa", "HTTPS", "NOERROR, aa"),
    ("RFC 9462 6.4", "other.resolver.arpa", "SVCB", "NOERROR, aa"),
)


def cases() -> Iterator[Case]:
    """Yield all cases, in the order of the table."""
    yield from _message_cases()
    yield from _edns_cases()
    yield from _dnssec_cases()
    yield from _special_name_cases()
    yield from _cache_cases()
    yield from _tcp_cases()
    yield from _policy_cases()
    yield from _encrypted_cases()
    yield from group_cases()
    # The last one, since it is learned about the upstream.
    yield Case(
        "RFC 6891 7", "an upstream without EDNS", "NOERROR, 127.0.0.80", udp(query("old.example"))
    )


def _message_cases() -> Iterator[Case]:
    """Yield the cases of messages as such."""
    yield Case("RFC 1035 4.1.1", "5 octets", SILENCE, raw(_A[:5], SHORTLY))
    response = _A[:2] + b"\x81" + _A[3:]
    yield Case("RFC 1035 4.1.1", "a response", SILENCE, raw(response, SHORTLY))
    two = _A[:4] + b"\0\2" + _A[6:]
    yield Case("RFC 9619 4", "two questions", "FORMERR", raw(two))
    yield Case("RFC 9619 4", "no question", "FORMERR", raw(_A[:4] + bytes(8)))
    yield Case("RFC 1035 4.1.2", "a question that is cut short", "FORMERR", raw(_A[:-3]))
    looping = _A[:12] + b"\xc0\x0c\0\1\0\1"
    yield Case("RFC 9267 2", "a name that points to itself", "FORMERR", raw(looping))
    notify = _A[:2] + b"\x20" + _A[3:]
    yield Case("RFC 8906 3.1.4", "opcode NOTIFY", "NOTIMP", raw(notify))
    yield Case("RFC 5936 2", "AXFR", "REFUSED, EDE 21", udp(query("example", "AXFR", use_edns=0)))
    chaos = query("version.bind", "TXT", rdclass="CH", use_edns=0)
    yield Case("RFC 8906 3.1.1", "class CH", "REFUSED, EDE 21", udp(chaos))
    yield Case(
        "RFC 8482 4.2", "type ANY", 'NOERROR, "RFC8482" ""', udp(query("any.example", "ANY"))
    )
    stub = query("first.example", use_edns=0)
    stub.flags &= ~dns.flags.RD
    yield Case("RFC 8914 4.21", "RD=0", "REFUSED, EDE 20", udp(stub))
    upper = query("MiXeD.eXaMpLe")
    kept = "the question in the letters that were sent"
    yield Case("RFC 5625 4.1", "a name in mixed case", kept, lambda home: _letters(home, upper))


def _edns_cases() -> Iterator[Case]:
    """Yield the cases of EDNS and of sizes."""
    yield Case("RFC 6891 7", "two OPT records", "FORMERR", raw(_TWO_OPTS))
    newer = query("plain.example", use_edns=1)
    yield Case("RFC 6891 6.1.3", "EDNS version 1", "BADVERS", udp(newer))
    with_opt = "OPT, 1232 octets"
    yield Case("RFC 9715 3", "with EDNS", with_opt, lambda home: _opt(home, use_edns=0))
    yield Case("RFC 6891 7", "without EDNS", "no OPT", lambda home: _opt(home))
    yield Case("RFC 8914 2", "a blocked name, without EDNS", "NOERROR", udp(query("games.example")))
    long = query("large.example", "TXT", use_edns=0, payload=512)
    yield Case("RFC 2181 9", "more than 512 octets, over UDP", "NOERROR, tc", udp(long))
    yield Case("RFC 7766 5", "the same over TCP", "9 strings", lambda home: _strings(home, long))
    yield Case(
        "RFC 7766 5",
        "what upstream cuts over UDP",
        "NOERROR, 127.0.0.80",
        udp(query("cut.example")),
    )
    marked = query("marked.example", use_edns=0, options=[dns.edns.GenericOption(65001, b"\1\2")])
    yield Case(
        "RFC 6891 6.1.2",
        "an unknown option: at the upstream",
        "options 10",
        at_upstream(marked, options_of),
    )
    subnet = query("subnet.example", use_edns=0, options=[dns.edns.ECSOption("198.51.100.0", 24)])
    yield Case(
        "RFC 7871 11.1",
        "a client subnet: at the upstream",
        "options 10",
        at_upstream(subnet, options_of),
    )


def _dnssec_cases() -> Iterator[Case]:
    """Yield the cases of the bits of DNSSEC."""
    secure = query("secure.example", want_dnssec=True)
    yield Case(
        "RFC 4035 3.2.1",
        "DO=1: at the upstream",
        "DO=1",
        at_upstream(secure, lambda asked: f"DO={asked.do:d}"),
    )
    plain = query("insecure.example", use_edns=0)
    yield Case(
        "RFC 4035 3.2.1",
        "DO=0: at the upstream",
        "DO=0",
        at_upstream(plain, lambda asked: f"DO={asked.do:d}"),
    )
    unchecked = query("unchecked.example", use_edns=0)
    unchecked.flags |= dns.flags.CD
    yield Case("RFC 4035 3.2.2", "CD=1: at the upstream", "CD=1", at_upstream(unchecked, _cd))
    checked = query("unchecked.example", use_edns=0)
    yield Case(
        "RFC 4035 3.2.2",
        "CD=0 after CD=1",
        "2 asked; NOERROR, 127.0.0.80",
        _both(unchecked, checked),
    )
    wants = query("signed.example", use_edns=0)
    wants.flags |= dns.flags.AD
    yield Case(
        "RFC 6840 5.8",
        "AD=1, of what an upstream on loopback checked",
        "NOERROR, ad, 127.0.0.80",
        udp(wants),
    )
    yield Case(
        "RFC 6840 5.8",
        "the same with AD=0 and DO=0",
        "NOERROR, 127.0.0.80",
        udp(query("signed.example")),
    )


def _special_name_cases() -> Iterator[Case]:
    """Yield the cases of names that no upstream is asked for."""
    for by, name, rtype, expected in _SPECIAL:
        yield Case(by, f"{name} {rtype}", expected, udp(query(name, rtype)))
    yield Case("RFC 6303 4", "all of these: at the upstream", "not asked", _none_asked)


def _cache_cases() -> Iterator[Case]:
    """Yield the cases of what is cached."""
    same = query("shared.example")
    yield Case(
        "one cache for all",
        "the same name, by another person",
        "1 asked; NOERROR, 127.0.0.80",
        twice(same, same),
    )
    gone = query("nowhere.example", use_edns=0)
    yield Case(
        "RFC 2308 5", "a name that does not exist, twice", "1 asked; NXDOMAIN", twice(gone, gone)
    )
    other = query("nowhere.example", "AAAA", use_edns=0)
    yield Case("RFC 2308 5", "another type of it", "0 asked; NXDOMAIN", twice(gone, other))
    none = query("empty.example", use_edns=0)
    yield Case(
        "RFC 2308 5", "a name without an address, twice", "1 asked; NOERROR", twice(none, none)
    )
    broken = query("broken.example", use_edns=0)
    yield Case(
        "RFC 9520 3.2",
        "a failure, asked again within a second",
        "0 asked; SERVFAIL, EDE 13",
        lambda home: _ask_again(home, broken),
    )


def _tcp_cases() -> Iterator[Case]:
    """Yield the cases of many queries on a connection."""
    names = [query(f"n{number}.example", id=number).to_wire() for number in range(MANY)]
    yield Case(
        "RFC 7766 6.2.1.1",
        f"{MANY} queries in one segment",
        f"{MANY} replies",
        lambda home: f"{len({each[:2] for each in over_tcp(home, names)})} replies",
    )


def _policy_cases() -> Iterator[Case]:
    """Yield the cases of what rules decide."""
    blocked = query("games.example", use_edns=0)
    yield Case("RFC 8914 4.18", "a blocked name", "NOERROR, EDE 17", udp(blocked))
    secured = query("games.example", want_dnssec=True)
    secured.flags |= dns.flags.CD
    yield Case("policy first", "a blocked name with DO=1 and CD=1", "NOERROR, EDE 17", udp(secured))
    yield Case(
        "RFC 2308 3",
        "a blocked name: SOA and its TTL",
        "SOA, 10 s",
        lambda home: _soa(home, blocked),
    )
    films = query("films.example", use_edns=0)
    yield Case(
        "RFC 8020 2", "a blocked name, in mode nxdomain", "NXDOMAIN, EDE 17", udp(films, TOM)
    )
    yield Case(
        "RFC 8482 4.2",
        "a blocked name, type ANY",
        "NOERROR, EDE 17",
        udp(query("games.example", "ANY", use_edns=0)),
    )
    yield Case(
        "policy first",
        "a name that leads to a blocked one",
        "NOERROR, EDE 17",
        udp(query("cloak.example", use_edns=0)),
    )
    yield Case(
        "policy first",
        "an outside name with an address at home",
        "NOERROR, EDE 15",
        udp(query("inside.example", use_edns=0)),
    )
    canary = query("use-application-dns.net", use_edns=0)
    yield Case("canary", "use-application-dns.net, by a child", "NXDOMAIN, aa", udp(canary))


def nat64_cases() -> Iterator[Case]:
    """Yield the cases of a network whose devices have no IPv4, with a translator."""
    mapped = "2001:db8:64::c633:6407"
    for by, asked, name, expected in (
        ("RFC 6147 5.1.6", "DNS64: a name with IPv4 alone", "four.example", f"NOERROR, {mapped}"),
        ("RFC 6147 5.1.1", "a name with IPv6", "six.example", "NOERROR, 2001:db8::80"),
        ("RFC 6147 5.1.2", "a name that does not exist", "nowhere.example", "NXDOMAIN"),
        ("RFC 6147 5.1.2", "an error for AAAA alone", "typeless.example", f"NOERROR, {mapped}"),
        (
            "RFC 6147 5.1.5",
            "a name that leads to another",
            "leading.example",
            f"NOERROR, four.example., {mapped}",
        ),
        ("policy first", "a name that leads to a blocked one", "led.example", "NOERROR, EDE 17"),
        (
            "RFC 7050 3",
            "ipv4only.arpa",
            "ipv4only.arpa",
            "NOERROR, aa, 2001:db8:64::c000:aa, 2001:db8:64::c000:ab",
        ),
    ):
        yield Case(by, f"{asked}: AAAA", expected, udp(query(name, "AAAA", use_edns=0)))
    who = query("four.example", "AAAA", want_dnssec=True)
    who.flags |= dns.flags.CD
    yield Case("RFC 6147 3", "who checks signatures itself: AAAA", "NOERROR", udp(who))


def turn_on_nat64(home: House) -> None:
    file = Path(home.program.options[1])
    file.write_text(json.dumps({**json.loads(file.read_text()), "dns64": {"prefix": PREFIX}}))
    home.program.reload()


def _encrypted_cases() -> Iterator[Case]:
    """Yield the cases of DNS over TLS: how it is found, and what only it is told."""
    yield Case(
        "RFC 9462 4",
        "_dns.resolver.arpa SVCB, with DNS over TLS, HTTPS and QUIC",
        "NOERROR, aa; 1 dot, 2 doq, 3 h2 at ports of their own, for dns.example.; 127.0.0.1",
        _designated,
    )
    info = query("resolver.arpa", "RESINFO")
    info.flags &= ~dns.flags.RD
    told = 'NOERROR, aa, "exterr=0-25,27,31,33,35"'
    yield Case("RFC 9606 3", "resolver.arpa RESINFO, RD=0", told, udp(info))
    asking = query("games.example", use_edns=0, options=[dns.edns.GenericOption(26, b"")])
    draft = "structured errors"
    yield Case(
        draft, "a blocked name with option 26, over TLS", "EDE 17, names j, l", over_tls(asking)
    )
    yield Case(draft, "the same in clear text", "EDE 17, plain text", _text_in_clear(asking))
    yield Case(
        draft,
        "a blocked name without option 26, over TLS",
        "EDE 17, plain text",
        over_tls(query("games.example", use_edns=0)),
    )


def _designated(home: House) -> str:
    """Return what discovery says, and where the name in it leads."""
    reply = dns.message.from_wire(send(home, query("_dns.resolver.arpa", "SVCB").to_wire()) or b"")
    keys = dns.rdtypes.svcbbase.ParamKey
    services = sorted((each.priority, each) for each in reply.answer[0])
    ways = [f"{order} {each.params[keys.ALPN].ids[0].decode()}" for order, each in services]
    ports = {int(each.params[keys.PORT].port) for _, each in services}
    own = "at ports of their own" if len(ports) == len(services) else "at one port"
    (target,) = {each.target.to_text() for _, each in services}
    addresses = ", ".join(str(rdata) for rrset in reply.additional for rdata in rrset)
    reply.answer.clear()
    return f"{of(reply.to_wire())}; {', '.join(ways)} {own}, for {target}; {addresses}"


def over_tls(message: dns.message.Message) -> Callable[[House], str]:
    """Send a query over TLS; return its extended error, and the names in the text of that."""

    def get(home: House) -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        port = port_of(home, "dot")
        return _text_of(dns.query.tls(message, MIA, PATIENCE, port, ssl_context=context))

    return get


def _text_in_clear(message: dns.message.Message) -> Callable[[House], str]:
    return lambda home: _text_of(dns.message.from_wire(send(home, message.to_wire()) or b""))


def _text_of(reply: dns.message.Message) -> str:
    code, text = ede_of(reply) or (0, "")
    names = f"names {', '.join(json.loads(text))}" if text.startswith("{") else "plain text"
    return f"EDE {code}, {names}"


def _cd(asked: Asked) -> str:
    return f"CD={bool(asked.message.flags & dns.flags.CD):d}"


def _both(first: dns.message.Message, second: dns.message.Message) -> Callable[[House], str]:
    """As `twice`, but for a name that may have been asked for already."""

    def get(home: House) -> str:
        reply = send(home, second.to_wire())
        send(home, first.to_wire())
        return f"{times_asked(home, first)} asked; {of(reply)}"

    return get


def _ask_again(home: House, message: dns.message.Message) -> str:
    """Send a query; send it again, and return how often the upstream was asked for that."""
    send(home, message.to_wire())
    before = times_asked(home, message)
    reply = send(home, message.to_wire(), TOM)
    return f"{times_asked(home, message) - before} asked; {of(reply)}"


def _none_asked(home: House) -> str:
    special = {name for _, name, _, _ in _SPECIAL}
    asked = sorted(special.intersection(home.upstream.names))
    return ", ".join(asked) or "not asked"


def _letters(home: House, message: dns.message.Message) -> str:
    sent, got = message.to_wire(), send(home, message.to_wire())
    end = len(sent)
    is_same = got is not None and got[12:end] == sent[12:end]
    return "the question in the letters that were sent" if is_same else "another question"


def _opt(home: House, **more: object) -> str:
    wire = send(home, query("plain.example", **more).to_wire())
    assert wire is not None
    reply = dns.message.from_wire(wire)
    return f"OPT, {reply.payload} octets" if reply.edns >= 0 else "no OPT"


def _strings(home: House, message: dns.message.Message) -> str:
    reply = dns.message.from_wire(over_tcp(home, [message.to_wire()])[0])
    return f"{sum(len(rrset) for rrset in reply.answer)} strings"


def _soa(home: House, message: dns.message.Message) -> str:
    wire = send(home, message.to_wire())
    assert wire is not None
    (rrset,) = dns.message.from_wire(wire).authority
    return f"{dns.rdatatype.to_text(rrset.rdtype)}, {rrset.ttl} s"


# --- the table ---------------------------------------------------------------------------------


def run(folder: Path, packets: Path | None = None) -> tuple[list[Result], str]:
    """Run all cases; return their results, and what the replay of packets said ("" for none)."""
    environment = {"COPDNS_REBINDING__ALLOW": '["127.0.0.0/8"]'}
    files = dict.fromkeys(("certificate", "key"), str(make_certificate(folder).path))
    ports = {f"{each}_port": free_port() for each in ("tls", "https", "quic")}
    settings = {"encrypted": {"name": NAME, **ports, **files}, **settings_of(folder)}
    household, says = household_of(HOUSEHOLD), {**SAYS, **GROUPS_SAY}
    with house(folder, settings, household, says, environment) as home:
        results = [Result(case, case.get(home)) for case in cases()]
        replayed = _replay(home, packets) if packets else ""
        turn_on_nat64(home)
        results += [Result(case, case.get(home)) for case in nat64_cases()]
        return results, replayed


def _replay(home: House, folder: Path) -> str:
    """Return the last line of the replay, and before it a row of a table for each difference."""
    packets = folder / "packets.tsv.gz"
    where = ["127.0.0.1", str(home.program.port), "--timeout", "0.4", "--verbose"]
    command = [sys.executable, folder / "replay.py", packets, *where]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = (done.stdout or done.stderr).strip().splitlines()
    # soft ID FILE references RCODE got RCODE
    differing = {
        words[1]: (words[4], words[6]) for words in map(str.split, said) if _is_soft(words)
    }
    rows: Counter[str] = Counter()
    with gzip.open(packets, "rt") as lines:
        for line in lines:
            cells = line.rstrip("\n").split("\t")
            if cells[0] in differing:
                rows[_difference(bytes.fromhex(cells[11]), *differing[cells[0]])] += 1
    return "\n".join([*(f"| {times} {row}" for row, times in sorted(rows.items())), said[-1]])


def _is_soft(words: list[str]) -> bool:
    return words[:1] == ["soft"] and len(words) == 7


def _difference(packet: bytes, others: str, ours: str) -> str:
    """Return the row of a query on which others agree, and copdns does not."""
    (question,) = dns.message.from_wire(packet, ignore_trailing=True).question
    name = question.name.to_text().lower()
    why = "**not explained**"
    if question.rdclass == dns.rdataclass.CH:
        why = "class CH is not served: it would tell which program answers"
    elif name.endswith(".lan."):
        why = "`lan` is for homes, and names below it are not sent outside"
    codes = " | ".join(dns.rcode.to_text(dns.rcode.Rcode(int(each[0]))) for each in (others, ours))
    return f"| {dns.rdataclass.to_text(question.rdclass)} `{name}` | {codes} | {why} |"


def page(results: list[Result], replayed: str) -> str:
    """Return the page of the documentation."""
    right = sum(each.is_right for each in results)
    lines = [
        "# Conformance",
        "",
        "What the standards ask for, and what copdns does. `make conformance` sends each case to",
        "the program on loopback, behind an upstream that does as it is told, and writes this",
        "page.",
        "",
        f"{right} of {len(results)} cases are as expected.",
        "",
        "| by | case | expected | got |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {each.case.by} | {each.case.asked} | {each.case.expected} | {_got(each)} |"
        for each in results
    ]
    if replayed:
        *rows, last = replayed.splitlines()
        head = ["| times | query | the others | copdns | why |", "|---|---|---|---|---|"]
        lines += [_HEADING.rstrip("\n"), "", _PACKETS, "", f"    {last}"]
        lines += ["", "Those that differ:", "", *head, *rows] if rows else []
        lines += ["", _ORACLE]
    return "\n".join(lines) + "\n"


_HEADING = "\n## Packets\n"
_PACKETS = """\
Packets from captures and from the tests and fuzzers of other DNS servers are sent one after
another. A hard failure is a reply to a response, a malformed reply, or silence afterwards. "Soft"
counts the queries on which three other resolvers agree: how often copdns says the same. It
differs where it decides by its own rules."""
# What was measured last, by hand.
_ORACLE = """\
Every answer: `make oracle` compares the replies to all names of the query files, in many ways of
asking, with what `copdns check` says of them, or else with the upstream's own answer. On
29 November 2026 it was 53,069 questions by each of two people, and none differed."""


def _got(result: Result) -> str:
    return "the same" if result.is_right else f"**{result.got}**"


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare the program with the standards.")
    parser.add_argument("--page", type=Path, help="write the table to this file")
    parser.add_argument(
        "--packets", type=Path, default=PACKETS, help="a folder of packets to replay"
    )
    chosen = parser.parse_args()
    with TemporaryDirectory() as folder:
        results, replayed = run(Path(folder), chosen.packets if chosen.packets.is_dir() else None)
    for each in results:
        mark = "ok  " if each.is_right else "DIFF"
        print(f"{mark} {each.case.by:17} {each.case.asked:48} {each.got}")
        if not each.is_right:
            print(f"{'':23}expected: {each.case.expected}")
    print(replayed)
    if chosen.page:
        # Without the packets, what was measured with them stays.
        kept = _HEADING + chosen.page.read_text().partition(_HEADING)[2] if not replayed else ""
        chosen.page.write_text(page(results, replayed) + kept.rstrip("\n") + "\n" * bool(kept))
    return 0 if all(each.is_right for each in results) else 1


if __name__ == "__main__":
    sys.exit(main())
