// @ts-check
/**
 * A client of the soundboard's remote control, for browsers and Node; without dependencies.
 *
 *     import { Jeffbot } from "./jeffbot.mjs";
 *
 *     const client = await Jeffbot.connect("ws://localhost:8765", { token });
 *     await client.play("airhorn");
 *     for await (const event of client.events("playback")) console.log(event.name, event.data);
 *
 * Node before 22 has no WebSocket of its own: `import WebSocket from "ws"` and pass `{ token, WebSocket }`.
 *
 * When the connection ends it connects again, signs in, and goes on with the events where they stopped, until that cannot
 * help (a revoked token, say): then `client.ended` is settled, and what waits is rejected. A request whose connection
 * breaks is rejected and never sent again, for a press must not sound twice. Times are in seconds, as they are sent; the
 * options of the client are in milliseconds, as JavaScript's timers are.
 * @module
 */

/**
 * @typedef {string | (() => string | Promise<string>)} Token A token, or what gives a fresh one.
 *
 * @typedef {object} SocketLike What is used of a WebSocket.
 * @property {(data: string) => void} send
 * @property {(code?: number, reason?: string) => void} close
 * @property {(type: any, listener: (event: any) => void) => void} addEventListener
 *
 * @typedef {object} Options
 * @property {Token} [token] Without one, sign in with `authenticate`.
 * @property {boolean} [reconnect] Whether to connect again; true.
 * @property {number} [timeout] How long a request may take, a wait for the connection included; 30 000 ms.
 * @property {new (url: string) => SocketLike} [WebSocket] The one of the platform.
 * @property {(longest: number) => number} [jitter] Picks a pause before connecting again, from none to its argument, ms.
 *
 * @typedef {{ guild_id?: string, channel_id?: string }} Target Which guild; else the one in whose voice channel you are.
 * @typedef {"replace" | "overlap" | "queue" | "next"} Mode
 * @typedef {"restart" | "overlap" | "ignore"} Retrigger
 * @typedef {Target & { mode?: Mode, retrigger?: Retrigger, volume?: number }} PlayOptions
 * @typedef {Target & { mode?: Mode, volume?: number, tag?: string }} RandomOptions
 * @typedef {Target & { playback_id?: string, mine?: boolean }} StopOptions
 * @typedef {Target & { paused?: boolean | "toggle", volume?: number }} PlayerChanges
 * @typedef {Target & { remove?: string[], clear?: boolean }} QueueChanges
 * @typedef {Target & { tags?: string[], limit?: number, cursor?: string }} SearchOptions
 * @typedef {Target & { add?: string[], remove?: string[] }} FavouriteChanges
 * @typedef {object} Details
 * @property {string} [title]
 * @property {string[]} [aliases]
 * @property {string} [emoji]
 * @property {number | null} [colour]
 * @property {string[]} [tags]
 * @property {number} [gain]
 * @property {number} [trim_start]
 * @property {number | null} [trim_end]
 * @property {Retrigger | null} [retrigger]
 * @typedef {Target & Details & { filename?: string, shared?: boolean }} UploadOptions
 * @typedef {Target & { entrance?: string | null, exit?: string | null, greeted?: boolean }} EntranceChanges
 * @typedef {Target & { [name: string]: unknown }} SettingChanges
 *
 * @typedef {object} Sound
 * @property {string} name What `play` takes.
 * @property {string} path
 * @property {number | null} duration
 * @property {string[]} tags
 * @property {number} [id]
 * @property {string} [title]
 * @property {string[]} [aliases]
 * @property {string} [emoji]
 * @property {number | null} [colour]
 * @property {string} [guild_id]
 *
 * @typedef {object} Playing
 * @property {string} filename
 * @property {string} title
 * @property {string} channel
 * @property {string} playback_id
 * @property {number | null} duration
 * @property {boolean} [queued]
 * @property {number} [position]
 *
 * @typedef {object} Player
 * @property {string | null} guild_id
 * @property {string | null} channel
 * @property {"idle" | "joining" | "playing" | "paused" | "recovering"} state
 * @property {string | null} title
 * @property {string | null} filename
 * @property {string | null} playback_id
 * @property {string | null} user_id
 * @property {number | null} position
 * @property {number | null} duration
 * @property {number} volume
 *
 * @typedef {{ [name: string]: any }} Reply As `docs/api.md` has it.
 *
 * @typedef {object} Happened Something that happened.
 * @property {string} topic
 * @property {string} name
 * @property {number} seq
 * @property {number} timestamp
 * @property {string | null} guild_id
 * @property {string | null} user_id
 * @property {{ [name: string]: any }} data
 *
 * @typedef {{ name: "resync" }} Resync Events were missed that cannot be had any more: read again what matters.
 */

