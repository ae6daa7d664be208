"""What a process holds while it asks a model: the model, its cache, and little else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from vat_bayes.study import Study

# The program itself, with somebody who looks at what is loaded whenever a judgment is made.
CODE = """
import sys
from pathlib import Path
from vat_bayes.cli.main import main
from vat_bayes.collect import LineProgress

HEAVY = ("pandas", "pyarrow", "scipy", "xarray", "jax", "matplotlib")
seen, step = set(), LineProgress.step

def looking(self, label):
    seen.update(name for name in HEAVY if name in sys.modules)
    step(self, label)

LineProgress.step = looking
code = main(["collect", sys.argv[1], "--out", sys.argv[2]])
print(code, sorted(seen))
"""


def test_no_table_library_is_loaded_while_a_model_is_asked(study: Study, tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(study.to_toml(relative_to=tmp_path), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(file), str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr
    assert (tmp_path / "run" / "judgments.parquet").is_file()
