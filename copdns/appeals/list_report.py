"""What the maintainer of a list is told of a wrong entry: about the list, and about nobody.

Text to be sent by hand, where the list's own page says; copdns sends nothing.  Pure.
"""

from __future__ import annotations

from copdns.appeals.appeal import ContestedVerdict
from copdns.lists.index import ListInfo


def list_report(name: str, to: ContestedVerdict, info: ListInfo | None) -> str:
    """Return what to tell about a name.  info: of the list, None where it is not here any more.

    Neither who asked nor when, nor how: the name, and what the list says about it.
    """
    title = info.title or info.slug if info is not None else to.list
    where = info.report if info is not None else ""
    lines = [
        f"Wrong entry in {title}: {name}",
        "",
        f"List:      {title} ({to.list})",
        f"Version:   {to.list_version or 'unknown'}",
        f"Name:      {name}",
        *([f"Reached by: {to.via} (CNAME)"] if to.via else []),
        f"Entry:     {to.rule or 'unknown'}",
        f"Listed as: {to.category or to.service or 'unknown'}",
        "",
        f"We checked {name} and found that it is not {to.category or to.service or 'this'}.",
        "Please remove it from the list, or tell us why it is on the list.",
        *(["", f"Report errors in this list at: {where}"] if where else []),
    ]
    return "\n".join(lines) + "\n"