/** The server refused a request, and nothing of it was done. */
export class RemoteError extends Error {
  /** @param {Reply} reply */
  constructor(reply) {
    super(reply.error_message);
    this.name = "RemoteError";
    /** @type {string} One of `docs/api.md`. */
    this.code = reply.error_code;
    /** @type {number | undefined} After how many seconds it may be tried again. */
    this.retryAfter = reply.retry_after;
    /** @type {{ [name: string]: string }} */
    this.details = reply.details ?? {};
  }
}

/** The connection has ended; what was asked over it may have been done or not. */
export class ConnectionEndedError extends Error {
  /**
   * @param {number | null} code The close code; null: there was none.
   * @param {string} reason What the server said of it.
   * @param {unknown} [cause]
   */
  constructor(code, reason, cause) {
    super(`the connection has ended: ${reason || "no reason was given"} (code ${code})`, { cause });
    this.name = "ConnectionEndedError";
    this.code = code;
    this.reason = reason;
  }
}

/** The server did not answer in time. */
export class TimeoutError extends Error {
  constructor() {
    super("no answer came in time");
    this.name = "TimeoutError";
  }
}

const MAX_AT_ONCE = 8; // requests that a server carries out at once for one connection
const IMMEDIATE = new Set(["ping", "stop", "status", "diagnose"]); // which are not counted among those
const MAX_WAITING = 4096; // events that wait for one consumer
const FINAL = new Set([1002, 1007, 1009, 4002, 4004, 4010, 4011, 4012]); // connecting again helps nobody
const WANT_TOKEN = new Set([4001, 4009]); // it helps with a new token
const TOKEN_REFUSED = new Set(["auth_failed", "token_revoked", "not_authenticated"]);
/** @type {{ [code: number]: number }} By close code, the longest first pause, ms. */
const FIRST_PAUSE = { 1001: 5_000, 1012: 5_000, 1011: 10_000, 1013: 10_000, 4008: 30_000 };
const LONGEST_PAUSE = 60_000;
const STEADY = 60_000; // a connection that lasted so long was good
const RENEW_AFTER = 0.8; // the part of a token's life after which it is renewed
const MIN_RENEWAL = 5_000;
const RENEW_AGAIN = 30_000;
const HEARTBEAT = 25_000; // how often a silent server is asked whether it is there
const MAX_TIMER = 2 ** 31 - 1;

/** One connection, from its welcome to its end. */
class Wire {
  /**
   * @param {SocketLike} socket
   * @param {(message: Reply) => void} hear Is given every message, in the order they come.
   */
  constructor(socket, hear) {
    this.socket = socket;
    this.lastId = 0;
    /** @type {Map<number, { resolve: (reply: Reply) => void, reject: (error: Error) => void }>} */
    this.waiting = new Map();
    this.underWay = 0;
    /** @type {(() => void)[]} */
    this.forRoom = [];
    /** @type {ConnectionEndedError | null} */
    this.error = null;
    this.ahead = 0;
    this.maxBytes = 65_536;
    /** @type {Promise<Reply>} */
    this.welcome = new Promise((resolve, reject) => this.waiting.set(0, { resolve, reject }));
    this.welcome.catch(() => {}); // perhaps nobody waits for it any more
    /** @type {(error: ConnectionEndedError) => void} */
    this.settle = () => {};
    /** @type {Promise<ConnectionEndedError>} */
    this.ended = new Promise((resolve) => (this.settle = resolve));
    this.lastHeard = performance.now();
    this.heart = setInterval(() => this.beat(), HEARTBEAT);
    socket.addEventListener("close", ({ code, reason }) => this.end(code, reason || "the connection broke"));
    socket.addEventListener("error", () => {}); // a close follows
    socket.addEventListener("message", (event) => this.take(event.data, hear));
  }

