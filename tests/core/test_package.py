import ast
import re
import subprocess
import sys
from pathlib import Path

import curation_core

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "scipy", "pandas", "faiss", "umap", "onnxruntime", "PIL", "sklearn", "plotly", "streamlit", "numba")


def test_importing_the_core_loads_nothing_heavy():
    code = f"import sys, curation_core; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_public_names_are_all_there_and_sorted():
    assert curation_core.__all__ == sorted(curation_core.__all__)
    assert all(callable(getattr(curation_core, name)) for name in curation_core.__all__)


def python_blocks(path):
    return re.findall(r"```python\n(.*?)```", path.read_text(), flags=re.DOTALL)


def test_the_python_of_the_readme_runs_as_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    names = {}
    for block in python_blocks(ROOT / "README.md"):
        exec(compile(block, "README.md", "exec"), names)
    assert len(names["paths"]) == 500


def test_no_file_of_the_core_or_the_app_is_a_house_of_its_own():
    folders = ("curation_core", "curation_app", "pages")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    long = {str(path.relative_to(ROOT)) for path in files if len(path.read_text().splitlines()) > 300}
    assert long <= {"curation_core/cli.py"}  # thirteen verbs, one function each


def test_no_function_is_longer_than_a_screen():
    long = []
    for folder in ("curation_core", "curation_app"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= 45:
                    long.append(f"{path.name}:{node.name}")
    assert long == []
