"""`copdns doctor`: will phones take the certificate of encrypted DNS?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from copdns.cli.doctor.finding import Finding, fail, ok, warn
from copdns.cli.home import Home
from copdns.network.certificate_faults import Fault

ABOUT = "certificate"


def check_certificate(home: Home) -> Iterator[Finding]:
    """Look at the certificate as devices do; nothing where no encrypted DNS is served."""
    chosen = home.settings.encrypted
    if not chosen.is_on:
        return
    path, _ = home.settings.encrypted_files
    if not path:
        what = "encrypted DNS has the certificate that copdns makes itself, which devices refuse"
        yield warn(ABOUT, f"{what} if they check it", "set encrypted.certificate for those")
        return
    # Imported here: the library takes longer than all other checks, and most need none of it.
    from copdns.network.certificate_reading import read_report

    report = read_report(Path(path), chosen.name, home.now)
    for fault in report.faults:
        yield _finding(fault)
    if not report.faults:
        end = f"{datetime.fromtimestamp(report.end, UTC):%Y-%m-%d}"
        yield ok(
            ABOUT, f"devices take it for {chosen.name or ', '.join(report.names)}, until {end}"
        )
    if not chosen.name:
        what = "encrypted.name is not set, so that no device can be told where to ask"
        yield warn(ABOUT, what, f"set it to a name of the certificate: {', '.join(report.names)}")


def _finding(fault: Fault) -> Finding:
    if not fault.refusers:
        return warn(ABOUT, str(fault.what), str(fault.todo))
    return fail(ABOUT, f"{fault.what}: refused by {', '.join(fault.refusers)}", str(fault.todo))
