"""The Python package `websockets` as a client of our echo server.

usage: python_client.py URL MAX_MESSAGE

Prints `waiting` when nothing is left but for the server to go away.
"""

import os
import sys

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

TIMEOUT = 30


def main(url, max_message):
    echoes(url)
    closes(url)
    too_big(url, max_message)
    going_away(url)


def echoes(url):
    with connect(url, max_size=None) as ws:
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


main(sys.argv[1], int(sys.argv[2]))
