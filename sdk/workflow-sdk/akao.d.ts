// What a custom node finds: the modules that are always there, and the names that are global. Our own words; the shapes are those
// that nodes of the btree family and of Temporal's workflows are written against.

declare module "workflow-sdk" {
  export * from "@wayfarer-ai/btree";
  import type { TemporalContext } from "@wayfarer-ai/btree";

  /** What a node says of itself. Everything is plain data, so that it can be read without running the node. */
  export interface NodeDescription {
    name?: string;
    description?: string;
  }
  export interface NodeDefinition<Props, Result> extends NodeDescription {
    run(props: Props, context: NodeContext): Result | Promise<Result>;
  }
  export type NodeContext = TemporalContext;
  /** A node of a function: what `run` returns is the step's result, what it throws is the step's error. */
  export function defineNode<Props = Record<string, unknown>, Result = unknown>(
    node: NodeDefinition<Props, Result> | ((props: Props, context: NodeContext) => Result | Promise<Result>),
  ): NodeDefinition<Props, Result>;
}

declare module "@wayfarer-ai/btree" {
  export enum NodeStatus {
    SUCCESS = "SUCCESS",
    FAILURE = "FAILURE",
    RUNNING = "RUNNING",
    IDLE = "IDLE",
    SKIPPED = "SKIPPED",
  }
  export interface NodeConfiguration {
    id: string;
    name?: string;
    /** The props, which are held against the node's schema before it runs. */
    [key: string]: any;
  }
  export interface PortDefinition {
    name: string;
    type: "input" | "output" | "inout";
    description?: string;
    defaultValue?: unknown;
    required?: boolean;
  }
  export interface IScopedBlackboard {
    get(key: string): unknown;
    set(key: string, value: unknown): void;
    has(key: string): boolean;
    delete(key: string): void;
    clear(): void;
    createScope(name: string): IScopedBlackboard;
    getParentScope(): IScopedBlackboard | null;
    getScopeName(): string;
    getFullScopePath(): string;
    getPort<T>(key: string, defaultValue?: T): T;
    setPort<T>(key: string, value: T): void;
    keys(): string[];
    entries(): [string, unknown][];
    toJSON(): Record<string, unknown>;
    clone(): IScopedBlackboard;
  }
  export class ScopedBlackboard implements IScopedBlackboard {
    constructor(values?: Record<string, unknown>, name?: string, parent?: IScopedBlackboard | null);
    get(key: string): unknown;
    set(key: string, value: unknown): void;
    has(key: string): boolean;
    delete(key: string): void;
    clear(): void;
    createScope(name: string): IScopedBlackboard;
    getParentScope(): IScopedBlackboard | null;
    getScopeName(): string;
    getFullScopePath(): string;
    getPort<T>(key: string, defaultValue?: T): T;
    setPort<T>(key: string, value: T): void;
    keys(): string[];
    entries(): [string, unknown][];
    toJSON(): Record<string, unknown>;
    clone(): IScopedBlackboard;
  }
  export interface NodeLog {
    debug(...values: unknown[]): void;
    info(...values: unknown[]): void;
    warn(...values: unknown[]): void;
    error(...values: unknown[]): void;
  }
  export interface TickContext {
    blackboard: IScopedBlackboard;
    signal?: AbortSignal;
    timestamp: number;
    testData?: Map<string, unknown>;
    input?: Readonly<Record<string, unknown>>;
    sessionId?: string;
    eventEmitter?: NodeEventEmitter;
  }
  export interface TemporalContext extends TickContext {
    workflowInfo?: { workflowId: string; runId: string; namespace: string };
    /** Which step this is; `idempotencyKey` is the same for every attempt. */
    step: { node: string; execution: string; workflow: string; tenant: string; step: string; attempt: number; idempotencyKey: string };
    log: NodeLog;
    /** The value of a secret that the node asks for in `permissions` and that was granted. */
    secret(name: string): Promise<string>;
    /** Small values that this node keeps for its tenant. */
    state: { get(key: string): Promise<unknown>; set(key: string, value: unknown): Promise<void> };
    progress(fraction: number | undefined, message?: string): void;
    /** Sets the step's result, where what a node returns is a status. */
    setResult(value: unknown): void;
  }
  export type EffectTickContext = TemporalContext;
  export interface TreeNode {
    readonly id: string;
    readonly name: string;
    readonly type: string;
    tick(context: TemporalContext): Promise<NodeStatus>;
    halt(): void;
    reset(): void;
    clone(): TreeNode;
    status(): NodeStatus;
    lastError?: string;
    parent?: TreeNode;
    children?: TreeNode[];
  }
  export abstract class BaseNode implements TreeNode {
    readonly id: string;
    readonly name: string;
    readonly type: string;
    protected _status: NodeStatus;
    protected _lastError?: string;
    protected config: NodeConfiguration;
    protected _eventEmitter?: NodeEventEmitter;
    parent?: TreeNode;
    children?: TreeNode[];
    constructor(config: NodeConfiguration);
    tick(context: TemporalContext): Promise<NodeStatus>;
    clone(): TreeNode;
    halt(): void;
    reset(): void;
    status(): NodeStatus;
    get lastError(): string | undefined;
    providedPorts(): PortDefinition[];
    protected onHalt(): void;
    protected onReset(): void;
    protected getInput<T>(context: TemporalContext, key: string, defaultValue?: T): T;
    protected setOutput<T>(context: TemporalContext, key: string, value: T): void;
    protected log(message: string, ...values: unknown[]): void;
  }
  export abstract class ActionNode extends BaseNode {
    protected abstract executeTick(context: TemporalContext): Promise<NodeStatus>;
  }
  export abstract class ConditionNode extends BaseNode {
    protected abstract executeTick(context: TemporalContext): Promise<NodeStatus | boolean>;
  }
  export abstract class DecoratorNode extends BaseNode {
    protected child?: TreeNode;
    setChild(child: TreeNode): void;
  }
  export abstract class CompositeNode extends BaseNode {
    protected _children: TreeNode[];
    addChild(child: TreeNode): void;
    addChildren(children: TreeNode[]): void;
  }
  export const NodeEventType: Readonly<Record<string, string>>;
  export interface NodeEvent {
    type: string;
    nodeId: string;
    nodeName: string;
    nodeType: string;
    timestamp: number;
    data?: unknown;
  }
  export class NodeEventEmitter {
    on(type: string, listener: (event: NodeEvent) => void): void;
    off(type: string, listener: (event: NodeEvent) => void): void;
    onAll(listener: (event: NodeEvent) => void): void;
    offAll(listener: (event: NodeEvent) => void): void;
    emit(event: NodeEvent): void;
    clear(): void;
  }
  export class ConfigurationError extends Error {
    constructor(message: string, hint?: string);
    readonly hint?: string;
  }
  export class OperationCancelledError extends Error {}
  export function checkSignal(signal: AbortSignal | undefined, message?: string): void;
  export function resolveValue(value: unknown, context: Pick<TemporalContext, "blackboard" | "input" | "testData">): unknown;
  export function resolveString(value: string, context: Pick<TemporalContext, "blackboard" | "input" | "testData">): unknown;
}

