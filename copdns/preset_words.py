"""Find the reasons in presets for the catalogues of texts (babel.cfg): children read them, too.

Pure: Babel opens the files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, BinaryIO

import yaml

Message = tuple[int, None, str, list[str]]


def reasons(
    file: BinaryIO,
    keywords: Collection[str],
    comment_tags: Collection[str],
    options: Mapping[str, Any],
) -> Iterator[Message]:
    """Yield what a preset is in a sentence, and the reason of each line, as an extractor of Babel
    does."""
    preset = yaml.safe_load(file)
    yield 1, None, preset["summary"], []
    for line in preset["lines"]:
        yield 1, None, line["why"], []