  /** @param {string} text @param {(message: Reply) => void} hear */
  take(text, hear) {
    this.lastHeard = performance.now();
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return this.end(null, "what answers there does not speak the language of the soundboard");
    }
    hear(message);
    const id = message.action === "welcome" ? 0 : message.id;
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (message.action === "error") waiting?.reject(new RemoteError(message));
    else waiting?.resolve(message);
  }

  /** Pages cannot send a WebSocket's own pings. */
  beat() {
    if (performance.now() - this.lastHeard > 2 * HEARTBEAT) this.end(null, "the server is silent");
    else this.exchange("ping", {}).catch(() => {}); // then the connection has ended
  }

  /** @param {number | null} code @param {string} reason */
  end(code, reason) {
    if (this.error) return;
    this.error = new ConnectionEndedError(code, reason);
    clearInterval(this.heart);
    for (const { reject } of this.waiting.values()) reject(this.error);
    this.waiting.clear();
    for (const enter of this.forRoom.splice(0)) enter();
    this.socket.close();
    this.settle(this.error);
  }

  /**
   * @param {string} action
   * @param {object} [fields]
   * @param {() => boolean} [isLate] Whether nobody waits for it any more.
   * @returns {Promise<Reply>}
   */
  async ask(action, fields = {}, isLate = () => false) {
    if (IMMEDIATE.has(action)) return this.exchange(action, fields, isLate);
    if (this.underWay < MAX_AT_ONCE) this.underWay += 1;
    else await new Promise((resolve) => this.forRoom.push(() => resolve(null)));
    try {
      return await this.exchange(action, fields, isLate);
    } finally {
      const next = this.forRoom.shift();
      if (next) next();
      else this.underWay -= 1;
    }
  }

  /** @param {string} action @param {object} fields @param {() => boolean} [isLate] @returns {Promise<Reply>} */
  exchange(action, fields, isLate = () => false) {
    return new Promise((resolve, reject) => {
      if (this.error) return reject(this.error);
      if (isLate()) return reject(new TimeoutError());
      const id = ++this.lastId;
      const text = JSON.stringify({ action, ...fields, id });
      const isTooLong = new TextEncoder().encode(text).length > this.maxBytes;
      if (isTooLong) return reject(new RangeError(`a message has at most ${this.maxBytes} bytes`));
      this.waiting.set(id, { resolve, reject });
      this.socket.send(text);
    });
  }

  /** The server's time, seconds since the epoch; from when it said it in its welcome. */
  serverTime() {
    return performance.now() / 1000 + this.ahead;
  }
}

/**
 * The events of some topics: iterate over it with `for await`. Leaving the loop unsubscribes.
 * @implements {AsyncIterableIterator<Happened | Resync>}
 */
export class Events {
  /** @param {Hub} hub @param {string[]} topics */
  constructor(hub, topics) {
    this.hub = hub;
    this.topics = topics;
    /** @type {(Happened | Resync)[]} */
    this.waiting = [];
    /** @type {(() => void)[]} */
    this.wake = [];
    this.isOver = false;
    /** @type {Error | null} */
    this.error = null;
    /** @type {Promise<unknown> | null} */
    this.subscribed = null;
  }

