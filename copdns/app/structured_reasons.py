"""The reasons of blocks for structured errors: in the household's language, at the child's level.

Words and catalogues are imported and read in a thread, and only where some device can get them:
they take memory, and no query waits for a file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import structlog

from copdns.dns.structured_error import StructuredText
from copdns.household.edit_checks import private_names
from copdns.model.errors import ListError
from copdns.model.household import Household, Profile
from copdns.model.verdict import Verdict
from copdns.policy.decide import Policy
from copdns.policy.snapshot import Snapshot
from copdns.server.structured_errors import StructuredErrors
from copdns.settings.config import Settings

if TYPE_CHECKING:
    from copdns.words.phrases import Phrases
    from copdns.words.wire_reasons import WireReader

log = structlog.get_logger("copdns")

ENGLISH = "en"


class StructuredReasons:
    """Tells why a name is blocked, in languages that were read before.

    own_lists: gives the slugs of the lists that the household named: in the settings, or pasted.
    """

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        settings: Callable[[], Settings],
        own_lists: Callable[[], Collection[str]],
    ) -> None:
        self._snapshot = snapshot
        self._settings = settings
        self._own_lists = own_lists
        self._phrases: dict[str, Phrases] = {}  # by language
        self._missing: set[str] = set()  # languages whose catalogue cannot be read

    @property
    def errors(self) -> StructuredErrors | None:
        """Return what answers queries, under the settings as they are now; None where nobody gets
        structured errors."""
        chosen = self._settings().reasons
        if not self._is_on:
            return None
        return StructuredErrors(
            self.tell,
            is_in_clear=chosen.structured == "always",
            is_asked_the_old_way=chosen.older_signal,
        )

    @property
    def _is_on(self) -> bool:
        settings = self._settings()
        chosen = settings.reasons.structured
        return chosen == "always" or (chosen == "encrypted" and settings.encrypted.is_on)

    async def follow(self) -> None:
        """Read the languages of the households, where they are needed and were not read yet."""
        if not self._is_on:
            return
        wanted = {each.language or ENGLISH for each in self._snapshot().households.values()}
        new = (wanted | {ENGLISH}) - self._phrases.keys() - self._missing
        if new:
            self._phrases.update(await asyncio.to_thread(self._read, new))

    def _read(self, languages: set[str]) -> dict[str, Phrases]:
        from copdns.web.languages import phrases_in  # most machines tell nobody
        from copdns.words import wire_reasons  # noqa: F401 - so that no query waits for it

        found = {}
        for each in sorted(languages):
            try:
                found[each] = phrases_in(each)
            except ListError as error:
                self._missing.add(each)
                log.warning("reasons are told in English", language=each, error=str(error))
        return found

    def tell(self, policy: Policy, verdict: Verdict, qname: str, now: float) -> StructuredText:
        """Return why a name is blocked and whom to ask; now: seconds since the epoch."""
        household = self._snapshot().households.get(policy.household)
        phrases = self._phrases.get((household and household.language) or ENGLISH)
        phrases = phrases or self._phrases.get(ENGLISH)
        if household is None or phrases is None:
            return StructuredText()
        from copdns.words.wire_reasons import wire_reason  # it is there since `follow`

        chosen = self._settings().reasons
        reader = self._reader(policy, household, phrases, now)
        return StructuredText(
            why=wire_reason(verdict, qname, reader),
            language=phrases.tag,
            contacts=chosen.contacts,
            organisation=chosen.organisation,
        )

    def _reader(
        self, policy: Policy, household: Household, phrases: Phrases, now: float
    ) -> WireReader:
        from copdns.words.levels import Level, level_of
        from copdns.words.wire_reasons import WireReader

        profile = household.profile(policy.profile)
        return WireReader(
            phrases,
            level_of(profile.band) if profile else Level.FULL,
            self._title,
            [*private_names(household)],
            now,
            _zone(household, profile),
            policy.child_page.partition("://")[2].rstrip("/"),
        )

    def _title(self, kind: str, slug: str) -> str:
        """Return what ships with copdns, or is fetched by it, is called; "" for a household's."""
        library = self._snapshot().library
        if kind == "service":
            service = library.services.get(slug)
            return service.title if service else ""
        if kind == "list" and slug not in self._own_lists():
            return next((each.title for each in library.index.infos if each.slug == slug), "")
        return ""


def _zone(household: Household, profile: Profile | None) -> str:
    return (household.local_to(profile) if profile else household).timezone
