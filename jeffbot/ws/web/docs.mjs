// The page that tries the API out: a form for each action, made of /asyncapi.json, and what is said and heard.

const MOST_SHOWN = 200;
/** Replies to what the page asks for itself. */
const OWN = { signIn: "page-sign-in", names: "page-names", events: "page-events" };
const TARGET = new Set(["guild_id", "channel_id"]);
const HIDDEN = new Set(["action", "id"]);

const at = (id) => document.getElementById(id);

/** An element with text in it; never HTML. */
function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// What the document says

class Api {
  constructor(document) {
    this.document = document;
    this.actions = Object.entries(document.operations)
      .filter(([name, operation]) => operation.action === "receive" && name !== "authenticate")
      .map(([name, operation]) => ({ name, ...operation, ...this.#request(operation) }));
  }

  #request(operation) {
    const channel = this.resolve(operation.messages[0]);
    const { payload } = this.resolve(channel);
    return { fields: Object.entries(payload.properties).filter(([name]) => !HIDDEN.has(name)), needed: payload.required };
  }

  /** What a reference is to; anything else is itself. */
  resolve(value) {
    if (!value?.$ref) return value;
    return value.$ref.slice(2).split("/").reduce((found, key) => found[key], this.document);
  }

  /** The one kind of a field that a form can ask for: the first that is not null. */
  kind(schema) {
    const options = (schema.anyOf ?? [schema]).map((option) => this.resolve(option)).filter(({ type }) => type !== "null");
    const choices = options.flatMap((option) => option.enum ?? (option.const === undefined ? [] : [option.const]));
    if (options.some(({ type }) => type === "boolean")) return { type: "choice", choices: [true, false, ...choices] };
    if (choices.length) return { type: "choice", choices };
    return options[0];
  }

  advice(code) {
    return this.document.info["x-close-codes"].find((close) => close.code === code)?.advice;
  }
}

// The form

class Form {
  constructor(api) {
    this.api = api;
    at("action").append(...api.actions.map(({ name }) => element("option", { value: name, textContent: name })));
    at("action").value = "play";
    at("action").addEventListener("change", () => this.show());
    at("fields").addEventListener("input", () => this.#showCurl());
    this.show();
  }

  get action() {
    return this.api.actions.find(({ name }) => name === at("action").value);
  }

  show() {
    const { action } = this;
    const scope = action["x-scope"] ? `scope ${action["x-scope"]}` : "no scope";
    const change = action["x-change-scope"] ? `, for changes ${action["x-change-scope"]}` : "";
    at("about").textContent = `${action.summary} (${scope}${change})`;
    const own = action.fields.filter(([name]) => !TARGET.has(name));
    const target = action.fields.filter(([name]) => TARGET.has(name));
    const made = (fields) => fields.map(([name, schema]) => this.#field(name, schema));
    at("fields").replaceChildren(...made(own));
    if (target.length) {
      const summary = element("summary", { textContent: "Another guild than the one you are in voice in" });
      at("fields").append(element("details", {}, summary, ...made(target)));
    }
    this.#showCurl();
  }

  #field(name, schema) {
    const kind = this.api.kind(schema);
    const input = this.#input(name, kind);
    input.name = name;
    input.required = this.action.needed.includes(name);
    const label = element("label", {}, input.required ? `${name} (needed)` : name, input);
    if (schema.description) label.append(element("small", { textContent: schema.description.replaceAll("`", "") }));
    return label;
  }

  #input(name, kind) {
    if (kind.type === "choice") {
      const choices = kind.choices.map((value) => element("option", { value: JSON.stringify(value), textContent: value }));
      return element("select", {}, element("option", { value: "", textContent: "" }), ...choices);
    }
    if (kind.type === "object") return element("textarea", { rows: 2, placeholder: "{…}" });
    if (kind.type === "array") return element("input", { placeholder: "one, two" });
    if (kind.type === "number" || kind.type === "integer") {
      const bounds = { min: kind.minimum ?? "", max: kind.maximum ?? "", step: kind.type === "integer" ? 1 : "any" };
      return element("input", { type: "number", ...bounds });
    }
    const input = element("input", { spellcheck: false, autocomplete: "off" });
    if (["filename", "entrance", "exit"].includes(name)) input.setAttribute("list", "sounds");
    return input;
  }

  /** The fields that were filled in. */
  values() {
    const filled = [...at("fields").querySelectorAll("[name]")].filter((input) => input.value.trim() !== "");
    return Object.fromEntries(filled.map((input) => [input.name, this.#value(input)]));
  }

  #value(input) {
    const schema = this.action.fields.find(([name]) => name === input.name)[1];
    const { type } = this.api.kind(schema);
    if (type === "array") return input.value.split(",").map((item) => item.trim()).filter(Boolean);
    if (type === "choice" || type === "object" || type === "number" || type === "integer") return parsed(input.value);
    return input.value;
  }

  #showCurl() {
    const { action } = this;
    const body = JSON.stringify(this.values()).replaceAll("'", String.raw`'\''`);
    const webSocketOnly = ["subscribe", "unsubscribe"].includes(action.name);
    at("curl").textContent = webSocketOnly
      ? "This one is for the WebSocket alone."
      : `curl -X POST -H "Authorization: Bearer $TOKEN" -d '${body}' ${location.origin}/api/${action.name}`;
  }
}

/** JSON, or the text as it is: the server says best what is wrong with it. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

// What is said and heard

function note(title, message, { isBad = false } = {}) {
  at("nothing").hidden = true;
  const head = element("h4", { className: isBad ? "bad" : "" }, `${title} `, element("time", {}, new Date().toLocaleTimeString()));
  const said = message === undefined ? [] : [element("pre", { tabIndex: 0, textContent: JSON.stringify(message, null, 1) })];
  at("log").prepend(element("li", {}, head, ...said));
  while (at("log").children.length > MOST_SHOWN) at("log").lastChild.remove();
}

function tell(state) {
  at("state").textContent = state;
}

// The connection

class Connection {
  #socket;
  #number = 0;
  #isLeft = false;

  constructor(api, token) {
    this.api = api;
    const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/`;
    this.#socket = new WebSocket(url);
    this.#socket.addEventListener("open", () => this.#say({ action: "authenticate", token, id: OWN.signIn }));
    this.#socket.addEventListener("message", ({ data }) => this.#hear(JSON.parse(data)));
    this.#socket.addEventListener("close", (event) => this.#end(event));
    tell("connecting …");
  }

  leave() {
    this.#isLeft = true;
    this.#socket.close();
  }

  ask(action, fields) {
    this.#number += 1;
    const request = { action, ...fields, id: this.#number };
    note(`→ ${action}`, request);
    this.#say(request);
  }

  hearEvents(wanted) {
    this.#say({ action: wanted ? "subscribe" : "unsubscribe", topics: ["*"], id: OWN.events });
  }

  #say(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #hear(message) {
    if (message.id === OWN.signIn) this.#signedIn(message);
    else if (message.id === OWN.names) showNames(message.sounds ?? []);
    else if (message.action === "event") note(`● ${message.event}`, message);
    else if (message.id !== OWN.events) note(`← ${message.action}`, message, { isBad: message.action === "error" });
  }

  #signedIn(message) {
    if (message.action === "error") {
      note("← error", message, { isBad: true });
      tell(message.error_message);
      return;
    }
    tell(`signed in as ${message.user_id}: ${message.scopes.join(", ")}`);
    note("← auth_success", message);
    at("send").disabled = false;
    this.#say({ action: "list", limit: 1000, id: OWN.names });
    if (at("events").checked) this.hearEvents(true);
  }

  #end({ code, reason }) {
    if (this.#isLeft) return;
    const advice = this.api.advice(code);
    tell(`closed (${code}${reason ? `, ${reason}` : ""})${advice ? `: ${advice}` : ""}`);
    at("send").disabled = true;
  }
}

function showNames(sounds) {
  at("sounds").replaceChildren(...sounds.map(({ name, title }) => element("option", { value: name, label: title ?? name })));
}

// All of it

const response = await fetch("/asyncapi.json");
const api = new Api(await response.json());
const form = new Form(api);
let connection = null;

at("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  connection?.leave();
  connection = new Connection(api, at("token").value.trim());
  at("token").value = "";
});
at("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  connection?.ask(form.action.name, form.values());
});
at("events").addEventListener("change", () => connection?.hearEvents(at("events").checked));
at("clear").addEventListener("click", () => {
  at("log").replaceChildren();
  at("nothing").hidden = false;
});
