/** Answers the host over the inherited descriptor, and ends the process with it. */
import fs from "node:fs";
import net from "node:net";
import { Session } from "./session.js";
const BY_HAND = `\
This program is a node of Akao and speaks with Akao over descriptor 3, which is not there.

Start it with \`akao node run DIR\`, or test it with \`akao node test DIR\`.
`;
/** Answers the host with these nodes, then ends the process. Started by hand, it says so and ends with 2. */
export function serve(nodes, options = {}) {
    const all = "work" in nodes ? [nodes] : nodes;
    const first = all[0];
    if (first === undefined)
        throw new TypeError("serve needs a node");
    const descriptor = inherited();
    if (descriptor === undefined) {
        process.stderr.write(BY_HAND);
        process.exit(2);
    }
    const socket = new net.Socket({ fd: descriptor, readable: true, writable: true, allowHalfOpen: true });
    const host = {
        write: (text) => void socket.write(text),
        end: (code) => void socket.end(() => process.exit(code)),
        log: (text) => void process.stderr.write(text + "\n"),
    };
    const session = new Session(host, all, options.id ?? first.id, options.version ?? "0.0.0");
    socket.on("data", (chunk) => session.receive(chunk));
    socket.on("end", () => session.close());
    // A host that is gone ends the node; there is nobody to tell.
    socket.on("error", () => process.exit(0));
}
/** The inherited descriptor; its name is hidden from programs that the node starts. */
function inherited() {
    const text = process.env["AKAO_RPC_FD"] ?? "";
    delete process.env["AKAO_RPC_FD"];
    if (!/^\d{1,9}$/.test(text))
        return undefined;
    try {
        return fs.fstatSync(Number(text)).isSocket() ? Number(text) : undefined;
    }
    catch {
        return undefined;
    }
}
