/**
 * The state format, versions 1, 2 and 5: rows of one key group as bytes. What is written here is read for ever; see `docs/internals/state-format.md`.
 *
 *   segment   magic, version byte, value format version byte, kind byte (`segmentKinds`), varint key group, varint columns,
 *             per column: byte (its place in `columnKinds`), varint version, text name; then records up to the segment's end
 *   record    row:        the key as a value, then a cell per column
 *             tombstone:  mark.tombstone, the key: the key has no state any more
 *             entries:    mark.entries, the key, varint column, varint count, the changes: more of a map whose row came before
 *   cell      a value · mark.absent · mark.map, varint count, that many entries: the whole map · mark.mapChanges, varint count, changes: over the map as it was
 *   change    the entry's key, then its value or mark.absent where it was removed
 *
 * Version 2 is written where a state expires or has a codec. It adds columns of update times (a number; of a list an array of them), and
 *
 *   value     mark.coded, varint length, bytes: what a codec has written; as a list's cell mark.codedList, varint count, for each varint length, bytes
 *   change    the entry's key, mark.timed, its update time (a value), then its value
 *
 * Versions 3 and 4 are 1 and 2 where the header stands by itself, for the rows of a database: their timers are keys of it too, and rows with timers are in no segment besides.
 *
 * Version 5 is a segment of version 1 or 2 that is compressed: magic, version byte, byte 1 (Zstandard), varint with the segment's length, then a frame up to the end.
 *
 * 0xf8 and 0xf9 are taken: what the RocksDB backend stores may begin with them.
 *
 * Values are those of the value format, whose tags are all below 0xc0. Timers are numbers (one), or maps from time to true.
 */
import type { ByteWriter } from '../../codec/byte-writer.ts'
import { VALUE_FORMAT_VERSION } from '../../codec/value.ts'
import { columnKinds, type ColumnKind } from '../rows/schema.ts'

export const STATE_FORMAT_VERSION = 2
/** Of segments without anything that the second version added. */
export const STATE_FORMAT_PLAIN = 1

/** Versions up to this one can be read. */
export const STATE_FORMAT_NEWEST = 5
/** Of a segment that is compressed. */
export const STATE_FORMAT_COMPRESSED = 5
const TIMERS_APART = 2
const VERSION_AT = 2

export const SEGMENT_MAGIC_0 = 0x4d
export const SEGMENT_MAGIC_1 = 0x53

/** Places in this list are part of the format. */
export const segmentKinds = ['full', 'delta'] as const
export type SegmentKind = (typeof segmentKinds)[number]

export const mark = {
  absent: 0xf0,
  tombstone: 0xf1,
  entries: 0xf2,
  map: 0xf3,
  mapChanges: 0xf4,
  timed: 0xf5,
  coded: 0xf6,
  codedList: 0xf7,
} as const

export interface SegmentHeader {
  readonly keyGroup: number
  readonly kind: SegmentKind
  /** Whether it holds anything that the second version added. */
  readonly special: boolean
  readonly columns: readonly { readonly name: string; readonly kind: ColumnKind; readonly version: number }[]
}

/** What a segment begins with. */
export function writeSegmentHeader(out: ByteWriter, { keyGroup, kind, special, columns }: SegmentHeader): void {
  out.byte(SEGMENT_MAGIC_0)
  out.byte(SEGMENT_MAGIC_1)
  out.byte(special ? STATE_FORMAT_VERSION : STATE_FORMAT_PLAIN)
  out.byte(VALUE_FORMAT_VERSION)
  out.byte(segmentKinds.indexOf(kind))
  out.varint(keyGroup)
  out.varint(columns.length)
  for (const column of columns) {
    out.byte(columnKinds.indexOf(column.kind))
    out.varint(column.version)
    out.text(column.name)
  }
}

/** The header of a database's rows with timers that are keys as well. */
export function withTimersApart(header: Uint8Array): Uint8Array {
  const other = new Uint8Array(header)
  other[VERSION_AT] = header[VERSION_AT]! + TIMERS_APART
  return other
}
