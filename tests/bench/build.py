"""Compile the bench's own C programs: load generator, stub upstreams, echo."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent
FLAGS = ("-O2", "-Wall", "-Wextra", "-Werror", "-std=gnu11", "-pthread")
NO_COMPILER = "make bench needs a C compiler: install gcc (Debian: apt install gcc libc6-dev)"
NO_OPENSSL = "the header files of OpenSSL are missing (Debian: apt install libssl-dev)"


class BenchError(Exception):
    """The bench cannot go on; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Programs:
    load: Path
    upstream: Path
    echo: Path


def compiler() -> str:
    """Return the C compiler's path, "" when there is none.  CC in the environment wins."""
    return shutil.which(os.environ.get("CC") or "gcc") or shutil.which("cc") or ""


def compiled(folder: Path) -> Programs:
    """Compile what is not compiled yet, or changed since; raise BenchError when that fails."""
    folder.mkdir(parents=True, exist_ok=True)
    return Programs(*(_compiled(folder, name) for name in ("load", "upstream", "echo")))


def has_openssl() -> bool:
    """Tell whether what `compile_tls_upstream` needs beside a compiler is there."""
    return Path("/usr/include/openssl/ssl.h").exists()


def compile_tls_upstream(folder: Path) -> Path:
    """Return the stub upstream that speaks TLS; raise BenchError where it cannot be compiled."""
    return _compiled(folder, "tls_upstream", "-lssl", "-lcrypto")


def _compiled(folder: Path, name: str, *libraries: str) -> Path:
    source, program = SOURCES / f"{name}.c", folder / name
    newest = max(each.stat().st_mtime for each in (source, SOURCES / "stub_answer.h"))
    if program.exists() and program.stat().st_mtime > newest:
        return program
    chosen = compiler()
    if not chosen:
        raise BenchError(NO_COMPILER)
    done = subprocess.run(
        [chosen, *FLAGS, "-o", program, source, *libraries],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"{source} does not compile:\n{done.stderr}{NO_COMPILER}")
    return program
