// The ES module's client, on a WebSocket that the test answers: node --test tests/node/client.test.mjs
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { ConnectionEndedError, Jeffbot, RemoteError, TimeoutError } from "../../jeffbot/ws/web/jeffbot.mjs";

/** @type {FakeSocket[]} */
let sockets = [];
/** How the next sockets answer what they are sent, beside welcome and authenticate. */
let answer = (socket, request) => {};

class FakeSocket {
  constructor(url) {
    this.url = url;
    this.sent = [];
    this.listeners = {};
    sockets.push(this);
    queueMicrotask(() => this.say({ action: "welcome", timestamp: 1000, max_message_bytes: 200 }));
  }

  addEventListener(type, listener) {
    this.listeners[type] = listener;
  }

  send(text) {
    const request = JSON.parse(text);
    this.sent.push(request);
    queueMicrotask(() => {
      if (request.action === "authenticate") {
        if (request.token === "bad") this.refuse(request, "auth_failed");
        else this.say({ action: "auth_success", user_id: request.token, expires_at: this.expiresAt ?? 9000, id: request.id });
      } else answer(this, request);
    });
  }

  say(message) {
    this.listeners.message({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }

  refuse({ id }, code) {
    this.say({ action: "error", error_code: code, error_message: "no", retry_after: 2, details: { field: "x" }, id });
  }

  break(code = 1006, reason = "") {
    this.listeners.close({ code, reason });
  }

  close() {
    this.closed = true;
  }

  get actions() {
    return this.sent.map(({ action }) => action);
  }
}

const echo = (socket, { action, id, since }) =>
  socket.say({ action, id, epoch: "e", seq: since ? 9 : 5, topics: ["playback"], resync: false });
const event = (seq, topic = "playback") => ({ action: "event", topic, event: `${topic}.${seq}`, seq, data: {} });
const names = async (events, count) => {
  const heard = [];
  while (heard.length < count) heard.push((await events.next()).value.name);
  return heard;
};

async function connect(options = {}) {
  return Jeffbot.connect("ws://there", { token: "alice", WebSocket: FakeSocket, jitter: () => 0, ...options });
}

/** Wait until this many connections have been made and signed in. */
async function connections(count) {
  while (sockets.length < count || !sockets[count - 1].sent.length) await turn();
  await turn();
}

beforeEach(() => {
  sockets = [];
  answer = echo;
});

test("replies come to whom they answer, in any order", async () => {
  const client = await connect();
  answer = () => {};
  const [first, second] = [client.play("a"), client.status()];
  await turn();
  const [play, status] = sockets[0].sent.slice(-2);
  sockets[0].say({ action: "status", id: status.id, playing: true });
  sockets[0].say({ action: "playing", id: play.id, title: "A" });

  assert.equal((await second).playing, true);
  assert.equal((await first).title, "A");
  assert.deepEqual(play, { action: "play", filename: "a", id: play.id });
  client.close();
});

test("a refusal has its code and what else was said", async () => {
  const client = await connect();
  answer = (socket, request) => socket.refuse(request, "busy");
  const error = await client.play("a").catch((error) => error);

  assert.ok(error instanceof RemoteError);
  assert.deepEqual([error.code, error.retryAfter, error.details, error.message], ["busy", 2, { field: "x" }, "no"]);
  await assert.rejects(client.play("a".repeat(200)), RangeError);
  client.close();
});

test("at most eight are under way, time and again, and a stop does not wait", async () => {
  const client = await connect();
  answer = () => {};
  for (let round = 0; round < 2; round++) {
    const before = sockets[0].sent.length;
    const presses = Array.from({ length: 12 }, (_, number) => client.play(String(number)));
    const stop = client.stop();
    await turn();
    const sent = sockets[0].actions.slice(before);
    assert.equal(sent.filter((action) => action === "play").length, 8);
    assert.equal(sent.at(-1), "stop");
    for (let done = 0; done < 13; done++) {
      sockets[0].say({ action: "any", id: sockets[0].sent[before + done].id });
      await turn();
    }
    await Promise.all([...presses, stop]);
  }
  client.close();
});

test("a request whose connection breaks is rejected, and not sent again", async () => {
  const client = await connect();
  answer = () => {};
  const press = client.play("a");
  await turn();
  sockets[0].break();

  await assert.rejects(press, ConnectionEndedError);
  await connections(2);
  assert.deepEqual(sockets[1].actions, ["authenticate"]);
  client.close();
});

test("a request that nobody waits for any more is never sent", async () => {
  const client = await connect({ timeout: 20, jitter: () => 40 });
  sockets[0].break();
  await assert.rejects(client.play("a"), ConnectionEndedError);
  await connections(2);
  await client.status();

  assert.deepEqual(sockets[1].actions, ["authenticate", "status"]);
  answer = () => {};
  await assert.rejects(client.status(), TimeoutError);
  client.close();
});

test("events go on where they stopped", async () => {
  const client = await connect();
  const events = await client.events("playback").subscribe();
  sockets[0].say(event(7));
  sockets[0].break(1001);
  await connections(2);
  assert.deepEqual(sockets[1].sent[1], { action: "subscribe", topics: ["playback"], since: { epoch: "e", seq: 7 }, id: 2 });
  sockets[1].break(); // before what was missed has come
  await connections(3);
  assert.equal(sockets[2].sent[1].since.seq, 7);
  sockets[2].say(event(8));

  assert.deepEqual(await names(events, 2), ["playback.7", "playback.8"]);
  client.close();
  assert.deepEqual(await events.next(), { done: true, value: undefined });
});

test("where too much was missed, that is said", async () => {
  const client = await connect();
  const events = await client.events("playback").subscribe();
  answer = (socket, { action, id }) => socket.say({ action, id, epoch: "f", seq: 1, topics: ["playback"], resync: true });
  sockets[0].break();
  await connections(2);
  sockets[1].say(event(2));

  assert.deepEqual(await names(events, 2), ["resync", "playback.2"]);
  client.close();
});

test("each loop has its topics, and leaving it unsubscribes", async () => {
  const client = await connect();
  const other = await client.events().subscribe();
  setTimeout(() => [event(6, "progress"), event(7, "queue"), event(8)].forEach((said) => sockets[0].say(said)));
  for await (const { name } of client.events("playback")) {
    assert.equal(name, "playback.8");
    break;
  }
  assert.deepEqual(await names(other, 2), ["queue.7", "playback.8"]);
  assert.ok(!sockets[0].actions.includes("unsubscribe"));
  await other.return();
  assert.deepEqual(sockets[0].sent.at(-1), { action: "unsubscribe", topics: ["playback"], id: 4 });
  client.close();
});

test("a topic that is refused rejects its loop alone", async () => {
  const client = await connect();
  answer = (socket, request) => socket.refuse(request, "invalid_field");
  await assert.rejects(client.events("nonsense").next(), RemoteError);
  sockets[0].break();
  await connections(2);
  assert.deepEqual(sockets[1].actions, ["authenticate"]);
  client.close();
});

for (const code of [1002, 1007, 1009, 4001, 4002, 4004, 4009, 4010, 4011, 4012]) {
  test(`after ${code} it does not come back`, async () => {
    const client = await connect();
    const next = client.events("playback").next();
    await turn();
    sockets[0].break(code, "no more");

    assert.equal((await client.ended).code, code);
    await assert.rejects(next, /no more/);
    await assert.rejects(client.status(), /no more/);
    assert.equal(sockets.length, 1);
  });
}

for (const code of [1001, 1006, 1011, 1012, 1013, 4008, 4013]) {
  test(`after ${code} it comes back`, async () => {
    const client = await connect();
    sockets[0].break(code);
    await connections(2);
    await client.status();
    client.close();
  });
}

test("pauses grow, and begin long where the server asks for patience", async () => {
  const pauses = [];
  const client = await connect({ jitter: (longest) => pauses.push(longest) && 0 });
  for (const [number, code] of [1001, 1006, 1006, 4008].entries()) {
    sockets[number].break(code);
    await connections(number + 2);
  }
  assert.deepEqual(pauses, [5_000, 2_000, 4_000, 60_000]);
  client.close();
});

test("a function is asked for a fresh token, and a refused one ends it", async () => {
  const tokens = ["one", "two", "bad"];
  const client = await connect({ token: async () => tokens.shift() });
  sockets[0].break(4009);
  await connections(2);
  assert.equal(client.signedIn.user_id, "two");
  sockets[1].break();

  assert.equal((await client.ended).code, "auth_failed");
});

test("a token is renewed before it expires", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const client = await connect();
  answer = (socket, { action, id }) => socket.say({ action, id, token: "fresh" });
  t.mock.timers.tick(8000 * 0.8 * 1000 - 100);
  await turn();
  assert.deepEqual(sockets[0].actions, ["authenticate"]);
  t.mock.timers.tick(200);
  await turn();

  assert.deepEqual(sockets[0].actions, ["authenticate", "refresh", "authenticate"]);
  assert.equal(client.token, "fresh");
  client.close();
});

test("signed in as someone else, it is told to read anew", async () => {
  const client = await connect();
  const events = await client.events("playback").subscribe();
  await client.authenticate("bob");

  assert.deepEqual(sockets[0].sent.at(-1), { action: "subscribe", topics: ["playback"], id: 4 });
  assert.deepEqual(await names(events, 1), ["resync"]);
  client.close();
});

test("what is no soundboard is told from one", async () => {
  const connecting = connect();
  sockets[0].say("hello");
  await assert.rejects(connecting, /does not speak/);
  assert.ok(sockets[0].closed);
});

test("a server that is silent has gone", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const client = await connect();
  answer = () => {};
  for (now of [25_000, 50_000]) t.mock.timers.tick(25_000);
  assert.deepEqual(sockets[0].actions.slice(1), ["ping", "ping"]);
  now = 75_000;
  t.mock.timers.tick(25_000);
  await connections(2);
  client.close();
});

test("closing while it waits to connect again ends at once", async () => {
  const client = await connect({ jitter: () => 3_600_000 });
  sockets[0].break();
  await turn();
  const asked = client.status();
  client.close();
  await assert.rejects(asked, /closed from here/);
});
