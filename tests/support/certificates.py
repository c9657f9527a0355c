"""Certificates for a test's Kafka, made by the `openssl` command (3.0 or later) when they are needed.

`Certificates(directory)` makes one authority (`authority`), an authority that signed nothing (`untrusted`) and three
server certificates as PEM files that Kafka and Python read: `good` for localhost and 127.0.0.1, `expired` for the
same names, `wrong_host` for another name.
"""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

GOOD, EXPIRED, WRONG_HOST = "good", "expired", "wrong-host"
HERE = "DNS:localhost,IP:127.0.0.1"
ELSEWHERE = "DNS:kafka.invalid"
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc")
#: `openssl ca` signs for any two dates; `openssl x509` of 3.0 only from now on.
SIGNING = """
[ca]
default_ca = own
[own]
database = {directory}/index.txt
new_certs_dir = {directory}
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""


class Certificates:
    """The files of one directory; a server's PEM file holds its key and its chain."""

    def __init__(self, directory: Path) -> None:
        assert shutil.which("openssl"), "the tests over TLS make their certificates with openssl (Debian: `openssl`)"
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "index.txt").touch()
        (directory / "openssl.cnf").write_text(SIGNING.format(directory=directory))
        self.authority = self._authority("authority")
        self.untrusted = self._authority("untrusted")
        now = datetime.now(UTC)
        day = timedelta(days=1)
        self.good = self._server(GOOD, HERE, now - day, now + 30 * day)
        self.expired = self._server(EXPIRED, HERE, now - 30 * day, now - day)
        self.wrong_host = self._server(WRONG_HOST, ELSEWHERE, now - day, now + 30 * day)

    def _authority(self, name: str) -> Path:
        ours = ("-addext", "keyUsage=critical,keyCertSign,cRLSign", "-subj", f"/CN={name}", "-days", "30")
        self._run("req", "-x509", *CURVE, "-keyout", f"{name}.key", "-out", f"{name}.pem", *ours)
        return self.directory / f"{name}.pem"

    def _server(self, name: str, names: str, begins: datetime, ends: datetime) -> Path:
        asked = ("-subj", f"/CN={name}", "-addext", f"subjectAltName={names}")
        self._run("req", "-new", *CURVE, "-keyout", f"{name}.key", "-out", f"{name}.csr", *asked)
        dates = ("-startdate", f"{begins:%Y%m%d%H%M%SZ}", "-enddate", f"{ends:%Y%m%d%H%M%SZ}")
        by = ("-cert", "authority.pem", "-keyfile", "authority.key", "-config", "openssl.cnf", "-batch", "-notext")
        self._run("ca", *by, *dates, "-in", f"{name}.csr", "-out", f"{name}.crt")
        parts = [(self.directory / part).read_text() for part in (f"{name}.key", f"{name}.crt", "authority.pem")]
        whole = self.directory / f"{name}.pem"
        whole.write_text("".join(parts))
        return whole

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(
            ["openssl", *arguments], cwd=self.directory, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        assert done.returncode == 0, f"openssl {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}"
