"""Invalid parameters are named by file and key before any stage runs (faults 36, 37)."""

import copy
import resource
import shutil
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT, nodes, tiny_params, write_params
from dvc.utils.hydra import apply_overrides

from stages import check_params
from stages.foundation.files import sha256_file
from stages.foundation.names import CONTROL, Student, TeacherName, parse_student, parse_teacher, student_key
from stages.foundation.params import checked, read_params
from stages.foundation.settings import Kd
from stages.networks.settings import LocalStart, read_plan


def test_the_committed_parameters_pass(project):
    check_params.main()
    assert (project / "data/params_checked").read_text() == "params.yaml is consistent\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kd": {"temperature": 0}}, "kd.temperature: wanted a number above 0, at most 100, found 0"),
        ({"kd": {"temperature": 2.0}}, "kd.temperature: write 2, not 2.0"),
        ({"kd": {"temperature": "hot"}}, "kd.temperature"),
        ({"kd": {"temperature": float("nan")}}, "kd.temperature"),
        ({"kd": {"alpha": 1.5}}, "kd.alpha: wanted a number from 0 to 1, found 1.5"),
        ({"kd": {"alpha": -0.5}}, "kd.alpha"),
        ({"teachers": ["resnet19"]}, "teachers.0: wanted some of resnet18, .*found 'resnet19'"),
        ({"teachers": ["resnet18", "resnet18_seed42"]}, "teacher.seed: 42 is a repeat's among the teachers"),
        ({"teachers": []}, "teachers"),
        (
            {"teachers": ["resnet18", "resnet18_seed043"]},
            "teachers.1: wanted some of resnet18, .*found 'resnet18_seed043'",
        ),
        ({"teachers": ["resnet18", "resnet18_fold5"]}, "teachers: resnet18_fold5: train has folds from 0 to 4, by"),
        ({"teachers": ["resnet18", "resnet18"]}, "each once"),
        ({"kd": {"teachers": ["resnet50"]}}, r"kd.teachers: \['resnet50'\] not among the teachers \['resnet18'\]"),
        ({"teachers": ["resnet18", "inception_v3"]}, "image.size: inception_v3 wants 75 pixels, found 32"),
        ({"kd": {"temprature": 1}}, "kd.temprature"),
        ({"kd": {"repeated": "T3_alpha0.5"}}, "kd.repeated: T3_alpha0.5: wanted one of"),
        ({"distill": {"seed": 43}}, "distill.seed: 43 is a repeat's"),
        ({"target": "both"}, "target: Input should be 'dx', 'own' or 'melanoma', found 'both'"),
        ({"trackings": 1}, "trackings: no stage reads it; did you mean tracking?"),
        ({"data": {"name": "../../x"}}, "data.name: String should match pattern"),
        ({"data": {"name": ""}}, "data.name: String should match pattern"),
        ({"splits": {"train": 0.9, "val": 0.2}}, r"splits: train \+ val = 1.1 leaves no holdout"),
        ({"evaluate": {"sensitivity": 95}}, "evaluate.sensitivity: Input should be less than or equal to 1, found 95"),
        ({"evaluate": {"coverage": 95}}, "evaluate.coverage: Input should be less than 1, found 95"),
        ({"quantize": {"methods": ["weight_only", "int4"]}}, "quantize.methods.1: Input should be 'weight_only_mixed'"),
        (
            {"quantize": {"gate": {"megabytes": 1.7, "roc_auc_los": 1, "ece_rise": 1}}},
            "quantize.gate.roc_auc_los: Extra",
        ),
        ({"teacher": {"loss": {"gama": 0.0, "melanoma_weight": 0.5}}}, "teacher.loss.gama: Extra inputs"),
        ({"baselines": {"models": ["svm"]}}, "baselines.models.0: Input should be 'logistic_regression'"),
        ({"baselines": {"models": ["svm_rbf", "svm_rbf"]}}, "baselines.models: wanted one or more, each once"),
        ({"init": {"resnet18": "imagnet"}}, "init.resnet18.*'imagenet' or 'random', found 'imagnet'"),
        ({"init": {"resnet19": "random"}}, "init.resnet19"),
        ({"kd": {"repeated": CONTROL}}, "kd.repeated: T1_alpha0: wanted one of"),
        ({"kd": {"loss": "kl"}}, "kd.loss: Extra inputs are not permitted, found 'kl'"),
        ({"kd": {"label_turns": 3}}, "kd.label_turns: wanted 1, 2 or 4, found 3"),
        ({"kd": {"seeds": [43, 43]}}, "kd.seeds: wanted one or more, each once"),
        ({"splits": {"fold": 5}}, "fold: wanted none or a number below 5, found 5"),
        ({"distill": {"views": "epoch"}}, "distill.views.*found 'epoch'"),
        (
            {"teachers": ["resnet18", "resnet18_fold0"], "kd": {"teachers": ["resnet18_fold0"]}},
            r"kd.teachers: cross-fitting wants as many teachers of each fold from 0 to 4, found \{0: 1\}",
        ),
    ],
)
def test_impossible_choices_are_named(project, change, message):
    if "trackings" in change:
        with (project / "params.yaml").open("a") as file:
            file.write("trackings: 1\n")
    else:
        write_params(project, **change)
    with pytest.raises(ValueError, match=message) as caught:
        check_params.main()
    assert str(caught.value).startswith("params.yaml: ")
    assert not (project / "data").exists()


