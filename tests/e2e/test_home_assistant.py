"""What docs/api.md has for Home Assistant is done as it stands there, by curl."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from jinja2 import Environment

from tests.conftest import find_tool
from tests.e2e.house import POINTS_HOME, eventually, house
from tests.running import Program, free_port

ROOT = Path(__file__).parents[2]
TEMPLATES = Environment(autoescape=False)
FAMILY = {"id": "home", "profiles": {"mia": {"name": "Mia", "band": "7-9"}}}


class Secret(str):
    """!secret NAME: a value that stands in a file of its own."""


class _Snippet(yaml.SafeLoader):
    """Home Assistant's YAML, as far as the snippet needs it."""


_Snippet.add_constructor("!secret", lambda loader, node: Secret(loader.construct_scalar(node)))


def snippet() -> dict[str, Any]:
    part = (ROOT / "docs" / "api.md").read_text().partition("\n## Home Assistant\n")[2]
    found = yaml.load(part.partition("```yaml\n")[2].partition("```")[0], Loader=_Snippet)
    assert isinstance(found, dict)
    return found


class Assistant(NamedTuple):
    """curl: its path.  https: the port of the pages.  secrets: what !secret stands for."""

    curl: str
    https: int
    secrets: Mapping[str, str]

    def call(self, written: Mapping[str, Any], **fields: object) -> str:
        """Send what a rest_command says; fields: what its template is filled with."""
        sent = ["--request", written.get("method", "get").upper()]
        headers = dict(written.get("headers", {}))
        if "content_type" in written:
            headers["Content-Type"] = written["content_type"]
        for name, value in headers.items():
            told = self.secrets[value] if isinstance(value, Secret) else value
            sent += ["--header", f"{name}: {told}"]
        if "payload" in written:
            payload = TEMPLATES.from_string(written["payload"]).render(fields)
            sent += ["--data-raw", payload]
        if not written["verify_ssl"]:
            sent.append("--insecure")
        url = written.get("url") or written["resource"]
        # The name leads here: the one thing that is not as at home.
        sent += ["--connect-to", f"copdns.home.arpa:443:127.0.0.1:{self.https}"]
        return subprocess.run(
            [self.curl, "--silent", "--show-error", "--fail-with-body", *sent, url],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def sensor(self) -> tuple[str, dict[str, Any]]:
        """Return the state and the attributes of the sensor."""
        (resource,) = snippet()["rest"]
        (sensor,) = resource["sensor"]
        found = json.loads(self.call(resource))
        state = TEMPLATES.from_string(sensor["value_template"]).render(value_json=found)
        return state, {key: found[key] for key in sensor["json_attributes"]}


@pytest.fixture
def assistant(tmp_path: Path) -> Iterator[Assistant]:
    curl = find_tool("curl")
    port = free_port()
    environment = {**POINTS_HOME, "COPDNS_WEB__TLS_PORT": str(port)}
    with house(tmp_path, {}, FAMILY, environment=environment) as home:
        yield Assistant(curl, port, {"copdns_token": token(home.program)})


def token(program: Program) -> str:
    """Make the token that the page says is enough; return it as it stands among the secrets."""
    added = program.command("account", "add", "Ada", "--role", "owner")
    assert added.returncode == 0, added.stderr
    page = (ROOT / "docs" / "api.md").read_text()
    line = next(line for line in page.splitlines() if line.startswith("copdns account token make"))
    assert "Home Assistant" in line
    made = program.command(*shlex.split(line)[1:], "--json")
    assert made.returncode == 0, made.stderr
    return f"Bearer {json.loads(made.stdout)['token']}"


def test_a_person_is_paused_and_goes_on(assistant: Assistant) -> None:
    commands = snippet()["rest_command"]

    def shown(state: str, left: int | None = None, *, homework: bool = False) -> bool:
        found, more = assistant.sensor()
        return (found, more["minutes_left"], more["homework"]) == (state, left, homework)

    assert shown("open")
    assistant.call(commands["pause_mia"])
    eventually(lambda: shown("paused", 30))
    assistant.call(commands["pause_mia"], minutes=5)
    eventually(lambda: shown("paused", 5))
    assistant.call(commands["homework_mia"])
    eventually(lambda: shown("paused", homework=True))
    for _ in range(2):
        assistant.call(commands["resume_mia"])
    eventually(lambda: shown("open"))


def test_whoever_has_no_token_is_refused(assistant: Assistant) -> None:
    stranger = assistant._replace(secrets={"copdns_token": "Bearer copdns_nobody"})
    for written in snippet()["rest_command"].values():
        with pytest.raises(subprocess.CalledProcessError) as refused:
            stranger.call(written)
        assert json.loads(refused.value.stdout)["status"] == 401
    assert assistant.sensor()[0] == "open"
