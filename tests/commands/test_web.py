"""The page in a real browser: predict's probabilities, nothing leaves, it stays usable and works offline (row 46)."""

import base64
import functools
import json
import re
import struct
import threading
import urllib.request
from http.server import ThreadingHTTPServer
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import ROOT
from PIL import Image

from stages.commands import predict, web
from stages.commands.answering import answer_files
from stages.deployment.deployed import open_deployed
from stages.deployment.metadata import metadata_of, write_metadata

pytestmark = pytest.mark.slow
WEB = ROOT / "web"


@pytest.fixture(scope="session")
def site(sensitive, tmp_path_factory):
    """The built page and its server; skipped where npm or its package cannot be had."""
    folder = tmp_path_factory.mktemp("site") / "web"
    try:
        web.fetch_runtime(ROOT / "build")
    except ValueError as error:
        if "npm" not in str(error):  # only what cannot be fetched is a reason to skip
            raise
        pytest.skip(str(error))
    web.build(sensitive, ROOT / "build", folder)
    assert json.loads((folder / "model.json").read_text())["weight_only"] is True
    with web.serve(folder, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", folder, server
        server.shutdown()


def wait_for(browser, *statuses):
    from selenium.webdriver.support.ui import WebDriverWait  # noqa: PLC0415 - only where there is a browser

    probability = WebDriverWait(browser, 60).until(
        lambda b: (text := b.find_element("id", "status").text) and any(s in text for s in statuses) and text
    )
    return str(probability)


@pytest.fixture(scope="session")
def refusing(site, sensitive, tmp_path_factory):
    """The page with a file that refuses every picture, and its server."""
    folder = tmp_path_factory.mktemp("refusing")
    model = onnx.load(sensitive)
    metadata = metadata_of(model, "student")
    nothing = metadata.decision.model_copy(update={"farthest": 0.0})
    write_metadata(model, metadata.model_copy(update={"decision": nothing}))
    onnx.save(model, folder / "student.onnx")
    web.build(folder / "student.onnx", ROOT / "build", folder / "web")
    with web.serve(folder / "web", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def page(site, browser):
    browser.get(site[0])
    assert wait_for(browser, "Ready", "could not be loaded") == "Ready."
    return browser


@pytest.fixture
def gpu_page(site):
    """The page in a browser that computes WebGPU on the processor; skipped where it has none."""
    from tools.pictures import start_browser  # noqa: PLC0415

    try:
        driver = start_browser("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--use-vulkan=swiftshader")
    except ValueError as error:
        pytest.skip(str(error))
    driver.get(site[0])
    adapter = (
        "const done = arguments[0]; navigator.gpu ? navigator.gpu.requestAdapter().then(a => done(!!a)) : done(false);"
    )
    if not driver.execute_async_script(adapter):
        driver.quit()
        pytest.skip("this Chromium has no WebGPU")
    assert wait_for(driver, "Ready", "could not be loaded") == "Ready."
    yield driver
    driver.quit()


def give(browser, path):
    """Hand a file to the page and return its p, or what it says instead."""
    shown = answer(browser, path)
    return float(shown["p"]) if "p" in shown else shown["text"]


def answer(browser, path):
    """Hand a file to the page and return what its card holds: data-*, the text, and the label of its gauge."""
    from selenium.webdriver.support.ui import WebDriverWait  # noqa: PLC0415

    before = len(cards(browser))
    browser.find_element("id", "file").send_keys(str(path))
    WebDriverWait(browser, 60).until(lambda b: len(cards(b)) > before and b.find_element("id", "status").text)
    name = Path(path).name
    WebDriverWait(browser, 60).until(
        lambda b: b.find_element("id", "status").text.removeprefix("Done: ") != f"{name}: reading…"
    )
    return browser.execute_script(
        "const card = [...document.querySelectorAll('article')].at(-1);"
        "return { ...card.dataset, text: card.querySelector('.answer').textContent,"
        " gauge: card.querySelector('svg')?.getAttribute('aria-label') };"
    )


def cards(browser):
    return browser.find_elements("tag name", "article")


def expected_rows(model, paths):
    student = open_deployed(model, threads=1)
    return [predict.row_of(a, student.metadata.decision) for a in answer_files(student, map(str, paths), 1)]


def test_a_drawn_picture_is_there_for_whoever_has_none(page, sensitive):
    before = len(cards(page))
    page.find_elements("class name", "example")[1].click()
    assert wait_for(page, "Done: Drawn picture 2").startswith("Done")
    assert len(cards(page)) == before + 1
    (row,) = expected_rows(sensitive, [ROOT / "models/released/port_kit/flagged.jpg"])
    p = page.execute_script("return [...document.querySelectorAll('article')].at(-1).dataset.p")
    assert float(p) == pytest.approx(row.p_melanoma, abs=1e-3)


def test_ten_images_get_predicts_probabilities(page, finished, sensitive):
    paths = sorted((finished / "data/raw/demo").rglob("*.jpg"))[:10]
    rows = expected_rows(sensitive, paths)
    expected = [row.p_melanoma for row in rows]
    probabilities = [give(page, path) for path in paths]
    assert np.abs(np.array(probabilities) - np.array(expected)).max() < 1e-3
    assert np.std(expected) > 0.02
    last = answer(page, paths[-1])
    assert (last["decision"], last["band"]) == (rows[-1].decision, rows[-1].band)
    assert last["text"].startswith(rows[-1].band.capitalize())
    assert ("Not flagged" in last["gauge"]) == (rows[-1].decision == "not flagged")
    assert "basal cell carcinoma" in cards(page)[-1].text
    assert float(last["calibrated"]) == pytest.approx(rows[-1].calibrated, abs=1e-3)
    assert float(last["distance"]) == pytest.approx(rows[-1].distance, rel=1e-2)
    assert f"{rows[-1].band.capitalize()}." in last["gauge"]


def test_with_webgpu_the_gpu_gives_predicts_probabilities(gpu_page, finished, sensitive):
    assert "on this device's GPU" in gpu_page.find_element("id", "model").text
    paths = sorted((finished / "data/raw/demo").rglob("*.jpg"))[:10]
    rows, answers = expected_rows(sensitive, paths), [answer(gpu_page, path) for path in paths]
    assert [float(row["p"]) for row in answers] == pytest.approx([row.p_melanoma for row in rows], abs=1e-3)
    assert [float(row["distance"]) for row in answers] == pytest.approx([row.distance for row in rows], rel=1e-2)


def test_a_gpu_that_gives_no_distance_is_not_taken(page):
    script = (
        "const done = arguments[0];"
        "import('./model.js').then(({ alike }) => done([[1.2, 1.2], [NaN, 1.2], [1.2, NaN], [1.3, 1.2], [NaN, NaN]]"
        ".map(([gpu, processor]) => alike({ p: .3, distance: gpu }, { p: .3, distance: processor }))));"
    )
    assert page.execute_async_script(script) == [True, False, False, False, True]


def test_no_probability_is_shown_as_nothing_or_all(page):
    script = (
        "const done = arguments[0];"
        "import('./gauge.js').then(({ percentage }) => done([.0003, .004, .05, .5, .996].map(percentage)));"
    )
    assert page.execute_async_script(script) == ["< 0.1\u00a0%", "0.4\u00a0%", "5\u00a0%", "50\u00a0%", "> 99\u00a0%"]


def test_several_pictures_in_a_row_are_answered_in_their_order(page, finished, sensitive):
    from selenium.webdriver.support.ui import WebDriverWait  # noqa: PLC0415

    paths = sorted((finished / "data/raw/demo").rglob("*.jpg"))[:4]
    page.find_element("id", "file").send_keys("\n".join(map(str, paths)))
    WebDriverWait(page, 60).until(lambda b: len(cards(b)) == 4 and "Done" in b.find_element("id", "status").text)
    answers = [float(card.get_attribute("data-p")) for card in cards(page)]
    assert answers == pytest.approx([row.p_melanoma for row in expected_rows(sensitive, paths)], abs=1e-3)
    page.find_element("id", "file").send_keys("\n".join(map(str, paths)))
    page.find_element("id", "clear").click()  # while they are read
    assert page.switch_to.active_element.get_attribute("id") == "file"
    give(page, paths[0])
    assert len(cards(page)) == 1


def test_what_was_cleared_away_does_not_come_back_as_an_error(page, finished, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    page.execute_script(  # as soon as it is being read
        "document.getElementById('file').addEventListener('change',"
        " () => setTimeout(() => document.getElementById('clear').click()), { once: true });"
    )
    page.find_element("id", "file").send_keys(str(broken))
    give(page, next((finished / "data/raw/demo").rglob("*.jpg")))
    assert [card.get_attribute("data-error") for card in cards(page)] == [None]


def test_an_unfamiliar_picture_gets_no_probability(browser, refusing, finished):
    browser.get(refusing)
    assert wait_for(browser, "Ready", "could not be loaded") == "Ready."
    shown = answer(browser, next((finished / "data/raw/demo").rglob("*.jpg")))
    assert shown["text"] == "Not a dermatoscopic image this model knows"
    assert shown["refused"] == "true"
    assert "p" not in shown
    assert shown["gauge"] is None
    (anyhow,) = browser.find_elements("css selector", "article button")
    assert "all the same" in anyhow.get_attribute("aria-label")
    anyhow.click()
    told = ("Melanoma suspected", "Cannot tell", "Melanoma unlikely")
    assert browser.switch_to.active_element.text in told
    assert 0 < float(cards(browser)[-1].get_attribute("data-p")) < 1
    assert browser.find_elements("css selector", ".gauge")


def test_a_dropped_picture_is_answered(page, finished):
    path = next((finished / "data/raw/demo").rglob("*.jpg"))
    expected = give(page, path)
    content = base64.b64encode(path.read_bytes()).decode()
    page.execute_script(
        "const bytes = Uint8Array.from(atob(arguments[0]), c => c.charCodeAt(0)), dataTransfer = new DataTransfer();"
        "dataTransfer.items.add(new File([bytes], 'dropped.jpg', { type: 'image/jpeg' }));"
        "document.dispatchEvent(new DragEvent('drop', { dataTransfer, cancelable: true }));",
        content,
    )
    assert wait_for(page, "Done: dropped.jpg").startswith("Done")
    assert float(cards(page)[-1].get_attribute("data-p")) == expected


def test_the_camera_gives_the_square_within_the_guide(site):
    """Chromium's artificial camera is a coloured clock: what is answered does not matter, but that it is."""
    from selenium.webdriver.support.ui import WebDriverWait  # noqa: PLC0415

    from tools.pictures import start_browser  # noqa: PLC0415

    try:
        driver = start_browser("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    except ValueError as error:
        pytest.skip(str(error))
    try:
        driver.get(site[0])
        assert wait_for(driver, "Ready", "could not be loaded") == "Ready."
        driver.find_element("id", "open-camera").click()
        WebDriverWait(driver, 30).until(lambda b: b.find_element("id", "take").is_displayed())
        viewfinder = driver.find_element("css selector", ".viewfinder").size
        assert viewfinder["width"] == viewfinder["height"]
        driver.find_element("id", "take").click()
        assert wait_for(driver, "Done: Picture 1").startswith("Done")
        assert 0 < float(cards(driver)[-1].get_attribute("data-p")) < 1
        driver.find_element("id", "close-camera").click()
        assert not driver.find_element("id", "camera").is_displayed()
        assert driver.switch_to.active_element.get_attribute("id") == "open-camera"
    finally:
        driver.quit()


def test_a_print_out_holds_the_answers_and_no_buttons(page, finished):
    give(page, next((finished / "data/raw/demo").rglob("*.jpg")))
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        page.execute_script("dispatchEvent(new Event('beforeprint'))")
        assert not [button for button in page.find_elements("tag name", "button") if button.is_displayed()]
        assert "Calibrated" in page.find_element("css selector", "details").text
        assert page.find_element("css selector", ".gauge").is_displayed()
        assert "No diagnosis" in page.find_element("css selector", "[role=note]").text
        assert re.match(r"Printed .*\d", page.find_element("id", "printed").text)
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_covering_parts_shows_where_the_answer_comes_from(page, finished):
    from selenium.webdriver.support.ui import WebDriverWait  # noqa: PLC0415

    answer(page, next((finished / "data/raw/demo").rglob("*.jpg")))
    (button,) = [button for button in page.find_elements("css selector", "article button") if button.is_displayed()]
    button.click()
    WebDriverWait(page, 60).until(lambda b: b.find_elements("css selector", ".heat"))
    most = page.execute_script(
        "const heat = document.querySelector('.heat'), { width } = heat;"
        "return Math.max(...heat.getContext('2d').getImageData(0, 0, width, width).data.filter((_, i) => i % 4 === 3));"
    )
    assert most > 100
    assert "Bright" in page.switch_to.active_element.text
    assert "bright" in page.find_element("css selector", ".heat").get_attribute("aria-label")


def test_a_large_turned_and_a_transparent_picture_agree_too(page, finished, sensitive, tmp_path):
    with Image.open(next((finished / "data/raw/demo").rglob("*.jpg"))) as image:
        large = image.resize((1600, 1200), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6
    large.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    clear = large.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(large.size).point(lambda value: 255 * (value > 80)))
    clear.save(tmp_path / "clear.png")
    for path in (tmp_path / "turned.jpg", tmp_path / "clear.png"):
        (row,) = expected_rows(sensitive, [path])
        assert give(page, path) == pytest.approx(row.p_melanoma, abs=1e-3)


def test_what_is_no_picture_is_said_and_the_page_stays_usable(page, finished, tmp_path):
    (tmp_path / "paper.pdf").write_bytes(b"%PDF-1.7\n%%EOF")
    (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    (tmp_path / "huge.jpg").write_bytes(bytes(50_000_000))
    Image.new("RGB", (8, 8)).save(tmp_path / "dot.png")
    assert "no picture that the browser can read" in give(page, tmp_path / "paper.pdf")
    assert "no picture that the browser can read" in give(page, tmp_path / "photo.heic")
    assert "larger than 30 MB" in give(page, tmp_path / "huge.jpg")
    assert "too small" in give(page, tmp_path / "dot.png")
    for path in bombs(tmp_path):
        assert "more than" in give(page, path)
        assert "megapixels" in give(page, path)
    page.execute_script("document.getElementById('file').dispatchEvent(new Event('change'))")
    assert "No picture was chosen" in wait_for(page, "No picture")
    assert all(card.get_attribute("data-error") for card in cards(page))
    assert isinstance(give(page, next((finished / "data/raw/demo").rglob("*.jpg"))), float)


def bombs(folder):
    """Three small files whose headers promise 900 megapixels; they hold none, so that decoding them would fail."""
    side = struct.pack(">H", 30_000)
    (folder / "bomb.png").write_bytes(
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 30_000, 30_000) + b"\x08\x02\0\0\0" + bytes(40)
    )
    Image.new("RGB", (64, 48)).save(folder / "bomb.jpg", exif=b"Exif\0\0" + bytes(300))
    content = (folder / "bomb.jpg").read_bytes()
    frame = content.index(b"\xff\xc0")
    before, header = content[:frame], content[frame : frame + 5] + 2 * side + content[frame + 9 : frame + 40]
    (folder / "bomb.jpg").write_bytes(before + header)
    (folder / "filled.jpg").write_bytes(before + b"\xff\xff" + header)
    return folder / "bomb.png", folder / "bomb.jpg", folder / "filled.jpg"


def test_no_request_leaves_the_origin(site, browser, finished):
    browser.get_log("performance")
    browser.get_log("browser")  # of tests before this one
    browser.get(site[0])
    wait_for(browser, "Ready")
    give(browser, next((finished / "data/raw/demo").rglob("*.jpg")))
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert asked
    assert all(request["url"].startswith((site[0], "blob:", "data:")) for request in asked)
    assert all(request["method"] == "GET" for request in asked)
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_it_fits_a_phone_and_the_keyboard(page, finished):
    give(page, next((finished / "data/raw/demo").rglob("*.jpg")))
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    )
    try:
        assert page.execute_script("return document.documentElement.scrollWidth") <= 360
        assert page.find_element("css selector", ".gauge").size["width"] > 200
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    page.find_element("tag name", "body").send_keys("\t")
    assert page.switch_to.active_element.get_attribute("id") in {"file", "open-camera"}
    assert page.find_element("css selector", "label[for=file]").text
    assert page.find_element("id", "status").get_attribute("aria-live") == "polite"
    assert "No diagnosis" in page.find_element("css selector", "[role=note]").text


def test_it_works_offline_after_the_first_visit(site, browser, finished):
    """The server ends: a service worker would still reach one where only the page is cut off."""
    from selenium.webdriver.support.ui import WebDriverWait  # noqa: PLC0415

    with web.serve(site[1], 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser.get(f"http://127.0.0.1:{server.server_port}/")
        assert wait_for(browser, "Ready", "could not be loaded") == "Ready."
        browser.execute_async_script("const done = arguments[0]; caches.open('another page').then(() => done());")
        controlled = "return navigator.serviceWorker.controller !== null"
        WebDriverWait(browser, 30).until(lambda b: b.execute_script(controlled))
        server.shutdown()
    browser.refresh()
    assert wait_for(browser, "Ready", "could not be loaded") == "Ready."
    assert isinstance(give(browser, next((finished / "data/raw/demo").rglob("*.jpg"))), float)
    names = browser.execute_async_script("caches.keys().then(arguments[0])")
    assert [name.startswith("melanoma-kd-") for name in sorted(names)] == [False, True]


class Open(web.Handler):
    """Answers pages of any other server."""

    def end_headers(self):
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()


@pytest.fixture
def elsewhere():
    """Two servers that answer pages of any other."""
    handler = functools.partial(Open, directory=str(WEB))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as one, ThreadingHTTPServer(("127.0.0.1", 0), handler) as two:
        for server in (one, two):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        yield [f"http://127.0.0.1:{server.server_port}/icon.svg" for server in (one, two)]
        one.shutdown()
        two.shutdown()


def test_the_page_may_not_ask_another_server(page, elsewhere):
    script = "const done = arguments[1]; fetch(arguments[0]).then(() => done('answered'), e => done(e.name));"
    assert page.execute_async_script(script, elsewhere[0]) == "TypeError"
    page.get(elsewhere[1])  # has no rules of its own
    assert page.execute_async_script(script, elsewhere[0]) == "answered"
    page.get_log("browser")  # says so


def test_the_service_worker_keeps_every_file_and_another_model_has_another_name(site, refusing):
    text = (site[1] / "service_worker.js").read_text()
    listed = set(json.loads(re.search(r"FILES = (\[.*\]);", text)[1]))
    there = {path.relative_to(site[1]).as_posix() for path in site[1].rglob("*") if path.is_file()}
    assert listed == there - {"service_worker.js", *(f"ort/{name}" for name in web.GPU_RUNTIME)} | {"./"}
    other = urllib.request.urlopen(f"{refusing}service_worker.js").read().decode()  # noqa: S310 - our own
    versions = [re.search(r'VERSION = "([0-9a-f]{16})"', worker)[1] for worker in (text, other)]
    assert versions[0] != versions[1]


def test_an_altered_package_is_refused(tmp_path):
    (tmp_path / "onnxruntime-web-1.30.0.tgz").write_bytes(b"something else")
    with pytest.raises(ValueError, match="wanted sha512"):
        web.fetch_runtime(tmp_path)


def test_the_page_names_no_other_server():
    for path in WEB.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.findall(r"https?://", text), path


def test_the_clip_is_the_pipelines():
    from stages.foundation.probability import CLIP  # noqa: PLC0415

    assert f"CLIP = {CLIP:.0e}".replace("e-0", "e-") in Path(WEB / "decide.js").read_text()
