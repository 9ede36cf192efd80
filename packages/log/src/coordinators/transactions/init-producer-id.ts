/**
 * InitProducerId for a transactional id: the producer that asks becomes its only one.
 *
 * A producer that names its id and epoch (KIP-360) goes on after an error: it gets the next epoch, or once more the one it has already
 * been given. A transaction that is open is aborted first: the producer is told to come again, as it came before.
 */
import { ERROR_CODE } from '../../protocol/index.ts'
import type { Decision, DecisionFacts, Producer, ProducerReply } from './decision.ts'
import { fence, giveUp } from './end-transaction.ts'
import {
  CLIENT_EPOCH_MAX,
  isEpochExhausted,
  moved,
  NO_PARTITIONS,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_TIMESTAMP,
  type Transaction,
} from './transaction.ts'

export interface InitProducerId {
  readonly transactionalId: string
  readonly timeoutMs: number
  /** Who the producer says to be; undefined for one that is new. */
  readonly expected: Producer | undefined
}

/** What a key in the log can hold. */
const TRANSACTIONAL_ID_BYTES_MAX = 0x7fff

type InitDecision = Decision<ProducerReply>

export function decideInitProducerId(before: Transaction | undefined, asked: InitProducerId, facts: DecisionFacts): InitDecision {
  const { transactionalId, timeoutMs, expected } = asked
  if (transactionalId === '' || Buffer.byteLength(transactionalId) > TRANSACTIONAL_ID_BYTES_MAX) return refuse(ERROR_CODE.INVALID_REQUEST)
  if (timeoutMs <= 0 || timeoutMs > facts.timeoutMaxMs) return refuse(ERROR_CODE.INVALID_TRANSACTION_TIMEOUT)
  if (before === undefined) return first(asked, facts)
  if (expected !== undefined && !isExpected(before, expected)) return refuse(ERROR_CODE.PRODUCER_FENCED)
  switch (before.state) {
    case 'PrepareCommit':
    case 'PrepareAbort':
      return refuse(ERROR_CODE.CONCURRENT_TRANSACTIONS)
    case 'Ongoing': {
      // Only the producer of this very transaction may give it up: one that comes late with an older epoch may not.
      if (expected !== undefined && expected.producerEpoch !== before.producerEpoch) return refuse(ERROR_CODE.PRODUCER_FENCED)
      const to = expected === undefined ? fence(before, facts.nowMs) : giveUp(before, facts.nowMs)
      return { kind: 'move', to, reply: failure(ERROR_CODE.CONCURRENT_TRANSACTIONS) }
    }
    case 'Empty':
    case 'CompleteCommit':
    case 'CompleteAbort':
      return next(before, asked, facts)
    case 'Dead':
    case 'PrepareEpochFence':
      throw new Error(`a transactional id cannot be ${before.state}`)
  }
}

/** The id it has, or the one before, from which an answer that was lost has led to the present one. The epoch is looked at later. */
function isExpected({ producerId, previousProducerId }: Transaction, expected: Producer): boolean {
  if (expected.producerId === producerId) return true
  return expected.producerId === previousProducerId && isEpochExhausted(expected.producerEpoch)
}

function first({ transactionalId, timeoutMs }: InitProducerId, { nowMs, freshProducerId }: DecisionFacts): InitDecision {
  if (freshProducerId === undefined) return { kind: 'needs-producer-id' }
  return granted({
    transactionalId,
    producerId: freshProducerId,
    producerEpoch: 0,
    previousProducerId: NO_PRODUCER_ID,
    nextProducerId: NO_PRODUCER_ID,
    lastProducerEpoch: NO_PRODUCER_EPOCH,
    timeoutMs,
    state: 'Empty',
    partitions: NO_PARTITIONS,
    startedMs: NO_TIMESTAMP,
    updatedMs: nowMs,
    clientVersion: 0,
  })
}

function next(before: Transaction, { timeoutMs, expected }: InitProducerId, { nowMs, freshProducerId }: DecisionFacts): InitDecision {
  const { producerId, producerEpoch, lastProducerEpoch } = before
  const fresh = { timeoutMs, updatedMs: nowMs, startedMs: NO_TIMESTAMP, partitions: NO_PARTITIONS, clientVersion: 0 } as const
  const isCurrent = expected === undefined || (expected.producerId === producerId && expected.producerEpoch === producerEpoch)
  if (!isCurrent) {
    // What it was given has not reached it. Had another producer come since, there would be no last epoch.
    if (expected.producerEpoch !== lastProducerEpoch) return refuse(ERROR_CODE.PRODUCER_FENCED)
    if (producerEpoch <= CLIENT_EPOCH_MAX) return granted(moved(before, 'Empty', fresh))
  }
  const last = expected?.producerEpoch ?? NO_PRODUCER_EPOCH
  if (!isEpochExhausted(producerEpoch)) {
    return granted(moved(before, 'Empty', { ...fresh, producerEpoch: producerEpoch + 1, lastProducerEpoch: last }))
  }
  if (freshProducerId === undefined) return { kind: 'needs-producer-id' }
  const rotated = { producerId: freshProducerId, producerEpoch: 0, lastProducerEpoch: last, previousProducerId: producerId }
  return granted(moved(before, 'Empty', { ...fresh, ...rotated }))
}

function granted(to: Transaction): InitDecision {
  const { producerId, producerEpoch } = to
  return { kind: 'move', to, reply: { errorCode: ERROR_CODE.NONE, producerId, producerEpoch } }
}

function refuse(errorCode: number): InitDecision {
  return { kind: 'answer', reply: failure(errorCode) }
}

function failure(errorCode: number): ProducerReply {
  return { errorCode, producerId: NO_PRODUCER_ID, producerEpoch: NO_PRODUCER_EPOCH }
}
