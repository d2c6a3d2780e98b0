"""What runs in a process that verifies: `python -m exchange.verifying.process FD`, FD being its end of a socket.

It ends when the other end does, however that ends; signals that are meant for the gateway do not end it before.
"""

import signal
import socket
import sys
from collections.abc import Iterator

from exchange import jose
from exchange.verifying.beside import FITS, LENGTH, READY, WRONG

_BUFFER = 1024 * 1024  # bytes


def run(ours: socket.socket) -> None:
    """Answer group after group until there are no more."""
    with ours, ours.makefile("rb", _BUFFER) as arriving:
        ours.sendall(READY)
        while length := arriving.read(LENGTH.size):
            group = arriving.read(*LENGTH.unpack(length))
            ours.sendall(bytes(FITS if jose.fits(question) else WRONG for question in _questions(group)))


def _questions(group: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(group):
        (length,) = LENGTH.unpack_from(group, at)
        at += LENGTH.size + length
        yield group[at - length : at]


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    try:
        run(socket.socket(fileno=int(sys.argv[1])))
    except ConnectionError:
        sys.exit(0)  # nobody is there to be told
