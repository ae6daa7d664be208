"""Reading study files: what they mean, and that they can be written and read again."""

from __future__ import annotations

import copy
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from vat_bayes.conditions import Condition
from vat_bayes.errors import InputError
from vat_bayes.study import Study, load_study

TEXT = """
schema_version = 1
name = "demo"
seed = 20260101

[[models]]
name = "judge"
path = "models/judge.gguf"
n_ctx = 2048

[items]
source = "table"
path = "items.csv"
columns = { scenario_text = "Scene" }

[scale]
labels = ["A", "B", "C"]
anchors = ["no", "perhaps", "yes"]
orders = ["forward"]

[[conditions]]
name = "baseline"
role = "baseline"

[[conditions]]
name = "promote"
role = "intervention"
target = "Self Direction"
kind = "prompt"
text = "Think \\"for\\" yourself.\\n\\tAlways — {{ really }}.\\r\\n"

[[conditions]]
name = "shots"
role = "intervention"
target = ["benevolence", "power"]
direction = -1
kind = "shots"
shots = 4
reference = "promote"

[[conditions]]
name = "placebo"
role = "placebo"
kind = "prompt"
text = "The sky is above."
placebo_for = ["promote"]

[[conditions]]
name = "retest"
role = "retest"
question = "Do you approve?"
"""


@pytest.fixture
def data() -> dict[str, Any]:
    return tomllib.loads(TEXT)


def test_a_file_is_read_as_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(TEXT, encoding="utf-8")
    study = load_study(file)
    assert study.base == tmp_path
    assert [m.name for m in study.models] == ["judge"]
    assert study.scale.labels == ("A", "B", "C")
    assert study.template.question == "How much do you approve of this action?"
    assert study.as_conditions() == (
        Condition("baseline", "baseline"),
        Condition("promote", "intervention", ("self-direction",), placebo="placebo"),
        Condition(
            "shots", "intervention", ("benevolence", "power"), -1, dose=4.0, reference="promote"
        ),
        Condition("placebo", "placebo"),
        Condition("retest", "retest"),
    )
    assert study.question(study.conditions[-1]) == "Do you approve?"
    assert study.question(study.conditions[1]) == study.template.question


def test_a_study_written_and_read_again_is_the_same(tmp_path: Path, data: dict[str, Any]) -> None:
    study = Study.from_dict(data, base=tmp_path)
    file = tmp_path / "again.toml"
    file.write_bytes(study.to_toml().encode())
    assert load_study(file) == study
    assert load_study(file).to_toml() == study.to_toml()


def test_paths_follow_a_study_into_its_run_folder(tmp_path: Path, data: dict[str, Any]) -> None:
    data["models"].append({"name": "other", "path": "bundled:core-judge"})
    study = Study.from_dict(data, base=tmp_path)
    run = tmp_path / "runs" / "demo"
    run.mkdir(parents=True)
    (run / "study.toml").write_text(study.to_toml(relative_to=run), encoding="utf-8")
    moved = load_study(run / "study.toml")
    assert moved.models[0].path == "../../models/judge.gguf"
    assert moved.models[1].path == "bundled:core-judge"
    assert moved.items.path == "../../items.csv"


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert load_study(file).name == "demo"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"name = \n", "study.toml, line 1, column 8: not TOML: invalid value"),
        (b'name = "a"\nname = "b"\n', "study.toml, line 2"),
        (b"[scale\n", "study.toml, line 1"),
        (b"name = '", "study.toml"),
        (b"name = '\xff'", "study.toml: not UTF-8 text (byte 9)"),
        (b"", "study.toml: 'name': the key is missing"),
    ],
)
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    file = tmp_path / "study.toml"
    file.write_bytes(content)
    with pytest.raises(InputError) as e:
        load_study(file)
    assert str(e.value).startswith(expected)


def test_a_missing_file_names_the_near_miss(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(TEXT)
    with pytest.raises(InputError, match=r"does not exist; did you mean 'study.toml'\?"):
        load_study(tmp_path / "studi.toml")
    with pytest.raises(InputError, match="is a folder"):
        load_study(tmp_path)


def test_a_missing_model_file_is_told_when_it_is_opened(
    tmp_path: Path, data: dict[str, Any]
) -> None:
    data["models"].append({"name": "other", "path": "bundled:no-such-judge"})
    data["models"].append({"name": "folder", "path": "."})
    study = Study.from_dict(data, base=tmp_path)
    with pytest.raises(InputError, match=r"model 'judge': 'models/judge.gguf' is not there"):
        study.model_file(study.models[0])
    with pytest.raises(InputError, match="no bundled model is called 'no-such-judge'"):
        study.model_file(study.models[1])
    with pytest.raises(InputError, match="a folder, not a file"):
        study.model_file(study.models[2])


def test_a_study_is_frozen(data: dict[str, Any]) -> None:
    before = copy.deepcopy(data)
    study = Study.from_dict(data)
    assert data == before
    with pytest.raises(ValueError, match="frozen"):
        study.seed = 3  # type: ignore[misc]


def test_importing_studies_is_light() -> None:
    heavy = ("pandas", "numpy", "llama_cpp", "jax")
    code = f"import sys, vat_bayes.study; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
