"""The RFC's own definitions, written out as slowly and plainly as the RFC writes them, and what others published."""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256

from exchange.merkle import Hash, leaf_hash

# The eight leaves on which implementations of RFC 6962 agree, and the roots over the first n of them.
PUBLISHED_LEAVES = [
    bytes.fromhex(leaf)
    for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
PUBLISHED_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def numbered(count: int) -> list[Hash]:
    return [leaf_hash(b"%d" % n) for n in range(count)]


LEAVES = numbered(700)


class Naive:
    """RFC 9162, 2.1, word for word, over a list of leaf hashes. It remembers hashes, and is otherwise slow."""

    def __init__(self, leaf_hashes: Sequence[Hash]) -> None:
        self.leaves = leaf_hashes
        self.mth = cache(self._mth)

    def _mth(self, start: int, stop: int) -> Hash:
        if start == stop:
            return sha256().digest()
        if stop - start == 1:
            return self.leaves[start]
        k = self.split(start, stop)
        return sha256(b"\x01" + self.mth(start, k) + self.mth(k, stop)).digest()

    def path(self, m: int, start: int, stop: int) -> tuple[Hash, ...]:
        if stop - start == 1:
            return ()
        k = self.split(start, stop)
        if m < k:
            return (*self.path(m, start, k), self.mth(k, stop))
        return (*self.path(m, k, stop), self.mth(start, k))

    def subproof(self, m: int, start: int, stop: int, b: bool) -> tuple[Hash, ...]:
        if m == stop:
            return () if b else (self.mth(start, stop),)
        k = self.split(start, stop)
        if m <= k:
            return (*self.subproof(m, start, k, b), self.mth(k, stop))
        return (*self.subproof(m, k, stop, False), self.mth(start, k))

    @staticmethod
    def split(start: int, stop: int) -> int:
        k = 1
        while 2 * k < stop - start:
            k *= 2
        return start + k

    def hash_at(self, level: int, n: int) -> Hash:
        assert (n + 1) << level <= len(self.leaves), "asked for a node that is not complete"
        return self.mth(n << level, (n + 1) << level)


NAIVE = Naive(LEAVES)
