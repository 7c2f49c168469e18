"""How long a further guardian waits before they read what is kept, at a provider.

The others are told of them at once, and can say so if it is a mistake, or somebody who forced their
way in, before anything was read.  At home nobody waits: there, who lets somebody in can ask them.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from copdns.accounts.account import Account

FURTHER_GUARDIAN_WAITS: Final = 72 * 3600  # seconds


def wait_of(account: str, accounts: Iterable[Account], seconds: int, now: int) -> int | None:
    """Return until when a guardian waits; None for one who does not, such as the first.

    account: the id; accounts: all of the household.  seconds: for how long; 0: nobody waits.
    """
    guardians = {each.id: each for each in accounts if each.role.is_guardian}
    own = guardians.get(account)
    if own is None or now >= own.made + seconds:
        return None
    has_earlier = any(
        each.has_password and (each.made, each.id) < (own.made, own.id)
        for each in guardians.values()
    )
    return own.made + seconds if has_earlier else None
