"""The Python package `websockets` as a client of our echo server.

usage: python_client.py URL MAX_MESSAGE plain|compressing

The last says whether the server compresses. Prints `waiting` when nothing is left but for the server to go away.
"""

import os
import sys

from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync import client

import one_thread
from watching import watch

TIMEOUT = 30


def connect(url, **options):
    return (one_thread if url.startswith("wss:") else client).connect(url, **options)


def main(url, max_message, compresses):
    echoes(url, compresses)
    for bits in range(9, 16) if compresses else []:
        compressed(url, bits)
    closes(url)
    too_big(url, max_message)
    going_away(url)


def echoes(url, compresses):
    # The package offers compression by itself.
    with connect(url, max_size=None) as ws:
        expect("compression", agreed(ws).startswith("permessage-deflate"), compresses)
        for message in [
            "hello",
            "Grüße 🎈",
            "",
            b"",
            bytes(range(256)),
            "x" * 2**20,
            os.urandom(2**20),
        ]:
            ws.send(message)
            expect("echo", ws.recv(TIMEOUT), message)
        ws.send(["frag", "", "ment", "ed"])
        expect("fragmented text", ws.recv(TIMEOUT), "fragmented")
        ws.send([b"\x00", b"\xff", b"\x80"])
        expect("fragmented binary", ws.recv(TIMEOUT), b"\x00\xff\x80")
        expect("pong", ws.ping("are you there").wait(TIMEOUT), True)


def compressed(url, bits):
    """Both directions in this window, and many messages that resemble one another."""
    offer = ClientPerMessageDeflateFactory(server_max_window_bits=bits, client_max_window_bits=bits)
    with connect(url, compression=None, extensions=[offer], max_size=None) as ws:
        for side in ["server", "client"]:
            wanted = f"{side}_max_window_bits={bits}"
            expect(f"{wanted} in {agreed(ws)!r}", wanted in agreed(ws).split("; "), True)
        came_compressed = watch(ws)
        for size in [0, 1, 100, 2**bits - 1, 2**bits + 1, 2**16, 2**20]:
            for message in [prose(size), prose(size).encode(), os.urandom(size)]:
                ws.send(message)
                expect(f"echo of {size} bytes", ws.recv(TIMEOUT), message)
        expect("compression of the echo of prose", came_compressed[-2], True)
        for batch in range(20):
            messages = [f'{{"batch": {batch}, "number": {number}, "text": "{prose(600)}"}}' for number in range(25)]
            for message in messages:
                ws.send(message)
            for message in messages:
                expect("echo in a batch", ws.recv(TIMEOUT), message)
        expect("compression of batches", all(came_compressed[-500:]), True)
        ws.send([prose(2**16), prose(2**16), prose(2**16)])
        expect("fragmented text", ws.recv(TIMEOUT), 3 * prose(2**16))


def agreed(ws):
    return ws.response.headers.get("Sec-WebSocket-Extensions", "nothing")


def prose(size):
    """Text that repeats itself, but not soon."""
    words = " ".join(f"word {number * number}" for number in range(size // 6 + 1))
    return words[:size]


def closes(url):
    for code, reason in [(1000, ""), (1001, "moving on"), (3000, "später"), (4999, "x" * 123)]:
        with connect(url) as ws:
            ws.close(code, reason)
            expect("answer to our close", ws.close_code, code)


def too_big(url, max_message):
    with connect(url) as ws:
        try:
            ws.send(b"x" * (max_message + 1))
            ws.recv(TIMEOUT)
        except ConnectionClosed as end:
            expect("close of a message too big", received(end), 1009)
        else:
            sys.exit("a message over the limit was taken")


def going_away(url):
    with connect(url) as ws:
        print("waiting", flush=True)
        try:
            ws.recv(TIMEOUT)
        except ConnectionClosed as end:
            expect("close of a server that ends", received(end), 1001)


def received(end):
    return end.rcvd.code if end.rcvd else "none"


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: wanted {wanted!r:.80}, found {found!r:.80}")


main(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "compressing")
