"""Say where the name of the encrypted listeners leads at home, by what the household says of it.

A phone that was told the name, or one with its token before it, looks that up in clear text at home
first.  The lines here say what `decide` says.  Pure.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from copdns.dns.records import AAAA, A
from copdns.model.device_tokens import TOKEN_LENGTH, tls_name
from copdns.model.verdict import Action
from copdns.policy.decide import Policy, decide

_SOME_TOKEN: Final = "a" * TOKEN_LENGTH  # all lead to the same place


class HomeLead(NamedTuple):
    """Where the name leads at home.

    is_known: a name of the household decides; else upstreams say it, as they do outside.
    elsewhere: addresses that this machine does not have.
    """

    is_known: bool
    elsewhere: tuple[str, ...] = ()

    @property
    def is_here(self) -> bool:
        """Whether a device at home surely comes to this machine."""
        return self.is_known and not self.elsewhere


def find_home_lead(policy: Policy, name: str, own: Collection[str], now: float) -> HomeLead:
    """Return where the listener's name leads a person's devices at home, with a token before it and
    without.

    name: as `encrypted.name` has it.  own: addresses of this machine.
    """
    found = [_find_addresses(policy, each, now) for each in (name, tls_name(name, _SOME_TOKEN))]
    elsewhere = dict.fromkeys(each for some in found if some for each in some if each not in own)
    return HomeLead(None not in found, tuple(elsewhere))


def _find_addresses(policy: Policy, name: str, now: float) -> list[str] | None:
    """Return the addresses that the household gives a name, none for this machine's own; None where
    it gives none, so that upstreams are asked, or the name does not exist."""
    answers = [
        verdict.local
        for qtype in (A, AAAA)
        if (verdict := decide(policy, name, qtype, now)).action is Action.LOCAL
        and verdict.local is not None
    ]
    found = [record.data for each in answers for record in each.records]
    return found if found or any(each.is_own_address for each in answers) else None
