"""The README's pictures: of the demo alone, and of what a browser really shows."""

import shutil

import pytest
from conftest import ROOT, write_params
from PIL import Image

from tools import pictures as screenshots


def test_pictures_of_ham10000_are_refused(project):
    write_params(project, data={"name": "ham10000"})
    with pytest.raises(ValueError, match=r"data\.name: ham10000: its pictures may not be shown"):
        screenshots.main()
    assert not (project / "docs").exists()


def test_without_a_browser_it_says_so(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with (
        pytest.raises(ValueError, match="wanted chromium and chromedriver"),
        screenshots.open_browser((10, 10)),
    ):
        pass


@pytest.mark.slow
def test_the_top_of_the_report_is_taken(browser, finished, tmp_path):
    target = tmp_path / "report.png"
    screenshots.shoot_report(finished / "plots/demo/report/report.html", target)
    with Image.open(target) as picture:
        assert picture.size == screenshots.REPORT
        assert len(set(picture.convert("L").resize((60, 60)).tobytes())) > 10  # not one blank colour


def test_the_committed_pictures_are_light():
    for name in ("report", "page"):
        assert (ROOT / f"docs/figures/{name}.png").stat().st_size < 300_000