declare module "@q1k-oss/behaviour-tree-workflows" {
  export * from "@wayfarer-ai/btree";
}

declare module "@temporalio/workflow" {
  export type Duration = number | string;
  /** When an activity is tried again; without it, it is tried once. */
  export interface RetryPolicy {
    initialInterval?: Duration;
    backoffCoefficient?: number;
    maximumInterval?: Duration;
    /** Without it, until it works. */
    maximumAttempts?: number;
    /** Names, types, kinds or reasons of errors after which it is not tried again. */
    nonRetryableErrorTypes?: string[];
  }
  export interface ActivityOptions {
    startToCloseTimeout?: Duration;
    scheduleToCloseTimeout?: Duration;
    heartbeatTimeout?: Duration;
    retry?: RetryPolicy;
    taskQueue?: string;
  }
  /** Functions by the names of activities; docs/custom-nodes.md lists those that there are. */
  export function proxyActivities<A = Record<string, (...values: any[]) => Promise<any>>>(options?: ActivityOptions): A;
  export function proxyLocalActivities<A = Record<string, (...values: any[]) => Promise<any>>>(options?: ActivityOptions): A;
  export function sleep(duration: Duration): Promise<void>;
  export function condition(holds: () => boolean): Promise<void>;
  export function condition(holds: () => boolean, timeout: Duration): Promise<boolean>;
  export function uuid4(): string;
  export function workflowInfo(): { workflowId: string; runId: string; workflowType: string; namespace: string; taskQueue: string; attempt: number };
  export const log: Record<"trace" | "debug" | "info" | "warn" | "error", (message: string, attributes?: Record<string, unknown>) => void>;
  export class TemporalFailure extends Error {}
  export class CancelledFailure extends TemporalFailure {}
  export class ServerFailure extends TemporalFailure {}
  export class TerminatedFailure extends TemporalFailure {}
  export class WorkflowError extends Error {}
  export class TimeoutFailure extends TemporalFailure {
    constructor(message?: string, lastHeartbeatDetails?: unknown, timeoutType?: string);
    readonly timeoutType: string;
    readonly lastHeartbeatDetails: unknown;
  }
  export class ActivityFailure extends TemporalFailure {
    readonly activityType: string;
    readonly activityId: string | undefined;
    readonly retryState: string;
  }
  export class ChildWorkflowFailure extends TemporalFailure {
    readonly workflowType: string;
    readonly retryState: string;
  }
  export const RetryState: Readonly<Record<string, string>>;
  export const TimeoutType: Readonly<Record<string, string>>;
  export function rootCause(error: unknown): string | undefined;
  export class Trigger<T = void> implements PromiseLike<T> {
    resolve(value: T | PromiseLike<T>): void;
    reject(reason?: unknown): void;
    then<A = T, B = never>(kept?: ((value: T) => A | PromiseLike<A>) | null, failed?: ((reason: any) => B | PromiseLike<B>) | null): Promise<A | B>;
    catch<B = never>(failed?: ((reason: any) => B | PromiseLike<B>) | null): Promise<T | B>;
    finally(work?: (() => void) | null): Promise<T>;
  }
  export class ApplicationFailure extends TemporalFailure {
    readonly type?: string;
    readonly nonRetryable: boolean;
    static fromError(error: unknown, options?: { message?: string; type?: string; nonRetryable?: boolean; details?: unknown[] }): ApplicationFailure;
    static create(options: { message?: string; type?: string; nonRetryable?: boolean; details?: unknown[]; cause?: Error }): ApplicationFailure;
    static retryable(message?: string, type?: string, ...details: unknown[]): ApplicationFailure;
    static nonRetryable(message?: string, type?: string, ...details: unknown[]): ApplicationFailure;
  }
  export function isCancellation(error: unknown): boolean;
  export class CancellationScope {
    constructor(options?: { timeout?: Duration; cancellable?: boolean });
    run<T>(work: () => Promise<T>): Promise<T>;
    cancel(): void;
    static withTimeout<T>(timeout: Duration, work: () => Promise<T>): Promise<T>;
    static cancellable<T>(work: () => Promise<T>): Promise<T>;
    static nonCancellable<T>(work: () => Promise<T>): Promise<T>;
  }
}

