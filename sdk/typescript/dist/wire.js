/** Lines of JSON: cutting a stream of bytes into lines within bounds, checking them, and writing values. */
import { isUtf8 } from "node:buffer";
import { Failure, Fault } from "./errors.js";
export const MESSAGE_BYTES_MAX = 1_048_576;
export const PARSE_ERROR = -32700;
export const INVALID_REQUEST = -32600;
const DEPTH_MAX = 64;
const LINE_FEED = 10;
const QUOTE = 34;
const BACKSLASH = 92;
/** Cuts chunks into lines. */
export class Lines {
    #parts = [];
    #bytes = 0;
    /** Whether the host closed in the middle of a message. */
    get hasRest() {
        return this.#bytes > 0;
    }
    /** The lines of a chunk that holds nothing but whole ones, which is usual: its text is made once for all of them. */
    whole(chunk) {
        const end = chunk.length - 1;
        if (this.#bytes > 0 || chunk[end] !== LINE_FEED || end > MESSAGE_BYTES_MAX || !isUtf8(chunk))
            return undefined;
        return chunk.toString("utf8", 0, end).split("\n");
    }
    /** The lines that end in `chunk`; after one that is too long there are no more. */
    *take(chunk) {
        let from = 0;
        for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
            const piece = chunk.subarray(from, end);
            from = end + 1;
            this.#check(piece.length);
            yield this.#parts.length === 0 ? piece : Buffer.concat([...this.#parts.splice(0), piece]);
            this.#bytes = 0;
        }
        const rest = chunk.subarray(from);
        this.#check(rest.length);
        if (rest.length > 0) {
            this.#parts.push(rest);
            this.#bytes += rest.length;
        }
    }
    #check(more) {
        if (this.#bytes + more > MESSAGE_BYTES_MAX) {
            throw new TooLong();
        }
    }
}
/** A message beyond the bound; nothing can be read after it. */
export class TooLong extends Fault {
    constructor() {
        super(INVALID_REQUEST, `a message is longer than ${MESSAGE_BYTES_MAX} bytes`);
    }
}
/** The object in a line of the host; a `Fault` says what is wrong with it. */
export function decode(line) {
    const message = parse(line);
    if (typeof message !== "object" || message === null || Array.isArray(message)) {
        throw new Fault(INVALID_REQUEST, "a message is an object");
    }
    return message;
}
function refused(reason) {
    return new Fault(PARSE_ERROR, `not a JSON document: ${reason}`);
}
function parse(line) {
    if (typeof line !== "string" && !isUtf8(line)) {
        throw refused("not UTF-8");
    }
    const text = line.toString();
    return parseQuickly(text) ?? parseSlowly(text);
}
/**
 * Where a text has no lists, few brackets and no space before a colon, each of its names stands before `":`. As many of
 * these as names in the value say that none stands twice. Nothing, where that does not say it.
 */
