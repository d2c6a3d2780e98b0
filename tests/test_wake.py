"""Who waits is woken by what is meant for it, by nothing else, and misses nothing."""

import asyncio
import threading
import time

from exchange.wake import Wake


async def test_a_reader_is_woken_by_its_own_notice_and_by_no_other() -> None:
    wake = Wake()

    with wake.listening("ncb-ita") as ours, wake.listening("ncb-deu") as theirs:
        wake.notify(["ncb-ita", "ncb-bra"])

        assert await ours(1)
        assert not await theirs(0.02)


async def test_what_comes_between_the_look_and_the_wait_is_not_missed() -> None:
    wake = Wake()

    with wake.listening("ncb-ita") as woken:
        wake.notify(["ncb-ita"])
        await asyncio.sleep(0.01)

        assert await woken(0.0001)


async def test_a_notice_for_anybody_wakes_everybody() -> None:
    wake = Wake()

    with wake.listening("ncb-ita") as ours, wake.listening("ncb-deu") as theirs:
        wake.notify(None)

        assert await ours(1)
        assert await theirs(1)


async def test_all_who_wait_for_one_reader_are_woken() -> None:
    wake = Wake()

    async def wait() -> bool:
        with wake.listening("ncb-ita") as woken:
            return await woken(1)

    waiting = [asyncio.create_task(wait()) for _ in range(50)]
    await asyncio.sleep(0)
    wake.notify(["ncb-ita"])

    assert await asyncio.gather(*waiting) == [True] * 50


async def test_a_notice_may_come_from_any_thread_and_nobody_waits_in_one() -> None:
    wake, threads = Wake(), threading.active_count()

    with wake.listening("ncb-ita") as woken:
        waiting = asyncio.create_task(woken(1))
        await asyncio.sleep(0)
        assert threading.active_count() == threads
        teller = threading.Thread(target=wake.notify, args=(["ncb-ita"],))
        teller.start()

        assert await waiting
        teller.join()


async def test_nobody_who_has_gone_is_remembered() -> None:
    wake = Wake()
    with wake.listening("ncb-ita"):
        pass

    wake.notify(["ncb-ita"])

    assert not wake._bells


async def test_closing_lets_everybody_go_at_once_and_nobody_wait_again() -> None:
    wake = Wake()
    begun = time.monotonic()

    with wake.listening("ncb-ita") as woken:
        waiting = asyncio.create_task(woken(30))
        await asyncio.sleep(0)
        wake.close()
        assert await waiting
    with wake.listening("ncb-ita") as woken:
        assert await woken(30)

    assert time.monotonic() - begun < 5


def test_a_notice_after_the_end_of_the_loop_is_nobodys() -> None:
    wake = Wake()

    async def listen() -> None:
        wake._bells["ncb-ita"].add(asyncio.Event())
        with wake.listening("ncb-deu"):
            pass

    asyncio.run(listen())

    wake.notify(["ncb-ita"])