declare module "workflow-sdk/test" {
  import type { NodeStatus } from "@wayfarer-ai/btree";
  export interface World {
    blackboard?: Record<string, unknown>;
    secrets?: Record<string, string>;
    activities?: Record<string, (...values: any[]) => unknown>;
    state?: Record<string, unknown>;
    input?: Record<string, unknown>;
    name?: string;
  }
  export interface Ended {
    status: NodeStatus | "SUCCESS" | "FAILURE";
    result?: any;
    error?: Error & { kind?: string };
    writes: Record<string, any>;
  }
  /** Runs a node as a step would be run, in a world of the test's own. */
  export function runNode(node: unknown, props?: Record<string, unknown>, world?: World): Promise<Ended>;
  export interface Mock {
    (...values: any[]): any;
    mock: { calls: any[][]; results: { type: "return" | "throw"; value: any }[] };
    mockImplementation(work: (...values: any[]) => any): Mock;
    mockImplementationOnce(work: (...values: any[]) => any): Mock;
    mockReturnValue(value: any): Mock;
    mockReturnValueOnce(value: any): Mock;
    mockResolvedValue(value: any): Mock;
    mockResolvedValueOnce(value: any): Mock;
    mockRejectedValue(error: any): Mock;
    mockRejectedValueOnce(error: any): Mock;
    mockClear(): Mock;
    mockReset(): Mock;
  }
  /** Answers every `fetch` of the test. */
  export function mockFetch(answer: (url: string, init: RequestInit) => unknown): Mock;
  type Body = (context?: any) => void | Promise<void>;
  interface Case {
    (name: string, body: Body): void;
    skip(name: string, body?: Body): void;
    todo(name: string): void;
    only(name: string, body: Body): void;
    each(rows: readonly any[]): (name: string, body: (...values: any[]) => void | Promise<void>) => void;
  }
  interface Group {
    (name: string, body: () => void): void;
    skip(name: string, body?: () => void): void;
    each(rows: readonly any[]): (name: string, body: (...values: any[]) => void) => void;
  }
  export const describe: Group;
  export const it: Case;
  export const test: Case;
  export function beforeEach(body: Body): void;
  export function afterEach(body: Body): void;
  export function beforeAll(body: Body): void;
  export function afterAll(body: Body): void;
  export function fn(work?: (...values: any[]) => any): Mock;
  export function spyOn(object: any, name: string): Mock & { mockRestore(): void };
  export const vi: { fn: typeof fn; spyOn: typeof spyOn; stubGlobal(name: string, value: unknown): void; restoreAllMocks(): void; unstubAllGlobals(): void };
  interface Matchers<R> {
    toBe(value: unknown): R;
    toEqual(value: unknown): R;
    toStrictEqual(value: unknown): R;
    toMatchObject(value: unknown): R;
    toBeTruthy(): R;
    toBeFalsy(): R;
    toBeNull(): R;
    toBeUndefined(): R;
    toBeDefined(): R;
    toBeNaN(): R;
    toBeGreaterThan(value: number): R;
    toBeGreaterThanOrEqual(value: number): R;
    toBeLessThan(value: number): R;
    toBeLessThanOrEqual(value: number): R;
    toBeCloseTo(value: number, digits?: number): R;
    toContain(value: unknown): R;
    toContainEqual(value: unknown): R;
    toHaveLength(length: number): R;
    toHaveProperty(path: string | string[], value?: unknown): R;
    toMatch(pattern: string | RegExp): R;
    toBeInstanceOf(kind: unknown): R;
    toBeTypeOf(type: string): R;
    toThrow(wanted?: unknown): R;
    toThrowError(wanted?: unknown): R;
    toHaveBeenCalled(): R;
    toHaveBeenCalledOnce(): R;
    toHaveBeenCalledTimes(times: number): R;
    toHaveBeenCalledWith(...values: unknown[]): R;
    toHaveBeenLastCalledWith(...values: unknown[]): R;
  }
  interface Expect {
    (value: unknown, note?: string): Matchers<void> & {
      not: Matchers<void>;
      resolves: Matchers<Promise<void>> & { not: Matchers<Promise<void>> };
      rejects: Matchers<Promise<void>> & { not: Matchers<Promise<void>> };
    };
    any(kind: unknown): any;
    anything(): any;
    objectContaining(part: object): any;
    arrayContaining(parts: unknown[]): any;
    stringContaining(part: string): any;
    stringMatching(pattern: string | RegExp): any;
  }
  export const expect: Expect;
}