  /** Subscribe now, and not when the first event is asked for. */
  async subscribe() {
    this.subscribed ??= this.hub.add(this);
    await this.subscribed;
    return this;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  /** @returns {Promise<IteratorResult<Happened | Resync>>} */
  async next() {
    await this.subscribe();
    while (!this.waiting.length) {
      if (this.error) throw this.error;
      if (this.isOver) return { done: true, value: undefined };
      await new Promise((resolve) => this.wake.push(() => resolve(null)));
    }
    return { done: false, value: /** @type {Happened | Resync} */ (this.waiting.shift()) };
  }

  /** @returns {Promise<IteratorResult<Happened | Resync>>} */
  async return() {
    this.end(null);
    await this.hub.remove(this);
    return { done: true, value: undefined };
  }

  /** @param {string} topic */
  wants(topic) {
    return this.topics.includes(topic) || (this.topics.includes("*") && topic !== "progress");
  }

  /** @param {Happened | Resync} event */
  put(event) {
    if (this.isOver) return;
    if (this.waiting.length >= MAX_WAITING) this.waiting = [{ name: "resync" }];
    this.waiting.push(event);
    this.rouse();
  }

  /** @param {Error | null} error */
  end(error) {
    if (this.isOver) return;
    this.isOver = true;
    this.error = error;
    this.rouse();
  }

  rouse() {
    for (const wake of this.wake.splice(0)) wake();
  }
}

/** All consumers of events of one client, and where they stopped hearing. */
class Hub {
  /** @param {(action: string, fields: object) => Promise<unknown>} change */
  constructor(change) {
    this.change = change;
    /** @type {Set<Events>} */
    this.consumers = new Set();
    this.epoch = "";
    this.seq = 0;
    /** @type {string[]} What the server says is subscribed to. */
    this.told = [];
    this.resuming = false;
  }

  /** @param {Events} consumer */
  async add(consumer) {
    this.consumers.add(consumer);
    try {
      await this.change("subscribe", { topics: consumer.topics });
    } catch (error) {
      this.consumers.delete(consumer);
      throw error;
    }
  }

  /** @param {Events} consumer */
  async remove(consumer) {
    if (!this.consumers.delete(consumer)) return;
    const topics = this.told.filter((topic) => ![...this.consumers].some((other) => other.wants(topic)));
    if (topics.length) await this.change("unsubscribe", { topics }).catch(() => {}); // then it hears what nobody reads
  }

  /** The fields of the `subscribe` that goes on after a break. @param {boolean} [asAnother] */
  resumption(asAnother = false) {
    const topics = [...new Set([...this.consumers].flatMap((consumer) => consumer.topics))];
    if (!topics.length) return null;
    if (asAnother) this.resync();
    this.resuming = Boolean(this.epoch) && !asAnother;
    return this.resuming ? { topics, since: { epoch: this.epoch, seq: this.seq } } : { topics };
  }

  /** @param {Reply} message */
  hear(message) {
    if (message.action === "event") this.deliver(message);
    else if (message.action === "subscribe") this.note(message);
    else if (message.action === "unsubscribe") this.told = message.topics;
  }

  /** @param {Reply} message */
  deliver({ topic, event: name, seq, timestamp, guild_id, user_id, data }) {
    this.seq = Math.max(this.seq, seq);
    const event = { topic, name, seq, timestamp, guild_id, user_id, data };
    for (const consumer of this.consumers) if (consumer.wants(topic)) consumer.put(event);
  }

  /** @param {Reply} message */
  note({ topics, epoch, seq, resync }) {
    const resuming = this.resuming;
    this.resuming = false;
    this.told = topics;
    if (resync) this.resync();
    if (epoch !== this.epoch) [this.epoch, this.seq] = [epoch, seq];
    else if (resync || !resuming) this.seq = Math.max(this.seq, seq); // else what was missed is yet to come
  }

  resync() {
    for (const consumer of this.consumers) consumer.put({ name: "resync" });
  }

