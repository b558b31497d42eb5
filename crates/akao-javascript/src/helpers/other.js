// `crypto`, as far as scripts use it.
(function ({ randomBytes }) {
  const crypto = {
    getRandomValues(target) {
      if (!ArrayBuffer.isView(target) || target instanceof DataView || target instanceof Float32Array || target instanceof Float64Array) {
        throw new TypeError("getRandomValues takes a typed array of integers");
      }
      if (target.byteLength > 65536) throw new RangeError("getRandomValues fills at most 65536 bytes");
      new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(randomBytes(target.byteLength));
      return target;
    },
    randomUUID() {
      const bytes = randomBytes(16);
      bytes[6] = (bytes[6] & 0x0f) | 0x40;
      bytes[8] = (bytes[8] & 0x3f) | 0x80;
      const text = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
      return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-");
    },
  };
  return { crypto };
})
