"""What docs/faults.md says of each fault, in a form that a test can compare with what happens.

Each fault is a heading of the third level.  Of its lines, `Metrics`, `/readyz` and `doctor` are
read: a metric in backticks with "grows" or "is NUMBER" after it, and quoted text, which has to be
in what is said; "..." stands for anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
LINES = (
    "What fails",
    "What the family sees",
    "Metrics",
    "`/readyz`",
    "`copdns doctor`",
    "What to do",
)


@dataclass(frozen=True)
class Row:
    """What the page says of one fault.

    grows: metrics, without labels.  values: metrics with a value that one of their samples has.
    ready: whether `/readyz` answers 200, None where that comes and goes; texts: what it says.
    findings: status ("" for any) and text of what `copdns doctor` says.
    """

    grows: frozenset[str]
    values: tuple[tuple[str, float], ...]
    ready: bool | None
    texts: tuple[str, ...]
    findings: tuple[tuple[str, str], ...]


@cache
def faults() -> dict[str, dict[str, str]]:
    """Return the lines of each fault by their names, by the name that its test has."""
    found = {}
    for part in re.split(r"^### ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        title, _, text = part.partition("\n")
        text = re.split(r"^#", text, flags=re.MULTILINE)[0]
        lines = re.findall(r"^- \*\*(.+?):\*\* ((?:.|\n(?!- |\n))+)", text, re.MULTILINE)
        found[re.sub(r"\W+", "_", title.lower())] = {
            name: " ".join(said.split()) for name, said in lines
        }
    return found


def row(fault: str) -> Row:
    said = faults()[fault]
    metrics, doctor = said["Metrics"], said["`copdns doctor`"]
    comes_and_goes = said["`/readyz`"].startswith("comes and goes")
    return Row(
        grows=frozenset(re.findall(r"`(copdns_\w+)`[^;.]*? grows", metrics)),
        values=tuple(
            (name, float(value)) for name, value in re.findall(r"`(copdns_\w+)` is (\d+)", metrics)
        ),
        ready=None if comes_and_goes else not said["`/readyz`"].startswith("503"),
        texts=quoted(said["`/readyz`"]),
        findings=tuple(re.findall(r'(?:\b(ok|warn|fail) )?"([^"]+)"', doctor)),
    )


def quoted(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r'"([^"]+)"', text))


def says(said: str, wanted: str) -> bool:
    """Tell whether a text is in what was said."""
    pattern = ".*".join(re.escape(part) for part in wanted.split("..."))
    return re.search(pattern, said) is not None
