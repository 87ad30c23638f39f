// The Node package `ws` as a server for our client.
//
// usage: node node_server.mjs MODULES
//
// Its first line is `listening on ws://HOST:PORT`; it prints `opened EXTENSIONS` for each
// connection, answers commands (see `answer`), echoes anything else, and prints `closed CODE REASON`
// for each connection that ends.

import { createRequire } from "node:module";

const { WebSocketServer } = createRequire(process.argv[2] + "/")("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: true });
server.on("listening", () => console.log(`listening on ws://127.0.0.1:${server.address().port}`));
server.on("headers", (headers) => {
  const name = "Sec-WebSocket-Extensions: ";
  const agreed = headers.find((line) => line.startsWith(name)) ?? name;
  console.log(`opened ${agreed.slice(name.length)}`);
});
server.on("connection", (ws, { socket }) => {
  let [bytesBefore, wasCompressed] = [socket.bytesRead, false];
  ws.on("message", (data, isBinary) => {
    const message = isBinary ? data : String(data);
    if (message === "compressed") {
      // Of the message before this one.
      ws.send(wasCompressed ? "it was compressed" : "it was as it is");
    } else {
      answer(ws, message);
    }
    wasCompressed = socket.bytesRead - bytesBefore < data.length;
    bytesBefore = socket.bytesRead;
  });
  ws.on("close", (code, reason) => console.log(`closed ${code} ${reason}`));
});

function answer(ws, message) {
  switch (message) {
    case "fragments":
      for (const part of ["frag", "", "ment"]) ws.send(part, { fin: false });
      ws.send("ed");
      break;
    case "binary":
      ws.send(Uint8Array.from({ length: 256 }, (_, i) => i));
      break;
    case "empty":
      ws.send("");
      break;
    case "big":
      ws.send(" the end".padStart(2 ** 20, "x"));
      break;
    case "ping":
      ws.once("pong", (data) => ws.send(`${data}` === "are you there" ? "pong came" : "wrong pong"));
      ws.ping("are you there");
      break;
    case "close":
      ws.close(4001, "bye from the peer");
      break;
    default:
      ws.send(message);
  }
}
