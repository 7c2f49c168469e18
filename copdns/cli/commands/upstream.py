"""`copdns upstream`: whom all names are asked of, and a resolver of one's own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from copdns.cli.base import UPSTREAM, json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, printable
from copdns.cli.unbound import EXAMPLE_ANCHOR, MARK, PORT, unbound_config, unbound_unit
from copdns.household.name_edits import remove_usual_upstreams, set_usual_upstreams
from copdns.list_files.resources import find_folder
from copdns.lists.catalogue import TIME_SERVERS
from copdns.lists.shapes import ProtectedShape
from copdns.model import yaml_text
from copdns.model.encrypted_addresses import server_address
from copdns.model.errors import EXIT_FAILED, ConfigError, HouseholdError
from copdns.model.sentences import literal

CONFIG, UNIT = "unbound.conf", "copdns-unbound.service"


@click.group()
def upstream() -> None:
    """Choose and try upstreams, or set up a resolver of your own."""


@upstream.command("list")
@json_option
@pass_home
def list_(home: Home, as_json: bool) -> None:
    """List the upstreams of all domains, and who chose them.

    `system` stands for those that this machine was given.

    \b
    Example:  copdns upstream list
    """
    settings = home.settings.upstreams
    chosen = home.household.usual_upstreams
    by = "the settings" if settings.are_fixed else "the household" if chosen else "this machine"
    servers = [str(each) for each in settings.usual_servers(chosen)]
    if as_json:
        print_json({"upstreams": servers, "chosen_by": by})
        return
    for each in servers:
        click.echo(printable(each))
    click.echo(f"chosen by: {by}")


@upstream.command("set")
@click.argument("upstreams", metavar="UPSTREAM...", type=UPSTREAM, nargs=-1, required=True)
@click.option("--anyway", is_flag=True, help="Even if one does not answer now.")
@pass_home
def set_(home: Home, upstreams: tuple[str, ...], anyway: bool) -> None:
    """Ask these UPSTREAMs for all domains.

    An UPSTREAM is an address, or address:port, or an encrypted one. The settings file goes before:
    where it names upstreams other than `system`, these cannot be set. Nothing is saved if one of
    them does not answer. One that filters cannot stand beside one that does not. A running copdns
    uses them within a second.

    \b
    Example:  copdns upstream set tls://dns.example@192.0.2.1 tls://dns.example@192.0.2.2
    """
    if home.settings.upstreams.are_fixed:
        raise HouseholdError("the settings file names the DNS servers; change them there")
    edit = partial(set_usual_upstreams, upstreams=upstreams, known=home.known_ids)
    servers = edit(home.household).usual_upstreams
    if not anyway and (found := _troubles(servers)):
        lines = (f"{each} does not answer: {why}" for each, why in found.items())
        raise HouseholdError(literal("\n".join((*lines, "nothing was saved; use --anyway"))))
    home.change(f"DNS servers: {', '.join(servers)}", edit)


@upstream.command("remove")
@pass_home
def remove(home: Home) -> None:
    """Ask the upstreams of the settings or of this machine again.

    \b
    Example:  copdns upstream remove
    """
    home.change("DNS servers: as this computer was given", remove_usual_upstreams)


@upstream.command("try")
@click.argument("upstreams", metavar="UPSTREAM...", type=UPSTREAM, nargs=-1, required=True)
@json_option
@click.pass_context
def try_(context: click.Context, upstreams: tuple[str, ...], as_json: bool) -> None:
    """Ask each UPSTREAM once, and say what is wrong with it; nothing is saved.

    The exit code is 1 if one does not answer.

    \b
    Example:  copdns upstream try tls://dns.example@192.0.2.1
    """
    found = _troubles(upstreams)
    if as_json:
        print_json([{"upstream": each, "trouble": found.get(each, "")} for each in upstreams])
    else:
        for each in upstreams:
            said = f"does not answer: {found[each]}" if each in found else "answers"
            click.echo(printable(f"{each} {said}"))
    context.exit(EXIT_FAILED if found else 0)


def _troubles(upstreams: Iterable[str]) -> dict[str, str]:
    """Return what is wrong with those upstreams that do not answer."""
    from copdns.app.upstream_probe import trouble_of  # it needs what reads DNS messages

    asked = tuple(upstreams)
    with ThreadPoolExecutor() as pool:
        found = pool.map(trouble_of, map(server_address, asked))
    return {each: why for each, why in zip(asked, found, strict=True) if why}


@upstream.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=PORT,
    show_default=True,
    help="Port of unbound, on 127.0.0.1.",
)
@json_option
def unbound(folder: Path, port: int, as_json: bool) -> None:
    """Write the configuration of unbound and its unit for systemd into a folder.

    unbound then asks the servers of each domain itself and checks signatures (DNSSEC), so no other
    resolver sees what the household looks up. Files of yours are not overwritten. The configuration
    is checked with unbound-checkconf, if that is installed. --json prints JSON.

    \b
    Example:  copdns upstream unbound /etc/copdns
    """
    folder = folder.resolve()
    config, unit = folder / CONFIG, folder / UNIT
    names = time_servers()
    texts = {config: unbound_config(port, names), unit: unbound_unit(str(config))}
    for path in texts:
        if path.exists() and not path.read_text(errors="replace").startswith(MARK):
            raise ConfigError(f"{path} is not from this command; move it away, and try again")
    is_checked = _check(port, names)
    for path, text in texts.items():
        path.write_text(text)
    server = f"127.0.0.1:{port}"
    if as_json:
        print_json(
            {
                "config": str(config),
                "unit": str(unit),
                "server": server,
                "checked": is_checked,
            }
        )
        return
    click.echo(f"{config} and {unit} are written")
    if not is_checked:
        click.echo("unbound is not installed here, so the configuration was not checked", err=True)
    click.echo(
        "Next: install unbound, and turn its own unit off (systemctl disable --now unbound); "
        f"systemctl enable --now {unit}; and in the settings, upstreams: {{servers: [{server}]}}"
    )


def time_servers() -> tuple[str, ...]:
    """Return the domains of time servers in `blocklists/protected.yaml`."""
    path = find_folder("blocklists") / "protected.yaml"
    shape = yaml_text.read(path.read_text(encoding="utf-8"), str(path), ProtectedShape)
    return tuple(entry.name.name for entry in shape.groups[TIME_SERVERS].names)


def _check(port: int, names: tuple[str, ...]) -> bool:
    """Tell whether unbound found the configuration good; raise ConfigError with what it says.

    It looks for the folder of its state too, so that is another one here.
    """
    tool = shutil.which("unbound-checkconf", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if tool is None:
        return False
    with TemporaryDirectory() as folder:
        path = Path(folder) / CONFIG
        path.write_text(unbound_config(port, names, folder))
        (Path(folder) / "root.key").write_text(EXAMPLE_ANCHOR)
        done = subprocess.run([tool, path], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(f"unbound does not take the configuration: {done.stderr.strip()}")
    return True
