// `URL` and `URLSearchParams`, after the URL Standard. Two things are left out: host names beyond ASCII, which have to be
// written as punycode, and the drive letters of file URLs.
(function () {
  const PORTS = { __proto__: null, "http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21", "file": "" };
  const isSpecial = (url) => url.scheme in PORTS;
  const slashed = (url, text) => (isSpecial(url) ? text.replaceAll("\\", "/") : text);

  // Which characters each part of a URL cannot hold as they are, beside controls and what is not ASCII.
  const FRAGMENT = ' "<>`';
  const QUERY = ' "#<>';
  const PATH = `${QUERY}?^\`{}`;
  const USER = `${PATH}/:;=@[\\]|`;
  const encode = (text, set) => {
    let encoded = "";
    for (const character of text) {
      const code = character.codePointAt(0);
      if (code > 0x7e) encoded += code === 0x7f ? "%7F" : encodeURIComponent(character);
      else if (code < 0x20 || set.includes(character)) encoded += `%${code.toString(16).toUpperCase().padStart(2, "0")}`;
      else encoded += character;
    }
    return encoded;
  };
  const decode = (text) => {
    const bytes = [];
    const units = new TextEncoder().encode(text);
    for (let at = 0; at < units.length; at++) {
      const pair = units[at] === 0x25 ? String.fromCharCode(units[at + 1] ?? 0, units[at + 2] ?? 0) : "";
      if (/^[\da-f]{2}$/i.test(pair)) {
        bytes.push(parseInt(pair, 16));
        at += 2;
      } else {
        bytes.push(units[at]);
      }
    }
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  };
  const cut = (text, at) => {
    const index = text.indexOf(at);
    return index < 0 ? [text, null] : [text.slice(0, index), text.slice(index + 1)];
  };
  const fail = (why) => {
    throw new TypeError(`Invalid URL: ${why}`);
  };

  const numberOf = (part) => {
    if (part === "") return NaN;
    if (/^0x[\da-f]*$/i.test(part)) return part.length === 2 ? 0 : parseInt(part, 16);
    if (/^0[0-7]*$/.test(part)) return parseInt(part, 8);
    return /^(0|[1-9]\d*)$/.test(part) ? Number(part) : NaN;
  };
  const endsInNumber = (host) => {
    const parts = host.split(".");
    if (parts.at(-1) === "" && parts.length > 1) parts.pop();
    return /^(\d+|0x[\da-f]*)$/i.test(parts.at(-1));
  };
  const addressV4 = (host) => {
    const parts = host.split(".");
    if (parts.at(-1) === "" && parts.length > 1) parts.pop();
    const numbers = parts.map(numberOf);
    const last = numbers.pop();
    const fits = numbers.every((number) => number <= 255) && last < 256 ** (4 - numbers.length);
    if (parts.length > 4 || !fits) fail(`${host} is no IPv4 address`);
    const whole = numbers.reduce((sum, number, index) => sum + number * 256 ** (3 - index), last);
    return [24, 16, 8, 0].map((shift) => Math.floor(whole / 2 ** shift) % 256).join(".");
  };
  const addressV6 = (text) => {
    const wrong = () => fail(`[${text}] is no IPv6 address`);
    let address = text;
    const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
    if (dotted !== null) {
      const bytes = dotted.slice(2).map((part) => (/^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255 ? Number(part) : wrong()));
      address = `${dotted[1]}${(bytes[0] * 256 + bytes[1]).toString(16)}:${(bytes[2] * 256 + bytes[3]).toString(16)}`;
    }
    const halves = address.split("::");
    if (halves.length > 2) wrong();
    const [head, tail] = halves.map((half) => (half === "" ? [] : half.split(":")));
    if ([...head, ...(tail ?? [])].some((part) => !/^[\da-f]{1,4}$/i.test(part))) wrong();
    const missing = 8 - head.length - (tail?.length ?? 0);
    if (tail === undefined ? missing !== 0 : missing < 1) wrong();
    const pieces = [...head, ...Array(tail === undefined ? 0 : missing).fill("0"), ...(tail ?? [])].map((part) => parseInt(part, 16));
    return `[${compressed(pieces)}]`;
  };
  // The longest run of zeroes, if longer than one, is written as two colons.
  const compressed = (pieces) => {
    let best = { at: -1, length: 1 };
    for (let at = 0; at < 8; at++) {
      let length = 0;
      while (pieces[at + length] === 0) length++;
      if (length > best.length) best = { at, length };
    }
    const hex = (some) => some.map((piece) => piece.toString(16)).join(":");
    return best.at < 0 ? hex(pieces) : `${hex(pieces.slice(0, best.at))}::${hex(pieces.slice(best.at + best.length))}`;
  };
  const hostOf = (text, special) => {
    if (text.startsWith("[")) return text.endsWith("]") ? addressV6(text.slice(1, -1)) : fail("a bracket is not closed");
    if (!special) {
      return /[\0\t\n\r #/:<>?@[\\\]^|]/.test(text) ? fail(`${text} is no host`) : encode(text, "");
    }
    const host = decode(text).toLowerCase();
    if (host === "") fail("the host is missing");
    if (/[^\0-\x7f]/.test(host)) fail("host names beyond ASCII have to be written as punycode (xn--)");
    if (/[\0-\x20#%/:<>?@[\\\]^|\x7f]/.test(host)) fail(`${text} is no host`);
    return endsInNumber(host) ? addressV4(host) : host;
  };
  const portOf = (text, scheme) => {
    if (!/^\d*$/.test(text) || Number(text) > 65535) fail(`${text} is no port`);
    const port = text === "" ? "" : String(Number(text));
    return port === PORTS[scheme] ? "" : port;
  };

  const readHost = (url, text) => {
    const port = /:([^:\]]*)$/.exec(text);
    const name = port === null ? text : text.slice(0, port.index);
    if (name === "" && (isSpecial(url) || port !== null)) fail("the host is missing");
    url.host = name === "" ? "" : hostOf(name, isSpecial(url));
    if (port !== null) url.port = portOf(port[1], url.scheme);
  };
  const readAuthority = (url, text) => {
    const at = text.lastIndexOf("@");
    if (at >= 0) {
      const [user, password] = cut(text.slice(0, at), ":");
      url.username = encode(user, USER);
      url.password = encode(password ?? "", USER);
      if (text.length === at + 1) fail("the host is missing");
    }
    readHost(url, text.slice(at + 1));
  };
  const readPath = (url, text, before = []) => {
    const path = [...before];
    const parts = text.split("/");
    parts.forEach((part, index) => {
      const plain = part.replace(/%2e/gi, ".");
      const isLast = index === parts.length - 1;
      if (plain === "..") path.pop();
      if (plain !== "." && plain !== "..") path.push(encode(part, PATH));
      else if (isLast) path.push("");
    });
    url.path = path;
  };
  // What follows two slashes: an authority, then a path.
  const readNet = (url, text) => {
    const end = text.indexOf("/");
    const [authority, path] = end < 0 ? [text, ""] : [text.slice(0, end), text.slice(end + 1)];
    if (url.scheme !== "file") readAuthority(url, authority);
    else if (authority !== "") url.host = hostOf(authority, true).replace(/^localhost$/, "");
    url.host ??= "";
    if (end >= 0 || isSpecial(url)) readPath(url, path);
  };
  // Of a special URL any number of slashes stands before the host, of another one two.
  const withoutSlashes = (url, text) => text.replace(isSpecial(url) && url.scheme !== "file" ? /^\/*/ : /^\/\//, "");
  const readRelative = (url, base, text, hasQuery) => {
    if (text.startsWith("//")) return readNet(url, withoutSlashes(url, text));
    Object.assign(url, { username: base.username, password: base.password, host: base.host, port: base.port });
    if (text.startsWith("/")) return readPath(url, text.slice(1));
    if (text !== "") return readPath(url, text, base.path.slice(0, -1));
    url.path = [...base.path];
    if (!hasQuery) url.query = base.query;
  };
  const read = (given, base) => {
    const input = String(given).toWellFormed().replace(/^[\0-\x20]+|[\0-\x20]+$/g, "").replace(/[\t\n\r]/g, "");
    const [before, fragment] = cut(input, "#");
    const [body, query] = cut(before, "?");
    const scheme = /^([a-z][a-z\d+.-]*):/i.exec(body)?.[1].toLowerCase();
    const url = { scheme: scheme ?? base?.scheme, username: "", password: "", host: null, port: "", path: [], query: null, fragment: null };
    if (url.scheme === undefined) fail(`${input} is relative, and no base is given`);
    const special = isSpecial(url);
    const rest = slashed(url, scheme === undefined ? body : body.slice(scheme.length + 1));
    if (query !== null) url.query = encode(query, special ? `${QUERY}'` : QUERY);
    if (fragment !== null) url.fragment = encode(fragment, FRAGMENT);
    const isOpaque = typeof base?.path === "string";
    if (scheme === undefined && isOpaque) {
      if (body !== "" || query !== null || fragment === null) fail(`${input} is relative to a URL without a path`);
      return { ...base, fragment: url.fragment };
    }
    if (scheme === undefined || (special && base?.scheme === scheme && !/^\/\//.test(rest))) {
      readRelative(url, base, rest, query !== null);
    } else if (scheme === "file") {
      url.host = "";
      rest.startsWith("//") ? readNet(url, withoutSlashes(url, rest)) : readPath(url, rest.replace(/^\//, ""));
    } else if (special || rest.startsWith("//")) {
      readNet(url, withoutSlashes(url, rest));
    } else if (rest.startsWith("/")) {
      readPath(url, rest.slice(1));
    } else {
      url.path = encode(rest, "");
    }
    return url;
  };

  const pathOf = ({ path }) => (typeof path === "string" ? path : path.map((part) => `/${part}`).join(""));
  const write = (url) => {
    const user = url.username || url.password ? `${url.username}${url.password && `:${url.password}`}@` : "";
    // Without a host, a path that begins with two slashes would read as one.
    const net = url.host !== null ? `//${user}${url.host}${url.port && `:${url.port}`}` : typeof url.path !== "string" && url.path.length > 1 && url.path[0] === "" ? "/." : "";
    return `${url.scheme}:${net}${pathOf(url)}${url.query === null ? "" : `?${url.query}`}${url.fragment === null ? "" : `#${url.fragment}`}`;
  };

  const formEncode = (text) =>
    encode(text.toWellFormed(), " \"#<>?^`{}/:;=@[\\]|!$%&'()+,~").replace(/%20/g, "+");
  const formDecode = (text) => decode(text.replace(/\+/g, " "));

  class URLSearchParams {
    #pairs = [];
    #changed = () => {};
    constructor(init = "") {
      if (typeof init === "object" && init !== null) {
        const pairs = typeof init[Symbol.iterator] === "function" ? init : Object.entries(init);
        for (const pair of pairs) {
          const [name, value, ...rest] = pair;
          if (value === undefined || rest.length > 0) throw new TypeError("URLSearchParams takes pairs of a name and a value");
          this.#pairs.push([String(name).toWellFormed(), String(value).toWellFormed()]);
        }
      } else {
        this.#read(String(init).toWellFormed().replace(/^\?/, ""));
      }
    }
    #read(text) {
      const parts = text.split("&").filter((part) => part !== "");
      this.#pairs = parts.map((part) => cut(part, "=").map((side) => formDecode(side ?? "")));
    }
    // The pairs of a URL's query, which follow it and which it follows.
    static of(text, changed) {
      const params = new URLSearchParams(text);
      params.#changed = changed;
      return params;
    }
    static follow(params, text) {
      params.#read(text);
    }
    get size() {
      return this.#pairs.length;
    }
    append(name, value) {
      this.#pairs.push([String(name).toWellFormed(), String(value).toWellFormed()]);
      this.#changed();
    }
    delete(name, value) {
      this.#pairs = this.#pairs.filter((pair) => pair[0] !== String(name) || (value !== undefined && pair[1] !== String(value)));
      this.#changed();
    }
    get(name) {
      return this.#pairs.find((pair) => pair[0] === String(name))?.[1] ?? null;
    }
    getAll(name) {
      return this.#pairs.filter((pair) => pair[0] === String(name)).map((pair) => pair[1]);
    }
    has(name, value) {
      return this.#pairs.some((pair) => pair[0] === String(name) && (value === undefined || pair[1] === String(value)));
    }
    set(name, value) {
      const index = this.#pairs.findIndex((pair) => pair[0] === String(name));
      if (index < 0) return this.append(name, value);
      this.#pairs = this.#pairs.filter((pair, other) => other <= index || pair[0] !== String(name));
      this.#pairs[index][1] = String(value).toWellFormed();
      this.#changed();
    }
    sort() {
      this.#pairs.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));
      this.#changed();
    }
    forEach(callback, self) {
      for (const [name, value] of this.#pairs) callback.call(self, value, name, this);
    }
    *entries() {
      for (const [name, value] of this.#pairs) yield [name, value];
    }
    *keys() {
      for (const [name] of this.#pairs) yield name;
    }
    *values() {
      for (const [, value] of this.#pairs) yield value;
    }
    [Symbol.iterator]() {
      return this.entries();
    }
    toString() {
      return this.#pairs.map((pair) => pair.map(formEncode).join("=")).join("&");
    }
  }
  const { of: paramsOf, follow } = URLSearchParams;
  delete URLSearchParams.of;
  delete URLSearchParams.follow;

  class URL {
    #url;
    #params;
    constructor(input, base) {
      this.#set(read(input, base === undefined ? undefined : read(base)));
    }
    #set(url) {
      this.#url = url;
      if (this.#params === undefined) {
        this.#params = paramsOf(url.query ?? "", () => {
          const text = this.#params.toString();
          this.#url.query = text === "" ? null : text;
        });
      } else {
        follow(this.#params, url.query ?? "");
      }
    }
    // Assignments that do not fit change nothing, as elsewhere.
    #try(change) {
      const url = { ...this.#url };
      try {
        change(url);
      } catch {
        return;
      }
      this.#set(url);
    }
    #tryHost(change) {
      if (this.#url.host !== null && this.#url.scheme !== "file") this.#try(change);
    }
    static canParse(input, base) {
      return URL.parse(input, base) !== null;
    }
    static parse(input, base) {
      try {
        return new URL(input, base);
      } catch {
        return null;
      }
    }
    get href() { return write(this.#url); }
    set href(value) { this.#set(read(value)); }
    get origin() {
      const { scheme } = this.#url;
      return scheme in PORTS && scheme !== "file" ? `${scheme}://${this.host}` : "null";
    }
    get protocol() { return `${this.#url.scheme}:`; }
    set protocol(value) {
      this.#try((url) => {
        const scheme = /^([a-z][a-z\d+.-]*)(:|$)/i.exec(String(value))?.[1].toLowerCase();
        if (scheme === undefined || scheme in PORTS !== isSpecial(url) || scheme === "file" || url.scheme === "file") return;
        url.scheme = scheme;
        url.port = portOf(url.port, scheme);
      });
    }
    get username() { return this.#url.username; }
    set username(value) { this.#tryHost((url) => { url.username = encode(String(value), USER); }); }
    get password() { return this.#url.password; }
    set password(value) { this.#tryHost((url) => { url.password = encode(String(value), USER); }); }
    get host() { return `${this.#url.host ?? ""}${this.#url.port && `:${this.#url.port}`}`; }
    set host(value) { this.#tryHost((url) => readHost(url, cut(String(value), "/")[0])); }
    get hostname() { return this.#url.host ?? ""; }
    set hostname(value) { this.#tryHost((url) => { url.host = hostOf(cut(String(value), "/")[0], isSpecial(url)); }); }
    get port() { return this.#url.port; }
    set port(value) { this.#tryHost((url) => { url.port = portOf(String(value), url.scheme); }); }
    get pathname() { return pathOf(this.#url); }
    set pathname(value) {
      if (typeof this.#url.path === "string") return;
      this.#try((url) => readPath(url, slashed(url, String(value)).replace(/^\//, "")));
    }
    get search() { return this.#url.query ? `?${this.#url.query}` : ""; }
    set search(value) {
      const text = String(value).replace(/^\?/, "");
      this.#try((url) => { url.query = text === "" ? null : encode(text, isSpecial(url) ? `${QUERY}'` : QUERY); });
    }
    get searchParams() { return this.#params; }
    get hash() { return this.#url.fragment ? `#${this.#url.fragment}` : ""; }
    set hash(value) {
      const text = String(value).replace(/^#/, "");
      this.#try((url) => { url.fragment = text === "" ? null : encode(text, FRAGMENT); });
    }
    toString() { return this.href; }
    toJSON() { return this.href; }
  }
  return { URL, URLSearchParams };
})
