"""National entities (T2): what a bureau may hand on of what it holds, and what is left when it holds less (R05)."""

from dataclasses import replace

from exchange.participant.directory import Participant, area_within


def within(entity: Participant, bureau: Participant) -> bool:
    """Whether the entity holds nothing that its bureau does not hold."""
    return (
        entity.clearance <= bureau.clearance
        and entity.purposes <= bureau.purposes
        and all(area_within(area, bureau.crime_areas) for area in entity.crime_areas)
    )


def capped(entity: Participant, bureau: Participant) -> Participant:
    """The entity with what its bureau holds, too. `within(capped(e, b), b)`, and nothing that it did not have."""
    ours, theirs = entity.crime_areas, bureau.crime_areas
    common = {area for area in ours if area_within(area, theirs)} | {area for area in theirs if area_within(area, ours)}
    return replace(
        entity,
        clearance=min(entity.clearance, bureau.clearance),
        purposes=entity.purposes & bureau.purposes,
        crime_areas=frozenset(common),
    )
