"""`copdns profile`: the people of the household, and what applies to each."""

from __future__ import annotations

from functools import partial

import click

from copdns.as_json.household import profile_json
from copdns.cli.base import BAND, ID, json_option
from copdns.cli.commands.profile_set import set_
from copdns.cli.commands.profile_show import print_profile
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, print_listing
from copdns.cli.params import SUBJECT, complete_profile, profile_argument
from copdns.cli.people_records import store_confirmed_age, tell_of_backups
from copdns.household.edits import add_profile, remove_profile
from copdns.household.safeguards import default_mode
from copdns.list_files.load import bundled_presets
from copdns.model.household import Band, Profile
from copdns.model.times import Subject


@click.group()
def profile() -> None:
    """Manage people, and what applies to them."""


profile.add_command(set_)


@profile.command("list")
@json_option
@pass_home
def list_(home: Home, as_json: bool) -> None:
    """List the people of the household.

    \b
    Example:  copdns profile list
    """
    household = home.household
    print_listing(
        household.profiles,
        as_json,
        lambda each: profile_json(each, household, home.now),
        ("profile", "name", "age", "devices", "recorded"),
        lambda each: (
            each.id,
            each.name,
            str(each.band_at(home.now)),
            ", ".join(device.id for device in household.devices if device.profile == each.id),
            str(each.privacy_at(home.now)),
        ),
    )


@profile.command()
@profile_argument
@json_option
@pass_home
def show(home: Home, profile: str, as_json: bool) -> None:
    """Show everything that applies to one person.

    This includes announced changes, and what is recorded. `guest` is the built-in profile of
    unknown devices.

    \b
    Example:  copdns profile show mia
    """
    found = home.profile(profile)
    if as_json:
        print_json(profile_json(found, home.household, home.now))
    else:
        print_profile(home, found)


@profile.command("confirm-age")
@profile_argument
@pass_home
def confirm_age(home: Home, profile: str) -> None:
    """Say that a person's age group is still right.

    After a year without that, the dashboard and the person's page ask.

    \b
    Example:  copdns profile confirm-age mia
    """
    band = home.profile(profile).band_at(home.now)
    store_confirmed_age(home, profile)
    click.echo(f"profile {profile}: the age group {band} is confirmed")


@profile.command()
@click.argument("profile", metavar="ID", type=ID)
@click.option("--name", metavar="TEXT", default="", help="The person's name.")
@click.option("--preset", type=BAND, help="Use the preset for this age group.")
@click.option("--band", type=BAND, help="The age group, without a preset.")
@click.option(
    "--tag", metavar="TAG", type=ID, multiple=True, help="A tag for rules about several people."
)
@click.option(
    "--always",
    metavar="SUBJECT",
    type=SUBJECT,
    multiple=True,
    help="Always allowed, during every pause, schedule and limit: service:spotify, a domain ...",
)
@click.option(
    "--homework",
    metavar="SUBJECT",
    type=SUBJECT,
    multiple=True,
    help="Also allowed in homework mode.",
)
@click.option("--times", is_flag=True, help="With --preset: also use its bedtime and daily limits.")
@pass_home
def add(
    home: Home,
    profile: str,
    name: str,
    preset: str | None,
    band: str | None,
    tag: tuple[str, ...],
    always: tuple[Subject, ...],
    homework: tuple[Subject, ...],
    times: bool,
) -> None:
    """Add a person, or a group of devices.

    ID is a short word of your own, in lower case.

    \b
    Example:  copdns profile add mia --name Mia --preset 7-9
    """
    age_text = preset or band
    if age_text is None or (preset and band):
        raise click.UsageError(
            "give --preset for the preset of an age group, or --band for the age group alone"
        )
    if times and not preset:
        raise click.UsageError("--times needs --preset")
    age = Band(age_text)
    person = Profile(
        profile,
        name or profile,
        age,
        frozenset(tag),
        privacy=default_mode(age),
        always=tuple(dict.fromkeys(always)),
        homework=tuple(dict.fromkeys(homework)),
    )
    edit = partial(
        add_profile,
        profile=person,
        known=home.known_ids,
        preset=bundled_presets()[age] if preset else None,
        times=times,
    )
    home.change(f"profile {profile} added", edit)


@profile.command()
@click.argument("profile", metavar="ID", shell_complete=complete_profile)
@pass_home
def remove(home: Home, profile: str) -> None:
    """Remove a person and their rules.

    First assign their devices to someone else, and answer their requests. All that is recorded of
    them is deleted.

    \b
    Example:  copdns profile remove mia
    """
    home.change(f"profile {profile} removed", partial(remove_profile, profile_id=profile))
    tell_of_backups(home, "the rules, schedules and requests")
