"""The log in a real browser: rows come by themselves, and by looking again without a script."""

from __future__ import annotations

from tests.e2e.house import MIA
from tests.running import Program
from tests.web.browsing import PHONE, Browsers, Device, assert_accessible
from tests.web.pages import DOOR, log_in


def guardian(browsers: Browsers, program: Program, **more: bool) -> Device:
    ada = browsers.guardian(program, screen=PHONE, **more)
    log_in(ada, program)
    ada.open(f"{DOOR}guardian/log")
    return ada


def test_what_is_closed_for_a_child_appears_while_a_guardian_looks(
    browsers: Browsers, program: Program
) -> None:
    ada = guardian(browsers, program)
    program.ask("www.bet365.com", source=MIA)
    ada.reads("www.bet365.com")
    assert_accessible(ada)
    assert not ada.complaints


# Resolves when the browser has an event of its own that comes after now.
NEXT_ROWS = """() => new Promise((done) => {
    const source = new EventSource(document.querySelector("[data-live]").dataset.live);
    source.onmessage = (event) => event.data.includes("www.888casino.com") && done(source.close());
})"""


def test_rows_wait_while_they_are_paused(browsers: Browsers, program: Program) -> None:
    ada = guardian(browsers, program)
    ada.open(f"{DOOR}guardian/log?show=blocked")
    program.ask("www.betway.com", source=MIA)
    ada.reads("www.betway.com")
    ada.tap("Stop updating")
    program.ask("www.888casino.com", source=MIA)
    ada.page.evaluate(NEXT_ROWS)
    assert "www.888casino.com" not in ada.text
    assert_accessible(ada)
    ada.tap("Stop updating")
    ada.reads("www.888casino.com")
    assert not ada.complaints


def test_without_scripts_a_link_looks_again(browsers: Browsers, program: Program) -> None:
    ada = guardian(browsers, program, scripts=False)
    assert "Stop updating" not in ada.text
    program.ask("www.888.com", source=MIA)
    for _ in range(20):
        ada.tap("Refresh")
        if "www.888.com" in ada.text:
            break
    ada.reads("www.888.com")
