/** The server's own checks of workflows, compiled to WebAssembly, away from the page's thread. */
import moduleUrl from "../generated/akao_web.wasm?url";

interface Exports {
  memory: WebAssembly.Memory;
  akao_room(length: number): number;
  akao_done(place: number, length: number): void;
  akao_ask(place: number, length: number): bigint;
}

async function load(): Promise<Exports> {
  const { instance } = await WebAssembly.instantiateStreaming(fetch(moduleUrl));
  return instance.exports as unknown as Exports;
}

let loading = load();
/** What a fresh instance must be told, after one that broke. */
let catalogue: unknown;

function ask(exports: Exports, question: unknown): unknown {
  const bytes = new TextEncoder().encode(JSON.stringify(question));
  const place = exports.akao_room(bytes.length);
  new Uint8Array(exports.memory.buffer, place, bytes.length).set(bytes);
  const answer = BigInt.asUintN(64, exports.akao_ask(place, bytes.length));
  const [at, length] = [Number(answer >> 32n), Number(answer & 0xffff_ffffn)];
  const text = new TextDecoder().decode(new Uint8Array(exports.memory.buffer, at, length));
  exports.akao_done(at, length);
  return JSON.parse(text);
}

addEventListener("message", async (event: MessageEvent<{ id: number; question: { ask: string } }>) => {
  const { id, question } = event.data;
  try {
    if (question.ask === "catalogue") catalogue = question;
    postMessage({ id, answer: ask(await loading, question) });
  } catch (error) {
    // The next question gets an instance that is whole.
    loading = load().then((fresh) => {
      if (catalogue) ask(fresh, catalogue);
      return fresh;
    });
    loading.catch(() => {});
    postMessage({ id, answer: { error: String(error) } });
  }
});
