"""Write lists of hashes, as a hotline does."""

from __future__ import annotations

from collections.abc import Iterable

from copdns.model.errors import ListError
from copdns.model.names import normalize
from copdns.provider.law.hashed_list import DEEPEST, FORMAT, hash_name


def write_hashed(names: Iterable[str], issuer: str, version: str, expires: int, salt: bytes) -> str:
    """Return the text of a list of names; raise NameTextError for what is none."""
    wanted = {normalize(each) for each in names}
    depth = max((each.count(".") + 1 for each in wanted), default=1)
    if depth > DEEPEST:
        raise ListError(f"a hashed list has names of at most {DEEPEST} labels")
    head = {
        "format": FORMAT,
        "issuer": issuer,
        "version": version,
        "expires": str(expires),
        "depth": str(depth),
        "salt": salt.hex(),
    }
    hashes = sorted(hash_name(each, salt).hex() for each in wanted)
    return "\n".join([*(f"{key}: {value}" for key, value in head.items()), "", *hashes]) + "\n"
