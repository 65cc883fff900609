"""The report: whole in one file, every figure from a tracked table, nothing from elsewhere."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from conftest import ROOT

REPORT = Path("plots/demo/report/report.html")


@pytest.fixture(scope="module")
def page(finished):
    return (finished / REPORT).read_text()


def test_it_is_one_file_that_asks_for_nothing(page):
    assert not re.findall(r"""(?:src|href)=["'](?!#|data:)[^"']*["']""", page)
    assert "url(http" not in page
    assert "@import" not in page
    words = re.sub(r"data:[^\"]*", "", page)
    assert not re.search(r"\bnan\b|\binf\b", words, re.IGNORECASE)


def test_every_number_of_the_headline_is_the_tables(page, finished):
    models = pd.read_csv(finished / "metrics/demo/evaluation/models.csv").query("split == 'holdout'")
    metrics = models.set_index(["model", "at", "metric"]).loc[("student_T1_alpha0.5", "all", "roc_auc")]
    assert f"{metrics['value']:.3f} ({metrics['low']:.3f} to {metrics['high']:.3f})" in page


def test_every_model_stands_in_the_page(page):
    for name in (
        "ResNet-18",
        "student T=2 α=0.9",
        "student T=1 α=0, seed 43",
        "student ONNX int8 weights",
        "SVM (RBF)",
    ):
        assert f'<th scope="row">{name}</th>' in page


def test_better_and_worse_are_said_only_where_a_test_says_it(page, finished):
    comparisons = pd.read_csv(finished / "metrics/demo/evaluation/comparisons.csv")
    rows = re.search(r"<h3>Paired comparisons</h3>.*?<tbody>(.*?)</tbody>", page, re.DOTALL)[1].split("</tr>")[:-1]
    assert len(rows) == len(comparisons)
    for row, (verdict, p) in zip(rows, comparisons[["verdict", "p_holm"]].to_numpy(), strict=True):
        assert f"<td>{verdict}</td>" in row
        assert (verdict in ("better", "worse")) == (p < 0.05), row
    assert page.count("Paired comparisons</h3>") == 1  # below the verdict, and not among the other tables again


def cells(browser, title, column):
    """Return the texts of a column of the page's table with this title."""
    path = f"//h3[.='{title}']/following-sibling::div[1]//tbody/tr/*[{column}]"
    return [cell.text for cell in browser.find_elements("xpath", path)]


def test_in_a_browser_it_loads_alone_and_its_tables_sort(browser, finished):
    browser.get_log("performance")
    browser.get((finished / REPORT).as_uri())
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith("data:")] == [(finished / REPORT).as_uri()]
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    title = "Ranking and calibration"
    button = browser.find_element("xpath", f"//h3[.='{title}']/following-sibling::div[1]//th[2]/button")
    before = [float(text.split()[0]) for text in cells(browser, title, 2)]
    for expected in (sorted(before), sorted(before, reverse=True)):
        button.send_keys("\n")  # by keyboard, as by mouse
        assert [float(text.split()[0]) for text in cells(browser, title, 2)] == expected
    assert button.find_element("xpath", "..").get_attribute("aria-sort") == "descending"


def test_in_a_browser_it_is_light_or_dark_and_fits_a_phone(browser, finished):
    colours = []
    for scheme in ("light", "dark"):
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
        )
        browser.get((finished / REPORT).as_uri())
        style = "const s = getComputedStyle(document.querySelector(arguments[0])); return [s.backgroundColor, s.color]"
        page, text = browser.execute_script(style, "body")
        assert browser.execute_script(style, "figure > svg")[1] == text  # axes and letters follow the page
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
        colours.append((page, text))
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    light, dark = ([sum(map(int, re.findall(r"\d+", part)[:3])) for part in pair] for pair in colours)
    assert light[0] > light[1]
    assert dark[0] < dark[1]


