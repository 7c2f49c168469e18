"""The examples in the documentation, as something that can be run.

A block marked `console` holds commands, each after "$ ", and below each what it prints:

    ```console
    $ dig @127.0.0.1 -p 5300 +short chess.games.example
    192.0.2.1
    ```

`...` stands for any text, and white space may differ.  Without a line below it a command only has
to succeed; one that must not says so itself (`; echo $?`).  Blocks marked `sh` are for people only.
"""

from __future__ import annotations

import doctest
import re
from typing import NamedTuple

_BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)


class Step(NamedTuple):
    """line: where the command stands in its page, from 1."""

    line: int
    command: str
    expected: str


def steps(page: str) -> list[Step]:
    """Return the commands of a page in their order."""
    found = []
    for block in _BLOCK.finditer(page):
        line = page.count("\n", 0, block.start(1)) + 1
        for part in re.split(r"^\$ ", block[1], flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            found.append(Step(line, command, expected.rstrip()))
            line += part.count("\n")
    return found


def fits(expected: str, printed: str) -> bool:
    """Tell whether a command printed what its page says, as doctest compares it."""
    how = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(f"{expected}\n", f"{printed}\n", how)
