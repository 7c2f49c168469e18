"""Take what is protected, and the search engines, from the bundled files.  Pure."""

from __future__ import annotations

from collections.abc import Mapping

from copdns.lists.catalogue import BundledFiles
from copdns.model.matchers import Matcher, MatchKind
from copdns.provider.plane.snapshot import SpecialNames


def bundled_names(found: BundledFiles) -> SpecialNames:
    """Return the special names of `protected.yaml` and `safesearch.yaml`.

    Names that nobody has opened yet, and the safe hosts of search engines, are safe from lists of
    the family layer only, as are groups that no time gives way to.
    """
    groups = found.protected.groups.values()
    opened = [(group, each) for group in groups for each in group.names if not each.unopened]
    targets = safe_targets(found).values()
    unopened = [each.name for each in found.protected.unopened_names()]
    weaker = [each.name for group, each in opened if not (group.help or group.beats_time)]
    safe_hosts = [Matcher(each, MatchKind.EXACT) for each in targets]
    return SpecialNames(
        help=tuple(each.name for group, each in opened if group.help),
        protected=tuple(each.name for group, each in opened if group.beats_time and not group.help),
        reference=(*unopened, *weaker, *safe_hosts),
        untraced=tuple(Matcher(host) for _, each in opened for host in each.but_not),
        engines={
            slug: tuple(Matcher(host, MatchKind.EXACT) for host in sorted(engine.all_hosts()))
            for slug, engine in found.safe_search.engines.items()
        },
    )


def safe_targets(found: BundledFiles) -> Mapping[str, str]:
    """Return the strictest safe host of each search engine, by its id."""
    return {
        slug: engine.modes.get("strict") or next(iter(engine.modes.values()))
        for slug, engine in found.safe_search.engines.items()
    }
