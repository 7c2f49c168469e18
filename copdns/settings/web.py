"""Where the pages are, and their certificate.  Pure."""

from __future__ import annotations

from pydantic import Field, ValidationInfo, field_validator

from copdns.settings.values import AUTO, Domain, ListenAddress, Port, Section


class WebSettings(Section):
    """The pages: for children, for guardians and for checking that copdns works."""

    listen: tuple[ListenAddress, ...] = Field(
        default=(AUTO,),
        min_length=1,
        description="Addresses to serve the pages on; `auto` as for `dns.listen`.",
    )
    port: Port = Field(default=80, description="Port for the pages.")
    hosts: tuple[Domain, ...] = Field(
        default=(),
        description="Other names the pages can be reached by; requests with any other name get "
        "no data.",
    )
    tls_port: int = Field(
        default=443,
        ge=0,
        le=65535,
        description="Port for the pages over HTTPS, which the guardian dashboard needs; 0 for "
        "none.",
    )
    tls_certificate: str = Field(
        default="",
        validate_default=True,
        description="A certificate in PEM format, with its intermediate certificates; without "
        "one, copdns makes its own. It is read again when it changes.",
    )
    tls_key: str = Field(
        default="",
        validate_default=True,
        description="The key of that certificate, without a password.",
    )
    desk_over_http: bool = Field(
        default=False,
        description="Whether guardians may log in without HTTPS from other devices; anyone "
        "listening on the network can then read their password.",
    )

    @field_validator("tls_port")
    @classmethod
    def _has_a_port_of_its_own(cls, tls_port: int, info: ValidationInfo) -> int:
        if tls_port == info.data.get("port"):  # a wrong one is told
            raise ValueError(
                f"web.port is {tls_port} too, and it does not speak HTTPS; choose another port, "
                "or 0 for none"
            )
        return tls_port

    @field_validator("tls_key")
    @classmethod
    def _fits_the_certificate(cls, key: str, info: ValidationInfo) -> str:
        certificate = info.data.get("tls_certificate")
        if certificate is not None and bool(certificate) != bool(key):
            raise ValueError("a certificate needs its key; write both files, or neither")
        return key
