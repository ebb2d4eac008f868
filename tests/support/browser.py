"""A real Chromium without a window, driven through its own driver, which reaches loopback and nothing else.

Debian's packages `chromium` and `chromium-driver` have both.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver import ActionChains, Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.waiting import wait_until

PROGRAMS: Final = ("chromium", "chromedriver")
_FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",  # root has none; all pages are the tests' own
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--hide-scrollbars",
    # nothing of its own goes out: what still asks for an update finds no address for any name
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-sync",
    "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication",
    "--metrics-recording-only",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-pings",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_PREFERENCES: Final = {"credentials_enable_service": False, "profile.password_manager_leak_detection": False}
_ADDRESSES: Final = re.compile(r'"address_list":\[([^\]]*)\]')
_LOOPBACK: Final = re.compile(r'("127\.0\.0\.1:[0-9]+",?)*')
# As axe and others reckon it: WCAG 2.2, relative luminance and contrast ratio.
_CONTRASTS: Final = """
const channel = (byte) => {
  const value = byte / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
};
const numbers = (colour) => colour.match(/[0-9.]+/g).map(Number);
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const found = numbers(getComputedStyle(at).backgroundColor);
    if (found.length === 3 || found[3] === 1) return found;
  }
  return [255, 255, 255];
};
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  const text = walker.currentNode.textContent.trim();
  if (!text || !element.checkVisibility() || element.closest("svg, script")) continue;
  const both = [light(numbers(getComputedStyle(element).color)), light(behind(element))];
  const [one, other] = both.sort((a, b) => b - a);
  found.push([(one + 0.05) / (other + 0.05), text.slice(0, 60)]);
}
return found;
"""


def missing() -> str | None:
    """The reason why there is no browser here; None: there is one."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    if not absent:
        return None
    return f"there is no {' and no '.join(absent)}: apt-get install chromium chromium-driver"


class Browser:
    """A window of a browser, at a localcloud."""

    def __init__(self, driver: Chrome, base: str) -> None:
        self.driver, self.base = driver, base

    def open(self, path: str) -> None:
        self.driver.get(f"{self.base}{path}")

    @property
    def path(self) -> str:
        return urlsplit(self.driver.current_url).path

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def button(self, words: str) -> WebElement:
        """The button with these words on it."""
        return self.driver.find_element(By.XPATH, f"//button[normalize-space()='{words}']")

    def has(self, selector: str) -> bool:
        return bool(self.all(selector))

    def text(self) -> str:
        return self.find("body").text

    def leave(self, by: Callable[[], object]) -> None:
        """Does what leads to another page, and waits until that is there."""
        before = self.find("html")
        by()
        wait_until(lambda: _is_gone(before) and self.script("return document.readyState") == "complete")

    def script(self, source: str, *arguments: Any) -> Any:
        return self.driver.execute_script(source, *arguments)

    def sign_in(self, caller: ArmCaller) -> None:
        self.open("/portal/sign-in")
        self.find("#client_id").send_keys(str(caller.status.client_id))
        self.find("#client_secret").send_keys(caller.secret)
        self.leave(self.button("Sign in").click)

    def press(self, *keys: str) -> None:
        """Presses keys one after the other, wherever the focus is."""
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def tab_to(self, element: WebElement, most: int = 80) -> None:
        """Presses Tab until the element has the focus, which has to be seen.

        Raises:
            AssertionError: it never has, or one on the way has it unseen.
        """
        for _ in range(most):
            if self.driver.switch_to.active_element == element:
                return
            self.press(Keys.TAB)
            style = "return getComputedStyle(document.activeElement).outlineStyle"
            if self.driver.switch_to.active_element.tag_name != "body":
                assert self.script(style) != "none", self.driver.switch_to.active_element.tag_name
        raise AssertionError(f"Tab does not lead to {element.get_attribute('outerHTML')}")

    def drop(self, form: WebElement, file: Path) -> None:
        """Drags a file from elsewhere over an element, and lets it go there."""
        self.script("arguments[0].scrollIntoView({block: 'center'})", form)
        box = self.script("return arguments[0].getBoundingClientRect().toJSON()", form)
        place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.driver.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, "data": data} | place)

    def clipboard(self) -> str:
        read = "navigator.clipboard.readText().then(arguments[0], (error) => arguments[0](String(error)))"
        text: str = self.driver.execute_async_script(read)
        return text

    def show_as(self, *, width: int, height: int, dark: bool = False, is_phone: bool = False) -> None:
        """Has the window be so large, and the person like it light or dark."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def without_script(self) -> None:
        """From the next page on no script runs."""
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})

    def contrasts(self) -> list[tuple[float, str]]:
        """The contrast of each text with what is behind it, and the text."""
        return [(ratio, text) for ratio, text in self.script(_CONTRASTS)]

    def complaints(self) -> list[str]:
        """What the browser has complained of since the last look: of policies, and errors of scripts."""
        return [line["message"] for line in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]


@contextmanager
def browsing(base: str, profile: Path) -> Iterator[Browser]:
    """A browser that takes the certificate of a localcloud, and of nobody else.

    Args:
        base: the localcloud's address.
        profile: a folder for it, to be made.

    Raises:
        AssertionError: it has found an address that is not loopback's.
    """
    net_log = profile.with_suffix(".net.json")
    options = ChromeOptions()
    options.binary_location = str(shutil.which(PROGRAMS[0]))
    for flag in (
        *_FLAGS,
        f"--user-data-dir={profile}",
        f"--ignore-certificate-errors-spki-list={_pin(base)}",
    ):
        options.add_argument(flag)
    options.add_argument(f"--log-net-log={net_log}")
    options.add_experimental_option("prefs", _PREFERENCES)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(executable_path=str(shutil.which(PROGRAMS[1]))))
    try:
        driver.set_script_timeout(60)
        driver.set_page_load_timeout(120)
        permissions = {"origin": base, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
        driver.execute_cdp_cmd("Browser.grantPermissions", permissions)
        driver.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
        browser = Browser(driver, base)
        browser.show_as(width=1100, height=900)
        yield browser
    finally:
        driver.quit()
    found = _ADDRESSES.findall(net_log.read_text())
    assert found
    assert [addresses for addresses in found if not _LOOPBACK.fullmatch(addresses)] == []


def _pin(base: str) -> str:
    """The SHA-256 of the public key that a server shows, in base64."""
    place = urlsplit(base)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((place.hostname, place.port or 443)) as plain,
        context.wrap_socket(plain) as opened,
    ):
        der = opened.getpeercert(binary_form=True)
    key = x509.load_der_x509_certificate(der or b"").public_key()
    public = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(public).digest()).decode()


def _is_gone(element: WebElement) -> bool:
    try:
        element.is_enabled()
    except StaleElementReferenceException:
        return True
    except WebDriverException as error:  # so a driver says it that asks while the page changes
        if "does not belong to the document" not in str(error.msg):
            raise
        return True
    return False
