"""A committer that others get ahead of: what comes between a decision and its commit, at will."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

from exchange.act import Act, Repeated
from exchange.committer import Committer
from exchange.leaf import Event
from exchange.receipt import Committed


@dataclass(frozen=True, slots=True)
class OvertakenCommitter:
    """Before this event of this actor is committed (of anybody, where none is named) something else happens, once."""

    committer: Any
    event: Event
    happens: Callable[[], Any]
    actor: str = ""
    happened: list[bool] = field(default_factory=list)

    @property
    def rights(self) -> int:
        return int(self.committer.rights)

    async def commit(self, act: Act) -> Any:
        if act.draft.event is self.event and self.actor in ("", act.draft.actor) and not self.happened:
            self.happened.append(True)
            await asyncio.to_thread(self.happens)
        return await self.committer.commit(act)

    async def commit_resting(self, act: Callable[[int], Awaitable[Act]]) -> Committed | Repeated:
        return await Committer.commit_resting(cast(Any, self), act)
