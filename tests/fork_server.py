"""Starts copdns by a fork of this process, which has imported it: most of a start is imports.

    python -m tests.fork_server FD

FD is a socket.  Each message of it asks for one process: JSON (`words` of its command line,
`environment`, `folder` to be in), and three descriptors: its standard output, its standard error,
and a pipe that is told its id at once and its exit code in the end, a line each.  When the other
end of the socket is closed, this process ends, and what it has begun goes on.

A process that is begun here does what `python -m copdns` does, from its arguments to its end, in
the given environment and with no other descriptor open.  What differs: who has read its code and
the languages of pages, so that its memory is partly this process's, that a template of pages which
another process compiled is not compiled again (tests/templates.py), that help names are asked for
at the pace of a program that has run before (`ask_for_help_slowly`), and that variables by which
Python or the C library are another (PYTHON..., LC_..., TZ, LD_PRELOAD) are those of this process.
"""

from __future__ import annotations

import gc
import json
import os
import pkgutil
import runpy
import select
import socket
import sys
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import NamedTuple, TextIO

import copdns
from copdns.app.memory_use import leave_out_extras
from tests.templates import take_compiled_languages, take_compiled_templates

MOST = 1 << 18  # octets of a message


class Wanted(NamedTuple):
    """A process to begin.  out, error, told: descriptors."""

    words: list[str]
    environment: dict[str, str]
    folder: str
    out: int
    error: int
    told: int


def main() -> None:
    import_all()
    take_compiled_languages()
    read_languages()
    read_lists()
    ask_for_help_slowly()
    take_compiled_templates()
    gc.collect()
    gc.freeze()  # a search for garbage in a child would write to, and so copy, what is shared
    wanted = serve(socket.socket(fileno=int(sys.argv[1])))
    if wanted is not None:
        become(wanted)


def import_all() -> None:
    """Import all of copdns, as its start does: without what libraries import only for extras."""
    leave_out_extras()
    for module in pkgutil.walk_packages(copdns.__path__, "copdns."):
        if not module.name.endswith("__main__"):
            import_module(module.name)


def read_languages() -> None:
    """Read what a program reads for its first page, whose menu has all languages."""
    from copdns.web.languages import phrases_in  # not before `leave_out_extras`
    from copdns.words.phrases import LANGUAGES

    for language in LANGUAGES:
        phrases_in(language)


def read_lists() -> None:
    """Read the lists that the program comes with, as every start and most commands do: a third of
    their work.  Their files stay read until a program has its own lists in force."""
    from copdns.list_files.load import load_catalogue

    load_catalogue(())


def ask_for_help_slowly() -> None:
    """Let a program take 15 minutes for the help names, as from its second start on.

    At its first one it asks for twenty a second, a minute long, which is more work for it and for
    its upstream, a test's own process, than all else that most tests do.  That pace is held by
    tests/unit/server/test_help_rounds.py and tests/unit/app/test_help_chores.py, and programs that
    Python begins have it.
    """
    from copdns.server import help_rounds

    vars(help_rounds)["FIRST_ROUND"] = help_rounds.ROUND


def serve(requests: socket.socket) -> Wanted | None:
    """Begin what is asked for; return None at the end, and in a new process what it is to be."""
    running: dict[int, tuple[int, int]] = {}  # id and pipe, by the descriptor that tells of the end
    poll = select.poll()
    poll.register(requests, select.POLLIN)
    while True:
        for ready, _ in poll.poll():
            if ready != requests.fileno():
                poll.unregister(ready)
                tell_end(ready, *running.pop(ready))
                continue
            wanted = receive(requests)
            if wanted is None:
                return None
            child = os.fork()
            if child == 0:
                return wanted
            os.write(wanted.told, f"{child}\n".encode())
            os.close(wanted.out)
            os.close(wanted.error)
            ends = os.pidfd_open(child)
            running[ends] = child, wanted.told
            poll.register(ends, select.POLLIN)


def receive(requests: socket.socket) -> Wanted | None:
    message, descriptors, _, _ = socket.recv_fds(requests, MOST, 3)
    if not message:
        return None
    out, error, told = descriptors
    return Wanted(**json.loads(message), out=out, error=error, told=told)


def tell_end(ends: int, child: int, told: int) -> None:
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with suppress(BrokenPipeError):  # nobody waits for it any more
        os.write(told, f"{code}\n".encode())
    os.close(told)
    os.close(ends)


def become(wanted: Wanted) -> None:
    """Be `python -m copdns` from here on."""
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(wanted.out, 1)
    os.dup2(wanted.error, 2)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    sys.stdout = sys.__stdout__ = renewed(sys.stdout, 1)
    sys.stderr = sys.__stderr__ = renewed(sys.stderr, 2)
    os.environ.clear()
    os.environ.update(wanted.environment)
    os.chdir(wanted.folder)
    sys.argv[1:] = wanted.words
    runpy.run_module("copdns", run_name="__main__", alter_sys=True)


def renewed(stream: TextIO, fd: int) -> TextIOWrapper:
    """Return what writes text to a descriptor as a stream does that Python has made for it."""
    assert isinstance(stream, TextIOWrapper)
    passes_on = stream.write_through  # as PYTHONUNBUFFERED wants
    return TextIOWrapper(
        open(fd, "wb", 0 if passes_on else -1, closefd=False),
        stream.encoding,
        stream.errors,
        "\n",
        stream.line_buffering,
        passes_on,
    )


if __name__ == "__main__":
    main()