LEAVES = {path: value for path, value in nodes(tiny_params()) if not isinstance(value, dict | list)}
NUMBERS = [path for path, value in LEAVES.items() if not isinstance(value, str | bool)]


PARAMS = tiny_params()


def refused(path, value):
    """Set one leaf and return what check_params says of it; that `main` says it too, the tests above show."""
    params = copy.deepcopy(PARAMS)
    target = params
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    with pytest.raises(ValueError, match=r"^params\.yaml: ") as caught:
        check_params.check_sections(set(params))
        checked(check_params.Params, params)
    return str(caught.value)


@pytest.mark.parametrize("path", LEAVES, ids=lambda path: ".".join(map(str, path)))
def test_every_leaf_of_a_wrong_type_is_named(path):
    wrong = {str: [True, ["a"]], bool: ["text", 1, [True]]}.get(type(LEAVES[path]), ["text", True, [1], float("nan")])
    for value in (*wrong, None, {"a": 1}):
        assert refused(path, value).startswith(f"params.yaml: {'.'.join(map(str, path))}")


@pytest.mark.parametrize("path", NUMBERS, ids=lambda path: ".".join(map(str, path)))
def test_every_number_of_a_wrong_sign_or_an_absurd_size_is_named(path):
    kind = type(LEAVES[path])
    for value in (kind(-3), kind(10**18), -float("inf")):
        assert refused(path, value).startswith(f"params.yaml: {'.'.join(map(str, path))}")


@pytest.mark.parametrize("path", sorted({path[:-1] for path in LEAVES if isinstance(path[-1], str)}), ids=str)
def test_a_key_too_many_at_any_depth_is_named(path):
    message = refused((*path, "misspelt"), 1)
    assert message.startswith(f"params.yaml: {'.'.join((*path, 'misspelt'))}")


def test_it_takes_no_torch_and_two_seconds(project):
    program = "import sys, stages.check_params as c; c.main(); print('torch' in sys.modules)"
    began = child_seconds()
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert process.stdout.split() == ["False"]
    assert child_seconds() - began < 2


