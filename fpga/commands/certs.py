"""`fpga certs show|check|convert|renew`; `renew` is in `certs_renew`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fpga.certificates import pipe_notice
from fpga.commands.certs_renew import renew
from fpga.errors import CommandError

if TYPE_CHECKING:
    from datetime import datetime

    from certs.bundle import Reading
    from certs.sources.source import Obtained
    from fpga.certificates.report import CertificateReport

app = typer.Typer(
    help="Look at certificates, check whether a service may be given them, convert and renew them.",
    no_args_is_help=True,
)
app.command()(renew)

Pfx = Annotated[Path | None, typer.Option("--pfx", metavar="FILE", help="Chain and key in PKCS#12 (PFX).")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        metavar="FILE",
        help="File whose first line is the password of the PFX.",
        show_default="FPGA_PFX_PASSWORD, or asked for",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print all as JSON.")]


@app.command()
def check(
    fqdn: Annotated[
        list[str],
        typer.Option(
            metavar="FQDN", help="Name by which callers reach the service; more than once for more."
        ),
    ],
    cert: Annotated[
        Path | None, typer.Option("--cert", metavar="FILE", help="Certificate chain in PEM, leaf first.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="Private key in PEM.")] = None,
    pfx: Pfx = None,
    password_file: PasswordFile = None,
    roots: Annotated[
        Path | None,
        typer.Option("--roots", metavar="FILE", help="Roots that callers hold, in PEM: for a private CA."),
    ] = None,
    minimum_days: Annotated[
        int, typer.Option(help="Days for which the certificate must still be valid.", min=0)
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Check whether a chain and key are fit for a service: what a preview refuses is refused here.

    Exit codes: 0 fit, 1 refused, 2 unreadable (or bad usage), 3 fit, and due for renewal.
    """
    from datetime import UTC, datetime

    from certs import bundle, checks
    from certs.errors import UnreadableError
    from certs.findings import Origin
    from fpga.certificates.report import CertificateReport
    from infra.inputs import machine_roots

    now = datetime.now(UTC)
    try:
        with pipe_notice.told(cert, key, pfx, password_file, roots):
            obtained = _obtain(cert, key, pfx, password_file, roots, now)
        trusted = (
            bundle.read_roots(obtained.root_pem or "", Origin.of_file("roots file", str(roots)))
            if roots
            else None
        )
    except UnreadableError as error:
        report = CertificateReport.unreadable(error.findings, now)
    else:
        first, *also = fqdn
        judged = checks.judge(obtained.reading, first, now, trusted, minimum_days, machine_roots.read, also)
        report = CertificateReport.judged(judged, now)
    if as_json:
        typer.echo(json.dumps({"fqdn": fqdn[0], "fqdns": fqdn, **report.to_dict()}, indent=2))
    else:
        report.print()
        typer.echo(_summary(report, ", ".join(fqdn)))
    raise typer.Exit(report.verdict.exit_code)


