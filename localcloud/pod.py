"""`python -m localcloud.pod`: what a pod of Kubernetes has in Secrets, as files that its user alone reads.

Kubernetes gives the files of a Secret to a group, and a pod has its address when it starts: so a container
that runs first copies them, and makes the pod's certificate for the Ray cluster by the cluster's CA.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from localcloud.cluster import issuing
from localcloud.cluster.credentials import CA, TOKEN
from localcloud.errors import StartError
from localcloud.files import write_private


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; 0 when the files are there, 1 with one line saying why not."""
    parser = argparse.ArgumentParser(prog="python -m localcloud.pod", description=__doc__)
    parser.add_argument("--copy", nargs=2, type=Path, action="append", default=[], metavar=("SECRET", "FILE"))
    parser.add_argument("--ray", nargs=3, type=Path, metavar=("CA", "TOKEN", "DIR"))
    parser.add_argument("--address", metavar="ADDRESS", help="the pod's own")
    parser.add_argument("--name", action="append", default=[], help="a name by which it is called, too")
    options = parser.parse_args(arguments)
    try:
        for secret, file in options.copy:
            write_private(file, secret.read_bytes())
        if options.ray is not None:
            ca, token, folder = options.ray
            ray_files(ca, token, folder, options.address, options.name)
    except (StartError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def ray_files(ca: Path, token: Path, folder: Path, address: str, names: Sequence[str]) -> None:
    """Makes the files by which a pod is known in the Ray cluster (`localcloud.cluster.credentials`).

    Args:
        ca: a folder with the cluster's CA, `tls.crt` and `tls.key`.
        token: the cluster's.
        folder: where the pod's own go; the CA's key is not among them.
        address: the pod's.
        names: DNS names by which it is called.

    Raises:
        StartError: the CA or the address cannot be used.
        OSError: a file cannot be read or written.
    """
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        cluster = Path(name)
        for file, content in (
            (CA, (ca / "tls.crt").read_bytes()),
            (issuing.CA_KEY, (ca / "tls.key").read_bytes()),
            (TOKEN, token.read_bytes()),
        ):
            write_private(cluster / file, content)
        (made,) = issuing.make(cluster, [address], names)
        shutil.rmtree(folder, ignore_errors=True)
        made.credentials.tls_folder.rename(folder)


if __name__ == "__main__":
    sys.exit(main())
