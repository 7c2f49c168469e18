"""What is written out in several places stands in each: categories, steps, some settings.

CONTRIBUTING.md ("Where to change what") names these places.  A new category, step or setting that
is forgotten in one of them fails here, if no test beside that place would tell of it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping

import pytest
import yaml

from copdns.app.from_settings import fixed_settings
from copdns.cli.check_show import _LIFTED_BY_A_GRANT, _LIFTED_BY_A_RULE
from copdns.household.presets import apply
from copdns.list_files.load import bundled_presets, bundled_text
from copdns.lists.drafts import read_files
from copdns.lists.gate import _NAMES_SCHOOLS
from copdns.lists.versions import _NAMES_LOOKALIKES
from copdns.model.household import Band
from copdns.model.verdict import StepNumber
from copdns.policy.guest import guest_profile
from copdns.policy.judge import (
    _TARGET_STEPS,
    _TARGET_STEPS_PROTECTED,
    _TARGET_STEPS_SCHOOL,
    _TARGET_STEPS_VOUCHED,
)
from copdns.policy.time_rules import _NOT_TIMED
from copdns.policy.time_steps import TimeStep
from copdns.policy.without_time import _TIME
from copdns.server.structured_errors import _SUB_ERRORS
from copdns.settings.config import Section, Settings
from copdns.settings.lists import _NEVER_LOG_ONLY
from copdns.web.desk.household.settings import HIDDEN
from copdns.words.child import _FOR_ADULTS, SIMPLE_NAMES
from copdns.words.desk import CATEGORIES
from tests.conftest import LONG, MEASURING, ROAD
from tests.household import MIA, policy
from tests.test_house import ROOT

BYPASS = "bypass"  # written where categories are, and none in the catalogue
CATALOGUE = read_files(bundled_text).catalogue.categories
SECURITY = {slug for slug, each in CATALOGUE.items() if each.layer == "security"}
TEMPLATES = ROOT / "web-ui" / "templates"

# --- categories -----------------------------------------------------------------------------------

# Their usual names are simple enough for children up to 12.
SIMPLE_ALREADY = {"phishing", "drugs", "social", "games", "ads", BYPASS}
# A child may be led to ask for them.
FOR_CHILDREN_TOO = {*SECURITY, "chat", "social", "games", "ads", BYPASS}


def test_each_category_has_a_simple_name_or_needs_none() -> None:
    assert SIMPLE_NAMES.keys() | SIMPLE_ALREADY == {*CATALOGUE, BYPASS}
    assert SIMPLE_NAMES.keys().isdisjoint(SIMPLE_ALREADY)


def test_each_category_is_for_adults_or_not() -> None:
    assert {*CATALOGUE, BYPASS} == _FOR_ADULTS | FOR_CHILDREN_TOO
    assert _FOR_ADULTS.isdisjoint(FOR_CHILDREN_TOO)


def test_each_category_has_an_icon_of_its_own() -> None:
    text = (TEMPLATES / "parts.html").read_text()
    written = re.search(r"set category_icons = (\{.*?\})", text)
    assert written
    icons = yaml.safe_load(written[1])
    assert icons.keys() == CATALOGUE.keys()
    assert len(set(icons.values())) == len(icons)


# Lists of which categories may name the sites of a group of top.yaml; all others may not.
MAY_NAME: Mapping[str, set[str]] = {
    "everyday": set(),
    "together": {"chat", "social"},
    "play": {"chat", "social", "games", "ads"},
    "also_for_adults": {"adult", "violence", "dating", "chat", "social", "piracy", "ads"},
}


def test_each_category_may_name_large_sites_or_not() -> None:
    groups = yaml.safe_load(bundled_text("top.yaml"))["groups"]
    known = {*CATALOGUE, BYPASS}
    assert {slug: known - {*each["not_in"]} for slug, each in groups.items()} == MAY_NAME


def test_the_security_categories_are_meant_wherever_they_are_written_out() -> None:
    assert SECURITY == _NEVER_LOG_ONLY
    assert _SUB_ERRORS.keys() == SECURITY
    assert SECURITY == _NAMES_LOOKALIKES
    written = re.findall(r"say\.categories\((\[.*?\])\)", (TEMPLATES / "rules.html").read_text())
    assert [set(yaml.safe_load(each)) for each in written] == [SECURITY]
    agreement = (TEMPLATES / "desk" / "agreement.html").read_text()
    assert set(re.findall(r'about_category\("(\w+)"\)', agreement)) - {BYPASS} == SECURITY


def test_each_security_category_names_hacked_schools_on_purpose_or_by_mistake() -> None:
    assert {"phishing"} == SECURITY - _NAMES_SCHOOLS
    assert _NAMES_SCHOOLS <= SECURITY


def test_what_guests_cannot_open_is_said_where_their_rules_are_chosen() -> None:
    page = (TEMPLATES / "desk" / "guest_rules.html").read_text()
    said = re.search(r'_\("They block ([^."]+)\."\)', page)
    assert said
    guest = guest_profile()
    assert guest.security
    blocked = SECURITY | guest.categories
    names = {CATEGORIES[each][0].text.lower() for each in blocked}
    assert set(re.split(r", | and ", said[1])) == names


# What docs/household.md calls them.
IN_THE_TABLE = {
    **{slug: slug for slug in ("adult", "violence", "gambling", "drugs", "dating", "piracy")},
    "chat": "chat",
    "games": "games",
    "ads": "advertising",
    "self_harm": "self-harm",
    "social": "social media",
}


def test_the_table_of_presets_names_the_categories_that_they_block() -> None:
    page = (ROOT / "docs" / "household.md").read_text()
    rows = dict(
        re.findall(r"^\| `([\w-]+)` \| everything not blocked \| ([^|]+) \|", page, re.MULTILINE)
    )
    assert rows.keys() == {str(band) for band in Band} - {str(Band.TO_6)}
    above: set[str] = set()
    for band in sorted(rows.keys(), key=list(map(str, Band)).index):
        said = rows[band]
        told = {slug for slug, word in IN_THE_TABLE.items() if word in said.split(", ")}
        if said.startswith("the same"):
            told = {slug for slug in above if f"without {IN_THE_TABLE[slug]}" not in said}
        assert told == apply(bundled_presets()[Band(band)], MIA).categories, band
        above = told
    assert IN_THE_TABLE.keys() == CATALOGUE.keys() - SECURITY


def test_the_page_of_appeals_names_what_opens_when_nobody_answers() -> None:
    page = (ROOT / "docs" / "appeals.md").read_text()
    said = re.search(r"with `low_harm`: (.+?)\.", page, re.DOTALL)
    assert said
    low = {slug for slug, each in CATALOGUE.items() if each.low_harm}
    assert set(re.findall(r"`(\w+)`", said[1])) == low


# --- steps ----------------------------------------------------------------------------------------


def test_the_steps_of_time_are_the_same_wherever_they_are_written_out() -> None:
    timed = {step.number for step in policy().order if isinstance(step, TimeStep)}
    assert timed == _TIME == _LIFTED_BY_A_GRANT


# What else is written out of each step: no time changes its verdict; a rule lifts its block; it may
# block what a name leads to (the target of a CNAME), also where a rule or a grant opened the name,
# where the name is protected, or where it is the household's own school.
WHAT_FOLLOWS: Mapping[StepNumber, set[str]] = {
    StepNumber.ACCESS: {"untimed"},
    StepNumber.LOCAL: {"untimed"},
    StepNumber.LEGAL: {"untimed", "target", "of opened", "of protected", "of school"},
    StepNumber.PROTECTED: set(),
    StepNumber.SECURITY: {"untimed", "lifted", "target", "of opened", "of school"},
    StepNumber.GRANTS: set(),
    StepNumber.PAUSE: set(),
    StepNumber.SCHEDULES: set(),
    StepNumber.BUDGETS: set(),
    StepNumber.RULES: {"target", "of school"},
    StepNumber.BYPASS: {"lifted", "target"},
    StepNumber.SERVICES: {"lifted", "target"},
    StepNumber.CATEGORIES: {"lifted", "target"},
    StepNumber.SAFE_SEARCH: {"lifted"},
    StepNumber.DEFAULT: {"lifted"},
}


def test_what_follows_from_each_step_is_written_out_for_each() -> None:
    assert WHAT_FOLLOWS.keys() == {step.number for step in policy().order}
    found = {
        "untimed": _NOT_TIMED,
        "lifted": _LIFTED_BY_A_RULE,
        "target": _TARGET_STEPS,
        "of opened": _TARGET_STEPS_VOUCHED,
        "of protected": _TARGET_STEPS_PROTECTED,
        "of school": _TARGET_STEPS_SCHOOL,
    }
    for what, steps in found.items():
        told = {step for step, follows in WHAT_FOLLOWS.items() if what in follows}
        assert told == steps - {StepNumber.RESPONSE}, what


def test_each_step_is_compiled() -> None:
    """It is asked for each query."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    modules = project["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]["modules"]
    files = {f"{type(step).__module__.replace('.', '/')}.py" for step in policy().order}
    assert files <= set(modules)


