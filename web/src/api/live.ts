/**
 * Hears of changes of lists over one connection, so that they need not be asked for again and again. What it tells is that
 * something changed; the lists themselves are read as always. Without it everything works, a little later.
 */

/** The lists that the server tells of. */
export type List = "executions" | "tasks" | "queue";

/** Whether an answer shows something of a list: the list itself, or one task of it, which somebody else may have answered. */
export function isOf(list: List, [kind, filter]: readonly unknown[]): boolean {
  return (kind === list && !isPast(filter)) || (list === "tasks" && kind === "task");
}

/** Whether a filter asks for what is over: nothing comes to it any more. */
function isPast(filter: unknown): boolean {
  return typeof filter === "object" && filter !== null && "until" in filter && filter.until !== undefined;
}

export interface ListenOptions {
  lists: readonly List[];
  /** What a session repeats. */
  csrf: () => string | null;
  onChange: (list: List) => void;
  onOpen: (open: boolean) => void;
  /** Waits between attempts, in milliseconds; the last one goes on. */
  pauses?: readonly number[];
  connect?: () => WebSocket;
}

/** Without a sign of life for this long a connection counts as lost; the server gives one every ten seconds. */
const SILENCE_MS_MAX = 25_000;

/** After these a list may be another: what changed before the server knew of the subscription is told by nothing else. */
const NEWS: ReadonlySet<unknown> = new Set(["subscribed", "event", "missed"]);

function connect(): WebSocket {
  const url = new URL("/api/v1/live", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  return new WebSocket(url);
}

/** Listens until it is stopped, whatever happens to the connection in between. Gives what stops it. */
export function listen(options: ListenOptions): () => void {
  const pauses = options.pauses ?? [1_000, 2_000, 5_000, 15_000, 60_000];
  let failures = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let end = () => {};
  const begin = () => {
    end = attempt(options, {
      onReady: () => {
        failures = 0;
        options.onOpen(true);
      },
      onEnd: () => {
        options.onOpen(false);
        timer = setTimeout(begin, pauses[Math.min(failures, pauses.length - 1)]);
        failures += 1;
      },
    });
  };
  begin();
  return () => {
    clearTimeout(timer);
    end();
  };
}

/** One connection from its beginning to its end, which is told once. Gives what ends it silently. */
function attempt(options: ListenOptions, { onReady, onEnd }: { onReady: () => void; onEnd: () => void }): () => void {
  const socket = (options.connect ?? connect)();
  let silence: ReturnType<typeof setTimeout> | undefined;
  const leave = () => {
    clearTimeout(silence);
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
  };
  const fail = () => {
    leave();
    onEnd();
  };
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(fail, SILENCE_MS_MAX);
  };
  const say = (what: Record<string, unknown>) => socket.send(JSON.stringify(what));
  heard();
  socket.onopen = () => say({ type: "hello", csrf: options.csrf() });
  socket.onmessage = ({ data }) => {
    heard();
    const told = read(data);
    if (told.type === "ready") {
      for (const list of options.lists) say({ type: "subscribe", id: list, what: list });
      onReady();
    } else if (NEWS.has(told.type)) {
      const list = options.lists.find((one) => one === told.id);
      if (list) options.onChange(list);
    }
  };
  socket.onclose = fail;
  socket.onerror = fail;
  return leave;
}

function read(data: unknown): { type?: unknown; id?: unknown } {
  try {
    return JSON.parse(String(data)) ?? {};
  } catch {
    return {};
  }
}
