"""Notes of the version before, which households keep, and what the same notes say now.

A note that copdns wrote itself is stored in English beside a rule, a schedule, a budget or a grant,
and is translated when it is shown.  One of an older version is looked up by its words of today, so
that it is still translated.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

GAMES = "Games are designed to be hard to put down. A limit leaves time for other things."
MATCH = "Games are designed to be hard to put down. If a match needs longer, ask."
SLEEP = (
    "On school nights, eight hours' sleep makes a difference. The rest of your time is up to you."
)

NOW: Mapping[str, str] = {
    # Of presets.
    "These places are made for children of your age.": (
        "These sites are made for children of your age."
    ),
    "You grow while you sleep. The tablet sleeps as well.": (
        "You grow while you sleep. The tablet sleeps too."
    ),
    "Games are made so that it is hard to stop. So there is time for other things too.": GAMES,
    "Games are made so that it is hard to stop. A limit leaves time for other things.": GAMES,
    "Games are made to be hard to stop. A limit leaves time for other things.": GAMES,
    "Games are made so that it is hard to stop. If a match needs longer, ask.": MATCH,
    "Games are made to be hard to stop. If a match needs longer, ask.": MATCH,
    "Before school days you need about ten hours of sleep, and screens keep people awake.": (
        "On school nights you need about ten hours' sleep, and screens keep people awake."
    ),
    "Before school days eight hours of sleep make a difference. What you use when is up to you.": (
        SLEEP
    ),
    "Before school days, eight hours of sleep make a difference. The rest of your time is up to "
    "you.": SLEEP,
    # Of answers to requests.
    "Open until somebody answers your question.": "Allowed until someone answers your request.",
    "Opened after a question.": "Allowed after a request.",
    "list error: this name is vouched for.": ("Listed by mistake: this site is known to be safe."),
}


def note_now(note: str) -> str:
    """Return a stored note as copdns would write it now; what a person wrote stays as it is."""
    return NOW.get(note, note)
