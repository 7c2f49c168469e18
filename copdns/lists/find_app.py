"""Find the app that a person means: people type `youtube` or "You Tube", and seldom its site.

Pure.  `policy/typed_site.py` says what becomes of it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from copdns.lists.catalogue import Service
from copdns.model.household import OwnService
from copdns.model.matchers import Matcher
from copdns.model.names import suffixes

_BETWEEN = re.compile(r"[(),]| and ")  # "Fortnite and Epic Games", "X (Twitter)"


class KnownApp(NamedTuple):
    """What people call an app.  names: all its sites.  site: the one that a person means by it."""

    slug: str
    title: str
    names: tuple[Matcher, ...]
    site: str


def find_app(typed: str, services: Iterable[Service | OwnService]) -> KnownApp | None:
    """Return the app whose title, short name or other spelling is what somebody typed, in any
    case, with spaces or without; None where there is none.

    services: where two fit, the first one is meant.
    """
    wanted = _fold(typed)
    if not wanted or "." in typed.strip(" ."):
        return None
    found = [each for each in services if wanted in _spellings(each)]
    # "Fortnite" may be one of two apps in a title: what is called just so comes first.
    found.sort(key=lambda each: wanted != _fold(each.title))
    return app_of(found[0], wanted) if found else None


def app_of(service: Service | OwnService, wanted: str = "") -> KnownApp:
    """Return a service as people mean it.  wanted: what somebody called it: of "Fortnite and Epic
    Games" they mean the site that is called so."""
    names = service.names if isinstance(service, OwnService) else service.matchers
    sites = [each.name for each in names if each.name.count(".") == 1]
    called = (each for each in sites if _fold(each.partition(".")[0]) == wanted)
    return KnownApp(service.slug, service.title, names, next(called, names[0].name))


def owners_of(apps: Iterable[KnownApp]) -> dict[str, KnownApp]:
    """Return the app that each name belongs to."""
    return {name.name: each for each in apps for name in each.names}


def app_of_name(name: str, owners: Mapping[str, KnownApp]) -> KnownApp | None:
    """Return the app with the longest name that covers this one; None for none."""
    found = (owners[each] for each in suffixes(name) if each in owners)
    return next((each for each in found if any(e.covers(name) for e in each.names)), None)


def _spellings(service: Service | OwnService) -> set[str]:
    also = () if isinstance(service, OwnService) else service.called
    written = (service.title, service.slug, *also, *_BETWEEN.split(service.title))
    return {_fold(each) for each in written} - {""}


def _fold(text: str) -> str:
    """Return letters and digits alone, without case and accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in plain if each.isalnum())
