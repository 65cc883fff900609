"""Lighthouse's scores: every category of both screens, and an error where there is none instead of an empty cell."""

import os

import pytest

from stages.commands import audit_page

REPORT = {
    "categories": {"performance": {"score": 0.97}, "seo": {"score": 1}},
    "lighthouseVersion": "12.8.2",
    "environment": {"hostUserAgent": "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/150.0.0.0 Safari/537.36"},
}


@pytest.fixture
def npx(tmp_path, monkeypatch):
    """Return a function that puts an npx on the PATH which prints this, and a chromium."""

    def install(output):
        for name, text in {"npx": output, "chromium": ""}.items():
            (tmp_path / name).write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return install


def test_a_report_gives_a_row_for_each_category():
    table = audit_page.scores("phone", REPORT)
    assert table.to_dict("list") == {
        "screen": ["phone"] * 2,
        "category": ["performance", "seo"],
        "score": [0.97, 1],
        "lighthouse": ["12.8.2"] * 2,
        "browser": ["150.0.0.0"] * 2,
    }


def test_a_category_without_a_score_is_an_error():
    with pytest.raises(ValueError, match="no score for seo, phone"):
        audit_page.scores("phone", REPORT | {"categories": {"performance": {"score": 1}, "seo": {"score": None}}})


def test_what_lighthouse_says_instead_of_a_report_is_told(npx):
    npx("npm error network")
    with pytest.raises(ValueError, match=r"lighthouse@12\.8\.2 http://127\.0\.0\.1:1/ .*: no report"):
        audit_page.audit("http://127.0.0.1:1/")
    npx('{"runtimeError": {"message": "the page did not load"}}')
    with pytest.raises(ValueError, match="the page did not load"):
        audit_page.audit("http://127.0.0.1:1/")


def test_without_a_browser_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="wanted npx, found none on the PATH"):
        audit_page.audit("http://127.0.0.1:1/")
