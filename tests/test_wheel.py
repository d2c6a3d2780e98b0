"""The wheel: all that it carries, and that an exchange is served from it alone."""

import re
import subprocess
import sys
import zipfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import IO

import httpx
import pytest

ROOT = Path(__file__).parent.parent
ORIGIN = "exchange.example/wheel"
SERVES_WITHIN = 30.0  # seconds


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    (made,) = folder.glob("exchange-*.whl")
    return made


@pytest.mark.parametrize("carried", ["schemas", "policies"])
def test_the_wheel_carries_what_the_checkout_holds(wheel: Path, carried: str) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith(f"exchange/{carried}/")}
    held = {f"exchange/{path.relative_to(ROOT)}" for path in (ROOT / carried).rglob("*") if path.is_file()}

    assert len(held) > 1
    assert inside == held


def test_the_wheel_carries_every_module_and_no_test(wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py")}
    written = {str(path.relative_to(ROOT / "src")) for path in (ROOT / "src" / "exchange").rglob("*.py")}

    assert inside == written


@pytest.fixture
def served(installed: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a training exchange that the installed program made and serves, far from the checkout."""
    exchange = installed / "bin" / "exchange"
    place = tmp_path / "exchange"
    made = subprocess.run(
        [exchange, "init", place, "--origin", ORIGIN, "--training"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    with subprocess.Popen(
        [exchange, "serve", place, "--port", "0"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            yield address_in(server.stdout)
        finally:
            server.terminate()
            server.wait()  # its output ends before it is closed under whoever reads it


def address_in(output: IO[str]) -> str:
    """The first loopback address that the server prints. Its output is read on to the end, so that it never blocks."""
    lines: Queue[str] = Queue()
    Thread(target=lambda: deque(map(lines.put, output), maxlen=0), daemon=True).start()
    said = []
    try:
        while True:
            said.append(lines.get(timeout=SERVES_WITHIN))
            if found := re.search(r"http://127\.0\.0\.1:[1-9]\d*", said[-1]):
                return found.group()
    except Empty:
        raise AssertionError("the server printed no address: " + "".join(said)) from None


def test_an_exchange_is_served_from_the_wheel_alone(served: str) -> None:
    alive = httpx.get(f"{served}/livez")
    metadata = httpx.get(f"{served}/.well-known/oauth-authorization-server")

    assert alive.status_code == 200
    assert metadata.json()["exchange_origin"] == ORIGIN
