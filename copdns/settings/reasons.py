"""What devices are told of a block, besides that there is one.  Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from copdns.model.contacts import contact
from copdns.model.yaml_text import ByText
from copdns.settings.values import Section

Contact = Annotated[str, ByText(contact)]


class ReasonSettings(Section):
    """What devices are told of a block, if they ask for it."""

    structured: Literal["encrypted", "always", "off"] = Field(
        default="encrypted",
        description="Which devices that ask for it get the reason of a block as a structured "
        "error: `encrypted`, those that ask over TLS 1.3; `always`, those in clear text too; "
        "`off`, none.",
    )
    older_signal: bool = Field(
        default=False,
        validate_default=True,
        description="Whether a device also asks for structured errors in the older way, by an "
        "extended error 0 without text in its query.",
    )
    contacts: tuple[Contact, ...] = Field(
        default=(),
        max_length=3,
        validate_default=True,
        description="Whom people can ask about a block, as `mailto:` or `tel:`; a structured error "
        "names them to everyone who is served.",
    )
    organisation: str = Field(
        default="",
        max_length=60,
        validate_default=True,
        description="The name of the organisation that blocks, for a structured error; a family "
        "leaves it out.",
    )

    @field_validator("older_signal", "contacts", "organisation")
    @classmethod
    def _is_told(cls, value: object, info: ValidationInfo) -> object:
        if value and info.data.get("structured") == "off":
            raise ValueError(
                "reasons.structured is off, so this is told to no device; leave it out, or write "
                "another value there"
            )
        return value