@app.command()
def show(
    file: Annotated[
        Path | None, typer.Argument(help="Certificates in PEM, or a PFX file.", show_default=False)
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Show what is served there, in place of a file.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="FQDN", help="Name to ask the endpoint for.", show_default="HOST")
    ] = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Show a certificate chain: names, keys, dates, days left. No private key is needed; nothing is judged.

    Exit codes: 0 shown, 1 not one chain, or not reached, 2 unreadable (or bad usage).
    """
    from datetime import UTC, datetime

    from certs.errors import UnreadableError
    from certs.findings import errors_in, sort
    from fpga.certificates.report import CertificateReport

    if (file is None) == (endpoint is None):
        raise typer.BadParameter("Give either FILE or --endpoint.")
    if name is not None and endpoint is None:
        raise typer.BadParameter("--name goes with --endpoint.")
    now = datetime.now(UTC)
    if file is None:
        reading = _read_endpoint(endpoint or "", name)
        # What is mended in a file is as it is on the wire: the tree shows it.
        report = CertificateReport.shown(reading, sort(errors_in(reading.findings)), now)
    else:
        try:
            with pipe_notice.told(file, password_file):
                reading = _read_file(file, password_file)
        except UnreadableError as error:
            report = CertificateReport.unreadable(error.findings, now)
        else:
            report = CertificateReport.shown(reading, sort(reading.findings), now)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2))
    else:
        report.print()
    raise typer.Exit(report.verdict.exit_code)


@app.command()
def convert(
    pfx: Annotated[Path, typer.Option("--pfx", metavar="FILE", help="Chain and key in PKCS#12 (PFX).")],
    cert_out: Annotated[Path, typer.Option(metavar="FILE", help="Where the chain goes, in PEM.")],
    key_out: Annotated[
        Path, typer.Option(metavar="FILE", help="Where the key goes, in PEM, readable by its owner alone.")
    ],
    password_file: PasswordFile = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
) -> None:
    """Convert a PFX file into a chain and a key in PEM. Either both files are written, or none.

    Exit codes: 0 converted, 1 refused, 2 unreadable (or bad usage).
    """
    from datetime import UTC, datetime

    from certs.errors import UnreadableError
    from certs.keys import belongs_to
    from fpga.certificates import container_password
    from fpga.files import write_together

    if len({path.resolve() for path in (pfx, cert_out, key_out)}) < 3:
        raise CommandError("--pfx, --cert-out and --key-out must be three files.")
    try:
        with pipe_notice.told(pfx, password_file):
            reading = container_password.source(pfx, password_file).obtain([], datetime.now(UTC)).reading
        bundle = reading.bundle()
    except UnreadableError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    if not belongs_to(bundle.key, bundle.leaf):
        raise CommandError(f"The key in {pfx} is not the key of the certificate in it. Export both anew.")
    for finding in reading.findings:
        typer.echo(f"{finding.severity}: {finding}", err=True)
    contents = {cert_out: bundle.certificate_pem.encode(), key_out: bundle.key_pem.encode()}
    try:
        write_together(contents, overwrite=force)
    except FileExistsError as error:
        raise CommandError(f"{error.filename} is there already: --force overwrites it.") from None
    count = len(bundle.chain)
    typer.echo(f"{cert_out}: {count} certificate{'s' if count > 1 else ''}, leaf first")
    typer.echo(f"{key_out}: the private key, not encrypted, readable by you alone")
    words = ["fpga", "certs", "check", "--cert", str(cert_out), "--key", str(key_out), "--fqdn", "NAME"]
    typer.echo(f"Check them: {shlex.join(words)}")


def _obtain(
    cert: Path | None,
    key: Path | None,
    pfx: Path | None,
    password_file: Path | None,
    roots: Path | None,
    now: datetime,
) -> Obtained:
    from certs.sources.files import FilesSource
    from fpga.certificates import container_password

    if pfx is not None and cert is None and key is None:
        return container_password.source(pfx, password_file, roots).obtain([], now)
    if pfx is not None or cert is None or key is None:
        raise typer.BadParameter("Give either --cert and --key, or --pfx.")
    if password_file is not None:
        raise typer.BadParameter("--password-file goes with --pfx.")
    return FilesSource(cert, key, roots).obtain([], now)


def _read_file(file: Path, password_file: Path | None) -> Reading:
    """The certificates of a file, whether in PEM or in a container."""
    from dataclasses import replace

    from certs.bundle import read
    from certs.findings import Finding, Origin
    from certs.sources.local_file import read_file
    from fpga.certificates import container_password

    origin = Origin.of_file("file", str(file))
    findings: list[Finding] = []
    data = read_file(file, origin, findings)
    reading = read(data, None, certificate_origin=origin)
    codes = {finding.code for finding in reading.findings}
    if "pkcs12" not in codes and not ("not-pem" in codes and file.suffix.lower() in (".pfx", ".p12")):
        return reading.with_findings(findings)
    contained = container_password.source(file, password_file).open(data)
    kept = tuple(finding for finding in contained.read_findings if finding.code != "no-key")
    return replace(contained, read_findings=kept)


def _read_endpoint(endpoint: str, name: str | None) -> Reading:
    from certs import formats
    from certs.bundle import assemble
    from certs.findings import Origin
    from clients.azure.errors import ConnectionFailed, NoHandshake
    from clients.tls import served_chain
    from fpga.console import told_when_long
    from surroundings import digits

    host, _, port = endpoint.rpartition(":")
    number = digits.whole(port, 65535)
    if not host or not number:
        raise typer.BadParameter(f"--endpoint: '{endpoint}' is not HOST:PORT.")
    try:
        with told_when_long("certs", f"{endpoint} is to answer"):
            sent = served_chain(host.strip("[]"), number, name)
    except NoHandshake as error:
        raise CommandError(f"{endpoint} does not complete a TLS handshake: {error.reason}.") from None
    except ConnectionFailed as error:
        raise CommandError(f"{endpoint} cannot be reached: {error.reason}.") from None
    try:
        certificates = [formats.parse_certificate(der) for der in sent]
    except formats.UNPARSABLE:
        raise CommandError(f"{endpoint} sends a certificate that is not valid X.509.") from None
    return assemble(certificates, None, certificate_origin=Origin(f"endpoint {endpoint}", "chain.pem"))


def _summary(report: CertificateReport, names: str) -> str:
    from certs.findings import errors_in
    from fpga.certificates.report import Verdict

    count = len(errors_in(report.findings))
    things = "1 thing is" if count == 1 else f"{count} things are"
    return {
        Verdict.FIT: f"Fit for {names}.",
        Verdict.DUE: f"Fit for {names}, and due for renewal.",
        Verdict.REFUSED: f"Refused for {names}: {things} wrong.",
        Verdict.UNREADABLE: f"Not readable: {things} wrong.",
    }[report.verdict]