NUMBERS = {14: "fourteen", 15: "fifteen", 16: "sixteen", 17: "seventeen"}


@pytest.mark.parametrize(
    "file", ["docs/decision.md", "docs/architecture.md", "copdns/policy/step_builders.py"]
)
def test_how_many_steps_there_are_is_said_as_it_is(file: str) -> None:
    number = len(policy().order)
    said = re.findall(
        rf"\b(\d+|{'|'.join(NUMBERS.values())}) (?:steps|that decide|in\b)",
        (ROOT / file).read_text(),
    )
    assert said
    assert set(said) <= {str(number), NUMBERS[number]}


# --- settings -------------------------------------------------------------------------------------

TCP_LIMITS = {"dns.tcp_idle", "dns.tcp_connections", "dns.tcp_in_flight"}


def fixed() -> Iterator[str]:
    """Yield what only a restart changes: settings with their section, and whole sections."""
    usual = Settings()
    for name in Settings.model_fields:
        section = getattr(usual, name)
        keys = list(type(section).model_fields) if isinstance(section, Section) else []
        changed = {f"{name}.{key}": section.model_copy(update={key: object()}) for key in keys} or {
            name: object()
        }
        found = {
            key
            for key, value in changed.items()
            if fixed_settings(usual.model_copy(update={name: value})) != fixed_settings(usual)
        }
        yield from (name,) if found == changed.keys() else found


