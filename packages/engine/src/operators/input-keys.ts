import { hashKey } from '../keys/hash.ts'
import { canonicalKey } from '../keys/key.ts'
import type { KeyedStateBackend } from '../state/state-types.ts'
import { operatorFailed, type OperatorHost } from './operator.ts'

/** The keys of the records of one input. */
export class InputKeys {
  readonly #host: OperatorHost
  readonly #select: ((value: unknown) => unknown) | undefined
  readonly #keyed: KeyedStateBackend | undefined
  readonly #hashArrives: boolean

  /** `select` and `keyed`: undefined without keys. `hashArrives`: the sender has computed the key's hash. */
  constructor(
    host: OperatorHost,
    select: ((value: unknown) => unknown) | undefined,
    keyed: KeyedStateBackend | undefined,
    hashArrives: boolean,
  ) {
    this.#host = host
    this.#select = select
    this.#keyed = keyed
    this.#hashArrives = hashArrives
  }

  /** Undefined without keys. @throws OperatorFailure */
  keyOf(value: unknown): unknown {
    const select = this.#select
    if (select === undefined) return undefined
    try {
      return canonicalKey(select(value))
    } catch (error) {
      throw operatorFailed(this.#host, 'the key selector', error, value)
    }
  }

  /** As it arrived with the record, or computed here; 0 without keys. */
  hashOf(key: unknown): number {
    if (this.#keyed === undefined) return 0
    return this.#hashArrives ? this.#host.cursor.hash : hashKey(key)
  }

  /** Whether it is worth it to name keys in advance. */
  get looksAhead(): boolean {
    return this.#keyed?.looksAhead === true
  }

  /** Names the keys of records that are about to come, where that is worth it. Resolves when their state is at hand. */
  lookAhead(values: readonly unknown[], hashes: ArrayLike<number>, count: number): Promise<void> | undefined {
    const keyed = this.#keyed
    const select = this.#select
    if (keyed === undefined || !this.looksAhead || select === undefined) return undefined
    const known = keysUpToFailure(values, select, count)
    return keyed.lookAhead(
      known.length,
      (index) => known[index],
      (index) => hashes[index]!,
    )
  }
}

/** A selector that fails does so again when the record comes: then it is told. */
function keysUpToFailure(values: readonly unknown[], select: (value: unknown) => unknown, count: number): readonly unknown[] {
  const keys: unknown[] = []
  try {
    for (let index = 0; index < count; index++) keys.push(canonicalKey(select(values[index])))
  } catch {
    return keys
  }
  return keys
}
