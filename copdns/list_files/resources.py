"""Find the bundled folders, and read their files: `blocklists`, `config` and `web-ui`."""

from __future__ import annotations

from pathlib import Path

from copdns.model.errors import ListError

_PACKAGE = Path(__file__).resolve().parents[1]


def find_folder(name: str, package: Path = _PACKAGE) -> Path:
    """Return the path of a bundled folder: in a wheel inside the package, in a checkout beside it.

    Raises ListError where it is in neither place: the installation is broken.
    """
    places = (package / "_data" / name, package.parent / name)
    for place in places:
        if place.is_dir():
            return place
    raise ListError(
        f"copdns's folder {name} is missing (looked in {places[0]} and {places[1]}); install "
        "copdns again, or run it from a complete checkout"
    )


def read_bundled(folder: str, file: str | Path) -> str:
    """Return the text of a file below a bundled folder; raise ListError."""
    path = find_folder(folder) / file
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ListError(f"{path}: {error.strerror}; install copdns again") from error
