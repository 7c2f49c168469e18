"""To whom a block's reason is told as structured text, and what is in it.

Only to clients that ask for it (EDNS option 26), and, unless the settings say otherwise, only where
nobody on the way can have changed it: over TLS 1.3 (draft-ietf-dnsop-structured-dns-error,
"Authentication and Confidentiality").  Everyone else gets the plain text of `model/reasons.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from copdns.dns.query import Query
from copdns.dns.structured_error import (
    DNS_OPERATOR_POLICY,
    MALWARE,
    PHISHING,
    StructuredText,
    dump_structured,
    read_structured,
    without_words,
)
from copdns.model.reasons import BLOCKED, BLOCKED_UPSTREAM, CENSORED, FILTERED, Ede, ede_of
from copdns.model.verdict import Reason, Requestor, Verdict
from copdns.policy.decide import Policy

_MAY_BE_STRUCTURED: Final = frozenset({BLOCKED, CENSORED, FILTERED, BLOCKED_UPSTREAM})
_IN_CLEAR: Final = frozenset({"udp", "tcp"})
_SUB_ERRORS: Final = {"malware": MALWARE, "phishing": PHISHING}  # by category

# Gives a block's reason in words, with whom to ask: (policy, verdict, the name asked, seconds since
# the epoch).
Tell = Callable[[Policy, Verdict, str, float], StructuredText]


class StructuredErrors:
    """The reasons of blocks as structured text.

    is_in_clear: they are given over UDP, TCP and TLS 1.2 too.
    is_asked_the_old_way: an extended error 0 without text asks for them as well.
    """

    def __init__(
        self, tell: Tell, *, is_in_clear: bool = False, is_asked_the_old_way: bool = False
    ) -> None:
        self.is_in_clear = is_in_clear
        self.is_asked_the_old_way = is_asked_the_old_way
        self._tell = tell

    def ede_of(
        self,
        query: Query,
        requestor: Requestor,
        policy: Policy,
        verdict: Verdict,
        now: float,
        from_upstream: bytes = b"",
    ) -> Ede:
        """Return the extended error for a client that asked for a structured one.

        now: seconds since the epoch.  from_upstream: what the upstream said that blocked.
        """
        plain = ede_of(verdict)
        if plain.code not in _MAY_BE_STRUCTURED or not self._may_tell(requestor):
            return plain
        text = self._tell(policy, verdict, query.qname, now)
        text = text._replace(sub_error=sub_error_of(verdict))
        if plain.code == BLOCKED_UPSTREAM:
            text = _with_upstream(text, read_structured(from_upstream))
        dumped = dump_structured(text)
        if not dumped:
            return plain
        return Ede(plain.code, dumped, True, dump_structured(without_words(text)))

    def _may_tell(self, requestor: Requestor) -> bool:
        is_safe = requestor.transport not in _IN_CLEAR and not requestor.is_old_tls
        return is_safe or self.is_in_clear


def sub_error_of(verdict: Verdict) -> int:
    """Return the cause as a number of the registry; 0 where it has none.

    None for what the family decides: the codes for policies go with `Blocked` only.
    """
    if verdict.reason is Reason.SECURITY:
        return _SUB_ERRORS.get(verdict.category, 0)
    return DNS_OPERATOR_POLICY if verdict.reason is Reason.REBINDING else 0


def _with_upstream(ours: StructuredText, said: StructuredText | None) -> StructuredText:
    """Return what the upstream said of its block: whom to ask is its own matter, and why too."""
    if said is None:
        return ours._replace(contacts=())
    made = ours._replace(contacts=said.contacts, sub_error=said.sub_error)
    return made._replace(why=said.why, language=said.language) if said.why else made
