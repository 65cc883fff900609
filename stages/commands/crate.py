"""Describe a release to machines: a Workflow Run RO-Crate, ro-crate-metadata.json beside the files.

It says which pipeline made which files from which data: dvc.yaml with params.yaml, and dvc.lock, which holds the hash
of everything between. https://www.researchobject.org/workflow-run-crate/profiles/workflow_run_crate (0.5)
"""

from pathlib import Path
from typing import Any

from stages.foundation.files import sha256_file

FILE = "ro-crate-metadata.json"
WORKFLOW, PARAMETERS, LOCK = "dvc.yaml", "params.yaml", "dvc.lock"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
CRATE, LANGUAGE = "https://w3id.org/ro/crate/1.1", "https://dvc.org"
DATA = {"ham10000": "https://doi.org/10.7910/DVN/DBW86T"}  # where an archive is published
Entity = dict[str, Any]


def describe_release(folder: Path, name: str, about: Entity) -> Entity:
    """Return the crate's metadata.

    folder: of the release, with WORKFLOW, PARAMETERS and LOCK in it; name: of the archive; about: name, description,
    datePublished (such as 2026-11-30) and license (its address) of the release.
    """
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    made = [file for file in files if file not in (WORKFLOW, PARAMETERS)]
    data = DATA.get(name, f"#{name}")
    workflow: Entity = {"@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"], "name": "melanoma-kd"}
    workflow |= {"programmingLanguage": _refer(LANGUAGE)}
    described: Entity = {"@id": FILE, "@type": "CreativeWork", "about": _refer("./")}
    described |= {"conformsTo": [_refer(CRATE), _refer(list(PROFILES)[-1])]}
    root: Entity = {"@id": "./", "@type": "Dataset", **about, "license": _refer(about["license"])}
    root |= {"conformsTo": [_refer(url) for url in PROFILES], "hasPart": [_refer(part) for part in (*files, data)]}
    root |= {"mainEntity": _refer(WORKFLOW), "mentions": _refer("#run")}
    action: Entity = {"@id": "#run", "@type": "CreateAction", "name": "dvc repro", "instrument": _refer(WORKFLOW)}
    action |= {"object": [_refer(PARAMETERS), _refer(data)], "result": [_refer(file) for file in made]}
    parts = [
        {"@id": file, "@type": "File", "sha256": sha256_file(folder / file)} | (workflow if file == WORKFLOW else {})
        for file in files
    ]
    context: list[Entity] = [
        {"@id": LANGUAGE, "@type": "ComputerLanguage", "name": "DVC", "url": LANGUAGE},
        {"@id": data, "@type": "Dataset", "name": name},
        {"@id": about["license"], "@type": "CreativeWork", "name": "licence of the weights"},
        *({"@id": url, "@type": "CreativeWork", "name": kind, "version": url[-3:]} for url, kind in PROFILES.items()),
    ]
    terms = [f"{CRATE}/context", "https://w3id.org/ro/terms/workflow-run"]
    return {"@context": terms, "@graph": [described, root, *parts, action, *context]}


def _refer(name: str) -> dict[str, str]:
    return {"@id": name}
