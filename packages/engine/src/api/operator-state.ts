import type { ListState, StateOptions } from './state.ts'
import type { MaybePromise } from './types.ts'

/** Options of the elements of an operator list. They do not expire. */
export type OperatorStateOptions<T> = Omit<StateOptions<T>, 'ttl'>

/**
 * A list of each subtask, not of a key. What `get` answers is read-only: to change an element, `set` the list.
 * In an asynchronous invocation what is added is appended when it succeeds; `set` and `clear` then replace what is there at that time.
 */
export interface UnionListState<T> extends ListState<T> {
  /** What all subtasks together held in the restored checkpoint, in the order of the subtasks; empty without one. */
  readonly restored: readonly T[]
}

/** Where an operator writes its raw state. */
export interface RawOutput {
  /** Appends. The bytes must not change any more. */
  write(bytes: Uint8Array): void
  /**
   * What follows is a part of its own. A restore deals out the parts of all subtasks evenly, each whole to one subtask; state without this is one part.
   * Of keyed raw state each key group is one part, and this throws.
   */
  beginPart(): void
}

/** State that an operator keeps in an object of its own, and writes and reads itself, byte by byte. */
export interface RawState<T> {
  /** What a subtask (of keyed raw state: a key group) begins with. */
  create(): T
  /** At the barrier, synchronously. What is written is the state as of now; without a `write` there is none. */
  snapshot(state: T, out: RawOutput): void
  /** Before `open`, once for each part that comes to this subtask, with the bytes in the order in which they were written. */
  restore(state: T, bytes: AsyncIterable<Uint8Array>): MaybePromise<void>
}

declare const phantom: unique symbol

/** What `splitList()`, `unionList()`, `raw()` and `rawKeyed()` return. */
export interface OperatorStateDeclaration<Handle> {
  readonly kind: 'split-list' | 'union-list' | 'raw' | 'raw-keyed'
  readonly options: OperatorStateOptions<unknown>
  readonly raw?: RawState<unknown>
  readonly [phantom]?: Handle
}

/** Declared operator states by name, with their types erased. */
export type OperatorStateDeclarations = { readonly [name: string]: OperatorStateDeclaration<unknown> }

/** The handles that a function sees for the operator states it declared. */
export type OperatorHandles<O extends OperatorStateDeclarations> = {
  readonly [N in keyof O]: O[N] extends OperatorStateDeclaration<infer H> ? H : never
}

/** A list of each subtask. With another parallelism a restore deals out all elements evenly. */
export function splitList<T>(options?: OperatorStateOptions<T>): OperatorStateDeclaration<ListState<T>> {
  return declare('split-list', options)
}

/** A list of each subtask, and what all of them held in the restored checkpoint. The lists themselves are dealt out like those of `splitList`. */
export function unionList<T>(options?: OperatorStateOptions<T>): OperatorStateDeclaration<UnionListState<T>> {
  return declare('union-list', options)
}

/** Raw state of each subtask; the handle is the object itself. Only for synchronous functions with `onError: 'fail'`: changes to it cannot be held back. */
export function raw<T>(state: RawState<T>): OperatorStateDeclaration<T> {
  return declare('raw', undefined, state as RawState<unknown>)
}

/** Raw state of each key group; the handle is the object of the current key's group. Only in keyed functions; else as `raw`. */
export function rawKeyed<T>(state: RawState<T>): OperatorStateDeclaration<T> {
  return declare('raw-keyed', undefined, state as RawState<unknown>)
}

function declare<T>(
  kind: OperatorStateDeclaration<unknown>['kind'],
  options: OperatorStateOptions<T> | undefined,
  state?: RawState<unknown>,
): OperatorStateDeclaration<never> {
  return Object.freeze({
    kind,
    options: Object.freeze({ ...options }) as OperatorStateOptions<unknown>,
    ...(state === undefined ? {} : { raw: state }),
  })
}
