"""The first start: make the household that the settings name, or an empty one to fill."""

from __future__ import annotations

import asyncio
from pathlib import Path

from copdns.config import Settings
from copdns.errors import ConfigError
from copdns.household_file import parse
from copdns.library import known
from copdns.lists.catalogue import Library
from copdns.model import Household
from copdns.store.household import HouseholdStore

HOME = "home"  # the id of the one household that a family has


async def seeded_household(
    store: HouseholdStore, settings: Settings, library: Library, now: int
) -> None:
    """Make the household where none is stored yet; raise ConfigError for a file in error."""
    if await store.households():
        return
    if not settings.household:
        await store.create(Household(HOME, "Home"), "first start", now)
        return
    path = Path(settings.household)
    text = await asyncio.to_thread(_text, path)
    await store.create(parse(text, str(path), known(library)), "first start", now)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); see the setting household") from error
