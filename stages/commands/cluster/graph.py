"""DVC's own graph as tasks: the stages that train, what each needs, and a key that equal work shares."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networkx as nx
from dvc.dependency import ParamsDependency
from dvc.repo import Repo

COMPUTE = "compute"  # the section of params.yaml whose readers are worth another machine


@dataclass(frozen=True)
class Task:
    """One stage of one commit.

    key: the stage's name and a hash of all that its outputs depend on and of where they go, so that what two
    experiments share has one key; needs: keys of the tasks whose outputs it reads.
    """

    stage: str
    commit: str
    key: str
    needs: tuple[str, ...]


def split_stages(root: Path, targets: list[str]) -> tuple[list[str], list[str]]:
    """Return the stages before all tasks and those of the tasks, of the targets and what they depend on, in order.

    targets: stages or their groups, as `dvc repro` takes them; none for the whole pipeline. A task's stage reads
    `compute` and what other stages make. The stages that wait for tasks, evaluation and report, are in neither list.
    """
    with Repo(root) as repo:
        before, tasks = _split(_graph(repo, targets))
        return [stage.name for stage in before], [stage.name for stage in tasks]


def check_folders(root: Path, targets: list[str]) -> None:
    """Raise ValueError when a folder that tasks read whole holds a file that no stage makes.

    Soft labels of a teacher that is no longer listed, say: the folder's hash counts them, here and on no worker.
    """
    with Repo(root) as repo:
        outs = [Path(out.fs_path) for stage in repo.index.stages for out in stage.outs]
        read = {Path(dep.fs_path) for stage in _split(_graph(repo, targets))[1] for dep in stage.deps}
    shared = [folder for folder in read if folder not in outs and any(out.is_relative_to(folder) for out in outs)]
    files = [path for folder in sorted(shared) for path in sorted(folder.rglob("*")) if path.is_file()]
    strange = [path for path in files if not any(path.is_relative_to(out) for out in outs)]
    names = " ".join(str(path.relative_to(root)) for path in strange if path.name != ".gitignore")
    if names:
        raise ValueError(
            f"{names}: written by no stage in dvc.yaml; workers do not have it, so results would differ: rm {names}"
        )


def make_tasks(root: Path, commit: str, targets: list[str], destination: str) -> list[Task]:
    """Return the tasks of a folder's pipeline, each after those it needs; the stages before them must have run there.

    destination: the cache or remote that results go to.
    """
    tasks: dict[str, Task] = {}
    with Repo(root) as repo:
        graph = _graph(repo, targets)
        for stage in _split(graph)[1]:
            upstream = [other for other in graph.successors(stage) if other.name in tasks]
            needs = tuple(sorted(tasks[other.name].key for other in upstream))
            made = [out.fs_path for other in upstream for out in other.outs]
            state = [destination, stage.cmd, _own_state(stage, made), needs]
            digest = hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()[:16]
            tasks[stage.name] = Task(stage.name, commit, f"{stage.name}-{digest}", needs)
    return list(tasks.values())


def priorities(tasks: Iterable[Task], seconds: Callable[[str], float]) -> dict[str, float]:
    """Return for each task's key the seconds from its start to the end of the longest chain of tasks behind it."""
    by_key = {task.key: task for task in tasks}
    graph = nx.DiGraph([(need, task.key) for task in by_key.values() for need in task.needs])
    graph.add_nodes_from(by_key)
    longest: dict[str, float] = {}
    for key in reversed(list(nx.topological_sort(graph))):
        longest[key] = seconds(by_key[key].stage) + max(
            (longest[after] for after in graph.successors(key)), default=0.0
        )
    return longest


def names_of(stage: str) -> set[str]:
    """Return the names by which `dvc repro` takes a stage: its own and its group's."""
    return {stage, stage.partition("@")[0]}


def _graph(repo: Repo, targets: list[str]) -> nx.DiGraph:
    """Return DVC's graph, from a stage to those it depends on, of the targets and what they depend on."""
    graph = repo.index.graph
    if not targets:
        return graph
    names = {name for stage in graph for name in names_of(stage.name)}
    unknown = sorted(set(targets) - names)
    if unknown:
        raise ValueError(f"no stage {', '.join(unknown)}; dvc stage list names all")
    stages = [stage for stage in graph if names_of(stage.name) & set(targets)]
    return graph.subgraph(set(stages).union(*(nx.descendants(graph, stage) for stage in stages)))


def _split(graph: nx.DiGraph) -> tuple[list[Any], list[Any]]:
    """Return the stages before all tasks and those of the tasks."""
    before: list[Any] = []
    tasks: list[Any] = []
    after: set[Any] = set()
    for stage in nx.lexicographical_topological_sort(graph.reverse(), key=lambda stage: stage.name):
        upstream = set(graph.successors(stage))
        if upstream & after:
            after.add(stage)
        elif upstream and _reads_compute(stage):
            tasks.append(stage)
        elif upstream & set(tasks):
            after.add(stage)
        else:
            before.append(stage)
    return before, tasks


def _reads_compute(stage: Any) -> bool:
    names = [name for dep in stage.deps if isinstance(dep, ParamsDependency) for name in dep.params]
    return any(name.split(".")[0] == COMPUTE for name in names)


def _own_state(stage: Any, made_by_tasks: list[str]) -> dict[str, Any]:
    """Return the hashes of the files and the values of the parameters that a stage reads, without tasks' outputs."""
    state = {}
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            state[dep.def_path] = dep.read_params()
        elif not any(_overlap(Path(dep.fs_path), Path(path)) for path in made_by_tasks):
            state[dep.def_path] = dep.get_hash().value
    return state


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)