function parseQuickly(text) {
    if (text.includes("[") || text.includes(" :") || text.includes("\t") || text.includes("\r") || text.includes("\\"))
        return undefined;
    if (count(text, "{") > DEPTH_MAX)
        return undefined;
    let value;
    try {
        value = JSON.parse(text);
    }
    catch {
        return undefined;
    }
    return countKeys(value) === count(text, '":') ? value : undefined;
}
function count(text, part) {
    let found = 0;
    for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length))
        found++;
    return found;
}
function parseSlowly(text) {
    const { depth, keys } = measure(text);
    if (depth > DEPTH_MAX) {
        throw refused(`nested deeper than ${DEPTH_MAX}`);
    }
    let value;
    try {
        value = JSON.parse(text);
    }
    catch (error) {
        throw refused(error.message);
    }
    // `JSON.parse` keeps the last of equal keys; fewer keys in the value than in the text give it away.
    if (countKeys(value) !== keys) {
        throw refused("a key stands twice");
    }
    if (text.includes("\\u") && holdsHalfCharacter(JSON.stringify(value))) {
        throw refused("half of a surrogate pair");
    }
    return value;
}
/** Whether a text that `JSON.stringify` wrote holds half of a surrogate pair: those alone it writes as escapes. */
function holdsHalfCharacter(text) {
    // An escaped backslash before `ud800` is text that only looks like one.
    return text.includes("\\ud") && /\\ud[89a-f]/.test(text.replaceAll("\\\\", ""));
}
/** A written line in which halves of surrogate pairs are replacement characters; the host would close on a half. */
export function wellFormed(line) {
    if (!line.includes("\\ud"))
        return line;
    return line.replace(/\\\\|\\ud[89a-f][0-9a-f]{2}/g, (found) => (found === "\\\\" ? found : "\ufffd"));
}
/** How deep a text nests, and how many keys it names. */
function measure(text) {
    let depth = 0;
    let deepest = 0;
    let keys = 0;
    for (let at = 0; at < text.length; at++) {
        switch (text.charCodeAt(at)) {
            case QUOTE:
                at = stringEnd(text, at);
                break;
            case 91: // [
            case 123: // {
                depth++;
                if (depth > deepest)
                    deepest = depth;
                break;
            case 93: // ]
            case 125: // }
                depth--;
                break;
            case 58: // :
                keys++;
                break;
        }
    }
    return { depth: deepest, keys };
}
/** The index of the quotation mark that closes the one at `from`; the end of the text where none does. */
function stringEnd(text, from) {
    for (let end = text.indexOf('"', from + 1); end >= 0; end = text.indexOf('"', end + 1)) {
        let slashes = 0;
        while (text.charCodeAt(end - 1 - slashes) === BACKSLASH)
            slashes++;
        if (slashes % 2 === 0) {
            return end;
        }
    }
    return text.length;
}
function countKeys(value) {
    let count = 0;
    if (Array.isArray(value)) {
        for (const item of value) {
            if (typeof item === "object")
                count += countKeys(item);
        }
    }
    else if (typeof value === "object" && value !== null) {
        for (const name of Object.keys(value)) {
            count++;
            const item = value[name];
            if (typeof item === "object")
                count += countKeys(item);
        }
    }
    return count;
}
/** A node's outputs as JSON, refused with a `Failure` where a reader elsewhere would see something else. */
export function encodeOutputs(outputs) {
    if (outputs === undefined || outputs === null) {
        return "{}";
    }
    if (typeof outputs !== "object" || Array.isArray(outputs)) {
        const found = Array.isArray(outputs) ? "an array" : typeof outputs;
        throw new Failure("internal", `outputs are an object, this node returned ${found}`);
    }
    let text;
    try {
        text = JSON.stringify(outputs);
    }
    catch (error) {
        throw new Failure("internal", `outputs cannot be written as JSON: ${error.message}`);
    }
    // JSON has null for what is no number, so only a text with null needs the long look; one of texts alone needs none.
    if (mayHoldNumbers(outputs) && (text.includes("null") || /\d{16}/.test(text))) {
        checkNumbers(outputs, "outputs");
    }
    if (holdsHalfCharacter(text)) {
        throw new Failure("internal", "outputs hold half of a surrogate pair");
    }
    return text;
}
function mayHoldNumbers(outputs) {
    for (const value of Object.values(outputs)) {
        if (typeof value !== "string" && typeof value !== "boolean")
            return true;
    }
    return false;
}
function checkNumbers(value, path) {
    if (typeof value === "number") {
        if (!Number.isFinite(value)) {
            throw new Failure("internal", `${path} is ${value}, which JSON cannot say`);
        }
        if (Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21) {
            throw new Failure("internal", `${path} is an integer beyond 2^53, give it as a string`);
        }
    }
    else if (Array.isArray(value)) {
        value.forEach((item, index) => checkNumbers(item, `${path}[${index}]`));
    }
    else if (typeof value === "object" && value !== null) {
        for (const [name, item] of Object.entries(value)) {
            checkNumbers(item, `${path}.${name}`);
        }
    }
}
