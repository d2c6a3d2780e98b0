"""On SQLite one process serves a folder: the second is turned away, and says why."""

from pathlib import Path

import pytest

from exchange import main
from exchange.settings import Misconfigured, Settings
from tests.serving import Served


def test_a_second_process_on_sqlite_is_refused(tmp_path: Path) -> None:
    served = Served.found(tmp_path / "exchange")
    first = main.build(Settings.load(served.folder))

    with pytest.raises(Misconfigured, match="SQLite has one writer"):
        main.build(Settings.load(served.folder))

    first.store.close()


def test_a_folder_can_be_served_again_by_the_next_process(tmp_path: Path) -> None:
    served = Served.found(tmp_path / "exchange")
    first = main.build(Settings.load(served.folder))
    assert first.lock is not None

    first.lock.close()
    first.store.close()

    main.build(Settings.load(served.folder)).store.close()