def test_it_opens_with_the_verdict_and_says_no_more_than_the_tests(page, finished):
    cards = re.findall(r'<section class="verdict"><h3>(.*?)</h3><strong>(.*?)</strong><p class="quiet">(.*?)</p>', page)
    assert [question for question, *_ in cards] == [
        "Did the student keep the teacher&#39;s accuracy?",
        "Did distillation help?",
        "Did int8 cost anything?",
        "What does the operating point cost?",
        "Is it the lesion or the camera?",
    ]
    assert page.index("verdicts") < page.index('id="selected-student"')
    comparisons = pd.read_csv(finished / "metrics/demo/evaluation/comparisons.csv").query("primary == 'yes'")
    families = [
        "student against teacher, all seeds",
        "distillation against control, all seeds",
        "int8 against fp32",
    ]
    for (_, answer, number), family in zip(cards, families, strict=False):
        row = comparisons[comparisons["family"] == family].iloc[0]
        assert ("better" in answer or "worse" in answer) == (row["verdict"] in ("better", "worse"))
        assert f" {row['difference']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f}), p" in number


FIGURES = {
    "model_comparison", "comparisons", "kd_effectiveness", "kd_heatmaps", "roc_band", "pr_band",
    "roc_others", "pr_others", "thresholds_teachers", "thresholds_students", "training", "reliability", "confidence",
    "teacher_student", "confusion", "decision_curve", "risk_coverage", "agreement", "referral", "data_overview",
    "subgroups_student_T1_alpha0.5", "quantization",
}  # fmt: skip


def test_every_figure_is_drawn_with_caption_and_source(page, finished):
    drawn = {path.stem: path.read_text() for path in (finished / "plots/demo/figures").iterdir()}
    assert set(drawn) >= FIGURES
    for name, svg in drawn.items():
        ElementTree.fromstring(svg)  # noqa: S314 - our own file
        assert len(svg) < 400_000, name
        assert "currentColor" in svg
        assert str(Path.home()) not in svg
        caption = re.search(rf'<figure id="{re.escape(name)}".*?<figcaption>(.*?)</figcaption>', page, re.DOTALL)
        assert caption
        sources = re.search(r"Source: (.*)\.$", caption[1])[1].split(", ")
        for source in sources:
            assert list((finished / "metrics/demo").rglob(source)) or list(
                (finished / "plots/demo").rglob(Path(source).name)
            )


def test_galleries_show_image_and_heat(page, finished):
    examples = pd.read_csv(finished / "plots/demo/data/examples.csv")
    assert page.count("data:image/jpeg") == 2 * len(examples)
    assert all(name in page for name in examples["image_id"])


def test_the_model_card_says_what_a_card_says(finished):
    card = (finished / "plots/demo/report/model_card.md").read_text()
    for phrase in (
        "Not a medical device",
        "Intended use",
        "synthetic",
        "Operating point",
        "Calibration of the int8 file on the holdout",
        "Subgroups, int8 file",
        "Limits",
        "TRIPOD+AI",
        "CLAIM",
    ):
        assert phrase in card
    models = pd.read_csv(finished / "metrics/demo/evaluation/models.csv", dtype={"at": str})
    cut = models.query("model == 'student_int8' and at == 'operating point'")["threshold"].iloc[0]
    assert f"Operating point of the int8 file: probability {float(cut):.4f}" in card
    assert "Code MIT; weights MIT." in card  # of drawn images; nothing of HAM10000's
    assert "CC BY-NC" not in card
    assert "Vienna" not in card
    assert not re.search(r"\n\n\| [^-]*\n(?!\|)", card)  # every table has its rows
    assert all(len(line) < 20_000 for line in card.splitlines())


def test_no_word_says_that_what_is_no_melanoma_is_harmless():
    """Basal cell carcinoma is "other", too."""
    files = [ROOT / "stages/commands/predict.py", *(ROOT / "stages/reporting").iterdir(), *(ROOT / "web").iterdir()]
    for path in (path for path in files if path.suffix in (".py", ".j2", ".js", ".html")):
        assert not re.search(r"\b(benign|harmless)\b", path.read_text(), re.IGNORECASE), path
    for path in ("stages/commands/predict.py", "stages/reporting/report.html.j2", "stages/reporting/model_card.md.j2"):
        assert "basal cell carcinoma" in " ".join((ROOT / path).read_text().split()), path
    assert "basal cell carcinoma" in (ROOT / "web/app.js").read_text()


def test_what_the_card_points_to_is_there():
    card = (ROOT / "stages/reporting/model_card.md.j2").read_text()
    for path in re.findall(r"(stages/[\w/]+(?:\.py)?|params\.yaml)", card):
        assert (ROOT / path).exists(), path
