// `fetch` and its kin. The request goes to the host, which sends it where that was granted: there is no other way out.
(function ({ ask, fromBase64 }) {
  const { btoa } = globalThis;
  // Three bytes are four characters, so that pieces of a multiple of three can be joined.
  const PIECE = 8190;
  const toBase64 = (bytes) => {
    let text = "";
    for (let at = 0; at < bytes.length; at += PIECE) text += btoa(String.fromCharCode(...bytes.subarray(at, at + PIECE)));
    return text;
  };
  const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/;
  const nameOf = (name) => {
    const text = String(name).toLowerCase();
    if (!TOKEN.test(text)) throw new TypeError(`${JSON.stringify(String(name))} is not the name of a header`);
    return text;
  };
  class Headers {
    #pairs = [];
    constructor(init = []) {
      const pairs = init instanceof Headers ? [...init] : typeof init?.[Symbol.iterator] === "function" ? init : Object.entries(init ?? {});
      for (const [name, value] of pairs) this.append(name, value);
    }
    append(name, value) {
      this.#pairs.push([nameOf(name), String(value).trim()]);
    }
    set(name, value) {
      this.delete(name);
      this.append(name, value);
    }
    get(name) {
      const found = this.#pairs.filter(([other]) => other === nameOf(name));
      return found.length === 0 ? null : found.map(([, value]) => value).join(", ");
    }
    getSetCookie() {
      return this.#pairs.filter(([name]) => name === "set-cookie").map(([, value]) => value);
    }
    has(name) {
      return this.get(name) !== null;
    }
    delete(name) {
      this.#pairs = this.#pairs.filter(([other]) => other !== nameOf(name));
    }
    forEach(callback, self) {
      for (const [name, value] of this) callback.call(self, value, name, this);
    }
    *entries() {
      const names = [...new Set(this.#pairs.map(([name]) => name))].sort();
      for (const name of names) yield [name, this.get(name)];
    }
    *keys() {
      for (const [name] of this.entries()) yield name;
    }
    *values() {
      for (const [, value] of this.entries()) yield value;
    }
    [Symbol.iterator]() {
      return this.entries();
    }
  }

  class AbortSignal {
    aborted = false;
    reason = undefined;
    onabort = null;
    #listeners = new Set();
    addEventListener(type, listener) {
      if (type === "abort") this.#listeners.add(listener);
    }
    removeEventListener(_, listener) {
      this.#listeners.delete(listener);
    }
    throwIfAborted() {
      if (this.aborted) throw this.reason;
    }
    static #abort(signal, reason) {
      if (signal.aborted) return;
      signal.aborted = true;
      signal.reason = reason;
      const event = { type: "abort", target: signal };
      signal.onabort?.(event);
      for (const listener of signal.#listeners) typeof listener === "function" ? listener.call(signal, event) : listener.handleEvent(event);
    }
    static abort(reason = abortion()) {
      const signal = new AbortSignal();
      AbortSignal.#abort(signal, reason);
      return signal;
    }
    static timeout(milliseconds) {
      const signal = new AbortSignal();
      const over = Object.assign(new Error("the time is over"), { name: "TimeoutError", kind: "timeout" });
      setTimeout(() => AbortSignal.#abort(signal, over), milliseconds);
      return signal;
    }
    static any(signals) {
      const signal = new AbortSignal();
      for (const one of signals) {
        if (one.aborted) AbortSignal.#abort(signal, one.reason);
        else one.addEventListener("abort", () => AbortSignal.#abort(signal, one.reason));
      }
      return signal;
    }
    static of = (signal, reason) => AbortSignal.#abort(signal, reason);
  }
  const { of: abort } = AbortSignal;
  delete AbortSignal.of;
  const abortion = () => Object.assign(new Error("the operation was aborted"), { name: "AbortError" });
  class AbortController {
    signal = new AbortSignal();
    abort(reason = abortion()) {
      abort(this.signal, reason);
    }
  }

  // A body as bytes, and the type that it is sent as where none is said.
  const bytesOf = (body) => {
    if (body === null || body === undefined) return [null];
    if (typeof body === "string") return [new TextEncoder().encode(body), "text/plain;charset=UTF-8"];
    if (body instanceof URLSearchParams) return [new TextEncoder().encode(String(body)), "application/x-www-form-urlencoded;charset=UTF-8"];
    if (body instanceof ArrayBuffer) return [new Uint8Array(body.slice(0))];
    if (ArrayBuffer.isView(body)) return [new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice()];
    throw new TypeError("a body is text, URLSearchParams or bytes");
  };

  class Body {
    #bytes;
    bodyUsed = false;
    constructor(bytes) {
      this.#bytes = bytes;
    }
    #take() {
      if (this.bodyUsed) throw new TypeError("the body was read already");
      this.bodyUsed = this.#bytes !== null;
      return this.#bytes ?? new Uint8Array();
    }
    static peek = (body) => {
      if (body.bodyUsed) throw new TypeError("the body was read already");
      return body.#bytes;
    };
    async bytes() {
      return this.#take();
    }
    async arrayBuffer() {
      const bytes = this.#take();
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    }
    async text() {
      return new TextDecoder().decode(this.#take());
    }
    // Nothing is waited for, so that what is no JSON has the line of whoever asked.
    async json() {
      return JSON.parse(new TextDecoder().decode(this.#take()));
    }
  }
  const { peek } = Body;
  delete Body.peek;

  const withType = (headers, type) => {
    if (type !== undefined && !headers.has("content-type")) headers.set("content-type", type);
    return headers;
  };

  class Request extends Body {
    constructor(input, init = {}) {
      const from = input instanceof Request ? input : undefined;
      const [bytes, type] = init.body === undefined && from ? [peek(from)] : bytesOf(init.body);
      super(bytes);
      this.url = from ? from.url : new URL(String(input)).href;
      this.method = String(init.method ?? from?.method ?? "GET").toUpperCase();
      this.headers = withType(new Headers(init.headers ?? from?.headers), type);
      this.redirect = init.redirect ?? from?.redirect ?? "follow";
      this.signal = init.signal ?? from?.signal ?? null;
      if (bytes !== null && (this.method === "GET" || this.method === "HEAD")) throw new TypeError(`${this.method} has no body`);
    }
    clone() {
      return new Request(this);
    }
  }

  class Response extends Body {
    constructor(body = null, init = {}) {
      const [bytes, type] = bytesOf(body);
      super(bytes);
      this.status = init.status ?? 200;
      this.statusText = init.statusText ?? "";
      this.headers = withType(new Headers(init.headers), type);
      this.ok = this.status >= 200 && this.status <= 299;
      this.url = init.url ?? "";
      this.redirected = init.redirected ?? false;
      this.type = "basic";
    }
    clone() {
      const { status, statusText, headers, url, redirected } = this;
      return new Response(peek(this), { status, statusText, headers, url, redirected });
    }
    static json(value, init = {}) {
      const headers = new Headers(init.headers);
      if (!headers.has("content-type")) headers.set("content-type", "application/json");
      return new Response(JSON.stringify(value), { ...init, headers });
    }
    static error() {
      return Object.assign(new Response(null, { status: 200 }), { status: 0, ok: false, type: "error" });
    }
  }

  const refusal = ({ message, kind, retryable, detail, stack }) =>
    Object.assign(new TypeError(`fetch failed: ${message}`), { kind, retryable, detail, stack });

  const fetch = async (input, init = {}) => {
    const request = new Request(input, init);
    const { signal } = request;
    signal?.throwIfAborted();
    const bytes = peek(request);
    const asked = ask("host.fetch", {
      url: request.url,
      method: request.method,
      headers: [...request.headers],
      ...(bytes === null ? {} : { base64: toBase64(bytes) }),
      redirect: request.redirect,
    });
    const aborted = new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
    let answer;
    try {
      answer = await Promise.race([asked.catch((error) => { throw refusal(error); }), ...(signal ? [aborted] : [])]);
    } finally {
      aborted.catch(() => {});
      asked.catch(() => {});
    }
    const body = answer.text !== undefined ? answer.text : fromBase64(answer.base64 ?? "");
    const headers = new Headers(answer.headers);
    const response = new Response(answer.text === "" || answer.base64 === "" ? null : body, { status: answer.status, headers, url: answer.url, redirected: answer.url !== request.url });
    // What the other side does not say, is not said.
    if (!headers.has("content-type")) response.headers.delete("content-type");
    return response;
  };
  return { fetch, Headers, Request, Response, AbortController, AbortSignal };
})
