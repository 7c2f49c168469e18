"""Fetch the answers for help names, round after round, and keep them in the data folder.

`server/help_rounds.py` decides when what is asked.  The file is written after every round, in the
same way whether or not anything changed, so that neither its time nor its size tells anything.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog

from copdns.app.background import run_logged
from copdns.dns.help_answers import (
    HelpAnswers,
    HelpKey,
    StoredAnswer,
    help_keys,
    pack,
    unpack,
)
from copdns.dns.upstream import UpstreamClient
from copdns.events.key_files import write_private
from copdns.model.errors import HelpAnswersError
from copdns.model.matchers import Matcher
from copdns.policy.judge import RebindingGuard
from copdns.server.help_rounds import HelpRounds
from copdns.time.clock import Moment

log = structlog.get_logger("copdns")

FILE = "help-answers"
_BETWEEN = 1.0  # seconds between two rounds, also after a bug in one


class HelpChores:
    """answers: what is answered for help names.  names: returns the help names in force."""

    def __init__(
        self,
        folder: Path,
        answers: HelpAnswers,
        upstreams: UpstreamClient,
        names: Callable[[], Sequence[Matcher]],
        clock: Callable[[], Moment],
        rebinding: Callable[[], RebindingGuard],
    ) -> None:
        self._path = folder / FILE
        self._answers = answers
        self._upstreams = upstreams
        self._names = names
        self._rounds = HelpRounds(
            answers, upstreams, clock, rebinding, random.SystemRandom().shuffle
        )
        self._failing = False

    async def load(self) -> None:
        """Take the answers of the last run; a file that cannot be used is told, and ignored."""
        try:
            self._answers.restore(await asyncio.to_thread(lambda: unpack(self._path.read_bytes())))
        except FileNotFoundError:
            return
        except (OSError, HelpAnswersError) as error:
            log.warning(
                "the stored answers for help sites are ignored; they are fetched again",
                file=str(self._path),
                error=str(error),
            )

    async def run(self) -> None:
        """Run rounds for ever."""
        while True:
            await run_logged(self._run_round)
            await asyncio.sleep(_BETWEEN)

    async def _run_round(self) -> None:
        self._rounds.begin(help_keys(self._names()))
        while True:
            pause = self._rounds.ask_due(has_upstream=bool(self._upstreams.healths))
            if self._rounds.is_over:
                break
            await asyncio.sleep(pause)
        await self._save()

    async def _save(self) -> None:
        """Write the file; where that fails, log it once and go on."""
        try:
            await asyncio.to_thread(_write, self._path, self._answers.copy())
        except OSError as error:
            if not self._failing:
                log.warning("the answers for help sites could not be stored", error=str(error))
            self._failing = True
            return
        self._failing = False


def _write(path: Path, stored: Mapping[HelpKey, StoredAnswer]) -> None:
    """Replace the file; raise OSError."""
    write_private(path, pack(stored))
