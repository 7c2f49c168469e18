"""What a verdict's reason is called outside: the extended DNS error, and a short text.

The only place where a reason becomes words for machines and guardians; the child's words stand
in the text catalogue.  Texts name no person, device or profile (RFC 8914 section 2).  Pure.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from copdns.model.verdict import Reason, Verdict

# RFC 8914 section 4, and the registry it opened.
NOT_READY: Final = 14
OTHER_ERROR: Final = 0
STALE_ANSWER: Final = 3
FORGED: Final = 4
CACHED_ERROR: Final = 13
BLOCKED: Final = 15
CENSORED: Final = 16
FILTERED: Final = 17
PROHIBITED: Final = 18
STALE_NXDOMAIN: Final = 19
NOT_AUTHORITATIVE: Final = 20
NOT_SUPPORTED: Final = 21
NETWORK_ERROR: Final = 23
RATE_LIMITED: Final = 31
BLOCKED_UPSTREAM: Final = 35

MAX_TEXT: Final = 80  # octets


class Ede(NamedTuple):
    """An extended DNS error: its code, and a text of at most 80 octets.

    is_structured: the text is one of `dns/structured_error.py`, which may be longer.
    shorter: of such a text, what is said where a reply has no room for all of it; "" for nothing.
    """

    code: int
    text: str
    is_structured: bool = False
    shorter: str = ""


_CODES: Final = {
    Reason.NOT_A_CLIENT: PROHIBITED,
    Reason.LEGAL: CENSORED,
    Reason.SECURITY: BLOCKED,
    Reason.REBINDING: BLOCKED,
    Reason.UPSTREAM_FILTERED: BLOCKED_UPSTREAM,
    Reason.SAFE_SEARCH: FORGED,
    Reason.LOCAL: FORGED,
}


def code_of(reason: Reason) -> int:
    """Return the code of the extended DNS error that a block for this reason has."""
    return _CODES.get(reason, FILTERED)


@lru_cache(maxsize=4096)
def ede_of(verdict: Verdict) -> Ede:
    """Return the extended DNS error of a block, a refusal or a rewrite."""
    return _ede(code_of(verdict.reason), truncate_text(text_of(verdict)))


@lru_cache(maxsize=1024)
def _ede(code: int, text: str) -> Ede:
    """Return an error that verdicts with the same code and text have in common."""
    return Ede(code, text)


def text_of(verdict: Verdict) -> str:
    """Return the reason in a few plain words, with the list or rule that decided."""
    reason = verdict.reason
    if reason in (Reason.SECURITY, Reason.CATEGORY, Reason.LEGAL):
        return f"{reason}: {verdict.category} (list {verdict.list})"
    if reason is Reason.SERVICE:
        return f"service: {verdict.service}"
    if reason is Reason.CONTACT:
        kind = f" ({verdict.contact})" if verdict.contact else ""
        return f"contact: service {verdict.service}{kind}"
    if verdict.is_exception:
        kind = f" ({verdict.contact})" if verdict.contact else ""
        return f"default: service {verdict.service} is an exception{kind}"
    if reason in (Reason.RULE, Reason.ADDRESS):
        return f"{reason}: {verdict.rule}"
    if reason is Reason.LOCAL and verdict.target:
        return "local: rewritten by this household"
    if reason in _UNTIL:
        return _of_time(verdict)
    if reason in (Reason.BYPASS, Reason.NO_SAFE_SEARCH):
        return f"{reason}: list {verdict.list}"
    return _PLAIN.get(reason, str(reason))


_UNTIL: Final = {
    Reason.PAUSED: " until ",
    Reason.SCHEDULE: " until ",
    Reason.BUDGET: " used up until ",
}


def _of_time(verdict: Verdict) -> str:
    """Return what a pause, a schedule or a budget closed, and until when.

    Not by which one: its name may tell whose it is.
    """
    about = ""
    if verdict.category:
        about = f": category {verdict.category}"
    elif verdict.service:
        about = f": service {verdict.service}"
    elif verdict.rule:
        about = f": {verdict.rule}"
    before = " no minutes until " if verdict.no_minutes else _UNTIL[verdict.reason]
    until = f"{before}{verdict.ends_text}" if verdict.ends_text else ""
    return f"{verdict.reason}{about}{until}"


_PLAIN: Final = {
    Reason.REBINDING: "rebinding: private address",
    Reason.SAFE_SEARCH: "safe_search: the engine's safe mode",
    Reason.LOCAL: "local: a local or special name",
    Reason.UPSTREAM_FILTERED: "upstream_filtered: blocked by the upstream resolver",
    Reason.NOT_A_CLIENT: "not_a_client: not served here",
}


# What an upstream may say that is passed on: not that it blocks, which has a reason of its own
# (UPSTREAM_FILTERED), nor what only a server says to its own clients.
_FORWARDED: Final = frozenset(range(25)) - {BLOCKED, CENSORED, FILTERED} | {25, 27, 33}
# All that a reply can have, for whoever asks which (`server/discovery.py`).
CODES: Final = _FORWARDED | {BLOCKED, CENSORED, FILTERED, RATE_LIMITED, BLOCKED_UPSTREAM}


def forwarded_ede(code: int, text: bytes) -> Ede | None:
    """Return an upstream's extended error as a client gets it; None where it does not.

    text: as it came, of anybody's making.  Ours says that it is not ours (RFC 8914 section 3).
    """
    if code not in _FORWARDED:
        return None
    said = text.decode(errors="replace")
    if not said.isprintable() or said.startswith("{"):  # the latter is for clients that ask for it
        said = ""
    said = said.strip()
    return Ede(code, truncate_text(f"upstream: {said}" if said else "said by the upstream"))


def truncate_text(text: str) -> str:
    """Return a text cut to 80 octets, never inside a character."""
    return text.encode()[:MAX_TEXT].decode(errors="ignore")
