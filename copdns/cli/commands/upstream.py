"""`copdns upstream`: a resolver of one's own as the upstream."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from copdns.cli.base import json_option
from copdns.cli.output import print_json
from copdns.cli.unbound import EXAMPLE_ANCHOR, MARK, PORT, unbound_config, unbound_unit
from copdns.list_files.resources import find_folder
from copdns.lists.catalogue import TIME_SERVERS
from copdns.lists.shapes import ProtectedShape
from copdns.model import yaml_text
from copdns.model.errors import ConfigError

CONFIG, UNIT = "unbound.conf", "copdns-unbound.service"


@click.group()
def upstream() -> None:
    """Set up a resolver of your own as the upstream."""


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
