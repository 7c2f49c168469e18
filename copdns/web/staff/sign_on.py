"""Log staff in by the provider's single sign-on (OpenID Connect, code flow with PKCE).

copdns keeps no password of the staff.  It asks the sign-on who somebody is, and takes what comes
back only with a signature of the sign-on's, for this copdns, for this attempt.  For step-up it asks
the sign-on to have the person prove it anew.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote_plus

import aiohttp
from authlib.common.urls import add_params_to_uri
from authlib.oidc.core import CodeIDToken
from joserfc.errors import JoseError

from copdns.model.errors import SignOnError
from copdns.web.desk_access import is_loopback
from copdns.web.staff.token_signatures import ED25519, read_keys, read_token

# Signatures that a sign-on may use; none is that of a shared secret, or of nobody.
ALGORITHMS: Final = ("RS256", "PS256", "ES256", ED25519)
FRESH: Final = 300  # seconds after a proof for which grave things can be done
LEEWAY: Final = 30  # seconds that two clocks may be apart
_DEADLINE: Final = 10.0  # seconds for one request to the sign-on
_MOST: Final = 256 << 10  # octets of one response


@dataclass(frozen=True, slots=True)
class SignOnSetup:
    """How this copdns is known to the sign-on.

    issuer: its URL.  callback: the URL here that it sends browsers back to.  factor: what a proof
    must name among its methods (the claim `amr`), such as `mfa`; "" where the sign-on sees to it.
    """

    issuer: str
    client: str
    secret: str
    callback: str
    factor: str = ""


@dataclass(frozen=True, slots=True)
class SignOnAttempt:
    """One try to log in.  Each text is drawn for it.  is_step_up: a new proof is asked for."""

    state: str
    nonce: str
    verifier: str
    began: int
    is_step_up: bool = False


@dataclass(frozen=True, slots=True)
class SignOnProof:
    """Who it is, by the sign-on.

    proven_at: when the person proved it, seconds since 1970; 0 where the sign-on does not tell.
    """

    subject: str
    proven_at: int


class SignOn:
    """The provider's sign-on.  Raises SignOnError."""

    def __init__(self, setup: SignOnSetup, session: aiohttp.ClientSession) -> None:
        self._setup = setup
        self._session = session
        self._metadata: dict[str, Any] = {}

    async def address(self, attempt: SignOnAttempt) -> str:
        """Return where a browser goes to log in."""
        metadata = await self._read_metadata()
        challenge = urlsafe_b64encode(sha256(attempt.verifier.encode()).digest()).rstrip(b"=")
        asked = [
            ("response_type", "code"),
            ("client_id", self._setup.client),
            ("redirect_uri", self._setup.callback),
            ("scope", "openid"),
            ("state", attempt.state),
            ("nonce", attempt.nonce),
            ("code_challenge", challenge.decode()),
            ("code_challenge_method", "S256"),
        ]
        if attempt.is_step_up:
            asked += [("prompt", "login"), ("max_age", "0")]
        return str(add_params_to_uri(metadata["authorization_endpoint"], asked))

    async def finish(self, code: str, attempt: SignOnAttempt, now: int) -> SignOnProof:
        """Return who logged in, by a code that the browser brought back."""
        metadata = await self._read_metadata()
        answer = await self._fetch(
            metadata["token_endpoint"],
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self._setup.callback,
                "code_verifier": attempt.verifier,
            },
        )
        keys = await self._fetch(metadata["jwks_uri"])
        return self._read_proof(str(answer.get("id_token", "")), keys, attempt, now)

    def _read_proof(
        self, text: str, keys: dict[str, Any], attempt: SignOnAttempt, now: int
    ) -> SignOnProof:
        setup = self._setup
        try:
            token = read_token(text, read_keys(keys), ALGORITHMS)
            claims = CodeIDToken(
                token.claims,
                token.header,
                options={
                    "iss": {"essential": True, "value": setup.issuer},
                    "aud": {"essential": True, "value": setup.client},
                },
                params={"nonce": attempt.nonce, "client_id": setup.client},
            )
            claims.validate(now=now, leeway=LEEWAY)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise SignOnError("the sign-on's answer is not for this login") from error
        if not claims.get("nonce"):
            raise SignOnError("the sign-on's answer is not for this login")
        # Without `auth_time` it is not known when: `iat` is of the token, also where the sign-on
        # still knew the person from this morning and asked for nothing.
        told = claims.get("auth_time")
        proven_at = int(told) if isinstance(told, int | float) else 0
        if attempt.is_step_up and proven_at < attempt.began - LEEWAY:
            raise SignOnError("the sign-on did not ask for a new proof; log in there again")
        methods = claims.get("amr")
        if setup.factor and not (isinstance(methods, list) and setup.factor in methods):
            raise SignOnError("log in with two-step verification")
        return SignOnProof(str(claims["sub"]), min(proven_at, now))

    async def _read_metadata(self) -> dict[str, Any]:
        if not self._metadata:
            issuer = self._setup.issuer
            found = await self._fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            places = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            if found.get("issuer") != issuer or not all(
                _is_safe(found.get(each)) for each in places
            ):
                raise SignOnError("%(issuer)s is not the sign-on that it says it is", issuer=issuer)
            self._metadata = found
        return self._metadata

    async def _fetch(self, url: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        """Get a JSON object, or post a form for one, with our secret."""
        if not _is_safe(url):
            raise SignOnError("the sign-on's URL begins with https://")
        headers = {"Authorization": self._secret()} if form else {}
        try:
            async with (
                asyncio.timeout(_DEADLINE),
                self._session.request(
                    "POST" if form else "GET",
                    url,
                    data=form,
                    headers=headers,
                    allow_redirects=False,
                ) as response,
            ):
                octets = await response.content.read(_MOST)
                if response.status != 200 or not response.content.at_eof():
                    raise SignOnError("the sign-on refuses; try again in a moment")
                found = json.loads(octets)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise SignOnError("the sign-on cannot be reached; try again in a moment") from error
        if not isinstance(found, dict):
            raise SignOnError("the sign-on's answer cannot be read")
        return found

    def _secret(self) -> str:
        """Return how this copdns shows who it is (RFC 6749 section 2.3.1)."""
        pair = f"{quote_plus(self._setup.client)}:{quote_plus(self._setup.secret)}"
        return f"Basic {b64encode(pair.encode()).decode()}"


def _is_safe(url: object) -> bool:
    """Tell whether a URL goes over HTTPS, or no further than this machine."""
    if not isinstance(url, str):
        return False
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0].rpartition(":")[0].strip("[]")
    return scheme == "https" or (scheme == "http" and is_loopback(host))