  /** @param {Error | null} error */
  end(error) {
    for (const consumer of this.consumers) consumer.end(error);
  }
}

/** A client of a soundboard; requests may run side by side. Every method rejects as `request` does. */
export class Jeffbot {
  /**
   * @param {string} [url] Where the remote control is; else where this page is from, or this machine.
   * @param {Options} [options]
   */
  constructor(url = here(), options = {}) {
    this.url = url;
    this.token = options.token;
    this.reconnect = options.reconnect ?? true;
    this.timeout = options.timeout ?? 30_000;
    this.WebSocket = options.WebSocket ?? globalThis.WebSocket;
    this.jitter = options.jitter ?? ((longest) => Math.random() * longest);
    if (!this.WebSocket) throw new TypeError('There is no WebSocket here: pass one, such as that of the package "ws"');
    this.hub = new Hub((action, fields) => this.request(action, fields));
    /** @type {Reply | null} What the server said to the token. */
    this.signedIn = null;
    /** @type {Wire | null} */
    this.wire = null;
    /** @type {Error | null} */
    this.final = null;
    this.attempts = 0;
    /** @type {Set<() => void>} Those who wait for the connection. */
    this.forWire = new Set();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.renewal = undefined;
    this.wake = () => {};
    /** @type {(error: Error) => void} */
    this.settle = () => {};
    /** @type {Promise<Error>} Resolves when there is no connection any more and none will be made, with why. */
    this.ended = new Promise((resolve) => (this.settle = resolve));
  }

  /**
   * Connect, and sign in where there is a token.
   * @param {string} [url]
   * @param {Options} [options]
   */
  static async connect(url, options) {
    const client = new Jeffbot(url, options);
    await client.connect();
    return client;
  }

  /** Connect; once. */
  async connect() {
    this.began(await this.open());
  }

  /** End the connection, and what waits for it. */
  close() {
    this.finish(new ConnectionEndedError(null, "closed from here"), null);
    this.wire?.end(null, "closed from here");
  }

  // Asking

  /**
   * Send any request.
   *
   * Rejects with `RemoteError` where the server refuses it; `ConnectionEndedError` where the connection ends first, and
   * `TimeoutError` where no reply comes in time: then it is not known whether it was carried out.
   * @param {string} action
   * @param {object} [fields]
   * @returns {Promise<Reply>}
   */
  async request(action, fields = {}) {
    let isUp = false;
    let isLate = false;
    const asked = this.connected().then((wire) => {
      isUp = true;
      return wire.ask(action, fields, () => isLate);
    });
    return this.inTime(asked, () => {
      isLate = true;
      return isUp ? new TimeoutError() : new ConnectionEndedError(null, `there was none again in ${this.timeout} ms`);
    });
  }

  /** Sign in as whom the token speaks for, from now on. @param {string} token */
  async authenticate(token) {
    const before = this.signedIn;
    const signedIn = await this.inTime(this.connected().then((wire) => this.signIn(wire, token)));
    this.token = token;
    const topics = before && before.user_id !== signedIn.user_id && this.hub.resumption(true);
    if (topics) await this.request("subscribe", topics);
    return signedIn;
  }

  /**
   * What happens from now on; several may be read at once.
   * @param {...string} topics `playback queue library voice settings favourites`, `*` for all these, or `progress`.
   */
  events(...topics) {
    return new Events(this.hub, topics.length ? topics : ["*"]);
  }

  // Playing

  /** @param {string} filename @param {PlayOptions} [options] @returns {Promise<Playing>} */
  async play(filename, options) {
    return /** @type {any} */ (await this.request("play", { filename, ...options }));
  }

  /** @param {RandomOptions} [options] @returns {Promise<Playing>} */
  async random(options) {
    return /** @type {any} */ (await this.request("random", options));
  }

  /** End what plays and waits; or one sound, or one's own. @param {StopOptions} [options] */
  stop(options) {
    return this.request("stop", options);
  }

  /** End what sounds, and go on with what waits. @param {Target} [target] */
  skip(target) {
    return this.request("skip", target);
  }

  /** How the player is; after the changes. @param {PlayerChanges} [changes] @returns {Promise<Player>} */
  async player(changes) {
    return (await this.request("player", changes)).player;
  }

  /** What waits, the next one first; after the changes. @param {QueueChanges} [changes] @returns {Promise<Reply[]>} */
  async queue(changes) {
    return (await this.request("queue", changes)).queue;
  }

  /** @param {Target} [target] */
  status(target) {
    return this.request("status", target);
  }

  /** Why you hear nothing, the likeliest cause first. @param {Target} [target] @returns {Promise<string[]>} */
  async diagnose(target) {
    return (await this.request("diagnose", target)).findings;
  }

