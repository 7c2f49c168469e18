"""Tell the unbound of a node what the law forbids, and which domains are not validated for now.

It reads both from files when it starts, and is told of changes on its control socket.  While it
does not answer there, it is told again.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import structlog

from copdns.provider.plane.response_rules import response_zone
from copdns.provider.plane.snapshot import ListedNames
from copdns.provider.plane.unbound import ANCHORS_FILE, RULES, RULES_FILE

PATIENCE: Final = 2.0  # seconds for an answer
MODE: Final = 0o640  # its names may be confidential; unbound's user shares the group

log = structlog.get_logger("copdns.node")


class ResolverFiles:
    """What unbound reads, in a folder.  control: its socket; "" where nobody is told."""

    def __init__(self, folder: Path, control: str) -> None:
        self._folder = folder
        self._control = control
        self._texts: dict[str, str] = {}  # by the name of the file
        self._anchors: frozenset[str] | None = None
        self._told_anchors: frozenset[str] | None = None  # None: what it has is not known
        self._is_behind = False
        self._is_failing = False

    def put(self, listed: ListedNames, anchors: tuple[str, ...] | None) -> None:
        """Take in what holds now; `settle` writes it.  anchors: None leaves those that it has."""
        texts = {RULES_FILE: response_zone(listed)}
        if anchors is not None:
            texts[ANCHORS_FILE] = "".join(f'domain-insecure: "{each}"\n' for each in anchors)
            self._anchors = frozenset(anchors)
        if texts != self._texts:
            self._texts, self._is_behind = texts, True

    def settle(self) -> None:
        """Write what is new and tell unbound, where that has not been done; cheap where it has."""
        if not self._is_behind:
            return
        try:
            for name, text in self._texts.items():
                _write(self._folder / name, text)
            for each in self._commands():
                _tell(self._control, each)
        except OSError as error:
            if not self._is_failing:
                log.warning("unbound does not know what holds now", error=str(error))
            self._is_failing = True
            return
        self._told_anchors = self._anchors
        self._is_behind = self._is_failing = False

    def _commands(self) -> Iterator[str]:
        if not self._control:
            return
        yield f"auth_zone_reload {RULES}"
        if self._anchors is None:
            return
        told = self._told_anchors
        if told is None:
            told = frozenset(
                each.strip().removesuffix(".")
                for each in _tell(self._control, "list_insecure").splitlines()
            )
        for each in sorted(self._anchors - told):
            yield f"insecure_add {each}"
        for each in sorted(told - self._anchors):
            yield f"insecure_remove {each}"


def _tell(path: str, command: str) -> str:
    """Return what unbound says to a command; raise OSError, also where it says no."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(path)
        sock.sendall(f"UBCT1 {command}\n".encode())
        said = b""
        while part := sock.recv(65_536):
            said += part
    if said.startswith(b"error"):
        raise OSError(said.decode(errors="replace").strip())
    return said.decode(errors="replace")


def _write(path: Path, text: str) -> None:
    """Write a file as a whole; raise OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, MODE), "w") as file:
        file.write(text)
    new.replace(path)