declare module "vitest" {
  export * from "workflow-sdk/test";
}

declare const console: Record<"log" | "info" | "warn" | "error" | "debug" | "trace" | "dir", (...values: unknown[]) => void> & {
  assert(holds: unknown, ...values: unknown[]): void;
};
declare function setTimeout(callback: (...values: any[]) => void, delay?: number, ...values: any[]): number;
declare function clearTimeout(id: number | undefined): void;
declare function setInterval(callback: (...values: any[]) => void, delay?: number, ...values: any[]): number;
declare function clearInterval(id: number | undefined): void;
declare function queueMicrotask(callback: () => void): void;
declare function structuredClone<T>(value: T): T;
declare function atob(text: string): string;
declare function btoa(text: string): string;
declare const performance: { now(): number };
declare const crypto: { randomUUID(): string; getRandomValues<T extends ArrayBufferView>(target: T): T };
declare class TextEncoder {
  encode(text?: string): Uint8Array;
}
declare class TextDecoder {
  constructor(label?: string);
  decode(bytes?: ArrayBuffer | ArrayBufferView): string;
}
declare class URLSearchParams {
  constructor(init?: string | Record<string, string> | Iterable<[string, string]> | URLSearchParams);
  append(name: string, value: string): void;
  delete(name: string, value?: string): void;
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string, value?: string): boolean;
  set(name: string, value: string): void;
  sort(): void;
  readonly size: number;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}
