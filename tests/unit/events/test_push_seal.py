"""Messages that only the browser can read: the example of RFC 8291, and an independent library."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from copdns.events.push_seal import SIGNED_FOR, make_keys, seal, sign
from copdns.model.push import PushBrowser, read_octets, write_octets
from tests.conftest import missing

NOW = 1_795_636_800


def http_ece() -> Any:
    """Return the library of the Web Push working group's authors, which is not ours."""
    try:
        return importlib.import_module("http_ece")
    except ImportError:
        missing("needs http-ece, which the extra `test` has")


def key_of(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(read_octets(text)), ec.SECP256R1())


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def test_the_example_of_rfc_8291_comes_out_octet_by_octet() -> None:
    """Appendix A of RFC 8291."""
    browser = PushBrowser(
        "https://push.example/p/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV",
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "BTBZMqHH6r4Tts7J_aSIgg",
    )
    sealed = seal(
        b"When I grow up, I want to be a watermelon",
        browser,
        key_of("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"),
        read_octets("DGv6ra1nlYgDCS1FRnbzlw"),
        padded=0,
    )
    assert write_octets(sealed) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLoc"
        "InmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLV"
        "WGNWQexSgSxsj_Qulcy4a-fN"
    )


def test_another_library_reads_what_we_seal_and_no_length_tells_which_it_was() -> None:
    ece = http_ece()
    key, secret = ec.generate_private_key(ec.SECP256R1()), bytes(range(16))
    browser = PushBrowser(
        "https://push.example/1", write_octets(point_of(key)), write_octets(secret)
    )
    texts = ["5 minutes left", "طلب جديد " * 40, ""]
    sealed = [
        seal(each.encode(), browser, ec.generate_private_key(ec.SECP256R1()), b"\7" * 16)
        for each in texts
    ]
    for text, octets in zip(texts, sealed, strict=True):
        assert ece.decrypt(octets, private_key=key, auth_secret=secret).decode() == text
    assert len({len(each) for each in sealed}) == 1


def test_a_key_that_is_not_on_the_curve_is_refused() -> None:
    browser = PushBrowser("https://push.example/1", write_octets(b"\4" + bytes(64)), "A" * 22)
    with pytest.raises(ValueError, match="EC key"):
        seal(b"", browser, ec.generate_private_key(ec.SECP256R1()), bytes(16))


def test_a_push_service_can_check_who_sends() -> None:
    """RFC 8292 sections 2 and 3: a JWT for the service's origin, signed with our key."""
    keys = make_keys()
    header = sign("https://push.example/p/abc?x=1", keys, "mailto:ada@mail.example", NOW)
    scheme, _, rest = header.partition(" ")
    fields = dict(each.strip().split("=", 1) for each in rest.split(","))
    assert (scheme, fields["k"]) == ("vapid", keys.public)
    head, body, signature = fields["t"].split(".")
    assert json.loads(read_octets(head)) == {"typ": "JWT", "alg": "ES256"}
    assert json.loads(read_octets(body)) == {
        "aud": "https://push.example",
        "exp": NOW + SIGNED_FOR,
        "sub": "mailto:ada@mail.example",
    }
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), read_octets(keys.public))
    octets = read_octets(signature)
    pair = (int.from_bytes(octets[:32]), int.from_bytes(octets[32:]))
    signed = f"{head}.{body}".encode()
    public.verify(encode_dss_signature(*pair), signed, ec.ECDSA(hashes.SHA256()))
    assert len(octets) == 64


def test_without_a_contact_none_is_made_up() -> None:
    header = sign("https://push.example/p", make_keys(), "", NOW)
    body = header.split(".")[1]
    assert "sub" not in json.loads(read_octets(body))
