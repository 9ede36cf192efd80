import type { Duration } from '@millrace/core'

/** An atom of a key. `-0` counts as `0`; `NaN` equals itself; `1`, `1n` and `'1'` are three different keys. */
export type KeyAtom = string | number | bigint | boolean | null
/** A key: an atom, or a tuple of atoms. */
export type Key = KeyAtom | readonly KeyAtom[]

/** The Standard Schema interface (version 1): zod, valibot, arktype and others implement it. */
export interface StandardSchema<T> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => unknown
    readonly types?: { readonly input: unknown; readonly output: T } | undefined
  }
}

/**
 * How long a value lives after it was last written, by the machine's clock (processing time). Elements of a list and entries of a map expire
 * each on their own; what a value, reducing or aggregating state holds expires as one. As Flink's `StateTtlConfig`.
 */
export interface StateTtl {
  /** Above 0: `'1h'`, `'7d'`, or milliseconds. */
  readonly after: Duration
  /** What begins the time anew: creating and writing (the default), or reading as well. A value changed in place is not written. */
  readonly update?: 'on-write' | 'on-read-and-write'
  /** Whether what has expired and is still there is seen once more, by the read that removes it. Default `never-return-expired`. */
  readonly visibility?: 'never-return-expired' | 'until-cleaned'
}

/** How values of a state become bytes in checkpoints, instead of the engine's own format: for class instances, or a format that others read. */
export interface StateCodec<T> {
  encode(value: T): Uint8Array
  /** `fromVersion`: the state's `version` when it was encoded. Answers today's value: `migrate` is not called for what a codec has written. */
  decode(bytes: Uint8Array, fromVersion: number): T
}

/** Of list and map state the options are those of the elements and of the values. */
export interface StateOptions<T> {
  /** Shape of what is stored, from 1; raise it when the shape changes. Default 1. */
  readonly version?: number
  /** Turns a stored value of an older version into today's. */
  readonly migrate?: (old: unknown, fromVersion: number) => T
  /** Without it values live until they are cleared. A duration alone is `{ after }`. Keyed state only. */
  readonly ttl?: Duration | StateTtl
  /**
   * What stored values must be like. Checked at a restore, after `migrate`; a value that does not pass stops it. What the schema answers is used, so that
   * defaults fill what older values lack; it must accept what it answers. With a schema, a raised version needs no `migrate`.
   */
  readonly schema?: StandardSchema<T>
  /** How values become bytes in checkpoints; by default the engine's own format, which takes plain data. */
  readonly codec?: StateCodec<T>
}

/** A single value per key. */
export interface ValueState<T> {
  get(): T | undefined
  set(value: T): void
  /** Sets what `change` returns; `undefined` clears. */
  update(change: (value: T | undefined) => T | undefined): void
  clear(): void
}

/** A list per key. `get` answers an empty list where there is none. */
export interface ListState<T> {
  get(): readonly T[]
  add(value: T): void
  addAll(values: Iterable<T>): void
  set(values: Iterable<T>): void
  clear(): void
}

/** A map per key; each entry is stored and checkpointed on its own. */
export interface MapState<MK extends KeyAtom, V> {
  get(key: MK): V | undefined
  set(key: MK, value: V): void
  has(key: MK): boolean
  delete(key: MK): void
  /** To be finished in the same invocation. What is removed meanwhile is not seen any more, what is added may be; `clear` ends it. @throws STATE_ITERATOR_STALE */
  entries(): IterableIterator<[MK, V]>
  /** Each entry is looked at where the state has a time to live, unless expired ones are seen too; otherwise it is known. */
  readonly size: number
  clear(): void
}

/** A value that folds what is added into one of the same type. */
export interface ReducingState<T> {
  add(value: T): void
  get(): T | undefined
  clear(): void
}

/** An accumulator that folds what is added and answers a result of another type. */
export interface AggregatingState<In, Out> {
  add(value: In): void
  get(): Out | undefined
  clear(): void
}

/** How aggregating state folds what is added, as Flink's `AggregateFunction`. `add` may change the accumulator it is given, and answers the one that is kept. */
export interface Aggregate<In, Acc, Out> {
  create(): Acc
  add(value: In, accumulator: Acc): Acc
  result(accumulator: Acc): Out
  merge?(a: Acc, b: Acc): Acc
}

declare const phantom: unique symbol

/** What `value()`, `list()`, … return: plain data and the user's functions; the handle's type rides along. */
export interface StateDeclaration<Handle> {
  readonly kind: 'value' | 'list' | 'map' | 'reducing' | 'aggregating'
  readonly options: StateOptions<unknown>
  readonly reduce?: (a: unknown, b: unknown) => unknown
  readonly aggregate?: Aggregate<unknown, unknown, unknown>
  readonly [phantom]?: Handle
}

/** Declared states with their types erased. */
export type StateDeclarations = { readonly [name: string]: StateDeclaration<unknown> }

/** One value per key: `current: value<OrderState>()`. */
export function value<T>(options?: StateOptions<T>): StateDeclaration<ValueState<T>> {
  return declare('value', options)
}

/** A list per key. */
export function list<T>(options?: StateOptions<T>): StateDeclaration<ListState<T>> {
  return declare('list', options)
}

/** A map per key, each entry stored by itself. Options (version, migrate) are those of the values. */
export function map<MK extends KeyAtom, V>(options?: StateOptions<V>): StateDeclaration<MapState<MK, V>> {
  return declare('map', options)
}

/** One value per key that `reduce` folds with what is added. */
export function reducing<T>(reduce: (a: T, b: T) => T, options?: StateOptions<T>): StateDeclaration<ReducingState<T>> {
  return declare('reducing', options, { reduce: reduce as (a: unknown, b: unknown) => unknown })
}

/** An accumulator per key. Options (version, migrate) are those of the accumulator. */
export function aggregating<In, Acc, Out>(
  aggregate: Aggregate<In, Acc, Out>,
  options?: StateOptions<Acc>,
): StateDeclaration<AggregatingState<In, Out>> {
  return declare('aggregating', options, { aggregate: aggregate })
}

function declare<T>(
  kind: StateDeclaration<unknown>['kind'],
  options: StateOptions<T> | undefined,
  functions?: Pick<StateDeclaration<unknown>, 'reduce' | 'aggregate'>,
): StateDeclaration<never> {
  return Object.freeze({ kind, options: Object.freeze({ ...options }) as StateOptions<unknown>, ...functions })
}
