"""The shapes of `helplines.yaml` and `hotlines.yaml`: their keys, and what each may hold.

`words/helplines.py` says what of them is shown to whom.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from copdns.model.addresses import slug
from copdns.model.yaml_text import ByText

AGREEING = 2  # sources that must print a number before a child may dial it


class For(StrEnum):
    """Who is meant to call."""

    CHILD = "child"
    YOUTH = "youth"
    FAMILY = "family"
    EVERYONE = "everyone"


class Body(StrEnum):
    """Who answers at a hotline: a person decides by it whom to tell."""

    POLICE = "police"
    GOVERNMENT = "government"
    CHARITY = "charity"
    ASSOCIATION = "association"


class Age(StrEnum):
    """How old the person on a picture was when it was made."""

    UNDER_18 = "under_18"
    ADULT = "adult"


Slug = Annotated[str, ByText(slug)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
NoCountry = Annotated[str, Field(pattern=r"^([A-Z]{2})?$")]
Text = Annotated[str, Field(min_length=1)]
Site = Annotated[str, Field(pattern=r"^https://[a-z0-9.-]+/\S*$")]
NoSite = Annotated[str, Field(pattern=r"^(https://[a-z0-9.-]+/\S*)?$")]
Number = Annotated[str, Field(pattern=r"^[0-9]+([ -][0-9]+)*$")]
NoNumber = Annotated[str, Field(pattern=r"^([0-9]+([ -][0-9]+)*)?$")]
Source = Annotated[str, Field(pattern=r"^[A-Z]$")]


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)


class DirectoryShape(_Shape):
    """A directory of helplines in all countries."""

    name: Text
    site: Site


class LineShape(_Shape):
    """A helpline.  sources: those that print it; conflict: they print different numbers."""

    id: Slug
    country: Country
    name: Text
    number: NoNumber = ""
    text_to: NoNumber = ""
    text_word: str = ""
    site: NoSite = ""
    meant_for: For = Field(alias="for")
    sources: frozenset[Source]
    conflict: bool = False

    @property
    def agree(self) -> bool:
        """Whether enough sources print this number, and none another."""
        return len(self.sources) >= AGREEING and not self.conflict

    @model_validator(mode="after")
    def _can_be_reached(self) -> LineShape:
        if not (self.number or self.text_to or self.site):
            raise ValueError("an entry needs number, text_to or site")
        if bool(self.text_to) != bool(self.text_word):
            raise ValueError("text_to and text_word must be given together")
        return self


class HelplinesShape(_Shape):
    """The shape of blocklists/helplines.yaml.  emergency: numbers by country."""

    compiled: date
    directories: Annotated[tuple[DirectoryShape, ...], Field(min_length=2)]
    emergency: Mapping[Country, Annotated[tuple[Number, ...], Field(min_length=1)]]
    lines: tuple[LineShape, ...]


class BodyShape(_Shape):
    """An office that takes reports."""

    id: Slug
    country: Country
    name: Text
    body: Body
    site: Site
    sources: frozenset[Source]


class TakedownShape(_Shape):
    """A service that has pictures taken down.  country: "" for all."""

    id: Slug
    country: NoCountry = ""
    name: Text
    meant_for: Age = Field(alias="for")
    site: Site
    sources: frozenset[Source]


class HotlinesShape(_Shape):
    """The shape of blocklists/hotlines.yaml."""

    compiled: date
    directory: DirectoryShape
    takedown: tuple[TakedownShape, ...]
    bodies: tuple[BodyShape, ...]
