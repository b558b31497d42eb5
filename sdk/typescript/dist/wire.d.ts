/** Lines of JSON: cutting a stream of bytes into lines within bounds, checking them, and writing values. */
import { Fault, type Json } from "./errors.js";
export declare const MESSAGE_BYTES_MAX = 1048576;
export declare const PARSE_ERROR = -32700;
export declare const INVALID_REQUEST = -32600;
export type Message = {
    [name: string]: Json;
};
/** Cuts chunks into lines. */
export declare class Lines {
    #private;
    /** Whether the host closed in the middle of a message. */
    get hasRest(): boolean;
    /** The lines of a chunk that holds nothing but whole ones, which is usual: its text is made once for all of them. */
    whole(chunk: Buffer): string[] | undefined;
    /** The lines that end in `chunk`; after one that is too long there are no more. */
    take(chunk: Buffer): Generator<Buffer>;
}
/** A message beyond the bound; nothing can be read after it. */
export declare class TooLong extends Fault {
    constructor();
}
/** The object in a line of the host; a `Fault` says what is wrong with it. */
export declare function decode(line: Buffer | string): Message;
/** A written line in which halves of surrogate pairs are replacement characters; the host would close on a half. */
export declare function wellFormed(line: string): string;
/** A node's outputs as JSON, refused with a `Failure` where a reader elsewhere would see something else. */
export declare function encodeOutputs(outputs: unknown): string;
