"""Which build of copdns runs: the core (docs/architecture.md) may be compiled, or not.

This module is part of the core, so it is compiled where that is.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Made = TypeVar("Made", bound=type)

try:
    # What it says is for the compiler, which alone needs the package.
    from mypy_extensions import mypyc_attr as mypyc_attr
except ImportError:

    def mypyc_attr(  # type: ignore[misc]
        *, allow_interpreted_subclasses: bool = False, acyclic: bool = False
    ) -> Callable[[Made], Made]:
        """Return a decorator that changes nothing."""
        return lambda made: made


def is_compiled() -> bool:
    """Tell whether the core is compiled."""
    return not __file__.endswith(".py")


def core_text() -> str:
    """Return the same for people."""
    return "the core is compiled" if is_compiled() else "the core is not compiled"
