"""What a node keeps beside its tables, so that it can start while PostgreSQL is away: the shapes of
its groups, the lines of the register as they are stored, sealed, and the cases of the desk.

A shape is what a household, or many that are alike, wants of its lines, bedtimes and budgets among
them, without ids and names of its people.  It leaves with the last household that has it.  Whose a
line is, and which names copdns decides about, the tables have.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from copdns.model.errors import PlaneError
from copdns.model.household import Household
from copdns.provider.law.chain import StoredEntry
from copdns.provider.staff.desk import DeskCase

SHAPES_FILE: Final = "shapes.json"
LAW_FILE: Final = "law.json"
MODE: Final = 0o640

Kept = TypeVar("Kept")
Shape = tuple[Household, bool]  # and whether copdns decides about all
_SHAPES: Final[TypeAdapter[dict[int, Shape]]] = TypeAdapter(dict[int, Shape])
_LAW: Final[TypeAdapter[tuple[list[StoredEntry], list[DeskCase]]]] = TypeAdapter(
    tuple[list[StoredEntry], list[DeskCase]]
)


class NodeCopies:
    """The files, in the folder of the tables.  Raises PlaneError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write_shapes(self, shapes: Mapping[int, Shape]) -> None:
        """Keep the shape of each group, by its number; before the tables name the group."""
        self._write(SHAPES_FILE, _SHAPES.dump_json(dict(shapes)))

    def forget_shapes(self) -> None:
        """Keep no shapes for as long as the numbers of groups become others."""
        try:
            (self._folder / SHAPES_FILE).unlink(missing_ok=True)
        except OSError as error:
            raise PlaneError(f"{self._folder / SHAPES_FILE}: {error.strerror}") from error

    def read_shapes(self) -> dict[int, Shape]:
        """Return the shapes that were kept."""
        return self._read(SHAPES_FILE, _SHAPES)

    def write_law(self, lines: list[StoredEntry], cases: list[DeskCase]) -> None:
        """Keep the register and the desk."""
        self._write(LAW_FILE, _LAW.dump_json((lines, cases)))

    def read_law(self) -> tuple[list[StoredEntry], list[DeskCase]]:
        """Return the register and the desk that were kept."""
        return self._read(LAW_FILE, _LAW)

    def _write(self, name: str, octets: bytes) -> None:
        path = self._folder / name
        new = path.with_suffix(".new")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, MODE), "wb") as file:
                file.write(octets)
            new.replace(path)
        except OSError as error:
            raise PlaneError(f"{path}: {error.strerror}") from error

    def _read(self, name: str, adapter: TypeAdapter[Kept]) -> Kept:
        path = self._folder / name
        try:
            return adapter.validate_json(path.read_bytes())
        except OSError as error:
            raise PlaneError(f"{path}: {error.strerror}") from error
        except ValidationError as error:
            raise PlaneError(f"{path}: it is of another version of copdns, or damaged") from error
