"""What outside tools find wrong: schemathesis with the API, wapiti with the pages.

assert breaches(f"http://127.0.0.1:{program.web_port}/api/v1/openapi.json") == ""
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.conftest import missing

NO_MORE_THAN = 300  # seconds for a run


def breaches(
    document: str,
    headers: Mapping[str, str] | None = None,
    examples: int = 30,
    seed: int = 1,
    without: str = "",
    only: str = "",
    session: str = "",
    seconds: int = NO_MORE_THAN,
    phases: str = "",
) -> str:
    """Return what schemathesis says of an API that breaks its own word, or nothing.

    document: the address of its OpenAPI document.  headers: sent with each request, such as a
    token.  examples: requests for each operation; the same seed makes the same ones.
    without: what paths look like that are left out, such as those that never end.  only: what those
    look like that are taken; "" for all.
    session: the cookie of somebody who is logged in; it leaves it out, too, to see what comes.
    seconds: that it may take.  phases: those of its ways to make requests, with commas between;
    "" for all.
    """
    if importlib.util.find_spec("schemathesis") is None:
        missing("needs schemathesis, which `make test` installs where there is a Chromium")
    sent = [f"--header={name}:{value}" for name, value in (headers or {}).items()]
    sent += [f"--exclude-path-regex={without}"] if without else []
    sent += [f"--include-path-regex={only}"] if only else []
    sent += [f"--phases={phases}"] if phases else []
    with tempfile.TemporaryDirectory() as work:  # it keeps what it found where it runs
        if session:
            way = f'[auth.openapi]\nsession = {{ api_key = "{session}" }}\n'
            (Path(work) / "schemathesis.toml").write_text(way)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", document, "--checks=all"),
                *(
                    f"--max-examples={examples}",
                    f"--seed={seed}",
                    "--no-color",
                    "--continue-on-failure",
                ),
                *sent,
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            cwd=work,
        )
    return "" if done.returncode == 0 else done.stdout + done.stderr


# Those of wapiti's modules that need no server of their own outside, and no data to be fetched.
# Its csrf knows tokens only; here a form is asked where it comes from, and test_strangers.py sends
# each from elsewhere.
MODULES = (
    *("xss", "permanentxss", "sql", "crlf", "file", "exec", "redirect", "methods"),
    *("csp", "http_headers", "cookieflags"),
)


def attacked(wapiti: Path, address: str, folder: Path) -> str:
    """Return what wapiti finds wrong with all pages that it reaches from an address, or nothing.

    folder: for what it keeps.
    """
    report = folder / "wapiti.json"
    subprocess.run(
        [
            *(wapiti, "--url", address, "--scope", "folder", "--module", ",".join(MODULES)),
            *("--no-bugreport", "--flush-session", "--verbose", "0"),
            *("--store-session", folder / "session", "--store-config", folder / "config"),
            *("--format", "json", "--output", report),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return "\n".join(findings(json.loads(report.read_text())))


def findings(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield what stands in a report of wapiti's, a line each; raises where it saw no page."""
    if not report["infos"]["crawled_pages_nbr"]:
        raise ValueError("wapiti reached no page")
    for kind in ("vulnerabilities", "anomalies"):
        for title, found in report[kind].items():
            yield from (
                f"{title}: {each['method']} {each['path']}: {each['info']}" for each in found
            )