  // Sounds

  /** All sounds by name: the action `list`. @param {Target} [target] @returns {Promise<Sound[]>} */
  async sounds(target) {
    return (await this.request("list", target)).sounds;
  }

  /**
   * @param {string} [query] @param {SearchOptions} [options]
   * @returns {Promise<{ sounds: Sound[], count: number, cursor?: string }>}
   */
  async search(query = "", options) {
    return /** @type {any} */ (await this.request("search", { query, ...options }));
  }

  /**
   * Add a sound: announce it, send the file over HTTP. Needs the scope `manage`.
   * @param {Blob} file A `File`, or a `Blob` with `filename` among the options.
   * @param {UploadOptions} [options]
   * @returns {Promise<Sound>}
   */
  async upload(file, options = {}) {
    const filename = options.filename ?? /** @type {{ name?: string }} */ (file).name;
    const sha256 = await digest(file);
    const ticket = await this.request("upload", { ...options, filename, size: file.size, ...(sha256 && { sha256 }) });
    const response = await fetch(ticket.url, { method: ticket.method, body: file });
    const reply = await response.json();
    if (!response.ok) throw new RemoteError(reply);
    return reply.sound;
  }

  /** @param {string} filename @param {Target & Details} details @returns {Promise<Sound>} */
  async edit(filename, details) {
    return (await this.request("edit", { filename, ...details })).sound;
  }

  /** @param {string} filename @param {Target} [target] */
  delete(filename, target) {
    return this.request("delete", { filename, ...target });
  }

  // People and guilds

  /** @param {FavouriteChanges} [changes] @returns {Promise<Sound[]>} */
  async favourites(changes) {
    return (await this.request("favourites", changes)).favourites;
  }

  /** @returns {Promise<Reply[]>} */
  async guilds() {
    return (await this.request("guilds")).guilds;
  }

  /** @param {Target & { limit?: number }} [options] */
  recent(options) {
    return this.request("recent", options);
  }

  /** @param {Target & { since?: number, top?: number }} [options] */
  stats(options) {
    return this.request("stats", options);
  }

  /** @param {EntranceChanges} [changes] */
  entrance(changes) {
    return this.request("entrance", changes);
  }

  /** @param {SettingChanges} [changes] @returns {Promise<Reply>} */
  async settings(changes) {
    return (await this.request("settings", changes)).settings;
  }

  // The server

  /** A new token for the same user. @returns {Promise<{ token: string, expires_at: number }>} */
  async refresh() {
    return /** @type {any} */ (await this.request("refresh"));
  }

  describe() {
    return this.request("describe");
  }

  /** The server's time, seconds since the epoch. @returns {Promise<number>} */
  async ping() {
    return (await this.request("ping")).server_time;
  }

  // Staying connected

  /** @returns {Promise<Wire>} */
  async connected() {
    while (!this.wire || this.wire.error) {
      if (this.final) throw this.final;
      await new Promise((resolve) => this.forWire.add(() => resolve(null)));
    }
    return this.wire;
  }

  /** A connection that is signed in and subscribed, as the one before was. @returns {Promise<Wire>} */
  async open() {
    const wire = new Wire(new this.WebSocket(this.url), (message) => this.hub.hear(message));
    try {
      await this.inTime(this.prepare(wire));
    } catch (error) {
      wire.end(null, "given up");
      throw error;
    }
    return wire;
  }

  /** @param {Wire} wire */
  async prepare(wire) {
    const { timestamp, max_message_bytes } = await wire.welcome;
    wire.ahead = timestamp - performance.now() / 1000;
    wire.maxBytes = max_message_bytes;
    if (this.token) await this.signIn(wire, await this.freshToken());
    const topics = this.hub.resumption();
    if (topics) await wire.ask("subscribe", topics);
  }

  /** @param {Wire} wire */
  began(wire) {
    const start = performance.now();
    this.wire = wire;
    this.tellWaiting();
    wire.ended.then((error) => {
      clearTimeout(this.renewal);
      this.hub.told = [];
      if (performance.now() - start >= STEADY) this.attempts = 0;
      return this.return(error);
    });
    if (this.final) this.close();
  }

