"""The MQTT broker of a home's automation, and what it is told.  Pure."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from copdns.settings.values import HOME, Section

PLAIN_PORT, TLS_PORT = 1883, 8883

# Levels of a topic that no broker takes for a wildcard or for one of its own ($SYS).
Topic = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$", max_length=100)]


class MqttSettings(Section):
    """A broker at home that home automation listens to."""

    host: str = Field(
        default="",
        max_length=253,
        description="The MQTT broker of your home automation: a name or an address; empty for "
        "none. Needs `copdns[mqtt]`.",
    )
    port: int = Field(
        default=0, ge=0, le=65535, description="Its port; 0 stands for 1883, with TLS for 8883."
    )
    user: str = Field(default="", max_length=200, description="The name to log in with, if any.")
    password_file: str = Field(
        default="",
        description="A file with the password alone in it. A relative path starts at the folder "
        "of the settings file.",
    )
    tls: bool = Field(
        default=False,
        description="Whether the connection is encrypted. An address outside home networks needs "
        "it.",
    )
    ca_file: str = Field(
        default="",
        description="A file with the certificate that the broker's own is signed with, if the "
        "system does not know it; with TLS only. Relative paths as above.",
    )
    prefix: Topic = Field(default="copdns", description="How all topics of copdns begin.")
    discovery: Topic = Field(
        default="homeassistant",
        description="The topic under which Home Assistant looks for new devices.",
    )
    switches: bool = Field(
        default=True,
        description="Whether a message to the broker can pause a child, or end a pause. If not, "
        "the broker is only told.",
    )

    @property
    def broker_port(self) -> int:
        return self.port or (TLS_PORT if self.tls else PLAIN_PORT)

    @field_validator("host")
    @classmethod
    def _is_a_host(cls, host: str) -> str:
        if any(each in host for each in "/@ ") or not host.isprintable():
            raise ValueError("is not a host; write a name or an address alone, without mqtt://")
        return host

    @model_validator(mode="after")
    def _is_not_overheard(self) -> MqttSettings:
        if not self.tls and _is_outside(self.host):
            raise ValueError(
                "host is not an address of a home network, so others could read along; set tls"
            )
        if self.ca_file and not self.tls:
            raise ValueError("ca_file has no effect without tls; set tls, or leave ca_file empty")
        if self.password_file and not self.user:
            raise ValueError("a password is of no use without a name; set user")
        return self


def _is_outside(host: str) -> bool:
    """Tell whether a host is an address outside home networks; of a name nobody knows."""
    try:
        found = ip_address(host)
    except ValueError:
        return False
    return not any(found in each for each in HOME)
