"""Where the pages and encrypted DNS are, and their certificates.  Pure."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, ValidationInfo, field_validator

from copdns.settings.values import AUTO, Domain, ListenAddress, OptionalDomain, Port, Section


class UnknownToken(StrEnum):
    """What whoever shows a token that no device has gets."""

    GUEST = "guest"
    REFUSED = "refused"


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


class EncryptedSettings(Section):
    """DNS for devices that encrypt what they ask; at the addresses of `dns.listen`."""

    tls_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="Port for DNS over TLS, usually 853; 0 for none.",
    )
    https_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="Port for DNS over HTTPS, such as 8443; 0 for none.",
    )
    quic_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="UDP port for DNS over QUIC, usually 853; 0 for none. It needs the extra "
        "copdns[quic].",
    )
    certificate: str = Field(
        default="",
        validate_default=True,
        description="A certificate in PEM format, with its intermediate certificates; without "
        "one, that of the pages is used. It is read again when it changes.",
    )
    key: str = Field(
        default="",
        validate_default=True,
        description="The key of that certificate, without a password.",
    )
    name: OptionalDomain = Field(
        default="",
        description="The name that leads devices here, such as `dns.example.net`; devices that "
        "look for encrypted DNS are told it. With a device's token before it, it tells which "
        "device asks.",
    )
    unknown: UnknownToken = Field(
        default=UnknownToken.GUEST,
        description="What whoever shows a token that no device has gets: the rules of a `guest`, "
        "or no answer (`refused`).",
    )
    public: bool = Field(
        default=False,
        validate_default=True,
        description="Whether these ports may be open to the internet: only devices that show "
        "their token are answered, wherever they are, and everyone else gets no answer. So a "
        "device that was set up without a token gets none any more, at home either.",
    )
    idle: float = Field(
        default=30.0,
        ge=0.5,
        le=600,
        description="Seconds before an idle encrypted connection is closed.",
    )
    connections: int = Field(
        default=512,
        ge=1,
        le=65536,
        description="Encrypted connections that may be open at once.",
    )
    client_connections: int = Field(
        default=32,
        ge=1,
        le=65536,
        description="Encrypted connections that one device may have open at once; a new one "
        "closes its longest silent one.",
    )
    handshakes: int = Field(
        default=10,
        ge=1,
        le=10_000,
        description="Encrypted connections that one device may begin in a second, on average over "
        "five.",
    )

    @field_validator("name")
    @classmethod
    def _is_needed(cls, name: str, info: ValidationInfo) -> str:
        keys = ("tls_port", "https_port", "quic_port")
        ports = [info.data.get(key) for key in keys]  # wrong ones are told
        if name and ports == [0, 0, 0]:
            raise ValueError(
                "nothing uses this name, since encrypted.tls_port, encrypted.https_port and "
                "encrypted.quic_port are 0; set one of these ports, or leave the name out"
            )
        return name

    @property
    def guests_unknown(self) -> bool:
        """Whether whoever shows a token that no device has is a guest."""
        return self.unknown is UnknownToken.GUEST and not self.public

    @field_validator("public")
    @classmethod
    def _has_a_name(cls, public: bool, info: ValidationInfo) -> bool:
        if public and info.data.get("name") == "":  # a wrong one is told
            raise ValueError(
                "devices away from home need a name that leads here; set encrypted.name, or leave "
                "encrypted.public out"
            )
        return public

    @property
    def is_on(self) -> bool:
        """Whether anything encrypted is served."""
        return bool(self.tls_port or self.https_port or self.quic_port)

    @field_validator("https_port")
    @classmethod
    def _has_a_port_of_its_own(cls, https_port: int, info: ValidationInfo) -> int:
        if https_port and https_port == info.data.get("tls_port"):  # a wrong one is told
            raise ValueError(
                f"encrypted.tls_port is {https_port} too, and it does not speak HTTPS; choose "
                "another port, or 0 for none"
            )
        return https_port

    @field_validator("certificate")
    @classmethod
    def _is_used(cls, certificate: str, info: ValidationInfo) -> str:
        keys = ("tls_port", "https_port", "quic_port")
        ports = [info.data.get(key) for key in keys]  # wrong ones are told
        if certificate and ports == [0, 0, 0]:
            raise ValueError(
                "nothing uses this certificate, since encrypted.tls_port, encrypted.https_port and "
                "encrypted.quic_port are 0; set one of these ports, or leave the certificate out"
            )
        return certificate

    @field_validator("key")
    @classmethod
    def _fits_the_certificate(cls, key: str, info: ValidationInfo) -> str:
        certificate = info.data.get("certificate")
        if certificate is not None and bool(certificate) != bool(key):
            raise ValueError("a certificate needs its key; write both files, or neither")
        return key
