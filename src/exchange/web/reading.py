"""Reading: the inbox, single items, threads, what was sent, deliveries and acknowledgements."""

from typing import Annotated

from fastapi import Depends, FastAPI, Path, Query, Request
from starlette.responses import Response

from exchange.inbox import ACKNOWLEDGEMENT_LIMIT, PAGE, PATIENCE, Inbox
from exchange.participant import Caller
from exchange.web.edge import JOSE, NAME, NAMES, Edge
from exchange.web.render import as_json, entry, owing, standing

_Cursor = Annotated[str | None, Query(max_length=256)]
_Limit = Annotated[int, Query(ge=1, le=PAGE)]
_Wait = Annotated[float, Query(ge=0, le=PATIENCE)]

_Name = Annotated[str, Path(max_length=NAME, pattern=NAMES)]


def add_routes(app: FastAPI, inbox: Inbox, edge: Edge) -> None:
    Calling = Annotated[Caller, Depends(edge.caller)]

    @app.get("/v1/inbox", operation_id="inbox", tags=["reading"])
    async def page(caller: Calling, cursor: _Cursor = None, limit: _Limit = PAGE, wait: _Wait = 0) -> Response:
        """The next items released to the caller; `wait` seconds for a first one."""
        found = await inbox.page(caller, cursor=cursor, limit=limit, wait=wait)
        receipt = None if found.receipt is None else found.receipt.wire()
        items = [entry(i, caller.participant.id) for i in found.items]
        return as_json({"items": items, "cursor": found.cursor, "receipt": receipt})

    @app.get("/v1/sent", operation_id="sent", tags=["reading"])
    async def sent(caller: Calling, cursor: _Cursor = None, limit: _Limit = PAGE) -> Response:
        """What the caller sent, oldest first."""
        found = await inbox.sent(caller, cursor=cursor, limit=limit)
        items = [entry(i, caller.participant.id) for i in found.items]
        return as_json({"items": items, "cursor": found.cursor})

    @app.get("/v1/owed", operation_id="owed", tags=["reading"])
    async def owed(caller: Calling, cursor: _Cursor = None, limit: _Limit = PAGE) -> Response:
        """What the caller was shown and has not acknowledged, without the content, in the order of release."""
        found, follows = await inbox.owed(caller, cursor=cursor, limit=limit)
        now = inbox.now()
        items = [owing(i, now) for i in found]
        return as_json({"items": items} | ({} if follows is None else {"cursor": follows}))

    @app.get("/v1/threads/{thread}", operation_id="thread", tags=["reading"])
    async def thread(caller: Calling, thread: _Name) -> Response:
        """The items of a thread that the caller sent or holds."""
        found = await inbox.thread(caller, thread)
        return as_json({"thread": thread, "items": [entry(i, caller.participant.id) for i in found]})

    @app.get("/v1/messages/{item}/deliveries", operation_id="deliveries", tags=["reading"])
    async def deliveries(caller: Calling, item: _Name) -> Response:
        """For an item's sender: what became of it, and how far it got with each recipient."""
        found, told = await inbox.deliveries(caller, item)
        shown = {"item": item, **standing(found)} | ({} if found.newer is None else {"newer": found.newer})
        return as_json(shown | {"deliveries": told})

    @app.get("/v1/messages/{item}", operation_id="message", tags=["reading"])
    async def message(caller: Calling, item: _Name) -> Response:
        """One item that the caller sent or holds, with the evidence that it was accepted."""
        found, evidence = await inbox.item(caller, item)
        return as_json(entry(found, caller.participant.id) | {"evidence": evidence.wire()})

    @app.post("/v1/acknowledgements", operation_id="acknowledge", tags=["reading"])
    async def acknowledge(request: Request, caller: Calling) -> Response:
        """A reader's signed word that it has an item."""
        token = await edge.body(request, limit=ACKNOWLEDGEMENT_LIMIT, media_type=JOSE)
        return as_json((await inbox.acknowledge(token, caller)).wire(), 201)
