"""Write what the software says of itself to machines, codemeta.json, from pyproject and CITATION: `make readme`."""

import json
import tomllib
from pathlib import Path

from stages.foundation.params import read_yaml

CODEMETA = Path("codemeta.json")


def codemeta() -> str:
    """Return the file's text; all of it stands in pyproject.toml and CITATION.cff."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = read_yaml(Path("CITATION.cff"))
    said = {
        "@context": "https://w3id.org/codemeta/3.0",
        "@type": "SoftwareSourceCode",
        "name": project["name"],
        "description": project["description"],
        "version": project["version"],
        "license": f"https://spdx.org/licenses/{project['license']}",
        "author": [{"@type": "Organization", "name": author["name"]} for author in citation["authors"]],
        "keywords": citation["keywords"],
        "programmingLanguage": "Python",
        "runtimePlatform": f"Python {project['requires-python']}",
        "softwareRequirements": project["dependencies"],
        "referencePublication": [f"https://doi.org/{entry['doi']}" for entry in citation["references"]],
    }
    return f"{json.dumps(said, indent=2, ensure_ascii=False)}\n"
