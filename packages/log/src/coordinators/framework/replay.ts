/** Brings a state machine's state to the end of its log. */
import { batchEndTransactionMarker, batches, records, type BatchView } from '../../records/index.ts'
import type { CoordinatorLog } from './coordinator-log.ts'
import type { Producer, RecordOrigin, StateMachine } from './decision.ts'

export interface Replayed<S> {
  readonly state: S
  /** Of the last batch; 0 for an empty log. */
  readonly order: number
}

/** @param isWanted asked between chunks, so that a load that nobody waits for ends early. @throws what the log and the format throw */
export async function replay<S, R>(
  machine: StateMachine<S, R>,
  log: CoordinatorLog,
  partition: number,
  isWanted: () => boolean,
): Promise<Replayed<S>> {
  const state = machine.empty(partition)
  let order = 0
  for await (const chunk of log.read()) {
    if (!isWanted()) break
    for (const batch of batches(chunk)) applyBatch(machine, state, batch, ++order)
  }
  return { state, order }
}

function applyBatch<S, R>(machine: StateMachine<S, R>, state: S, batch: BatchView, order: number): void {
  const { producerId, producerEpoch } = batch
  const producer: Producer | undefined = batch.isTransactional ? { producerId, producerEpoch } : undefined
  if (batch.isControl) {
    const marker = batchEndTransactionMarker(batch)
    if (marker === undefined || producer === undefined) return
    const origin: RecordOrigin = { order, timestampMs: batch.maxTimestamp, producer }
    machine.applyMarker?.(state, { ...producer, isCommit: marker.outcome === 'commit' }, origin)
    return
  }
  for (const { key, value, timestamp } of records(batch)) {
    const record = key === null ? undefined : machine.format.decode(key, value)
    if (record !== undefined) machine.apply(state, record, { order, timestampMs: timestamp, producer })
  }
}
