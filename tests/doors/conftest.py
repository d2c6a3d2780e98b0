"""One house for each kind of store, served for the whole session; and new ones for whoever breaks them."""

from collections.abc import Callable, Iterator

import pytest

from tests.doors.house import House, Plot
from tests.stores import Store, StoreName

Plots = dict[StoreName, Plot]
Houses = dict[StoreName, House]


@pytest.fixture(scope="session")
def plots() -> Plots:
    return {}


@pytest.fixture(scope="session")
def houses() -> Iterator[Houses]:
    made: Houses = {}
    yield made
    for house in made.values():
        house.served.kill()


@pytest.fixture
def plot(store: Store, plots: Plots, tmp_path_factory: pytest.TempPathFactory) -> Plot:
    if store.name not in plots:
        plots[store.name] = Plot(store=store, folder=tmp_path_factory.mktemp("houses"))
    return plots[store.name]


@pytest.fixture
def house(plot: Plot, houses: Houses) -> House:
    """The one that all tests share: what a test changes in its directory it puts right again."""
    if plot.store.name not in houses:
        made = plot.house()
        made.served.start()
        houses[plot.store.name] = made
    return houses[plot.store.name]


@pytest.fixture
def own(plot: Plot) -> Iterator[Callable[..., House]]:
    """Makes houses for this test alone."""
    made: list[House] = []

    def build(**environment: str) -> House:
        made.append(plot.house(**environment))
        return made[-1]

    yield build
    for house in made:
        house.served.kill()
        plot.store.drop(house.database)
