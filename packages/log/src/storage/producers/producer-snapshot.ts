import { crc32c } from '../../records/crc32c.ts'
import { isSafeInt64, readInt16, readInt32, readInt64, readUint32, writeInt16, writeInt32, writeInt64 } from '../../protocol/primitives.ts'
import { logError } from '../../errors.ts'
import { PRODUCER_BATCHES_MAX, type ProducerBatch, type ProducerEntry } from './producer-entry.ts'

/**
 * A `.snapshot` file: version i16 · CRC-32C of what follows u32 · count i32 · entries (producer id i64 · epoch i16 · last sequence i32 ·
 * last offset i64 · offset delta i32 · timestamp i64 · coordinator epoch i32 · first offset of the open transaction i64 or -1).
 *
 * An entry has room for one batch, and Kafka writes a producer's last one alone. Here it has as many entries as batches, the last one last, which is the one that Kafka reads:
 * who sends an earlier one again after a restart is answered where it is, and does not write it twice.
 */
const version = 1
const headerBytes = 10
const crcAt = 2
const crcFrom = 6
const entryBytes = 46

export function encodeProducerSnapshot(entries: readonly ProducerEntry[]): Uint8Array {
  const count = entries.reduce((sum, { batches }) => sum + Math.max(1, batches.length), 0)
  const bytes = new Uint8Array(headerBytes + count * entryBytes)
  writeInt16(bytes, 0, version)
  writeInt32(bytes, crcFrom, count)
  let at = headerBytes
  for (const entry of entries) {
    const last = entry.batches.at(-1)
    for (const batch of entry.batches.slice(0, -1)) at = writeEntry(bytes, at, entry, batch, batch.timestamp)
    at = writeEntry(bytes, at, entry, last, entry.lastTimestamp)
  }
  writeInt32(bytes, crcAt, crc32c(bytes, crcFrom))
  return bytes
}

/** Gives where the next one goes. */
function writeEntry(bytes: Uint8Array, at: number, entry: ProducerEntry, batch: ProducerBatch | undefined, timestamp: number): number {
  writeInt64(bytes, at, entry.producerId)
  writeInt16(bytes, at + 8, entry.producerEpoch)
  writeInt32(bytes, at + 10, batch?.lastSequence ?? -1)
  writeInt64(bytes, at + 14, batch?.lastOffset ?? -1)
  writeInt32(bytes, at + 22, batch?.offsetDelta ?? 0)
  writeInt64(bytes, at + 26, timestamp)
  writeInt32(bytes, at + 34, entry.coordinatorEpoch)
  writeInt64(bytes, at + 38, entry.transactionFirstOffset ?? -1)
  return at + entryBytes
}

/** @throws `STORAGE_CORRUPT` */
export function parseProducerSnapshot(bytes: Uint8Array, path: string): ProducerEntry[] {
  const corrupt = (problem: string): Error => logError('STORAGE_CORRUPT', { path, problem })
  if (bytes.length < headerBytes) throw corrupt(`a size of ${bytes.length}`)
  if (readInt16(bytes, 0) !== version) throw corrupt(`version ${readInt16(bytes, 0)}`)
  if (readUint32(bytes, crcAt) !== crc32c(bytes, crcFrom)) throw corrupt('the CRC does not match')
  const count = readInt32(bytes, crcFrom)
  if (count < 0 || headerBytes + count * entryBytes !== bytes.length) throw corrupt(`${count} entries in ${bytes.length} bytes`)
  const entries = new Map<number, ProducerEntry>()
  for (let index = 0; index < count; index++) {
    const at = headerBytes + index * entryBytes
    if (![0, 14, 26, 38].every((field) => isSafeInt64(bytes, at + field))) throw corrupt(`entry ${index}`)
    const entry = parseEntry(bytes, at)
    const before = entries.get(entry.producerId)
    entries.set(entry.producerId, before === undefined ? entry : joined(before, entry))
  }
  return [...entries.values()]
}

/** The later entry of a producer, with the batches of those before. */
function joined(before: ProducerEntry, entry: ProducerEntry): ProducerEntry {
  if (before.producerEpoch !== entry.producerEpoch) return entry
  return { ...entry, batches: [...before.batches, ...entry.batches].slice(-PRODUCER_BATCHES_MAX) }
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
