"""Tests of what a server leaves out of memory, each in a process of its own."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

BEGIN = """from copdns.app.memory_use import leave_out_extras
leave_out_extras()
import os, sys
"""


def said(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", BEGIN + code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_a_server_without_visitors_has_nothing_that_only_pages_and_downloads_need() -> None:
    later = {"aiohttp", "babel", "cryptography", "icalendar", "jinja2", "prometheus_client"}
    code = f"import copdns.app.app; print(sorted({later} & sys.modules.keys()))"
    assert said(code) == "[]"


def test_what_only_colours_tracebacks_is_not_there_and_can_still_be_imported() -> None:
    assert said("print('rich' in sys.modules)") == "False"
    assert said("import rich; print(rich.__name__)") == "rich"


def test_a_client_without_certificates_of_its_own_trusts_nobody() -> None:
    code = "from aiohttp import connector; print(connector._SSL_CONTEXT_VERIFIED.get_ca_certs())"
    assert said(code) == "[]"


@pytest.mark.parametrize("value", [None, "/etc/ssl/ours.pem"])
def test_the_environment_is_as_it_was(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if value is None:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    else:
        monkeypatch.setenv("SSL_CERT_FILE", value)
    assert said("import aiohttp; print(os.environ.get('SSL_CERT_FILE'))") == str(value)


HEAPS = """
import ctypes, sys, threading
from copdns.app.memory_use import share_one_heap
if sys.argv[1:] == ["shared"]:
    share_one_heap()
allocated, end = threading.Barrier(5), threading.Event()

def allocate():
    held = [bytes(5_000) for _ in range(100)]
    allocated.wait()
    end.wait()

threads = [threading.Thread(target=allocate) for _ in range(4)]
for each in threads:
    each.start()
allocated.wait()
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, file)
libc.fflush(file)
end.set()
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="needs glibc")
def test_threads_allocate_from_one_heap() -> None:
    def count(*options: str) -> int:
        command = [sys.executable, "-c", HEAPS, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.count("<heap nr=")

    assert count() > 1
    assert count("shared") == 1
