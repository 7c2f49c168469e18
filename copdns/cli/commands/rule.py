"""`copdns rule`: domains that the household allows and blocks."""

from __future__ import annotations

from functools import partial

import click

from copdns.as_json.household import rule_json
from copdns.cli.base import TARGET, json_option
from copdns.cli.changes import rule_text
from copdns.cli.home import Home, pass_home
from copdns.cli.output import local_text, print_listing, printable
from copdns.cli.params import note_option, profile_option, scope_of, tag_option, warn_of_unused_tag
from copdns.household.rule_edits import add_rule, remove_rule, rules_about
from copdns.list_files.facts import Facts, load_facts
from copdns.list_files.load import find_needed_name
from copdns.model.errors import HouseholdError
from copdns.model.household import Household, RuleAction
from copdns.model.matchers import Matcher, parse_target
from copdns.model.sentences import literal
from copdns.model.violations import no_such
from copdns.time.plan import in_scope


@click.group()
def rule() -> None:
    """Allow and block domains.

    Your rules override every list except those against malware and phishing.
    """


@rule.command()
@click.argument("action", type=click.Choice([str(each) for each in RuleAction]))
@click.argument("target", metavar="TARGET", type=TARGET)
@profile_option("For one person. Without --profile and --tag: for everyone.")
@tag_option
@note_option
@click.option(
    "--over-security",
    is_flag=True,
    help="With allow: even if a security list says that the domain is dangerous.",
)
@click.option(
    "--unsafe-search",
    is_flag=True,
    help="With allow: this search engine without its safe mode.",
)
@pass_home
def add(
    home: Home,
    action: str,
    target: str,
    profile: str,
    tag: str,
    note: str,
    over_security: bool,
    unsafe_search: bool,
) -> None:
    """Allow or block TARGET from now on.

    games.example is the domain and its subdomains, *.games.example only its subdomains,
    =games.example only the domain, and 198.51.100.0/24 answers that contain such an address. The
    longest match decides; at equal length a person's rule comes before everyone's.

    \b
    Example:  copdns rule add block games.example --profile mia
              copdns rule add allow chess.games.example --profile mia --note "For the club."
    """
    scope = scope_of(profile, tag)
    what = f"rule added: {action} {target} for {scope or 'everyone'}"
    edit = partial(
        add_rule,
        action=RuleAction(action),
        text=target,
        known=home.known_ids,
        scope=scope,
        over_security=over_security,
        unsafe_search=unsafe_search,
        note=note,
        created=home.now,
    )
    home.change(what, edit)
    warn_of_unused_tag(home.household, scope)
    if action == RuleAction.BLOCK:
        _warn_of_needed_name(parse_target(target), load_facts(home.folder))


def _warn_of_needed_name(about: Matcher | str, facts: Facts) -> None:
    """Print a warning where a rule blocks what many sites need."""
    needed = find_needed_name(about, facts) if isinstance(about, Matcher) else ""
    if needed:
        what = f"many sites need {needed}; if they stop working, remove this rule"
        click.echo(printable(what), err=True)


@rule.command()
@click.argument("which", metavar="ID|TARGET")
@profile_option("Of several rules about TARGET, the one for this person.")
@tag_option
@pass_home
def remove(home: Home, which: str, profile: str, tag: str) -> None:
    """Remove a rule, by its ID or its TARGET.

    See `copdns rule list` for IDs.

    \b
    Example:  copdns rule remove r3
              copdns rule remove games.example --profile mia
    """
    scope = scope_of(profile, tag)

    def edit(household: Household) -> Household:
        return remove_rule(household, _find_rule(household, which, scope))

    home.change(f"rule removed: {which}", edit)


def _find_rule(household: Household, which: str, scope: str) -> str:
    """Return the id of the one rule that matches; raise HouseholdError for none or several."""
    ids = [each.id for each in household.rules]
    if which in ids:
        return which
    if not any(each in which for each in ".=:"):  # neither a name nor a network
        raise HouseholdError(no_such("rule", which, ids))
    rules = [each for each in rules_about(household, which) if scope in ("", each.scope)]
    if not rules:
        raise HouseholdError(literal(f"there is no rule about {which}; see `copdns rule list`"))
    if len(rules) > 1:
        several = ", ".join(f"{each.id} ({rule_text(each)})" for each in rules)
        raise HouseholdError(
            literal(f"several rules are about {which}: {several}; give the ID of one")
        )
    return rules[0].id


@rule.command("list")
@profile_option("Only rules that apply to one person.")
@json_option
@pass_home
def list_(home: Home, profile: str, as_json: bool) -> None:
    """List rules.

    \b
    Example:  copdns rule list --profile mia
    """
    household = home.household
    rules = in_scope(household.rules, home.profile(profile)) if profile else household.rules
    print_listing(
        rules,
        as_json,
        rule_json,
        ("rule", "says", "since"),
        lambda each: (
            each.id,
            rule_text(each),
            local_text(each.created, household.timezone) if each.created else "",
        ),
    )
