"""Ask Lighthouse about the page with the released student, as a phone and as a desktop.

    melanoma-kd audit_page

Builds the page as `melanoma-kd web` does and serves it on this machine. Writes metrics/page.csv: screen, category
(performance, accessibility, best-practices, seo), score (0 to 1; 1 is the best), and the versions of Lighthouse and of
the browser. Needs npm, which fetches Lighthouse, and Chromium. Performance is the machine's, too: measure an idle one.
"""

import json
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

import pandas as pd

from stages.commands import web
from stages.deployment.metadata import RELEASED
from stages.foundation import command
from stages.foundation.files import write_csv, writing

LIGHTHOUSE = "lighthouse@12.8.2"
SCREENS: dict[str, tuple[str, ...]] = {"phone": (), "desktop": ("--preset=desktop",)}  # Lighthouse's default is a phone
TABLE = Path("metrics/page.csv")


def audit(url: str, *options: str) -> dict[str, Any]:
    """Return Lighthouse's report of a page; ValueError where it gives none."""
    for needed in ("npx", "chromium"):
        if shutil.which(needed) is None:
            raise ValueError(f"wanted {needed}, found none on the PATH")
    flags = "--chrome-flags=--headless=new --no-sandbox --disable-dev-shm-usage"
    argv = ["npx", "--yes", LIGHTHOUSE, url, "--quiet", "--output=json", flags, *options]
    environment = os.environ | {"CHROME_PATH": str(shutil.which("chromium"))}
    process = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
    try:
        report: dict[str, Any] = json.loads(process.stdout)
    except ValueError:
        raise ValueError(f"{' '.join(argv)}: {process.stderr.strip() or 'no report'}") from None
    if error := report.get("runtimeError"):
        raise ValueError(f"{LIGHTHOUSE}: {error['message']}")
    return report


def scores(screen: str, report: dict[str, Any]) -> pd.DataFrame:
    """Return a row for each category of one report; ValueError for a category that Lighthouse could not score."""
    table = pd.DataFrame(
        {
            "screen": screen,
            "category": list(report["categories"]),
            "score": [category["score"] for category in report["categories"].values()],
            "lighthouse": report["lighthouseVersion"],
            "browser": report["environment"]["hostUserAgent"].split("Chrome/")[-1].split(" ")[0],
        }
    )
    if table["score"].isna().any():
        raise ValueError(f"{LIGHTHOUSE}: no score for {', '.join(table['category'][table['score'].isna()])}, {screen}")
    return table


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "web")
        web.build(RELEASED, web.ROOT / "build", folder)
        with web.serve(folder, 0) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_port}/"
            tables = [scores(screen, audit(url, *options)) for screen, options in SCREENS.items()]
            server.shutdown()
    table = pd.concat(tables, ignore_index=True)
    with writing(TABLE) as (path,):
        write_csv(path, table)
    print(table.to_string(index=False))


if __name__ == "__main__":
    command.run(main)
