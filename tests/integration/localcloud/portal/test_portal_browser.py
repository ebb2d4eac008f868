"""The page in a real browser: copy, keys, drop, phone, dark and light, by keyboard, and without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from localcloud.server import Cloud
from tests.support import browser as browsers
from tests.support.browser import Browser
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.data_plane import DataPlane
from tests.support.localcloud.scoring_parts import PHOTO
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(browsers.missing() is not None, reason=str(browsers.missing()))

PAGES = ("/portal", "/portal/zones", "/portal/operations", "/portal/principals")
WCAG_AA = 4.5
"""The least contrast of text that is not large: WCAG 2.2, 1.4.3."""
WCAG_TARGET = 24
"""The least width and height of what is pressed, in CSS pixels: WCAG 2.2, 2.5.8."""
PHONE = 360


@pytest.fixture(scope="module")
def zone(plane: DataPlane) -> None:
    """A zone with a record, for its page to show."""
    group = plane.account_id.partition("/providers/")[0]
    zone = f"{group}/providers/Microsoft.Network/dnsZones/contoso.test"
    plane.arm("PUT", zone, {"location": "global"})
    record = {"properties": {"TTL": 60, "ARecords": [{"ipv4Address": "127.80.0.1"}]}}
    plane.arm("PUT", f"{zone}/A/fpga", record)


@pytest.fixture(scope="module")
def caller(running: Cloud) -> Iterator[ArmCaller]:
    with closing(ArmCaller(running)) as found:
        yield found


@pytest.fixture
def browser(
    running: Cloud, service: dict[str, Any], zone: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    profile = tmp_path_factory.mktemp("browser") / "profile"
    with browsers.browsing(str(running.status().https), profile) as found:
        yield found


def page_of(service: dict[str, Any]) -> str:
    return f"/portal/services/{service['id']}"


def test_sign_in_copy_keys_and_sign_out(
    browser: Browser, caller: ArmCaller, plane: DataPlane, service: dict[str, Any]
) -> None:
    browser.open("/portal")
    assert browser.path == "/portal/sign-in"
    browser.sign_in(caller)
    assert browser.path == "/portal"
    assert browser.find("h2").text == "fpga-models"
    # no script has the session
    assert browser.script("return document.cookie") == ""
    for label, value in (("account name", "fpga-models"), ("subscription id", str(plane.subscription))):
        browser.find(f"button[aria-label='Copy {label}']").click()
        wait_until(lambda told=label: browser.find("#told").text == f"Copied: {told}.")  # type: ignore[misc]
        assert browser.clipboard() == value
    browser.leave(browser.driver.find_element(By.LINK_TEXT, "fpga-service").click)
    assert browser.path == page_of(service)
    primary, secondary = plane.keys(service["id"])
    assert primary not in browser.driver.page_source
    browser.leave(browser.button("Show the keys").click)
    assert primary in browser.text()
    browser.find("button[aria-label='Copy secondary key']").click()
    wait_until(lambda: browser.find("#told").text == "Copied: secondary key.")
    assert browser.clipboard() == secondary
    browser.leave(browser.driver.find_element(By.LINK_TEXT, "Hide them").click)
    assert primary not in browser.driver.page_source
    browser.leave(browser.button("Sign out").click)
    assert browser.path == "/portal/sign-in"
    browser.driver.back()
    wait_until(lambda: browser.path == "/portal/sign-in")
    assert primary not in browser.driver.page_source
    assert browser.complaints() == []


def test_a_photo_that_is_dropped_has_its_label(
    browser: Browser, caller: ArmCaller, service: dict[str, Any]
) -> None:
    browser.sign_in(caller)
    browser.open(page_of(service))
    browser.leave(lambda: browser.drop(browser.find("form.drop"), PHOTO))
    assert browser.find(".scores li").text.splitlines()[0].startswith("espresso")
    assert len(browser.all(".scores li")) == 5
    browser.open(page_of(service))
    assert browser.has("svg rect.answered")
    assert browser.complaints() == []


def test_a_keyboard_is_enough(browser: Browser, caller: ArmCaller, service: dict[str, Any]) -> None:
    browser.open("/portal/sign-in")
    # the first field has the focus
    browser.press(str(caller.status.client_id), Keys.TAB, caller.secret)
    browser.leave(lambda: browser.press(Keys.ENTER))
    assert browser.path == "/portal"
    browser.press(Keys.TAB)
    skip = browser.driver.switch_to.active_element
    assert skip.text == "Skip to the content"
    browser.press(Keys.ENTER)
    browser.tab_to(browser.find("button[aria-label='Copy account name']"))
    browser.press(Keys.ENTER)
    wait_until(lambda: browser.find("#told").text == "Copied: account name.")
    assert browser.clipboard() == "fpga-models"
    browser.tab_to(browser.driver.find_element(By.LINK_TEXT, "fpga-service"))
    browser.leave(lambda: browser.press(Keys.ENTER))
    browser.tab_to(browser.find("#file"))
    browser.tab_to(browser.button("Show the keys"))
    browser.leave(lambda: browser.press(Keys.SPACE))
    browser.tab_to(browser.find("button[aria-label='Copy primary key']"))
    for page in PAGES[1:]:
        browser.tab_to(browser.find(f"nav a[href='{page}']"))
        browser.leave(lambda: browser.press(Keys.ENTER))
        assert browser.path == page
    browser.tab_to(browser.button("Sign out"))
    browser.leave(lambda: browser.press(Keys.ENTER))
    assert browser.path == "/portal/sign-in"


def test_it_fits_a_phone(browser: Browser, caller: ArmCaller, service: dict[str, Any]) -> None:
    browser.show_as(width=PHONE, height=740, is_phone=True)
    browser.sign_in(caller)
    for path in (*PAGES, page_of(service), "/portal/nothing"):
        browser.open(path)
        assert browser.script("return document.documentElement.scrollWidth") <= PHONE, path
        for pressed in browser.all("button, nav a, input:not([type=hidden])"):
            size = pressed.size
            assert min(size["width"], size["height"]) >= WCAG_TARGET, pressed.get_attribute("outerHTML")


def test_text_can_be_read_in_light_and_in_dark(
    browser: Browser, caller: ArmCaller, service: dict[str, Any]
) -> None:
    backs = set()
    browser.sign_in(caller)
    for dark in (False, True):
        browser.show_as(width=1100, height=900, dark=dark)
        for path in (*PAGES, page_of(service), "/portal/nothing"):
            browser.open(path)
            low = [one for one in browser.contrasts() if one[0] < WCAG_AA]
            assert low == [], path
            assert len(browser.contrasts()) > 5
        backs.add(browser.script("return getComputedStyle(document.body).backgroundColor"))
    assert len(backs) == 2


def test_without_scripts_all_but_copy_and_drop_goes_on(
    browser: Browser, caller: ArmCaller, plane: DataPlane, service: dict[str, Any]
) -> None:
    browser.without_script()
    browser.sign_in(caller)
    assert browser.path == "/portal"
    assert not any(button.is_displayed() for button in browser.all("button.copy"))
    browser.open(page_of(service))
    browser.find("#file").send_keys(str(PHOTO))
    browser.leave(browser.button("Score").click)
    assert browser.find(".scores li").text.splitlines()[0].startswith("espresso")
    browser.leave(browser.button("Show the keys").click)
    assert plane.keys(service["id"])[0] in browser.text()
    browser.leave(browser.button("Sign out").click)
    assert browser.path == "/portal/sign-in"
