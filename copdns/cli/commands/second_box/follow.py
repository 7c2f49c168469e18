"""`copdns follow`: make this box a second one, which answers as another box does."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from copdns.app.second_box.followed_source import erase_minutes
from copdns.as_json.plain import utc
from copdns.cli.base import Options, json_option, pass_options
from copdns.cli.output import print_json
from copdns.household.second_box.pairing_key import parse_pairing_key
from copdns.model.errors import FollowingError
from copdns.store.household_db.condition import FILE
from copdns.store.second_box_files import (
    Following,
    parse_first_box,
    read_following,
    read_last_fetch,
    read_stored_bundle,
    stop_following,
    write_following,
)


@click.command()
@click.argument("url", required=False)
@click.argument("key", required=False)
@click.option("--stop", is_flag=True, help="Follow no longer, and delete what came from there.")
@json_option
@pass_options
def follow(options: Options, url: str | None, key: str | None, stop: bool, as_json: bool) -> None:
    """Make this box a second one: it answers as the box at URL does.

    The first box shows KEY once, when a guardian pairs this box there (Household, Second copdns
    computer); "-" or nothing in its place reads it from standard input, where no other program sees
    it. Restart copdns afterwards. Without URL, this shows which box is followed, and since when.

    \b
    Example:  copdns follow https://192.0.2.10 copdns-follow-...
    """
    folder = Path(options.settings().data)
    if stop:
        _erase_minutes(folder)
        stop_following(folder)
        click.echo("this box follows no other; restart copdns")
        return
    if url is None:
        _show(folder, as_json=as_json)
        return
    if (folder / FILE).exists():
        raise FollowingError(
            f"{folder}: this box has a household of its own, so it is a first box; choose an empty "
            "folder with --data DIR, or move household.db away"
        )
    if key in (None, "-"):
        key = click.prompt("key", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    following = Following(parse_first_box(url), parse_pairing_key(str(key)), int(time.time()))
    write_following(folder, following)
    click.echo(f"this box follows {following.url} from its next start on; restart copdns")


def _erase_minutes(folder: Path) -> None:
    following = read_following(folder)
    stored = None if following is None else read_stored_bundle(folder, following.key)
    if stored is not None:
        erase_minutes(folder, stored[0])


def _show(folder: Path, *, as_json: bool) -> None:
    following = read_following(folder)
    fetched = read_last_fetch(folder)
    stored = None if following is None else read_stored_bundle(folder, following.key)
    number = 0 if stored is None else stored[0].number
    if as_json:
        print_json(
            {
                "follows": "" if following is None else following.url,
                "bundle": number,
                "fetched": None if fetched is None else utc(fetched),
            }
        )
    elif following is None:
        click.echo("this is a first box: it follows no other, and rules are changed here")
    else:
        at = "nothing fetched yet" if fetched is None else f"last fetch {utc(fetched)}"
        click.echo(f"this box follows {following.url}: bundle {number}, {at}; change rules there")
