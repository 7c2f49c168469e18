"""The first start: make the household that the settings name, or an empty one to fill."""

from __future__ import annotations

import asyncio
from pathlib import Path

from copdns.list_files.load import known_ids
from copdns.lists.catalogue import Catalogue
from copdns.model.errors import ConfigError, HouseholdError
from copdns.model.household import Household
from copdns.settings.config import Settings
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.notes import FIRST_START

HOME = "home"  # the id of the one household that a family has


async def seed_household(
    store: HouseholdStore, settings: Settings, library: Catalogue, now: int
) -> None:
    """Make the household where none is stored; raise ConfigError for a file with a mistake.

    now: seconds since the epoch.
    """
    chosen = settings.provider.household
    if await (store.household(chosen) if chosen else store.households()):
        return
    first = Household(chosen or HOME, "Home")
    if settings.household:
        from copdns.household.file import parse  # once in a household's life; it takes 2 MB

        path = Path(settings.household)
        text = await asyncio.to_thread(_read_file, path)
        first = parse(text, str(path), known_ids(library))
        if first.id != (chosen or first.id):
            raise ConfigError(
                f"{path}: the household is {first.id!r}, but provider.household is {chosen!r}; "
                "change one of them"
            )
    try:
        await store.create(first, FIRST_START, now)
    except HouseholdError:
        if not await store.households():  # else another process made it first
            raise


def _read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: cannot be read ({error}); check the setting household"
        ) from error