  /** Connect again, as often as it takes. @param {ConnectionEndedError} error */
  async return(error) {
    while (!this.final && this.reconnect && !this.isFinal(error)) {
      await this.sleep(this.pause(error.code));
      if (this.final) return;
      try {
        return this.began(await this.open());
      } catch (again) {
        if (again instanceof RemoteError && TOKEN_REFUSED.has(again.code)) return this.finish(again, again);
        if (again instanceof ConnectionEndedError) error = again;
        else error = new ConnectionEndedError(null, String(again), again);
      }
    }
    this.finish(error, error);
  }

  /** @param {number} delay @returns {Promise<unknown>} */
  sleep(delay) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delay);
      this.wake = () => resolve(clearTimeout(timer));
    });
  }

  /** @param {ConnectionEndedError} error */
  isFinal({ code }) {
    return code !== null && (FINAL.has(code) || (WANT_TOKEN.has(code) && typeof this.token !== "function"));
  }

  /** @param {number | null} code */
  pause(code) {
    const first = FIRST_PAUSE[code ?? 0] ?? 1_000;
    return this.jitter(Math.min(LONGEST_PAUSE, first * 2 ** Math.min(this.attempts++, 10)));
  }

  /** There will be no connection any more. @param {Error} error @param {Error | null} told */
  finish(error, told) {
    if (this.final) return;
    this.final = error;
    clearTimeout(this.renewal);
    this.hub.end(told);
    this.settle(error);
    this.wake();
    this.tellWaiting();
  }

  tellWaiting() {
    const waiting = [...this.forWire];
    this.forWire.clear();
    for (const tell of waiting) tell();
  }

  // Signing in

  async freshToken() {
    return typeof this.token === "function" ? this.token() : /** @type {string} */ (this.token);
  }

  /** @param {Wire} wire @param {string} token */
  async signIn(wire, token) {
    const signedIn = await wire.ask("authenticate", { token });
    this.signedIn = signedIn;
    const left = (signedIn.expires_at - wire.serverTime()) * 1000 * RENEW_AFTER;
    this.renewIn(wire, Math.max(left, MIN_RENEWAL));
    return signedIn;
  }

  /** @param {Wire} wire @param {number} delay */
  renewIn(wire, delay) {
    clearTimeout(this.renewal);
    if (this.final || wire.error) return;
    const due = delay <= MAX_TIMER;
    this.renewal = setTimeout(
      () => (due ? this.renew(wire) : this.renewIn(wire, delay - MAX_TIMER)),
      Math.min(delay, MAX_TIMER),
    );
  }

  /** Sign in with a new token in good time. @param {Wire} wire */
  async renew(wire) {
    this.renewIn(wire, RENEW_AGAIN);
    try {
      const givesFresh = typeof this.token === "function";
      const token = givesFresh ? await this.freshToken() : (await wire.ask("refresh")).token;
      await this.signIn(wire, token);
      if (!givesFresh) this.token = token;
    } catch (error) {
      if (error instanceof RemoteError && error.code === "forbidden") clearTimeout(this.renewal); // it cannot be renewed
    }
  }

  /**
   * @template T
   * @param {Promise<T>} work
   * @param {() => Error} [late]
   * @returns {Promise<T>}
   */
  async inTime(work, late = () => new TimeoutError()) {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const end = new Promise((_, reject) => (timer = setTimeout(() => reject(late()), this.timeout)));
    try {
      return await Promise.race([work, /** @type {Promise<never>} */ (end)]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Where the remote control is when nothing is said: where this page is from, or this machine. */
function here() {
  const { protocol, host } = globalThis.location ?? {};
  return protocol?.startsWith("http") ? `${protocol.replace("http", "ws")}//${host}` : "ws://localhost:8765";
}

/** SHA-256, hexadecimal; nothing where pages may not use cryptography. @param {Blob} file */
async function digest(file) {
  if (!globalThis.crypto?.subtle) return "";
  const hash = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
