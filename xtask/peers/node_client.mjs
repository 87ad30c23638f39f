// The Node package `ws` as a client of our echo server.
//
// usage: node node_client.mjs MODULES URL MAX_MESSAGE
//
// Prints `waiting` when nothing is left but for the server to go away.

import { once } from "node:events";
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";

const [modules, url, maxMessage] = process.argv.slice(2);
const { WebSocket } = createRequire(modules + "/")("ws");
const TIMEOUT = 30_000;

// Nothing here takes this long; a peer that says nothing must not hang the run.
setTimeout(() => fail("nothing happened for too long"), 4 * TIMEOUT).unref();

await echoes();
await closes();
await tooBig();
await goingAway();

async function echoes() {
  const ws = await connect();
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

async function closes() {
  for (const [code, reason] of [[1000, ""], [1001, "moving on"], [3000, "später"], [4999, "x".repeat(123)]]) {
    const ws = await connect();
    ws.close(code, reason);
    const [answer] = await event(ws, "close");
    expect("answer to our close", answer, code);
  }
}

async function tooBig() {
  const ws = await connect();
  ws.on("error", () => {}); // The rest of the message may find the connection gone.
  ws.send(Buffer.alloc(Number(maxMessage) + 1));
  const [code] = await event(ws, "close");
  expect("close of a message too big", code, 1009);
}

async function goingAway() {
  const ws = await connect();
  const close = event(ws, "close");
  console.log("waiting");
  const [code] = await close;
  expect("close of a server that ends", code, 1001);
}

async function connect() {
  const ws = new WebSocket(url);
  await event(ws, "open");
  return ws;
}

async function next(ws) {
  const [data, isBinary] = await event(ws, "message");
  return isBinary ? data : String(data);
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
