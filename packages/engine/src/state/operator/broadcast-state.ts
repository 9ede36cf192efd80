// Broadcast state: the same in every subtask, because each applies the same elements in the same order.
//
// 1. It is one row of keyed state under a key that nobody sees. Snapshots are whole, and any subtask's copy restores all.
// 2. Only the broadcast side may change it: the other side's handles refuse to.
import type { KeyAtom } from '../../api/state.ts'
import { engineError } from '../../errors.ts'
import { hashKey } from '../../keys/hash.ts'
import { KeyedState } from '../keyed-state.ts'
import type { KeyedStateOptions, StateHandles } from '../state-types.ts'

const KEY = null
const HASH: number = hashKey(KEY)
const changing = ['set', 'add', 'addAll', 'update', 'delete', 'clear'] as const

export class BroadcastState {
  /** For the broadcast side. */
  readonly handles: StateHandles
  /** For the other side: the same state, to read. */
  readonly readonlyHandles: StateHandles
  readonly #state: KeyedState

  constructor(options: Pick<KeyedStateOptions, 'operator' | 'states' | 'freeze' | 'allowNonRestored'>) {
    this.#state = new KeyedState({ ...options, maxParallelism: 1, keyGroups: { first: 0, end: 1 } })
    this.#state.use(KEY, HASH)
    this.handles = this.#state.handles
    this.readonlyHandles = Object.freeze(
      Object.fromEntries(
        Object.entries(this.handles).map(([state, handle]) => [state, readOnly(options.operator, state, handle as object)]),
      ),
    )
  }

  /** Everything, as of now. */
  snapshot(): Uint8Array<ArrayBuffer> {
    const writer = this.#state.beginSnapshot(0, { full: 'all' })
    const { segments } = writer.finish()
    const chunks = writer.take()
    this.#state.checkpointAborted(0)
    const lengths = segments.map(({ length }) => length)
    return joinBroadcast(lengths, chunks)
  }

  /** Before first use: what `snapshot` answered, in any subtask. @throws as `KeyedState.restoreGroup` */
  restore(bytes: Uint8Array): void {
    this.#state.restoreGroup(0, splitBroadcast(bytes, this.#state.operator))
    this.#state.use(KEY, HASH)
  }

  dispose(): void {
    this.#state.dispose()
  }
}

/** Broadcast state as it is stored: how many segments, the length of each, the segments. */
export function joinBroadcast(lengths: readonly number[], chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.concat([uint32s(lengths.length, ...lengths), ...chunks]))
}

function uint32s(...numbers: number[]): Uint8Array {
  const bytes = Buffer.alloc(4 * numbers.length)
  for (const [at, number] of numbers.entries()) bytes.writeUInt32LE(number, 4 * at)
  return bytes
}

/** @throws STATE_CORRUPT */
export function splitBroadcast(bytes: Uint8Array, operator: string): { readonly bytes: Uint8Array }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const count = bytes.length < 4 ? -1 : view.getUint32(0, true)
  let at = 4 + 4 * count
  const segments: { readonly bytes: Uint8Array }[] = []
  for (let segment = 0; segment < count && at <= bytes.length; segment++) {
    const length = view.getUint32(4 + 4 * segment, true)
    segments.push({ bytes: bytes.subarray(at, at + length) })
    at += length
  }
  if (at !== bytes.length) throw engineError('STATE_CORRUPT', { operator, group: 0, at: 0, problem: 'broadcast state of a wrong length' })
  return segments
}

/** The handle without what changes the state. Objects it gives out are the state's own: they are read-only by type, and frozen in development mode. */
function readOnly(operator: string, state: string, handle: object): unknown {
  const refusals = changing.map((call): [string, unknown] => [
    call,
    (): never => {
      throw engineError('STATE_READ_ONLY', { operator, state, call })
    },
  ])
  const source = handle as {
    get?: (key?: KeyAtom) => unknown
    has?: (key: KeyAtom) => boolean
    entries?: () => unknown
    readonly size?: number
  }
  return Object.freeze({
    ...Object.fromEntries(refusals),
    get: (key?: KeyAtom): unknown => source.get!(key),
    has: (key: KeyAtom): unknown => source.has!(key),
    entries: (): unknown => source.entries!(),
    get size(): number | undefined {
      return source.size
    },
  })
}
