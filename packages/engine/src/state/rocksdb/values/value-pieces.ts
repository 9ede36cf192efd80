/** Many values that are read together: in the order in which they lie in their files, with those that lie close to each other in one piece. */
import type { ValuePlace } from './value-record.ts'
import { recordLength } from './value-record.ts'

/** Reads that are under way at once: what others ask of the disk comes between them. */
const READS_AT_ONCE = 32
/** Bytes between two values that are as well read with them as passed over. */
const GAP_BYTES_MAX = 4096
/** More is not read in one piece, but for a value that is longer by itself. */
const PIECE_BYTES_MAX = 512 * 1024

/** A value that is sought. */
export interface SoughtValue {
  readonly key: Uint8Array
  readonly place: ValuePlace
}

/** Values of one file that are read in one piece, in the order in which they lie there. */
export interface ValuePiece<T extends SoughtValue> {
  readonly segment: number
  readonly offset: number
  length: number
  readonly sought: T[]
}

/** Pure. */
export function piecesOf<T extends SoughtValue>(sought: readonly T[]): readonly ValuePiece<T>[] {
  const pieces: ValuePiece<T>[] = []
  let last: ValuePiece<T> | undefined
  for (const each of sought.toSorted((a, b) => a.place.segment - b.place.segment || a.place.offset - b.place.offset)) {
    const { segment, offset, valueLength } = each.place
    const end = offset + recordLength(each.key.length, valueLength)
    if (last !== undefined && last.segment === segment && isClose(last, offset, end)) {
      last.length = Math.max(last.length, end - last.offset)
      last.sought.push(each)
    } else {
      last = { segment, offset, length: end - offset, sought: [each] }
      pieces.push(last)
    }
  }
  return pieces
}

function isClose(piece: ValuePiece<SoughtValue>, offset: number, end: number): boolean {
  return offset - (piece.offset + piece.length) <= GAP_BYTES_MAX && end - piece.offset <= PIECE_BYTES_MAX
}

/** Reads them all, some at once. Never rejects: what `read` cannot do is its own to tell. */
export async function readPieces<P>(pieces: readonly P[], read: (piece: P) => Promise<void>): Promise<void> {
  const rest = pieces.values()
  const readOn = async (): Promise<void> => {
    for (const piece of rest) await read(piece).catch(() => {})
  }
  await Promise.all(Array.from({ length: Math.min(READS_AT_ONCE, pieces.length) }, readOn))
}
