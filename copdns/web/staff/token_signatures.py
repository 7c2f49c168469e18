"""Check signatures of JWTs that others make: a provider's sign-on, and its portals.

A signature by a key of Ed25519 is called `Ed25519` (RFC 9864), and by most libraries still `EdDSA`
(RFC 8037), which says nothing of the curve.  Both names are taken, for keys of Ed25519 alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from joserfc import jwt
from joserfc.jwk import KeyFlexible, KeySet
from joserfc.jws import JWSRegistry
from joserfc.jwt import Token

ED25519: Final = "Ed25519"
OLD_NAME: Final = "EdDSA"


class _Algorithms(JWSRegistry):
    """Those that are allowed; the older name of Ed25519 stands for it."""

    def get_alg(self, name: str) -> Any:
        return super().get_alg(ED25519 if name == OLD_NAME else name)


def read_token(text: str, key: KeyFlexible, algorithms: Collection[str]) -> Token:
    """Return a JWT with a right signature; raise JoseError or ValueError.

    algorithms: that may be used, by their names today.
    """
    return jwt.decode(text, key, registry=_Algorithms(algorithms=algorithms))


def read_keys(found: Mapping[str, Any]) -> KeySet:
    """Return the keys of a JWK Set; raise JoseError, ValueError, KeyError or TypeError.

    A key of Ed25519 can be used for one thing, so its `alg` is passed over: it has either name,
    and need not have the one that the token has.
    """
    keys = [
        {name: value for name, value in each.items() if name != "alg" or each.get("crv") != ED25519}
        for each in found["keys"]
    ]
    return KeySet.import_key_set({"keys": keys})
