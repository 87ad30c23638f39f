"""The package's asyncio client, to be called like its other one, which reads and writes a socket in two threads at once.

Sockets of Python's `ssl` don't bear that: now and then what one of the threads waits for never comes.
"""

import asyncio

from websockets.asyncio.client import connect as begin


class connect:
    def __init__(self, url, **options):
        self.loop = asyncio.new_event_loop()

        async def open():
            return await begin(url, **options)

        self.ws = self.run(open())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        self.loop.close()

    def __getattr__(self, name):
        return getattr(self.ws, name)

    def run(self, what, timeout=None):
        return self.loop.run_until_complete(asyncio.wait_for(what, timeout))

    def send(self, message):
        self.run(self.ws.send(message))

    def recv(self, timeout):
        return self.run(self.ws.recv(), timeout)

    def close(self, code=1000, reason=""):
        self.run(self.ws.close(code, reason))

    def ping(self, payload):
        return Pong(self, self.run(self.ws.ping(payload)))


class Pong:
    def __init__(self, ws, pong):
        self.ws, self.pong = ws, pong

    def wait(self, timeout):
        self.ws.run(self.pong, timeout)
        return True
