"""Lists, and what they hold, as JSON objects."""

from __future__ import annotations

from copdns.lists.index import FoundEntry
from copdns.lists.small_index import ListStatus


def status_json(status: ListStatus) -> dict[str, object]:
    """Return a list as it is in force.  used: its names; unused: how many are not, by why.

    held: the first entries that the gate left out, and what each would have taken away.
    """
    info = status.info
    return {
        "list": info.slug,
        "kind": info.kind,
        "about": info.subject,
        "title": info.title,
        "licence": info.licence,
        "maintainer": info.maintainer,
        "report": info.report,
        "version": info.version,
        "used": status.used_count,
        "unused": status.unused,
        "problems": [
            {"line": each.line, "reason": each.reason, "text": each.text}
            for each in status.problems
        ],
        "held": [each._asdict() for each in status.held],
        "error": status.error,
    }


def entry_json(found: FoundEntry) -> dict[str, object]:
    """Return an entry that was found.  entry: as in a rule; exception: it allows."""
    entry, info, text = found
    return {
        "list": info.slug,
        "kind": info.kind,
        "about": info.subject,
        "title": info.title,
        "entry": text,
        "exception": entry.allow,
        "version": info.version,
    }
