import { crc32c } from '../../records/crc32c.ts'
import { isSafeInt64, readInt16, readInt32, readInt64, readUint32, writeInt16, writeInt32, writeInt64 } from '../../protocol/primitives.ts'
import { logError } from '../../errors.ts'
import type { ProducerEntry } from './producer-entry.ts'

/**
 * A `.snapshot` file: version i16 · CRC-32C of what follows u32 · count i32 · entries (producer id i64 · epoch i16 · last sequence i32 ·
 * last offset i64 · offset delta i32 · timestamp i64 · coordinator epoch i32 · first offset of the open transaction i64 or -1).
 * Only the last batch of each producer is kept.
 */
const version = 1
const headerBytes = 10
const crcAt = 2
const crcFrom = 6
const entryBytes = 46

export function encodeProducerSnapshot(entries: readonly ProducerEntry[]): Uint8Array {
  const bytes = new Uint8Array(headerBytes + entries.length * entryBytes)
  writeInt16(bytes, 0, version)
  writeInt32(bytes, crcFrom, entries.length)
  for (const [index, entry] of entries.entries()) {
    const at = headerBytes + index * entryBytes
    const last = entry.batches.at(-1)
    writeInt64(bytes, at, entry.producerId)
    writeInt16(bytes, at + 8, entry.producerEpoch)
    writeInt32(bytes, at + 10, last?.lastSequence ?? -1)
    writeInt64(bytes, at + 14, last?.lastOffset ?? -1)
    writeInt32(bytes, at + 22, last?.offsetDelta ?? 0)
    writeInt64(bytes, at + 26, entry.lastTimestamp)
    writeInt32(bytes, at + 34, entry.coordinatorEpoch)
    writeInt64(bytes, at + 38, entry.transactionFirstOffset ?? -1)
  }
  writeInt32(bytes, crcAt, crc32c(bytes, crcFrom))
  return bytes
}

/** @throws `STORAGE_CORRUPT` */
export function parseProducerSnapshot(bytes: Uint8Array, path: string): ProducerEntry[] {
  const corrupt = (problem: string): Error => logError('STORAGE_CORRUPT', { path, problem })
  if (bytes.length < headerBytes) throw corrupt(`a size of ${bytes.length}`)
  if (readInt16(bytes, 0) !== version) throw corrupt(`version ${readInt16(bytes, 0)}`)
  if (readUint32(bytes, crcAt) !== crc32c(bytes, crcFrom)) throw corrupt('the CRC does not match')
  const count = readInt32(bytes, crcFrom)
  if (count < 0 || headerBytes + count * entryBytes !== bytes.length) throw corrupt(`${count} entries in ${bytes.length} bytes`)
  return Array.from({ length: count }, (_, index) => {
    const at = headerBytes + index * entryBytes
    if (![0, 14, 26, 38].every((field) => isSafeInt64(bytes, at + field))) throw corrupt(`entry ${index}`)
    return parseEntry(bytes, at)
  })
}

function parseEntry(bytes: Uint8Array, at: number): ProducerEntry {
  const lastOffset = readInt64(bytes, at + 14)
  const timestamp = readInt64(bytes, at + 26)
  const transactionFirstOffset = readInt64(bytes, at + 38)
  const last = { lastSequence: readInt32(bytes, at + 10), lastOffset, offsetDelta: readInt32(bytes, at + 22), timestamp }
  return {
    producerId: readInt64(bytes, at),
    producerEpoch: readInt16(bytes, at + 8),
    coordinatorEpoch: readInt32(bytes, at + 34),
    lastTimestamp: timestamp,
    transactionFirstOffset: transactionFirstOffset < 0 ? undefined : transactionFirstOffset,
    batches: lastOffset < 0 ? [] : [last],
  }
}