def test_the_page_and_the_log_name_the_settings_that_only_a_restart_changes() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    told = re.search(r"Changes to\s+(`dns\.port`.+?) take effect at the next start", page)
    assert told
    assert "the TCP limits" in told[1]
    assert {*re.findall(r"`([\w.]+)`", told[1])} | TCP_LIMITS == set(fixed())
    log = (ROOT / "copdns" / "app" / "app.py").read_text()
    assert "changes to ports, TCP limits, encrypted, web, data, provider and node take" in log


# What speaks of secrets and is none: the name of a file, a public key, a choice.
NO_SECRETS = {
    *("web.tls_key", "web.desk_over_http", "encrypted.key", "encrypted.name"),
    *("encrypted.unknown", "encrypted.public", "facts.keys", "backup.recipients"),
    *("node.encrypted_name", "node.public"),
    "mqtt.password_file",
    "provider.show_pages",
}


def test_what_settings_keep_secret_is_not_shown_on_a_page() -> None:
    speaks = {
        f"{name}.{key}"
        for name in Settings.model_fields
        if isinstance(section := getattr(Settings(), name), Section)
        for key, field in type(section).model_fields.items()
        if re.search(
            r"\b(?:passwords?|secrets?|tokens?|keys?)\b",
            f"{key} {field.description}",
            re.IGNORECASE,
        )
    }
    assert speaks - NO_SECRETS <= HIDDEN
    assert speaks >= NO_SECRETS
    assert NO_SECRETS.isdisjoint(HIDDEN)


# --- tests ----------------------------------------------------------------------------------------


def test_files_of_tests_that_have_a_place_in_the_order_are_there() -> None:
    """One that was renamed would be begun with last, or measure while others run."""
    assert [each for each in (*LONG, *MEASURING, ROAD) if not (ROOT / each).is_file()] == []