def child_seconds():
    """Return the processor's seconds of all subprocesses so far, which neighbours hardly lengthen."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("file", sorted(path.name for path in ROOT.glob("*.overrides")))
def test_the_files_of_overrides_fit_todays_parameters(project, file):
    shutil.copy(ROOT / "params.yaml", project)
    lines = (ROOT / file).read_text().splitlines()
    apply_overrides(project / "params.yaml", [line for line in lines if not line.startswith("#")])
    (project / "data/raw/ham10000").mkdir(parents=True)
    check_params.main()
    start = read_params(check_params.Params).init["mobilenet_v3_small"]
    assert isinstance(start, str) or start.sha256 == sha256_file(ROOT / start.file)


def test_an_archive_that_is_not_there_is_asked_for(project):
    write_params(project, data={"name": "clinic"})
    with pytest.raises(
        ValueError, match=r"data/raw/clinic: no such archive; melanoma-kd import SOURCE clinic makes it"
    ):
        check_params.main()


def test_keys_have_one_spelling():
    assert student_key(Student(2, 0.5, None)) == "T2_alpha0.5"
    assert parse_student("T2_alpha0.5") == Student(2.0, 0.5, None)
    for key in (
        "T2.0_alpha0.5",
        "T2_alpha.5",
        "T2_alpha0.50",
        "T2",
        "T0_alpha0.5",
        "T1_alpha1.5",
        "Tnan_alpha0.5",
        "T1_alpha0.5_",
        "T1_alpha0.5_seed",
    ):
        with pytest.raises(ValueError, match=r"kd\.|student key"):
            parse_student(key)


def test_a_selection_on_the_grid_is_no_further_student():
    def students(temperature):
        settings = tiny_params()["kd"] | {"temperature": temperature, "alpha": 0.5}
        return Kd(**settings).students

    first = students(1)
    assert len(first) == 9
    assert set(students(2)) == set(first)
    assert set(students(4)) - set(first) == {"T4_alpha0.5"}


def plans(project):
    return {path.stem: read_plan(path.stem) for path in (project / "data/teachers").iterdir()}


def test_a_repeat_starts_as_what_it_repeats_unless_it_is_named(project):
    teachers = ["resnet18", "resnet18_seed43", "resnet18_seed43_fold0", "mobilenet_v3_small", "resnet18_seed44"]
    teachers += [f"resnet18_seed43_fold{fold}" for fold in range(1, 5)]
    named = {"resnet18": "random", "resnet18_seed43": "imagenet", "resnet18_seed43_fold1": "random"}
    write_params(project, teachers=teachers, init=named)
    check_params.main()
    starts = {key: plan.start for key, plan in plans(project).items()}
    assert set(starts) == set(teachers)
    assert starts["resnet18_seed44"] == "random"
    assert starts["resnet18_seed43_fold0"] == starts["resnet18_seed43"] == "imagenet"
    assert starts["resnet18_seed43_fold1"] == "random"


def test_a_plan_is_a_file_of_its_own_so_that_another_teachers_is_not_touched(project):
    write_params(project, teachers=["resnet18", "resnet34"])
    check_params.main()
    before = (project / "data/teachers/resnet34.json").read_bytes()
    local = {"file": "x.safetensors", "sha256": "0" * 64}
    changes = {"resnet18": {"epochs": 3, "views": {"mixtures": 0.25}}}
    write_params(project, teachers=["resnet18", "resnet34"], init={"resnet18": local}, teacher={"changes": changes})
    check_params.main()
    plan = plans(project)["resnet18"]
    assert plan.start == LocalStart(**local)
    assert (plan.schedule.epochs, plan.views.mixtures) == (3, 0.25)
    assert (project / "data/teachers/resnet34.json").read_bytes() == before


def test_a_teachers_own_change_comes_after_its_architectures_and_its_seed_after_both(project):
    changes = {"resnet18": {"epochs": 3, "dropout": 0.4}, "resnet18_seed43": {"epochs": 5}}
    write_params(project, teachers=["resnet18", "resnet18_seed43", "resnet34"], teacher={"changes": changes})
    check_params.main()
    found = {
        key: (plan.schedule.epochs, plan.schedule.dropout, plan.schedule.seed) for key, plan in plans(project).items()
    }
    assert found == {"resnet18": (3, 0.4, 42), "resnet18_seed43": (5, 0.4, 43), "resnet34": (1, 0.2, 42)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"resnet18": {"epoch": 3}},
            "teacher.changes, as resnet18 takes them: schedule.epoch: Extra inputs are not permitted",
        ),
        (
            {"resnet18": {"epochs": 0}},
            "teacher.changes, as resnet18 takes them: schedule.epochs: Input should be greater than or equal to 1",
        ),
        (
            {"resnet18": {"views": {"mixture": 1}}},
            "teacher.changes, as resnet18 takes them: views.mixture: Extra inputs",
        ),
        ({"resnet18": {"views": 3}}, "teacher.changes.resnet18.views: Input should be a valid dictionary, found 3"),
        ({"resnet19": {}}, "teacher.changes.resnet19.*wanted some of resnet18"),
        ({"resnet50": {"epohcs": 3}}, "teacher.changes, as resnet50 takes them: schedule.epohcs: Extra inputs"),
        ({"resnet18_seed34": {}}, "teacher.changes.resnet18_seed34: not among the teachers"),
        ({"resnet18": {"seed": 43}}, "teacher.changes.resnet18.seed: a teacher's seed stands in its key"),
    ],
)
def test_a_change_that_fits_no_schedule_is_named(project, changes, message):
    write_params(project, teacher={"changes": changes})
    with pytest.raises(ValueError, match=f"^params.yaml: {message}"):
        check_params.main()


def test_an_architecture_without_a_start_is_named(project):
    params = tiny_params()
    del params["init"]["resnet18"]
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(ValueError, match=r"init\.resnet18: missing; wanted imagenet, random or"):
        check_params.main()


def test_a_teachers_key_names_architecture_seed_and_fold():
    assert parse_teacher("resnet18") == TeacherName("resnet18", None, None)
    assert parse_teacher("mobilenet_v3_small_seed43_fold2") == TeacherName("mobilenet_v3_small", 43, 2)
    for key in (
        "resnet18_fold",
        "resnet18_fold0_seed43",
        "resnet18_seed43_",
        "Resnet18",
        "resnet18_seed043",
        "resnet18_fold00",
    ):
        with pytest.raises(ValueError, match="wanted some of resnet18"):
            parse_teacher(key)


def test_a_seed_stands_in_the_key_of_a_repeat():
    assert parse_student("T1_alpha0.5").seed is None
    assert parse_student("T1_alpha0.5_seed43").seed == 43


@pytest.mark.parametrize("text", ["1: x\n", "~: 1\n", "a: " + "[" * 3000])
def test_a_file_of_strange_shape_is_named(project, text):
    (project / "params.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"^params\.yaml: "):
        check_params.main()


def test_a_seed_without_end_is_refused(project):
    write_params(project, teachers=["resnet18_seed99999999999999999999"])
    with pytest.raises(ValueError, match=r"teachers.*wanted a seed below 2\^32"):
        check_params.main()
