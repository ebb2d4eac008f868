"""The screenshots of the page in `docs/images`, made in a real browser: `python -m tools.screenshots`."""

from __future__ import annotations

import base64
import io
import sys
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from PIL import Image

from localcloud.server import Cloud
from surroundings import settle
from tests.support import browser as browsers
from tests.support.browser import Browser
from tests.support.certificates.authority import Authority
from tests.support.localcloud import data_plane
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.data_plane import DataPlane
from tests.support.localcloud.scoring_parts import PHOTO, package

IMAGES: Final = Path(__file__).resolve().parents[1] / "docs/images"
FQDN: Final = "fpga.contoso.test"
_COLOURS: Final = 64
_CALLS: Final = 12


def deploy(plane: DataPlane) -> str:
    """What `make up` declares, as far as the page shows it; returns the ID of its service."""
    plane.make_account("fpga-models")
    group = plane.account_id.partition("/providers/")[0]
    zone = f"{group}/providers/Microsoft.Network/dnsZones/contoso.test"
    plane.arm("PUT", zone, {"location": "global"})
    issued = Authority("Contoso development root").issue([FQDN], ends_in=61)
    tls = {
        "sslEnabled": True,
        "sslCertificate": issued.pem.decode(),
        "sslKey": issued.key_pem.decode(),
    }
    with data_plane.PackageHost().running() as host:
        model = plane.register(host.put("/model.zip", package()), "classifier")
        service = plane.deploy(model, "fpga-service", **tls)
    record = {"properties": {"TTL": 300, "ARecords": [{"ipv4Address": service["ipAddress"]}]}}
    plane.arm("PUT", f"{zone}/A/fpga", record)
    return str(service["id"])


def take(browser: Browser, name: str) -> None:
    """Writes what the window shows, in few colours."""
    shot = browser.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    image = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
    IMAGES.mkdir(exist_ok=True)
    file = IMAGES / name
    image.quantize(_COLOURS).save(file, optimize=True)
    print(
        f"{file.relative_to(IMAGES.parents[1])}: {image.width} x {image.height}, {file.stat().st_size} bytes"
    )


def main() -> int:
    """Takes them. Exit codes: 0 they are there, 1 there is no browser."""
    settle()
    reason = browsers.missing()
    if reason is not None:
        print(f"error: {reason}", file=sys.stderr)
        return 1
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cloud = stack.enter_context(Cloud(data_plane.settings(folder / "data")))
        service = deploy(stack.enter_context(closing(DataPlane(cloud.status()))))
        caller = stack.enter_context(closing(ArmCaller(cloud)))
        base = str(cloud.status().https)
        browser = stack.enter_context(browsers.browsing(base, folder / "profile"))
        browser.sign_in(caller)
        for _ in range(_CALLS):
            browser.open(f"/portal/services/{service}")
            browser.leave(lambda: browser.drop(browser.find("form.drop"), PHOTO))
        browser.show_as(width=1000, height=1420)
        browser.script("scrollTo(0, 0)")
        take(browser, "page-light.png")
        browser.show_as(width=390, height=844, is_phone=True)
        browser.script("scrollTo(0, 0)")
        take(browser, "page-phone.png")
        browser.show_as(width=1000, height=560, dark=True)
        browser.open("/portal")
        take(browser, "page-dark.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
