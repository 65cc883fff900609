"""Take the pictures that README.md and docs/ show: of the report and of the page in a headless browser, and of views.

    melanoma-kd screenshots

Reads plots/<name>/report/report.html, data/raw/<name> (two pictures for the page), data/processed/<name> and the
released student. Writes docs/figures/report.png, page.png and views.png. Needs Chromium with its driver, and the extra
melanoma-kd[dev]. Pictures of HAM10000 may not be shown here: it refuses every data.name but demo.
"""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from stages.commands import web
from stages.dataset.settings import Target
from stages.deployment.metadata import RELEASED
from stages.foundation import command
from stages.foundation.files import writing
from stages.foundation.params import read_params
from stages.foundation.settings import DEMO, Data
from stages.networks.dataset import open_train
from stages.networks.settings import Views
from stages.networks.train_images import TrainImages
from stages.networks.views import Examples

FIGURES = Path("docs/figures")
REPORT, PAGE = (1300, 1000), (700, 1120)  # pixels
SHOWN, SIDE, GAP = 8, 112, 6  # images in a row of views, and pixels of and between them


@dataclass(frozen=True)
class Params:
    data: Data
    target: Target
    views: Views


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


def shoot_page(pictures: list[Path], target: Path) -> None:
    """Write the page with what the released student says of these pictures."""
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
        browser.save_screenshot(str(target))
        server.shutdown()


def draw_views(images: TrainImages, views: Views) -> Image.Image:
    """Return a view of some training images in three rows: by these settings, all mixed, all with a square cut out."""
    kinds = {"mixtures": 0.0, "cutout": 0.0}, {"mixtures": 1.0, "cutout": 0.0}, {"mixtures": 0.0, "cutout": 0.3}
    step = SIDE + GAP
    sheet = Image.new("RGB", (SHOWN * step - GAP, len(kinds) * step - GAP), "white")
    for row, kind in enumerate(kinds):
        examples = Examples(images, views.model_copy(update=kind), 1)
        shown = examples.batch(np.arange(SHOWN), 0, torch.device("cpu")).images.clamp(0, 1)
        for column, pixels in enumerate((255 * shown.permute(0, 2, 3, 1)).round().byte().numpy()):
            picture = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            sheet.paste(picture, (column * step, row * step))
    return sheet


def main() -> None:
    params = read_params(Params)
    name = params.data.name
    if name != DEMO:
        raise ValueError(f"data.name: {name}: its pictures may not be shown; take the demo's")
    pictures = sorted(Path("data/raw", name).rglob("*.jpg"))[1:3]  # one is refused, one answered
    images = open_train(Path("data/processed", name), params.target)
    with writing(*(FIGURES / f"{shot}.png" for shot in ("report", "page", "views"))) as (report, page, views):
        shoot_report(Path("plots", name, "report/report.html"), report)
        shoot_page(pictures, page)
        draw_views(images, params.views).quantize().save(views)


if __name__ == "__main__":
    command.run(main)
