"""A server of a zone that is signed, some names of which have been forged since."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dns.dnssec
import dns.dnssectypes
import dns.name
import dns.rdata
import dns.rdataset
import dns.rdatatype
import dns.zone
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from tests.e2e.test_unbound import unbound

FORGED = "192.0.2.66"  # the address of a forged name


@contextmanager
def signed_server(
    folder: Path, origin: str, text: str, forged: Collection[str] = ()
) -> Iterator[tuple[int, str]]:
    """Run the server of a zone; give its port and the DS record of its key.

    origin: without the closing dot.  text: its records.  forged: names of them, such as `www`.
    """
    zone = dns.zone.from_text(text, f"{origin}.", relativize=False)
    private = generate_private_key(SECP256R1())
    key = dns.dnssec.make_dnskey(
        private.public_key(), dns.dnssectypes.Algorithm.ECDSAP256SHA256, flags=257
    )
    now = datetime.now(UTC)
    with zone.writer() as changes:
        dns.dnssec.sign_zone(
            zone,
            changes,
            keys=[(private, key)],
            inception=now - timedelta(days=1),
            expiration=now + timedelta(days=1),
            dnskey_ttl=300,
        )
    for name in forged:
        address = dns.rdataset.from_text("IN", "A", 300, FORGED)
        zone.replace_rdataset(dns.name.from_text(f"{name}.{origin}."), address)
    folder.mkdir()
    (folder / "zone").write_text(zone.to_text(relativize=False))
    ds = dns.dnssec.make_ds(dns.name.from_text(f"{origin}."), key, "SHA256")
    clause = f'auth-zone:\n  name: "{origin}"\n  zonefile: "{folder}/zone"\n  for-upstream: no'
    server = ['local-zone: "." refuse', f'local-zone: "{origin}" transparent']
    with unbound(folder / "unbound", server, clause) as port:
        yield port, f"{origin}. DS {ds}"
