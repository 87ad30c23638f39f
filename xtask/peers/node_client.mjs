// The Node package `ws` as a client of our echo server.
//
// usage: node node_client.mjs MODULES URL MAX_MESSAGE plain|compressing
//
// The last says whether the server compresses. Prints `waiting` when nothing is left but for the server to go away.

import { once } from "node:events";
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";

const [modules, url, maxMessage, mode] = process.argv.slice(2);
const compresses = mode === "compressing";
const { WebSocket } = createRequire(modules + "/")("ws");
const TIMEOUT = 30_000;

// Nothing here takes this long; a peer that says nothing must not hang the run.
setTimeout(() => fail("nothing happened for too long"), 4 * TIMEOUT).unref();

await echoes();
for (let bits = 9; compresses && bits <= 15; bits++) await compressed(bits);
await closes();
await tooBig();
await goingAway();

async function echoes() {
  // The package offers compression by itself.
  const { ws, agreed } = await connect();
  expect("compression", agreed.startsWith("permessage-deflate"), compresses);
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  for (const message of ["hello", "Grüße 🎈", "", Buffer.alloc(0), Buffer.from(all), "x".repeat(2 ** 20), randomBytes(2 ** 20)]) {
    ws.send(message);
    expect("echo", await next(ws), message);
  }
  for (const part of ["frag", "", "ment"]) ws.send(part, { fin: false });
  ws.send("ed");
  expect("fragmented text", await next(ws), "fragmented");
  ws.send(Buffer.of(0), { fin: false });
  ws.ping("between the parts");
  ws.send(Buffer.of(255), { fin: true });
  const [pong, echo] = await Promise.all([event(ws, "pong"), next(ws)]);
  expect("pong", String(pong[0]), "between the parts");
  expect("fragmented binary", echo, Buffer.of(0, 255));
  ws.terminate();
}

// Both directions in this window, and many messages that resemble one another.
async function compressed(bits) {
  const { ws, agreed, socket } = await connect({ serverMaxWindowBits: bits, clientMaxWindowBits: bits, threshold: 0 });
  for (const side of ["server", "client"]) {
    const wanted = `${side}_max_window_bits=${bits}`;
    expect(`${wanted} in '${agreed}'`, agreed.split("; ").includes(wanted), true);
  }
  for (const size of [0, 1, 100, 2 ** bits - 1, 2 ** bits + 1, 2 ** 16, 2 ** 20]) {
    for (const message of [prose(size), Buffer.from(prose(size)), randomBytes(size)]) {
      ws.send(message);
      expect(`echo of ${size} bytes`, await next(ws), message);
    }
  }
  const bytesBefore = socket.bytesRead;
  let length = 0;
  for (let batch = 0; batch < 20; batch++) {
    const messages = Array.from({ length: 25 }, (_, number) => JSON.stringify({ batch, number, text: prose(600) }));
    const echoes = collect(ws, messages.length);
    for (const message of messages) ws.send(message);
    for (const [index, echo] of (await echoes).entries()) expect("echo in a batch", echo, messages[index]);
    length += messages.join("").length;
  }
  expect("compression of batches", socket.bytesRead - bytesBefore < length, true);
  for (let part = 0; part < 3; part++) ws.send(prose(2 ** 16), { fin: part === 2 });
  expect("fragmented text", await next(ws), prose(2 ** 16).repeat(3));
  ws.terminate();
}

// Text that repeats itself, but not soon.
function prose(size) {
  const words = Array.from({ length: size / 6 + 1 }, (_, number) => `word ${number * number}`);
  return words.join(" ").slice(0, size);
}

async function closes() {
  for (const [code, reason] of [[1000, ""], [1001, "moving on"], [3000, "später"], [4999, "x".repeat(123)]]) {
    const { ws } = await connect();
    ws.close(code, reason);
    const [answer] = await event(ws, "close");
    expect("answer to our close", answer, code);
  }
}

async function tooBig() {
  const { ws } = await connect();
  ws.on("error", () => {}); // The rest of the message may find the connection gone.
  ws.send(Buffer.alloc(Number(maxMessage) + 1));
  const [code] = await event(ws, "close");
  expect("close of a message too big", code, 1009);
}

async function goingAway() {
  const { ws } = await connect();
  const close = event(ws, "close");
  console.log("waiting");
  const [code] = await close;
  expect("close of a server that ends", code, 1001);
}

async function connect(perMessageDeflate = true) {
  const ws = new WebSocket(url, { perMessageDeflate });
  const [[response]] = await Promise.all([event(ws, "upgrade"), event(ws, "open")]);
  return { ws, agreed: response.headers["sec-websocket-extensions"] ?? "nothing", socket: response.socket };
}

async function next(ws) {
  const [data, isBinary] = await event(ws, "message");
  return isBinary ? data : String(data);
}

function collect(ws, count) {
  return new Promise((resolve) => {
    const found = [];
    ws.on("message", function take(data, isBinary) {
      found.push(isBinary ? data : String(data));
      if (found.length === count) resolve(found), ws.off("message", take);
    });
  });
}

function event(ws, name) {
  return once(ws, name, { signal: AbortSignal.timeout(TIMEOUT) });
}

function expect(what, found, wanted) {
  const same = Buffer.isBuffer(wanted)
    ? Buffer.isBuffer(found) && wanted.equals(found)
    : wanted === found;
  if (!same) fail(`${what}: wanted ${show(wanted)}, found ${show(found)}`);
}

function show(value) {
  return `${typeof value} ${String(value).slice(0, 80)}`;
}

function fail(why) {
  console.error(why);
  process.exit(1);
}
