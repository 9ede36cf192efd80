import type { Key } from '../../api/state.ts'
import { ValueReader } from '../../codec/value.ts'
import type { TimerKind } from '../state-types.ts'
import { WholeWriter } from './row-encoder.ts'

/** First byte of the keys of timers. */
const FIRST: { readonly [K in TimerKind]: number } = { event: 0x65, processing: 0x70 }
const TIME_AT = 1
const HASH_AT = 9
/** In front of the row's key. */
const KEY_AT = 13
const SIGN = 0x8000_0000

/** A timer as a key of an ordered store says it. */
export interface StoredTimer {
  readonly time: number
  readonly key: Key
  readonly hash: number
  /** The key in the store, in memory of its own. */
  readonly bytes: Uint8Array
}

/**
 * Timers as keys of an ordered store, without values: a byte, the time (8 bytes), the hash of the row's key (4 bytes), that key as a value. Time and hash are written
 * so that keys lie in the order in which timers fire.
 */
export class TimerKeyWriter extends WholeWriter {
  readonly #number: DataView<ArrayBuffer> = new DataView(new ArrayBuffer(8))

  /** Good until the next call. */
  write(kind: TimerKind, time: number, hash: number, key: Key): Uint8Array {
    this.reset()
    this.byte(FIRST[kind])
    this.#number.setFloat64(0, time)
    const high = this.#number.getUint32(0)
    const isNegative = high >= SIGN
    this.#word(isNegative ? ~high : high ^ SIGN)
    this.#word(isNegative ? ~this.#number.getUint32(4) : this.#number.getUint32(4))
    this.#word(hash ^ SIGN)
    this.value(key, 'key')
    return this.view()
  }

  #word(word: number): void {
    this.byte(word >>> 24)
    this.byte((word >>> 16) & 0xff)
    this.byte((word >>> 8) & 0xff)
    this.byte(word & 0xff)
  }
}

/** Where the timers of a kind begin, and what is behind the last one. */
export function timerRange(kind: TimerKind): { readonly from: Uint8Array; readonly end: Uint8Array } {
  return { from: Uint8Array.of(FIRST[kind]), end: Uint8Array.of(FIRST[kind] + 1) }
}

const reader = new ValueReader()
const number = new DataView(new ArrayBuffer(8))

/** What a key of a store says. `bytes` is kept. */
export function timerIn(bytes: Uint8Array): StoredTimer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const high = view.getUint32(TIME_AT)
  const low = view.getUint32(TIME_AT + 4)
  const isNegative = high < SIGN
  number.setUint32(0, isNegative ? ~high : high ^ SIGN)
  number.setUint32(4, isNegative ? ~low : low)
  reader.reset(bytes.subarray(KEY_AT))
  return { time: number.getFloat64(0), hash: timerHashIn(bytes), key: reader.value() as Key, bytes }
}

/** The hash in the key of a timer. */
export function timerHashIn(bytes: Uint8Array): number {
  return ((bytes[HASH_AT]! << 24) | (bytes[HASH_AT + 1]! << 16) | (bytes[HASH_AT + 2]! << 8) | bytes[HASH_AT + 3]!) ^ SIGN
}
