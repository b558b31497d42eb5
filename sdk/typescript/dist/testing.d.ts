/** A host for tests: it runs nodes in this process, with the protocol and without Akao. */
import type { Json, Kind } from "./errors.js";
import type { Health, Node, Problem } from "./node.js";
type Fields = {
    [name: string]: Json;
};
/** What one call answered and reported. */
export type Result = {
    success: boolean;
    outputs: Fields;
    error?: {
        kind: Kind;
        retryable?: boolean;
        message: string;
        detail: Json;
    };
    progress: {
        fraction: number | null;
        message: string;
    }[];
    logs: {
        level: string;
        message: string;
        fields: Fields;
    }[];
    output: {
        [stream: string]: string;
    };
};
export type TestOptions = {
    /** Secrets that are granted; others are refused with kind `permission`. */
    secrets?: {
        [name: string]: string;
    };
    /** What nodes read and change. */
    state?: Fields;
    /** Cancels a call as soon as it reports progress. */
    cancelAtProgress?: boolean;
};
/** Runs nodes as Akao does: it asks, answers what they ask for, and keeps what they report. */
export declare class TestHost {
    #private;
    readonly state: Fields;
    readonly workspace: string;
    constructor(nodes: Node | readonly Node[], options?: TestOptions);
    /** Runs a node once; `context` replaces fields of the context. */
    execute(nodeId: string, parameters: Fields, context?: Fields): Promise<Result>;
    /** The problems that a node finds in parameters. */
    validate(nodeId: string, parameters: Fields): Promise<Problem[]>;
    /** The nodes' word on their health. */
    health(): Promise<Health>;
    /** Ends the conversation and removes the workspace. */
    close(): void;
}
export {};
