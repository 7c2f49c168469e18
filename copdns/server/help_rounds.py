"""Ask for help names in rounds, at an even pace and in random order, whoever asks.

An upstream that watches sees the same queries whether someone at home looked for help or not.  What
it said goes into `HelpAnswers`, if it can be of use.  Pure: `app/help_chores.py` waits until the
next query is due.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from copdns.dns.exchange import Asks, Exchange
from copdns.dns.help_answers import HelpAnswers, HelpKey
from copdns.dns.message import UpstreamResponse
from copdns.dns.query import CacheKey
from copdns.model.build import mypyc_attr
from copdns.model.errors import NXDOMAIN
from copdns.policy.judge import RebindingGuard
from copdns.time.clock import Moment

ROUND: Final = 900.0  # seconds in which every name is asked for once
FIRST_ROUND: Final = 60.0  # seconds of a round while there is no answer yet, as at the first start


@mypyc_attr(acyclic=True)
class HelpQuestion(Exchange):
    """One of the questions, on its way."""

    __slots__ = ("help_key", "rounds")

    def __init__(self, rounds: HelpRounds, key: HelpKey) -> None:
        super().__init__(
            CacheKey(key.qname, key.qtype, key.do, cd=False), protected=True, untraced=True
        )
        self.rounds = rounds
        self.help_key = key

    def take_response(self, answer: UpstreamResponse | None) -> None:
        self.rounds.take_response(self.help_key, answer)


class HelpRounds:
    """One round after the other.

    is_over: the round has ended, and the next one begins with `begin`.
    """

    def __init__(
        self,
        answers: HelpAnswers,
        upstreams: Asks,
        clock: Callable[[], Moment],
        rebinding: Callable[[], RebindingGuard],
        shuffle: Callable[[list[HelpKey]], None],
    ) -> None:
        """rebinding: returns the guard in force.  shuffle: puts a list in random order."""
        self.is_over = True
        self._answers = answers
        self._upstreams = upstreams
        self._clock = clock
        self._rebinding = rebinding
        self._shuffle = shuffle
        self._left: list[HelpKey] = []
        self._due_at = self._pause = self._ends_at = 0.0  # monotonic seconds

    def begin(self, keys: Sequence[HelpKey]) -> None:
        """Begin a round of these questions; answers to all others are forgotten."""
        moment = self._clock()
        seconds = FIRST_ROUND if self._answers.is_empty(moment.wall) else ROUND
        self._answers.keep_only(keys)
        self._left = [*keys]
        self._shuffle(self._left)
        self._pause = seconds / max(len(keys), 1)
        self._due_at, self._ends_at = moment.mono, moment.mono + seconds
        self.is_over = False

    def ask_due(self, *, has_upstream: bool = True) -> float:
        """Ask for the next name if it is time; return for how many seconds there is nothing to do.

        has_upstream: False: the settings name none, so nobody is asked.
        """
        mono = self._clock().mono
        if self._left and mono >= self._due_at:
            key = self._left.pop()
            if has_upstream:
                self._ask(key)
            self._due_at += self._pause
        elif not self._left and mono >= self._ends_at:
            self.is_over = True
            return 0.0
        return max((self._due_at if self._left else self._ends_at) - mono, 0.0)

    def _ask(self, key: HelpKey) -> None:
        self._upstreams.ask(HelpQuestion(self, key))

    def take_response(self, key: HelpKey, answer: UpstreamResponse | None) -> None:
        """Keep an answer, if it can be of use; None: nobody answered."""
        if answer is not None and self._is_good(key, answer):
            self._answers.put(key, answer, self._clock().wall)

    def _is_good(self, key: HelpKey, answer: UpstreamResponse) -> bool:
        """Tell whether an answer may replace the last one: a block page must not replace help."""
        facts = answer.facts
        if answer.rcode not in (0, NXDOMAIN) or answer.is_truncated or facts.is_filtered:
            return False
        home = facts.home_addresses
        return not home or not self._rebinding().rejects(key.qname, home)
