"""`copdns signs`: signs that a device may not use the filter."""

from __future__ import annotations

import click

from copdns.as_json.signs import bypass_signs_json
from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, print_table
from copdns.cli.params import profile_option
from copdns.model.bypass_signs import SignKind
from copdns.privacy.bypass_signs import BypassNotice, notices_about
from copdns.store.log_db.bypass_signs import load_signs
from copdns.time.days import local_time, zone_of

_BEFORE = {
    SignKind.SILENCE: "nothing",
    SignKind.RESOLVER: "another DNS service",
    SignKind.VPN: "a VPN or another way around",
}
_MEANING = (
    "A device was at home and asked copdns nothing for much longer than usual. BEFORE is what was\n"
    "asked shortly before that, by this device or in its name. This is no proof (docs/bypass.md);\n"
    "nothing is blocked because of it. From 13 on, the person could read it a day earlier."
)


@click.command()
@profile_option("Only one person.")
@json_option
@pass_home
def signs(home: Home, profile: str, as_json: bool) -> None:
    """Show signs that a device may not use copdns.

    Shows what guardians are told, of the last two weeks. A sign is noticed only for people below 16
    whose setting `bypass_signs` is on.

    \b
    Example:  copdns signs --profile mia
    """
    people = (home.profile(profile),) if profile else home.household.profiles
    kept = load_signs(home.folder, home.household.id)
    found = notices_about(home.household, people, kept.signs, home.now)
    if as_json:
        print_json([bypass_signs_json(each, found, home.now) for each in people])
        return
    if found:
        rows = [_row(home, each) for each in found]
        print_table(("when", "profile", "device", "before"), rows)
        click.echo(f"\n{_MEANING}")
    else:
        click.echo("no signs")
    if unnoticed := [each.id for each in people if not each.notices_signs_at(home.now)]:
        click.echo(f"not noticed for: {', '.join(unnoticed)}")


def _row(home: Home, notice: BypassNotice) -> tuple[str, ...]:
    sign = notice.sign
    zone = home.household.local_to(notice.profile).timezone
    when = local_time(sign.at, zone_of(zone)).strftime("%Y-%m-%d %H:00")
    return when, sign.profile, sign.device, _BEFORE[sign.kind]
