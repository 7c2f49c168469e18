"""What devices are told of the resolver itself, in answers to questions of two kinds.

    _dns.resolver.arpa SVCB, _dns.NAME SVCB     where it is asked encrypted (DDR, RFC 9462)
    resolver.arpa RESINFO, NAME RESINFO         what it can do (RFC 9606)

NAME is `encrypted.name`, else this machine's own.  docs/encrypted-dns.md explains it to people.
Pure, but for what it asks the listeners.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from itertools import groupby
from typing import Final

from copdns.dns.records import AAAA, RESINFO, SVCB, A
from copdns.dns.response_facts import is_home_address
from copdns.dns.service_params import OpenPort, dump_params, offers_of
from copdns.model.certificate_names import covers
from copdns.model.names import to_wire
from copdns.model.reasons import CODES
from copdns.model.verdict import (
    Action,
    LocalAnswer,
    LocalRecord,
    Reason,
    Requestor,
    StepNumber,
    Verdict,
)

DISCOVERY_TTL: Final = 300  # seconds
_ZONE: Final = "resolver.arpa"
_DISCOVERY: Final = "_dns"


class Discovery:
    """Answers what devices ask about the resolver.

    name: that of the encrypted listeners.
    ports_at: returns what is open at an address of this machine.
    certified: returns the names and addresses that the certificate is for.
    info_url: returns where people read more, by HTTPS; "" for nowhere.
    """

    def __init__(
        self,
        name: str,
        ports_at: Callable[[str], Sequence[OpenPort]],
        certified: Callable[[], tuple[str, ...]],
        info_url: Callable[[], str],
    ) -> None:
        self._name = name
        self._ports_at = ports_at
        self._certified = certified
        self._info_url = info_url
        self._by_zone = f"{_DISCOVERY}.{_ZONE}"
        self._by_name = f"{_DISCOVERY}.{name}"

    def verdict(self, qname: str, qtype: int, requestor: Requestor) -> Verdict | None:
        """Return the verdict with the answer; None for any other question.

        qtype: SVCB or RESINFO.
        """
        answer = None
        if qtype == SVCB and qname in (self._by_zone, self._by_name):
            answer = self._find_designated(qname, requestor)
        elif qtype == RESINFO and qname in (_ZONE, self._name):
            data = _generic(b"".join(_texts(self._info())))
            answer = LocalAnswer(records=(LocalRecord(qname, RESINFO, data, DISCOVERY_TTL),))
        if answer is None:
            return None
        return Verdict(Action.LOCAL, Reason.LOCAL, StepNumber.LOCAL, local=answer)

    def _find_designated(self, qname: str, requestor: Requestor) -> LocalAnswer:
        listener, certified = requestor.listener, self._certified()
        ports = self._ports_at(listener)
        if qname == self._by_name:
            is_offered = covers(certified, self._name)
        else:
            # Who looks for the resolver at an address wants that in the certificate, or else a
            # private one that is the same for both (RFC 9462 sections 4.2 and 4.3).
            is_offered = listener in certified or _is_private(listener)
        if not is_offered or not ports:
            return LocalAnswer()
        target = to_wire(self._name)
        records = tuple(
            LocalRecord(
                qname,
                SVCB,
                _generic(priority.to_bytes(2, "big") + target + dump_params(each)),
                DISCOVERY_TTL,
            )
            for priority, each in enumerate(offers_of(ports), 1)
        )
        return LocalAnswer(records=records, additionals=self._addresses(requestor))

    def _addresses(self, requestor: Requestor) -> tuple[LocalRecord, ...]:
        """Return where the name leads for whoever asked here: to the address that they asked.

        Not for a device elsewhere that came in through a router: it asks for the name.
        """
        listener = requestor.listener
        if _is_private(listener) and not _is_private(requestor.address):
            return ()
        rtype = AAAA if ":" in listener else A
        return (LocalRecord(self._name, rtype, listener, DISCOVERY_TTL),)

    def _info(self) -> Iterator[str]:
        """Yield what is told of the resolver (RFC 9606 section 5).

        Not `qnamemin`: it forwards whole names to its upstreams, and what these do nobody knows.
        """
        yield f"exterr={ranges_of(sorted(CODES))}"
        if url := self._info_url():
            yield f"infourl={url}"


def ranges_of(numbers: Sequence[int]) -> str:
    """Return numbers in order as ranges: "0-3,7"."""
    found = []
    for _, group in groupby(enumerate(numbers), lambda each: each[1] - each[0]):
        run = [number for _, number in group]
        found.append(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]))
    return ",".join(found)


def _is_private(address: str) -> bool:
    return is_home_address(ip_address(address.partition("%")[0]).packed)


def _texts(texts: Iterator[str]) -> Iterator[bytes]:
    for each in texts:
        octets = each.encode()[:255]
        yield bytes([len(octets)]) + octets


def _generic(data: bytes) -> str:
    """Return a record's data in the form for any type (RFC 3597 section 5)."""
    return f"\\# {len(data)} {data.hex()}"
