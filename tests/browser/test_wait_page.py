"""The waiting page as people see it: a real browser without a window joins, waits and is sent on.

Driven by WebDriver (W3C) over HTTP; Debian's packages chromium and chromium-driver. Without them all of it is skipped.
ONSALE_TEST_PICTURE=FILE keeps a picture of the page with a place in line.
"""

import base64
import contextlib
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from client import Http, eventually
from sale import Sale

pytestmark = pytest.mark.skipif(not (shutil.which("chromium") and shutil.which("chromedriver")),
                                reason="chromium or chromedriver is missing (Debian: chromium chromium-driver)")

# A test machine has no user namespaces to spare and little shared memory; the pages are our own.
FLAGS = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=800,600",
         "--lang=en-US"]


class Browser:
    """One window with cookies of its own. Ends with close()."""

    def __init__(self, driver_url):
        self._http = Http(driver_url)
        wanted = {"browserName": "chrome", "goog:chromeOptions": {"args": FLAGS}}
        self._path = "/session/" + self._ask("POST", "/session",
                                             {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def go(self, url):
        self._ask("POST", self._path + "/url", {"url": url})

    def url(self):
        return self._ask("GET", self._path + "/url")

    def run(self, script):
        return self._ask("POST", self._path + "/execute/sync", {"script": script, "args": []})

    def text(self, element="body"):
        return self.run(f"return document.querySelector({element!r})?.innerText ?? ''")

    def cookies(self):
        return {cookie["name"]: cookie for cookie in self._ask("GET", self._path + "/cookie")}

    def forget(self, cookie):
        self._ask("DELETE", f"{self._path}/cookie/{cookie}")

    def picture(self):
        """PNG."""
        return base64.b64decode(self._ask("GET", self._path + "/screenshot"))

    def close(self):
        self._ask("DELETE", self._path)
        self._http.close()

    def _ask(self, method, path, body=None):
        reply = self._http.request(method, path, {}, body)
        assert reply.status == 200, reply
        return reply.json()["value"]


@pytest.fixture(scope="module")
def driver_url(tmp_path_factory):
    log = tmp_path_factory.mktemp("driver") / "log"
    with log.open("wb") as out:
        driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                  env=os.environ | {"TZ": "UTC"})
    try:
        port = eventually(lambda: re.search(r"started successfully on port (\d+)", log.read_text()), what="the driver")
        yield f"http://127.0.0.1:{port[1]}"
    finally:
        driver.terminate()
        driver.wait()


@pytest.fixture
def browser(driver_url):
    with contextlib.closing(Browser(driver_url)) as opened:
        yield opened


@pytest.fixture(scope="module")
def anonymous(stand):
    """A node that mints its users, as people come without a shop in front."""
    node = stand.add_server("browsed", workers=1, settings={"identity": {"mode": "anonymous"}})
    node.start()
    yield {**stand.env, "ONSALE_URL": node.url, "ONSALE_OPS_URL": node.ops_url}
    node.stop()


@pytest.fixture
def sale(anonymous):
    return Sale(anonymous)


def full(sale):
    """Opens the sale for one at a time, and lets that one in."""
    sale.open(admission={"active_max": 1})
    first = sale.buyer()
    first.enter()
    return first


def shop(sale):
    """A page behind the gate that shows whether the browser came with an admission: the seat map."""
    return sale.path("/seats")


def gate(sale):
    return f"{sale.url}/gate/{sale.event}?next={shop(sale)}"


def until_shown(browser, words, element="body"):
    return eventually(lambda: words in browser.text(element) and browser.text(element), what=f"{words!r} on the page")


def until_in_the_shop(browser, sale):
    until_shown(browser, '"sections"')
    assert browser.url() == sale.url + shop(sale)


def test_a_person_waits_sees_the_place_and_is_sent_on_with_an_admission(sale, browser):
    first = full(sale)
    browser.go(gate(sale))
    assert browser.url().startswith(f"{sale.url}/wait/{sale.event}?next=")
    until_shown(browser, "1", "#position")
    assert browser.text("#title") == "You are in line"
    assert "About" in browser.text("#hint")
    if wanted := os.environ.get("ONSALE_TEST_PICTURE"):
        pathlib.Path(wanted).write_bytes(browser.picture())
    first.leave()
    until_in_the_shop(browser, sale)


def test_scripts_of_the_shop_cannot_read_what_proves_the_place(sale, browser):
    full(sale)
    browser.go(gate(sale))
    until_shown(browser, "1", "#position")
    ticket = browser.cookies()[f"onsale_ticket_{sale.event}"]
    assert ticket["httpOnly"] and ticket["secure"] and ticket["sameSite"] == "Lax"
    assert "onsale" not in browser.run("return document.cookie")


def test_a_reload_keeps_the_place(sale, browser):
    full(sale)
    browser.go(gate(sale))
    until_shown(browser, "1", "#position")
    behind = sale.buyer()
    behind.keep(behind.join())
    browser.go(gate(sale))
    until_shown(browser, "1", "#position")
    assert behind.poll().json()["position"] == 2


def test_a_person_who_lost_the_admission_cookie_is_not_sent_in_circles(sale, browser):
    sale.open()
    browser.go(gate(sale))
    until_in_the_shop(browser, sale)
    browser.forget(f"onsale_admission_{sale.event}")
    browser.go(gate(sale))
    until_in_the_shop(browser, sale)


def test_a_person_who_leaves_does_not_come_back_by_itself(sale, browser):
    full(sale)
    browser.go(gate(sale))
    until_shown(browser, "1", "#position")
    asked = "return performance.getEntriesByType('resource').filter(e => e.name.endsWith('/queue')).length"
    browser.run("document.getElementById('leave').click()")
    until_shown(browser, "You have left the line")
    before, at_ms = browser.run(asked), browser.run("return performance.now()")
    # The next poll of the first in line is due a second after the last.
    eventually(lambda: browser.run("return performance.now()") > at_ms + 1500, what="the time of the next poll")
    assert browser.run(asked) == before
    assert sale.operator.show(sale.event).json()["line"] == 0


def test_a_paused_line_says_so_and_goes_on(sale, browser):
    first = full(sale)
    browser.go(gate(sale))
    until_shown(browser, "1", "#position")
    sale.move("pause")
    until_shown(browser, "The line is paused.", "#hint")
    sale.move("resume")
    first.leave()
    until_in_the_shop(browser, sale)


def test_a_closed_sale_is_said_to_be_over(sale, browser):
    full(sale)
    browser.go(gate(sale))
    until_shown(browser, "1", "#position")
    sale.move("close")
    until_shown(browser, "This sale is over.", "#hint")


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "/%5Cevil.example/",
                                    "javascript:alert(1)"])
def test_nobody_is_sent_to_another_site(sale, browser, target):
    sale.open()
    browser.go(f"{sale.url}/wait/{sale.event}?next={target}")
    eventually(lambda: "/wait/" not in browser.url(), what="to be sent on")
    assert browser.url() == sale.url + "/"
