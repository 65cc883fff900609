"""Take the pictures that README.md shows, of the report and of the page, in a headless browser.

    make pictures

Reads plots/<name>/report/report.html, the released student and its port kit (two pictures for the page). Writes
docs/figures/report.png and page.png. Needs Chromium with its driver, and the extra melanoma-kd[dev]. Pictures of
HAM10000 may not be shown here: it refuses every data.name but demo.
"""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.commands import web
from stages.deployment.metadata import RELEASED
from stages.foundation import command
from stages.foundation.files import writing
from stages.foundation.params import read_params
from stages.foundation.settings import DEMO, Data

FIGURES = Path("docs/figures")
REPORT, PAGE = (1300, 1000), (700, 1120)  # pixels


@dataclass(frozen=True)
class Params:
    data: Data


def start_browser(*flags: str, **capabilities: Any) -> Any:
    """Return selenium's driver of a headless Chromium with these flags and capabilities; ValueError without one."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        raise ValueError("wanted chromium and chromedriver, found none on the PATH")
    from selenium import webdriver  # noqa: PLC0415 - a development extra

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", *flags):
        options.add_argument(flag)
    for name, value in capabilities.items():
        options.set_capability(name, value)
    return webdriver.Chrome(options, webdriver.ChromeService(driver))


@contextmanager
def open_browser(size: tuple[int, int]) -> Iterator[Any]:
    """Yield a headless Chromium whose window shows so many pixels; ValueError where there is none."""
    browser = start_browser("--disable-gpu")
    try:
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        yield browser
    finally:
        browser.quit()


def shoot_report(report: Path, target: Path) -> None:
    """Write the top of the report, where the verdict stands."""
    with open_browser(REPORT) as browser:
        browser.get(report.resolve().as_uri())
        browser.save_screenshot(str(target))


@contextmanager
def answered_page(pictures: list[Path]) -> Iterator[Any]:
    """Yield a browser with the page that has answered about these pictures, by the released student."""
    from selenium.webdriver.support.ui import WebDriverWait  # noqa: PLC0415 - a development extra

    site = web.ROOT / "build/web"
    web.build(RELEASED, web.ROOT / "build", site)
    with web.serve(site, 0) as server, open_browser(PAGE) as browser:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser.get(f"http://127.0.0.1:{server.server_port}/")
        waiting = WebDriverWait(browser, 60)
        waiting.until(lambda page: "Ready" in page.find_element("id", "status").text)
        browser.find_element("id", "file").send_keys("\n".join(str(picture.resolve()) for picture in pictures))
        waiting.until(lambda page: f"Done: {pictures[-1].name}" in page.find_element("id", "status").text)
        try:
            yield browser
        finally:
            server.shutdown()


def main() -> None:
    params = read_params(Params)
    name = params.data.name
    if name != DEMO:
        raise ValueError(f"data.name: {name}: its pictures may not be shown; take the demo's")
    pictures = [RELEASED.parent / f"port_kit/{said}.jpg" for said in ("flagged", "refused")]
    with writing(FIGURES / "report.png", FIGURES / "page.png") as (report, page):
        shoot_report(Path("plots", name, "report/report.html"), report)
        with answered_page(pictures) as browser:
            browser.save_screenshot(str(page))


if __name__ == "__main__":
    command.run(main)
