"""What should be, in a few lines: who holds an item and since when, whom it is kept from, whether it was taken back."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from exchange.jose import SigningKey
from exchange.label import Classification

COUNTRIES = {"ncb-bra": "BRA", "ncb-deu": "DEU", "ncb-fra": "FRA", "ncb-ita": "ITA"}
EVERYBODY = tuple(COUNTRIES)
RANKS = {"OUO": Classification.OUO, "RES": Classification.RES}


@dataclass(slots=True, kw_only=True)
class Item:
    """Of the model. held: by reader, where it was released. kept: from these countries by its label, and limits: by its
    source since.
    """

    name: str
    position: int
    sender: str
    type: str
    rank: str
    kept: frozenset[str]
    held: dict[str, int]
    limits: frozenset[str] = frozenset()
    recalled: bool = False

    @property
    def stands(self) -> bool:
        """Whether its source can act upon it."""
        return not self.recalled and self.type not in ("recall", "restriction")


@dataclass(slots=True, kw_only=True)
class Rights:
    key: SigningKey
    clearance: str = "RES"
    suspended: bool = False


@dataclass(slots=True)
class Model:
    """items: in the order of the trail. released: how often, by reader and item."""

    rights: dict[str, Rights]
    items: list[Item] = field(default_factory=list)
    released: Counter[tuple[str, str]] = field(default_factory=Counter)

    def stands(self) -> list[Item]:
        """What its source can act upon."""
        return [item for item in self.items if item.stands]

    def would(self, reader: str, item: Item, limits: frozenset[str]) -> bool:
        """Whether it may have it, if it is active and holds it."""
        ranked = RANKS[self.rights[reader].clearance] >= RANKS[item.rank]
        return ranked and COUNTRIES[reader] not in item.kept | limits

    def may(self, reader: str, item: Item) -> bool:
        if self.rights[reader].suspended:
            return False
        if item.sender == reader:
            return True
        return reader in item.held and not item.recalled and self.would(reader, item, item.limits)

    def inbox(self, reader: str) -> list[str]:
        held = [item for item in self.items if reader in item.held and self.may(reader, item)]
        return [item.name for item in sorted(held, key=lambda item: (item.held[reader], item.position))]

    def add(self, document: dict[str, Any], position: int, rank: str, kept: frozenset[str], readers: set[str]) -> Item:
        item = Item(
            name=f"{document['sender']}:{document['id']}",
            position=position,
            sender=document["sender"],
            type=document["type"],
            rank=rank,
            kept=kept,
            held=dict.fromkeys(readers, position),
        )
        self.released.update((reader, item.name) for reader in readers)
        self.items.append(item)
        return item

    def restrict(self, item: Item, limits: frozenset[str], position: int) -> None:
        """Whoever could not have it before, and can from now on, finds it at the place of this act."""
        could, can = ({name for name in item.held if self.would(name, item, now)} for now in (item.limits, limits))
        self.release(item, can - could, position)
        item.limits = limits

    def release(self, item: Item, readers: set[str], position: int) -> None:
        """Anew, or for the first time."""
        item.held |= dict.fromkeys(readers, position)
        self.released.update((reader, item.name) for reader in readers)
