"""A node that started while PostgreSQL is away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from copdns.app.node import programs
from copdns.app.node.away_source import AwaySource
from copdns.app.node.copies import NodeCopies
from copdns.provider.plane.files import PlaneFiles
from copdns.provider.plane.rows import REVISION_KEY, PlaneRows, PlaneTable
from copdns.settings.config import Settings
from copdns.settings.lists import SourceSettings
from copdns.settings.node import NodeSection
from copdns.settings.provider import ProviderSettings
from tests.household import NOW
from tests.running import PATIENCE


def test_a_bug_while_postgresql_is_away_ends_the_program_so_that_it_is_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: AwaySource) -> None:
        raise ZeroDivisionError

    tables = tmp_path / "tables"
    files = PlaneFiles(tables)
    files.write(PlaneRows({PlaneTable.STATE: [(REVISION_KEY, b"7")]}))
    files.close()
    NodeCopies(tables).write_shapes({})
    NodeCopies(tables).write_law([], [])
    settings = Settings(
        data=str(tmp_path),
        node=NodeSection(folder=str(tables)),
        provider=ProviderSettings(database=f"host={tmp_path} dbname=nobody connect_timeout=2"),
        sources=SourceSettings(use="none"),
    )
    monkeypatch.setattr(AwaySource, "wait", fail)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(asyncio.wait_for(programs.keep_tables(settings, lambda: NOW), PATIENCE))
