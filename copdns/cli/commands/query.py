"""`copdns query`: ask for a name as somebody would, and tell each step and its time."""

from __future__ import annotations

import click

from copdns.cli.base import NAME, ParsedParam, json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import align, print_json, printable
from copdns.cli.params import complete_profile
from copdns.model.names import display
from copdns.model.record_types import qtype_name, qtype_number


@click.command()
@click.argument("name", type=NAME)
@click.option(
    "--as",
    "profile",
    metavar="ID",
    required=True,
    shell_complete=complete_profile,
    help="Ask as this person.",
)
@click.option(
    "--type",
    "qtype",
    type=ParsedParam("type", qtype_number),
    default="A",
    help="The record type: A (default), AAAA, HTTPS, TXT ...",
)
@json_option
@pass_home
def query(home: Home, name: str, profile: str, qtype: int, as_json: bool) -> None:
    """Ask for NAME as a person's device would; time each step.

    An upstream is asked if the name is allowed, also for help domains; nothing is recorded. A
    device may get its answer sooner, since the running copdns has answers in its cache. The exit
    code is 0 if there is an answer, 1 if no upstream answers, 3 if NAME is blocked or refused, and
    4 if it is answered with the data of another domain.

    \b
    Example:  copdns query www.youtube.com --as mia
              copdns query chess.example --as tom --type AAAA
    """
    from copdns.cli.query_stages import go  # it needs what reads DNS messages

    stages, code = go(home, name, qtype, home.profile(profile).id)
    if as_json:
        found = [
            {"step": each.name, "milliseconds": round(each.seconds * 1000, 3), "text": each.text}
            for each in stages
        ]
        print_json({"name": name, "type": qtype_name(qtype), "profile": profile, "steps": found})
    else:
        click.echo(f"{printable(display(name))}, type {qtype_name(qtype)}, as {profile}")
        for line in align([(each.name, _time_text(each.seconds), each.text) for each in stages]):
            click.echo(printable(line))
    click.get_current_context().exit(code)


def _time_text(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
