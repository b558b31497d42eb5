// `TextEncoder` and `TextDecoder`, for UTF-8.
(function () {
  const PIECE = 8192;
  const REPLACEMENT = 0xfffd;

  class TextEncoder {
    get encoding() {
      return "utf-8";
    }
    encode(text = "") {
      text = String(text).toWellFormed();
      // No unit of UTF-16 takes more than three bytes.
      const bytes = new Uint8Array(text.length * 3);
      return bytes.slice(0, this.encodeInto(text, bytes).written);
    }
    encodeInto(text, target) {
      text = String(text).toWellFormed();
      let written = 0;
      let read = 0;
      for (const character of text) {
        const code = character.codePointAt(0);
        const size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        if (written + size > target.length) break;
        if (size === 1) {
          target[written] = code;
        } else {
          target[written] = [0, 0, 0xc0, 0xe0, 0xf0][size] | (code >> (6 * (size - 1)));
          for (let index = 1; index < size; index++) {
            target[written + index] = 0x80 | ((code >> (6 * (size - 1 - index))) & 0x3f);
          }
        }
        written += size;
        read += character.length;
      }
      return { read, written };
    }
  }

  const bytesOf = (data) => {
    if (data === undefined) return new Uint8Array(0);
    if (data instanceof ArrayBuffer) return new Uint8Array(data);
    if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    throw new TypeError("decode takes an ArrayBuffer or a view of one");
  };

  // What the first byte of a sequence says: how many follow, and between which the next one lies.
  const leadOf = (byte) => {
    if (byte >= 0xc2 && byte <= 0xdf) return [1, 0x80, 0xbf];
    if (byte >= 0xe0 && byte <= 0xef) return [2, byte === 0xe0 ? 0xa0 : 0x80, byte === 0xed ? 0x9f : 0xbf];
    if (byte >= 0xf0 && byte <= 0xf4) return [3, byte === 0xf0 ? 0x90 : 0x80, byte === 0xf4 ? 0x8f : 0xbf];
    return null;
  };

  class TextDecoder {
    #fatal;
    #keepsMark;
    #rest = [];
    #begun = false;
    constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
      if (!["utf-8", "utf8", "unicode-1-1-utf-8"].includes(String(label).trim().toLowerCase())) {
        throw new RangeError(`TextDecoder knows utf-8 alone, not ${String(label)}`);
      }
      this.#fatal = Boolean(fatal);
      this.#keepsMark = Boolean(ignoreBOM);
    }
    get encoding() {
      return "utf-8";
    }
    get fatal() {
      return this.#fatal;
    }
    get ignoreBOM() {
      return this.#keepsMark;
    }
    decode(data, { stream = false } = {}) {
      const given = bytesOf(data);
      const bytes = this.#rest.length > 0 ? Uint8Array.from([...this.#rest, ...given]) : given;
      this.#rest = [];
      const pieces = [];
      let codes = [];
      const put = (code) => {
        codes.push(code);
        if (codes.length >= PIECE) {
          pieces.push(String.fromCodePoint(...codes));
          codes = [];
        }
      };
      const wrong = () => {
        if (this.#fatal) throw new TypeError("the bytes are not UTF-8");
        put(REPLACEMENT);
      };
      let at = 0;
      while (at < bytes.length) {
        const first = bytes[at];
        if (first < 0x80) {
          put(first);
          at += 1;
          continue;
        }
        const lead = leadOf(first);
        if (lead === null) {
          wrong();
          at += 1;
          continue;
        }
        let [follow, low, high] = lead;
        let code = first & (0x3f >> follow);
        let next = at + 1;
        while (follow > 0 && next < bytes.length && bytes[next] >= low && bytes[next] <= high) {
          code = (code << 6) | (bytes[next] & 0x3f);
          [low, high] = [0x80, 0xbf];
          next += 1;
          follow -= 1;
        }
        if (follow === 0) {
          put(code);
        } else if (next === bytes.length && stream) {
          this.#rest = Array.from(bytes.subarray(at));
          at = next;
          break;
        } else {
          wrong();
        }
        at = next;
      }
      pieces.push(String.fromCodePoint(...codes));
      let text = pieces.join("");
      if (!this.#begun && !this.#keepsMark && text.startsWith("\ufeff")) text = text.slice(1);
      this.#begun = stream && (this.#begun || bytes.length > this.#rest.length);
      return text;
    }
  }
  return { TextEncoder, TextDecoder };
})
