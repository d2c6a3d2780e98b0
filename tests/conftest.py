"""What all tests may ask for: a store, a fresh database, an installed exchange, a word at the end of the run.

The run is shared among processes (pytest-xdist), file by file; what each has to say at the end is gathered here. The
last line names the stores.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.postgres import PostgresServer
from tests.stores import STORES, PostgresStore, SqliteStore, Store, StoreName, start_postgres

ROOT = Path(__file__).parent.parent
# On a machine that others load too, how long one example takes says nothing about the code.
settings.register_profile("exchange", deadline=None)
settings.load_profile("exchange")

STORES_THAT_RAN = pytest.StashKey[dict[StoreName, str]]()
SAID = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for the session, started when the first test asks for it."""
    with start_postgres() as server:
        yield server


@pytest.fixture(scope="session", params=STORES)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Store:
    made: Store
    if request.param == "sqlite":
        made = SqliteStore(tmp_path_factory.mktemp("sqlite"))
    else:
        made = PostgresStore(request.getfixturevalue("postgres_server"))
    request.config.stash.setdefault(STORES_THAT_RAN, {})[made.name] = made.version
    return made


@pytest.fixture
def database_url(store: Store) -> Iterator[str]:
    """An empty database for this test alone, on each store in turn."""
    url = store.new_url()
    yield url
    store.drop(url)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prefix into which scripts/install.sh installed the exchange, as the Dockerfile does; once for all tests."""
    prefix = tmp_path_factory.mktemp("installed")
    # Nothing of the environment that runs the tests may leak in, and uv comes from it: the same packages, sooner.
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment = clean | {"UV": str(Path(sys.executable).parent / "uv"), "PYTHON": sys.executable}
    made = subprocess.run(
        [ROOT / "scripts" / "install.sh", prefix], env=environment, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return prefix


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Has a line stand at the end of the run, whatever becomes of the test: a seed, a share, a count."""
    return request.config.stash.setdefault(SAID, []).append


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes tells the one that reports."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput |= {"stores": config.stash.get(STORES_THAT_RAN, {}), "said": config.stash.get(SAID, [])}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    told = getattr(node, "workeroutput", {})  # nothing, if it crashed
    node.config.stash.setdefault(STORES_THAT_RAN, {}).update(told.get("stores", {}))
    node.config.stash.setdefault(SAID, []).extend(told.get("said", ()))


def pytest_unconfigure(config: pytest.Config) -> None:
    """After everything else, pytest's own closing line too: which stores the tests really ran on."""
    ran = config.stash.get(STORES_THAT_RAN, {})
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    for line in config.stash.get(SAID, []):
        reporter.write_line(line)
    if ran:
        reporter.write_line("stores: " + ", ".join(f"{name} {ran[name]}" for name in STORES if name in ran))
