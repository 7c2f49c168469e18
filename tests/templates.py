"""The templates of pages, compiled once for all processes of a run of tests: to compile all of them
takes a second, which each program with pages, and each process of tests, would take anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from tempfile import TemporaryDirectory

# A variable: the folder of what is compiled, and of what else all processes of a run take over;
# "" where none is kept.
FOLDER = "PYTEST_TEMPLATES"


def keep_compiled_templates() -> Callable[[], None]:
    """Give this run a folder for what is compiled; return what deletes it.

    Nothing outlasts the run: what another Jinja compiled is not told from what this one does.
    """
    folder = TemporaryDirectory(prefix="templates")
    os.environ[FOLDER] = folder.name

    def delete() -> None:
        del os.environ[FOLDER]
        folder.cleanup()

    return delete


def take_compiled_templates() -> None:
    """Let the pages of this process take their templates from there, and put there what they had
    to compile; a template whose text is another one is compiled anew."""
    if folder := os.environ.get(FOLDER):
        from jinja2 import Environment, FileSystemBytecodeCache  # a fork server's, not each test's

        from copdns.web import pages

        cache = FileSystemBytecodeCache(folder)
        pages.Environment = partial(Environment, bytecode_cache=cache)  # type: ignore[assignment,misc]
