/** Server-sent events over `fetch`: a reader of the text, and a stream that is taken up again where it broke off. */

export interface ServerEvent {
  id: string | undefined;
  name: string;
  data: unknown;
}

/** Reads blocks of text as they come; what is not whole yet stays until it is. */
export class EventReader {
  private rest = "";

  read(text: string): ServerEvent[] {
    const blocks = (this.rest + text).split(/\r?\n\r?\n/);
    this.rest = blocks.pop() ?? "";
    return blocks.flatMap((block) => {
      const event = parse(block);
      return event ? [event] : [];
    });
  }
}

function parse(block: string): ServerEvent | undefined {
  let id: string | undefined;
  let name = "message";
  const data: string[] = [];
  for (const line of block.split(/\r?\n/)) {
    const at = line.indexOf(":");
    if (at === 0) continue;
    const field = at < 0 ? line : line.slice(0, at);
    const value = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "");
    if (field === "id") id = value;
    else if (field === "event") name = value;
    else if (field === "data") data.push(value);
  }
  if (data.length === 0) return undefined;
  try {
    return { id, name, data: JSON.parse(data.join("\n")) };
  } catch {
    return undefined;
  }
}

/** `forbidden` and `refused` are ends: nothing is asked again. */
export type Connection = "connecting" | "live" | "lost" | "ended" | "forbidden" | "refused";

export interface FollowOptions {
  onEvents: (events: ServerEvent[]) => void;
  onConnection: (connection: Connection) => void;
  /** Waits between attempts, in milliseconds; the last one goes on. */
  pauses?: readonly number[];
  fetch?: typeof fetch;
}

/** Without a sign of life for this long a connection counts as lost; the server gives one every ten seconds. */
const SILENCE_MS_MAX = 25_000;

/** Follows a stream to its end, whatever happens to the connection in between. Gives what stops it. */
export function follow(url: string, options: FollowOptions): () => void {
  const stop = new AbortController();
  void run(url, options, stop.signal);
  return () => stop.abort();
}

async function run(url: string, options: FollowOptions, stopped: AbortSignal): Promise<void> {
  const pauses = options.pauses ?? [200, 500, 1_000, 2_000, 5_000];
  let last: string | undefined;
  let failures = 0;
  while (!stopped.aborted) {
    options.onConnection(failures === 0 ? "connecting" : "lost");
    const attempt = new AbortController();
    const abort = () => attempt.abort();
    stopped.addEventListener("abort", abort);
    try {
      const headers: Record<string, string> = { accept: "text/event-stream" };
      if (last !== undefined) headers["last-event-id"] = last;
      const response = await (options.fetch ?? fetch)(url, { headers, signal: attempt.signal });
      if (response.status === 204) return options.onConnection("ended");
      if (response.status >= 400 && response.status < 500 && response.status !== 429)
        return options.onConnection(response.status === 403 ? "forbidden" : "refused");
      if (!response.ok || !response.body) throw new Error(`the server answered ${response.status}`);
      options.onConnection("live");
      failures = 0;
      const over = await read(response.body, attempt, (events) => {
        for (const event of events) last = event.id ?? last;
        options.onEvents(events);
      });
      if (over) return options.onConnection("ended");
    } catch {
      if (stopped.aborted) return;
    } finally {
      stopped.removeEventListener("abort", abort);
    }
    failures += 1;
    options.onConnection("lost");
    await pause(pauses[Math.min(failures - 1, pauses.length - 1)] ?? 1_000, stopped);
  }
}

/** Reads to the end of the connection; says whether the stream itself has ended. */
async function read(
  body: ReadableStream<Uint8Array>,
  attempt: AbortController,
  take: (events: ServerEvent[]) => void,
): Promise<boolean> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  const blocks = new EventReader();
  let over = false;
  let silence = setTimeout(() => attempt.abort(), SILENCE_MS_MAX);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return over;
      clearTimeout(silence);
      silence = setTimeout(() => attempt.abort(), SILENCE_MS_MAX);
      const events = blocks.read(value);
      over ||= events.some((event) => event.name === "complete" || event.name === "error");
      if (events.length > 0) take(events);
    }
  } finally {
    clearTimeout(silence);
  }
}

function pause(ms: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      stopped.removeEventListener("abort", done);
      globalThis.removeEventListener?.("online", done);
      resolve();
    }
    stopped.addEventListener("abort", done);
    globalThis.addEventListener?.("online", done);
  });
}
