/** A partition that this broker leads, as a coordinator's log. */
import { BatchCursor } from '../../records/index.ts'
import type { AppendOptions, PartitionLog } from '../../storage/index.ts'
import { readRanges } from '../../storage/index.ts'
import type { CoordinatorLog } from './coordinator-log.ts'

/** What is needed of the partition: its log, and an append that resolves when it is acknowledged. */
export interface LedPartition {
  readonly leaderEpoch: number
  readonly log: PartitionLog
  append(bytes: Uint8Array, options?: Pick<AppendOptions, 'origin'>): Promise<unknown>
}

/** Bytes of a chunk: what is decoded between two turns of the event loop takes a few milliseconds. */
const READ_BYTES = 1 << 16

export function coordinatorLogOf(partition: LedPartition, batchBytesMax: number): CoordinatorLog {
  return {
    leaderEpoch: partition.leaderEpoch,
    batchBytesMax,
    async append(batches) {
      await partition.append(batches, { origin: 'coordinator' })
    },
    read: () => chunks(partition.log),
    producer(producerId) {
      const entry = partition.log.producer(producerId)
      return entry && { epoch: entry.producerEpoch, coordinatorEpoch: entry.coordinatorEpoch }
    },
  }
}

/** Up to the end that the log has at the beginning: nothing is appended meanwhile but by the coordinator itself. What was written and not acknowledged is made durable. */
async function* chunks(log: PartitionLog): AsyncGenerator<Uint8Array> {
  // One that cannot be looked into seems empty.
  if (log.offline !== undefined) throw log.offline
  const end = log.logEndOffset
  for (let offset = log.logStartOffset; offset < end;) {
    const plan = await log.read({ startOffset: offset, maxBytes: READ_BYTES, isolation: 'log-end', minOneBatch: true })
    const bytes = await readRanges(plan).finally(() => plan.release())
    const cursor = new BatchCursor(bytes)
    let next = offset
    for (const batch of cursor) next = batch.nextOffset
    // Compaction may have taken away what was at the end.
    if (next <= offset) break
    offset = next
    yield bytes.subarray(0, cursor.position)
  }
  if (log.config.durable && log.syncedOffset < end) await log.sync()
}
