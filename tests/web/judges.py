"""python -m tests.web.judges FOLDER: let pa11y and lighthouse judge the pages.

FOLDER: where `npm install pa11y lighthouse` was run; neither is part of copdns.  They use the
machine's Chromium.  pa11y reads every page that tests/web/pages.py knows, of the example family, in
light and in dark; lighthouse the overview, the activity log and a child's page, as on a phone.
Exits with 1 where pa11y finds an error, or a figure is below its aim; what is missing is said.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

from copdns.list_files.own_lists import OwnLists
from copdns.web.session import SESSION
from tests.running import PATIENCE, Program
from tests.web.browsing import CHROMIUM
from tests.web.pages import (
    GUARDIAN,
    PAGES,
    PASTED,
    PASTED_TEXT,
    Page,
    admit,
    ask,
    count_from_now,
    data,
    example,
)
from tests.web.programs import session
from tests.web.screenshots import found

# Out of 100.
AIMS = {"accessibility": 100, "best-practices": 95, "performance": 95}
JUDGED = ("/guardian/", "/guardian/log", "/")
# What leads elsewhere once somebody is logged in or the household is set up.
ELSEWHERE = ("/guardian/login", "/guardian/setup", "/guardian/join")
SECONDS = 300  # for one page
# By day and by night, as Blink is told: pa11y has no word for it.
LOOKS = {
    "light": "--blink-settings=preferredColorScheme=1",
    "dark": "--blink-settings=preferredColorScheme=0",
}
CHROME = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage")


def main(folder: str) -> None:
    tools = Path(folder, "node_modules", ".bin")
    missing = [each for each in ("pa11y", "lighthouse") if not (tools / each).exists()]
    if missing:
        sys.exit(f"not in {folder}: {', '.join(missing)}; run there: npm install pa11y lighthouse")
    chromium = found("chromium", *CHROMIUM)
    with tempfile.TemporaryDirectory() as work, example(Path(work)) as program:
        cookies = come_in(program)
        wrong = list(errors(tools, chromium, program, cookies, Path(work)))
        wrong += low_scores(tools, chromium, program, cookies, Path(work))
    if wrong:
        sys.exit(f"{len(wrong)} things are below their aim")
    tell("pa11y: 0 errors; lighthouse: every figure reaches its aim")


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def come_in(program: Program) -> Mapping[bool, str]:
    """Fill the house; return the cookies of a guardian (True) and of Mia's own browser (False)."""
    guardian = f"{SESSION}={session(program)}"
    OwnLists(data(program)).put(PASTED, PASTED_TEXT)
    program.command("schedule", "suggest", "--profile", "mia")
    admit(program, "127.0.0.1")
    opener = build_opener(jar := HTTPCookieProcessor())
    origin = f"http://127.0.0.1:{program.web_port}"
    request = Request(f"{origin}/device", urlencode({}).encode(), {"Origin": origin})
    opener.open(request, timeout=PATIENCE).close()
    count_from_now(program)
    for source in ("127.0.0.1", "127.0.0.2"):
        program.ask("888.com", source=source)
        program.ask("games.example", source=source)
    child = "; ".join(f"{each.name}={each.value}" for each in jar.cookiejar)
    return {True: guardian, False: child}


def opened(program: Program, child: str) -> Iterator[tuple[str, bool]]:
    """Yield the path of each page, and whether a guardian reads it; Mia's are those of a child.

    child: her browser's cookies.
    """
    appeal = ask(program)["mia"]
    origin = f"http://127.0.0.1:{program.web_port}"
    request = Request(origin, headers={"Cookie": child, "Accept": "text/html"})
    with build_opener().open(request, timeout=PATIENCE) as reply:
        code, *_ = *re.findall(r'href="/why/(\w+)"', reply.read().decode()), ""
    for each in PAGES:
        if "{code}" in each.route and not (code or each.path):
            tell(f"{each.route} was not looked at: nothing was blocked just now")
        elif each.route not in ELSEWHERE and not _is_of_adults(each):
            path = (each.path or each.route).format(code=code, appeal=appeal)
            yield path, each.route.startswith("/guardian/")


def _is_of_adults(page: Page) -> bool:
    return page.who == GUARDIAN and not page.route.startswith("/guardian/")


def errors(
    tools: Path, chromium: str, program: Program, cookies: Mapping[bool, str], work: Path
) -> Iterator[str]:
    """Yield what pa11y finds wrong (WCAG 2.2 AA, by its own rules and by axe-core's)."""
    for (path, of_guardian), look in product(opened(program, cookies[False]), LOOKS):
        settings = work / "pa11y.json"
        settings.write_text(
            json.dumps(
                {
                    "chromeLaunchConfig": {
                        "executablePath": chromium,
                        "args": [*CHROME, LOOKS[look]],
                    },
                    "headers": {"Cookie": cookies[of_guardian]},
                    "runners": ["htmlcs", "axe"],
                    "standard": "WCAG2AA",
                    "timeout": SECONDS * 1000,
                }
            )
        )
        url = f"http://127.0.0.1:{program.web_port}{path}"
        said = call([tools / "pa11y", "--config", settings, "--reporter", "json", url])
        wrong = [each for each in json.loads(said or "[]") if each["type"] == "error"]
        tell(f"pa11y {path}, {look}: {len(wrong)} errors")
        for each in wrong:
            line = f"{each['code']}: {each['message']}: {each['selector']} {each['context'][:200]}"
            tell(f"  {line}")
            yield line


def low_scores(
    tools: Path, chromium: str, program: Program, cookies: Mapping[bool, str], work: Path
) -> Iterator[str]:
    """Yield the figures of lighthouse that are below their aim."""
    for path in JUDGED:
        headers = json.dumps({"Cookie": cookies[path.startswith("/guardian/")]})
        report = work / "lighthouse.json"
        call(
            [
                *(tools / "lighthouse", f"http://127.0.0.1:{program.web_port}{path}"),
                *(f"--only-categories={','.join(AIMS)}", f"--extra-headers={headers}"),
                *("--output=json", f"--output-path={report}", "--quiet"),
                f"--chrome-flags={' '.join(CHROME)}",
            ],
            CHROME_PATH=chromium,
        )
        judged = json.loads(report.read_text())
        scores = {each: round(100 * (judged["categories"][each]["score"] or 0)) for each in AIMS}
        tell(f"lighthouse {path}: {', '.join(f'{each} {n}' for each, n in scores.items())}")
        for each, aim in AIMS.items():
            if scores[each] < aim:
                for line in lost(judged, each):
                    tell(f"  {line}")
                yield f"{path}: {each} {scores[each]}"


def lost(judged: Mapping[str, Any], category: str) -> Iterator[str]:
    """Yield the audits for which a category is not at 100."""
    for each in judged["categories"][category]["auditRefs"]:
        audit = judged["audits"][each["id"]]
        score = audit["score"]
        if each["weight"] and isinstance(score, int | float) and score < 1:
            yield f"{audit['id']}: {audit['title']} {audit.get('displayValue', '')}"


def call(words: Sequence[object], **environment: str) -> str:
    """Run a tool, and return what it wrote; pa11y ends with 2 where it finds something."""
    done = subprocess.run(
        [str(each) for each in words],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=os.environ | environment,
    )
    if done.returncode not in (0, 2):
        sys.exit(f"{words[0]}: {done.stderr or done.stdout}")
    return done.stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
