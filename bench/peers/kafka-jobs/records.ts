/** The records that all jobs read, what is to become of each, and a checksum that is free of order. */
import { crc32 } from 'node:zlib'

export type Mode = 'json' | 'bytes'

export const RECORD_BYTES = 200

/** What a record says, 200 bytes as JSON: the note is as long as it takes. */
export interface Event {
  readonly id: number
  readonly user: string
  readonly kind: string
  readonly amount: number
  readonly quantity: number
  readonly note: string
}

export interface Outcome {
  readonly id: number
  readonly user: string
  readonly kind: string
  readonly total: number
  readonly large: boolean
  readonly note: string
}

const kinds = ['view', 'click', 'order', 'return'] as const
const note =
  'leave the parcel with the neighbours if nobody answers the door, please, and ring twice before you go, they are old and the bell is not'

/** The value of the n-th record. */
export function recordOf(n: number): string {
  const mixed = Math.imul(n, 0x9e37_79b1) >>> 0
  const user = `user-${String(mixed % 1_000_000).padStart(6, '0')}`
  const event = { id: n, user, kind: kinds[mixed % 4]!, amount: 1 + (mixed % 9_999), quantity: 1 + (mixed % 19) }
  const head = JSON.stringify(event).slice(0, -1)
  return `${head},"note":"${note.slice(0, RECORD_BYTES - head.length - 11)}"}`
}

/** What all jobs do in the mode `json`. */
export function outcomeOf({ id, user, kind, amount, quantity, note: kept }: Event): Outcome {
  const total = amount * quantity
  return { id, user, kind, total, large: total > 100_000, note: kept }
}

/** Of values in any order. */
export class Checksum {
  count = 0
  #sum = 0

  add(value: Uint8Array | string): void {
    this.count++
    this.#sum = (this.#sum + crc32(value)) >>> 0
  }

  /** `3 records, 0a1b2c3d` */
  toString(): string {
    return `${this.count} records, ${this.#sum.toString(16).padStart(8, '0')}`
  }
}

/** Of what a job must have made of the first records. */
export function expectedOf(mode: Mode, records: number): string {
  const checksum = new Checksum()
  for (let n = 0; n < records; n++) {
    const value = recordOf(n)
    checksum.add(mode === 'bytes' ? value : JSON.stringify(outcomeOf(JSON.parse(value) as Event)))
  }
  return checksum.toString()
}
