"""The templates and languages of pages, compiled once for all processes of a run of tests: to
compile all of them takes a second and a half, which each program with pages, and each process of
tests, would take anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

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


def take_compiled_languages() -> None:
    """Let phrases of this process take their languages from there, and put there what they had to
    compile; a language whose text is another one is compiled anew."""
    from copdns.words import phrases

    phrases.read_po = _note_language  # type: ignore[assignment]
    phrases.write_mo = _write_language  # type: ignore[assignment]


def _note_language(text: BytesIO, locale: str) -> tuple[bytes, str]:
    return text.read(), locale


def _write_language(target: BinaryIO, language: tuple[bytes, str]) -> None:
    """Write a language as `gettext` reads it; language: its `.po` file, and its code."""
    folder = os.environ.get(FOLDER)
    text, code = language
    if not folder:
        target.write(_compile_language(text, code))
        return
    kept = Path(folder, f"{code}-{sha256(text).hexdigest()}")
    with suppress(FileNotFoundError):
        target.write(kept.read_bytes())
        return
    octets = _compile_language(text, code)
    unfinished = kept.with_suffix(f".{os.getpid()}")
    unfinished.write_bytes(octets)
    unfinished.rename(kept)
    target.write(octets)


def _compile_language(text: bytes, code: str) -> bytes:
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(text), locale=code))
    return compiled.getvalue()
