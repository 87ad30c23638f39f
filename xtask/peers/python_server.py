"""The Python package `websockets` as a server for our client.

Its first line is `listening on ws://HOST:PORT`; it prints `opened EXTENSIONS` for each connection, answers commands
(see `answer`), echoes anything else, and prints `closed CODE REASON` for each connection that ends.
"""

from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.sync.server import serve

from watching import watch

TIMEOUT = 30


def handle(ws):
    print("opened", ws.response.headers.get("Sec-WebSocket-Extensions", ""), flush=True)
    came_compressed = watch(ws)
    try:
        while True:
            message = ws.recv()
            if message == "compressed":
                # Of the message before this one.
                ws.send("it was compressed" if came_compressed[-2] else "it was as it is")
            else:
                answer(ws, message)
    except ConnectionClosed:
        pass
    print("closed", ws.close_code, ws.close_reason, flush=True)


def answer(ws, message):
    if message == "fragments":
        ws.send(["frag", "", "ment", "ed"])
    elif message == "binary":
        ws.send(bytes(range(256)))
    elif message == "empty":
        ws.send("")
    elif message == "big":
        ws.send(" the end".rjust(2**20, "x"))
    elif message == "ping":
        ws.send("pong came" if ws.ping("are you there").wait(TIMEOUT) else "no pong")
    elif message == "close":
        ws.close(4001, "bye from the peer")
    else:
        ws.send(message)


# Whatever window the client asks for.
COMPRESSION = ServerPerMessageDeflateFactory()

with serve(handle, "127.0.0.1", 0, compression=None, extensions=[COMPRESSION], max_size=None) as server:
    print("listening on ws://%s:%d" % server.socket.getsockname(), flush=True)
    server.serve_forever()
