"""Find what people read in files that ship, for the catalogues of texts (babel.cfg): the reasons in
presets, which children read, too, and what the desk says of lists and signals.

Pure: Babel opens the files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, BinaryIO

import yaml

from copdns.words.phrases import APP_NAME

Message = tuple[int, str | None, str | tuple[str, str], list[str]]


def extract_preset_reasons(
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


def extract_catalogue(
    file: BinaryIO,
    keywords: Collection[str],
    comment_tags: Collection[str],
    options: Mapping[str, Any],
) -> Iterator[Message]:
    """Yield titles of signals and of protected groups, what is to be said of signals and search
    engines, and what stops beside a service.  Names of products stay as they are, but for those
    that have words in them."""
    found = yaml.safe_load(file)
    for each in found.get("canaries", {}).values():
        yield 1, None, each["title"], []
        yield 1, None, each["about"], []
    for each in (*found.get("engines", {}).values(), *found.get("services", {}).values()):
        if each.get("in_words"):
            yield 1, "pgettext", (APP_NAME, each["title"]), []
    for each in found.get("engines", {}).values():
        if "note" in each:
            yield 1, None, each["note"], []
    for each in found.get("groups", {}).values():
        yield 1, None, each["title"], []
    for each in found.get("services", {}).values():
        for what in each.get("affects", {}).values():
            yield 1, None, what, []
