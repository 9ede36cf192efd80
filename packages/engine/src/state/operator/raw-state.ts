// Raw state: objects of the user's, which become bytes at the barrier and are filled from bytes before the first record.
//
// 1. There is one object a subtask or, of keyed raw state, one a key group that has been used.
// 2. What `snapshot` writes is taken at the barrier; the file that it goes into is written later.
import { messageOf } from '@millrace/core'
import type { OperatorStateDeclaration, RawOutput, RawState } from '../../api/operator-state.ts'
import { engineError } from '../../errors.ts'
import type { KeyGroupRange } from '../../keys/key-group.ts'

/** Bytes of one part of raw state, in pieces. */
export interface RawPartBytes {
  readonly state: string
  /** -1: not keyed. */
  readonly keyGroup: number
  readonly pieces: readonly Uint8Array[]
}

/** Stands for a subtask where key groups are asked for. */
const WHOLE = -1

export class RawStates {
  readonly #operator: string
  readonly #name: string
  readonly #raw: RawState<unknown>
  readonly #isKeyed: boolean
  /** By key group; under `WHOLE` that of a subtask. */
  readonly #objects: Map<number, unknown> = new Map()

  constructor(operator: string, name: string, declaration: OperatorStateDeclaration<unknown>) {
    this.#operator = operator
    this.#name = name
    this.#raw = declaration.raw!
    this.#isKeyed = declaration.kind === 'raw-keyed'
  }

  /** The object of a key group; without keys, of the subtask. */
  object(keyGroup: number = WHOLE): unknown {
    let object = this.#objects.get(keyGroup)
    if (object === undefined) this.#objects.set(keyGroup, (object = this.#raw.create()))
    return object
  }

  /** Of the current key's group. @throws STATE_RAW_FAILED */
  ofGroup(keyGroup: number | undefined): unknown {
    if (keyGroup !== undefined) return this.object(keyGroup)
    throw this.#failed(
      'it is kept by key, and there is no current key: not in open, finish and onBroadcast, nor for what a call has left behind',
    )
  }

  snapshot(): readonly RawPartBytes[] {
    return [...this.#objects.keys()].toSorted((a, b) => a - b).flatMap((keyGroup) => this.#snapshot(keyGroup))
  }

  /** @throws STATE_RAW_FAILED */
  async restore(keyGroup: number, bytes: AsyncIterable<Uint8Array>, range: KeyGroupRange): Promise<void> {
    if (this.#isKeyed !== keyGroup >= 0) throw this.#failed('it was stored as another kind of raw state')
    if (keyGroup >= 0 && (keyGroup < range.first || keyGroup >= range.end)) return
    try {
      await this.#raw.restore(this.object(keyGroup), bytes)
    } catch (error) {
      throw this.#failed(`restore threw: ${messageOf(error)}`, error)
    }
  }

  #snapshot(keyGroup: number): RawPartBytes[] {
    const parts: Uint8Array[][] = [[]]
    const out: RawOutput = {
      write: (bytes) => {
        if (!(bytes instanceof Uint8Array)) throw this.#failed('snapshot wrote something else than a Uint8Array')
        if (bytes.length > 0) parts.at(-1)!.push(bytes)
      },
      beginPart: () => {
        if (this.#isKeyed) throw this.#failed('snapshot began a part, and each key group of keyed raw state is one')
        parts.push([])
      },
    }
    this.#raw.snapshot(this.#objects.get(keyGroup), out)
    return parts.filter((pieces) => pieces.length > 0).map((pieces) => ({ state: this.#name, keyGroup, pieces }))
  }

  #failed(problem: string, cause?: unknown): Error {
    return engineError('STATE_RAW_FAILED', { operator: this.#operator, state: this.#name, problem }, cause)
  }
}
