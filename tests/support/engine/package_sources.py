"""A package index and a Go module proxy on this machine, with packages in miniature."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import json
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a server of the files in a folder."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def publish(
    index: Path,
    name: str,
    version: str,
    requires: Sequence[str] = (),
    tags: Sequence[str] = ("py3-none-any",),
) -> None:
    """Puts a wheel for each tag into an index (PEP 503)."""
    page = index / "simple" / name
    page.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    metadata = "".join(f"Requires-Dist: {one}\n" for one in requires)
    for tag in tags:
        wheel = page / f"{name}-{version}-{tag}.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}"
            )
            archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
            archive.writestr(f"{info}/RECORD", "")
    links = (
        f'<a href="{wheel.name}#sha256={hashlib.sha256(wheel.read_bytes()).hexdigest()}">{wheel.name}</a>'
        for wheel in sorted(page.glob("*.whl"))
    )
    (page / "index.html").write_text(f"<!DOCTYPE html><html><body>{' '.join(links)}</body></html>")


def publish_module(proxy: Path, path: str, version: str, files: dict[str, str]) -> None:
    """Puts a Go module into a proxy (https://go.dev/ref/mod#goproxy-protocol); `files` has its go.mod."""
    folder = proxy / path / "@v"
    folder.mkdir(parents=True, exist_ok=True)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{path}@v{version}/{name}", text)
    (folder / f"v{version}.zip").write_bytes(packed.getvalue())
    (folder / f"v{version}.mod").write_text(files["go.mod"])
    (folder / f"v{version}.info").write_text(json.dumps({"Version": f"v{version}"}))
    with (folder / "list").open("a") as known:
        known.write(f"v{version}\n")
