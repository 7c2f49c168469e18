"""Find the folders that ship with copdns: `blocklists`, `config` and `web-ui`."""

from __future__ import annotations

from pathlib import Path

from copdns.model.errors import ListError

_PACKAGE = Path(__file__).resolve().parents[1]


def folder(name: str, package: Path = _PACKAGE) -> Path:
    """Return a bundled folder: inside the package in a wheel, beside it in a checkout.

    Raises ListError where it is in neither place, which means a broken installation.
    """
    places = (package / "_data" / name, package.parent / name)
    for place in places:
        if place.is_dir():
            return place
    raise ListError(
        f"copdns's folder {name} is missing (looked in {places[0]} and {places[1]}); install "
        "copdns again, or run it from a complete checkout"
    )