declare class URL {
  constructor(url: string | URL, base?: string | URL);
  static canParse(url: string | URL, base?: string | URL): boolean;
  static parse(url: string | URL, base?: string | URL): URL | null;
  href: string;
  readonly origin: string;
  protocol: string;
  username: string;
  password: string;
  host: string;
  hostname: string;
  port: string;
  pathname: string;
  search: string;
  hash: string;
  readonly searchParams: URLSearchParams;
  toJSON(): string;
}
interface AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}
declare const AbortSignal: { abort(reason?: unknown): AbortSignal; timeout(milliseconds: number): AbortSignal; any(signals: AbortSignal[]): AbortSignal };
declare class AbortController {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}
type HeadersInit = Record<string, string> | Iterable<readonly [string, string]> | Headers;
declare class Headers {
  constructor(init?: HeadersInit);
  append(name: string, value: string): void;
  set(name: string, value: string): void;
  get(name: string): string | null;
  getSetCookie(): string[];
  has(name: string): boolean;
  delete(name: string): void;
  forEach(callback: (value: string, name: string) => void): void;
  entries(): IterableIterator<[string, string]>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}
type BodyInit = string | URLSearchParams | ArrayBuffer | ArrayBufferView;
interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit | null;
  redirect?: "follow" | "manual" | "error";
  signal?: AbortSignal | null;
}
declare class Request {
  constructor(input: string | URL | Request, init?: RequestInit);
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  text(): Promise<string>;
  json(): Promise<any>;
  arrayBuffer(): Promise<ArrayBuffer>;
  clone(): Request;
}
declare class Response {
  constructor(body?: BodyInit | null, init?: { status?: number; statusText?: string; headers?: HeadersInit });
  static json(value: unknown, init?: { status?: number; headers?: HeadersInit }): Response;
  static error(): Response;
  readonly status: number;
  readonly statusText: string;
  readonly ok: boolean;
  readonly headers: Headers;
  readonly url: string;
  readonly redirected: boolean;
  text(): Promise<string>;
  json(): Promise<any>;
  bytes(): Promise<Uint8Array>;
  arrayBuffer(): Promise<ArrayBuffer>;
  clone(): Response;
}
declare function fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
