/**
 * The end of a transaction: decided by its producer, or by the coordinator for one that has taken too long or has a successor.
 *
 * A client of transaction version 2 gets the next epoch with every end (KIP-890): a write or a marker that comes late is then told from those
 * of the next transaction. A request that is repeated because its answer was lost has the epoch before, and gets the same answer.
 */
import { ERROR_CODE } from '../../protocol/index.ts'
import type { Decision, DecisionFacts, Producer, ProducerReply } from './decision.ts'
import { isEnding } from './transaction-state.ts'
import {
  CLIENT_EPOCH_MAX,
  isEpochExhausted,
  moved,
  NO_PARTITIONS,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  type Transaction,
  type TransactionVersion,
} from './transaction.ts'

export interface EndTransaction extends Producer {
  readonly isCommit: boolean
  readonly clientVersion: TransactionVersion
}

type EndDecision = Decision<ProducerReply>

export function decideEndTransaction(before: Transaction | undefined, asked: EndTransaction, facts: DecisionFacts): EndDecision {
  if (before === undefined) return refuse(ERROR_CODE.INVALID_PRODUCER_ID_MAPPING)
  return asked.clientVersion === 2 ? endWithBump(before, asked, facts) : endWithoutBump(before, asked, facts)
}

/** The epoch stays: a repetition cannot be told from the end of a transaction that was never begun. */
function endWithoutBump(before: Transaction, asked: EndTransaction, { nowMs }: DecisionFacts): EndDecision {
  const { state, producerId, producerEpoch } = before
  if (producerId !== asked.producerId) return refuse(ERROR_CODE.INVALID_PRODUCER_ID_MAPPING)
  if (producerEpoch !== asked.producerEpoch) return refuse(ERROR_CODE.PRODUCER_FENCED)
  if (state !== 'Ongoing') return endedAlready(before, asked)
  const to = moved(before, preparedState(asked), { updatedMs: nowMs, clientVersion: 0 })
  return { kind: 'move', to, reply: { errorCode: ERROR_CODE.NONE, producerId, producerEpoch } }
}

function endWithBump(before: Transaction, asked: EndTransaction, facts: DecisionFacts): EndDecision {
  const { state, producerId, producerEpoch, nextProducerId } = before
  const isRepetition = isRepeated(before, asked)
  // The producer has its next epoch, or id, before the end is complete.
  if (isEnding(state) && asked.producerId === nextProducerId && asked.producerEpoch === 0) return refuse(ERROR_CODE.CONCURRENT_TRANSACTIONS)
  if (producerId !== asked.producerId && !isRepetition) return refuse(ERROR_CODE.INVALID_PRODUCER_ID_MAPPING)
  if (isRepetition && state !== 'Ongoing' && state !== 'Empty') return endedAlready(before, asked)
  if (producerEpoch !== asked.producerEpoch) return refuse(ERROR_CODE.PRODUCER_FENCED)
  if (isEnding(state)) return refuse(ERROR_CODE.CONCURRENT_TRANSACTIONS)
  // What was never begun can be aborted, so that a client can be sure; there is nothing to commit.
  if (state !== 'Ongoing' && asked.isCommit) return refuse(ERROR_CODE.INVALID_TXN_STATE)
  return bumped(before, asked, facts)
}

function bumped(before: Transaction, asked: EndTransaction, { nowMs, freshProducerId }: DecisionFacts): EndDecision {
  const { state, producerId, producerEpoch, startedMs } = before
  const needsId = isEpochExhausted(producerEpoch)
  if (needsId && freshProducerId === undefined) return { kind: 'needs-producer-id' }
  const to = moved(before, preparedState(asked), {
    producerEpoch: producerEpoch + 1,
    lastProducerEpoch: producerEpoch,
    previousProducerId: NO_PRODUCER_ID,
    nextProducerId: needsId ? freshProducerId! : NO_PRODUCER_ID,
    startedMs: state === 'Ongoing' ? startedMs : nowMs,
    updatedMs: nowMs,
    clientVersion: 2,
  })
  const reply = needsId ? { producerId: freshProducerId!, producerEpoch: 0 } : { producerId, producerEpoch: producerEpoch + 1 }
  return { kind: 'move', to, reply: { errorCode: ERROR_CODE.NONE, ...reply } }
}

/** Whether the request has been answered before, with an epoch that its producer then did not hear of. */
function isRepeated(before: Transaction, { producerId, producerEpoch }: Producer): boolean {
  if (before.clientVersion !== 2) return false
  if (before.producerId === producerId) return before.producerEpoch === producerEpoch + 1
  return before.previousProducerId === producerId && producerEpoch === CLIENT_EPOCH_MAX && before.producerEpoch === 0
}

function endedAlready({ state, producerId, producerEpoch }: Transaction, { isCommit }: EndTransaction): EndDecision {
  const sameEnd = isCommit ? ['PrepareCommit', 'CompleteCommit'] : ['PrepareAbort', 'CompleteAbort']
  if (!sameEnd.includes(state)) return refuse(ERROR_CODE.INVALID_TXN_STATE)
  if (isEnding(state)) return refuse(ERROR_CODE.CONCURRENT_TRANSACTIONS)
  return { kind: 'answer', reply: { errorCode: ERROR_CODE.NONE, producerId, producerEpoch } }
}

function preparedState({ isCommit }: EndTransaction): 'PrepareCommit' | 'PrepareAbort' {
  return isCommit ? 'PrepareCommit' : 'PrepareAbort'
}

/**
 * The coordinator's own abort of an open transaction, as another producer has come. The epoch moves to one that nobody is given: its producer
 * can neither write nor end it, and cannot take the abort for its own.
 */
export function fence(before: Transaction, nowMs: number): Transaction {
  return aborted(before, nowMs, { lastProducerEpoch: NO_PRODUCER_EPOCH, clientVersion: 0 })
}

/**
 * The abort of a transaction by its own producer, which asks for the next epoch instead (KIP-360). It comes again for it with the epoch it has,
 * and gets the one that the markers have: those are of transaction version 2, so that one that comes late ends nothing of that epoch.
 * The epoch that no client gets is left out: then it gets another producer id.
 */
export function giveUp(before: Transaction, nowMs: number): Transaction {
  const { producerEpoch } = before
  return aborted(before, nowMs, { lastProducerEpoch: producerEpoch, clientVersion: isEpochExhausted(producerEpoch) ? 0 : 2 })
}

/**
 * The coordinator's own abort of a transaction that has taken too long. A producer of transaction version 2 can go on: when it aborts the
 * transaction itself it gets the next epoch, as if it had been the first to do so. An older one is fenced, and one whose epochs are used up.
 */
export function timeOut(before: Transaction, nowMs: number): Transaction {
  if (before.clientVersion !== 2 || isEpochExhausted(before.producerEpoch)) return fence(before, nowMs)
  return aborted(before, nowMs, { lastProducerEpoch: before.producerEpoch, clientVersion: 2 })
}

function aborted(before: Transaction, nowMs: number, changes: Pick<Transaction, 'lastProducerEpoch' | 'clientVersion'>): Transaction {
  const fenced = moved(before, 'PrepareEpochFence', { ...changes, producerEpoch: before.producerEpoch + 1 })
  return moved(fenced, 'PrepareAbort', { updatedMs: nowMs })
}

/** The transaction with every marker written. */
export function completed(before: Transaction, nowMs: number): Transaction {
  const { state, producerId, nextProducerId } = before
  const rotated = { producerId: nextProducerId, producerEpoch: 0, previousProducerId: producerId, nextProducerId: NO_PRODUCER_ID }
  return moved(before, state === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort', {
    ...(nextProducerId === NO_PRODUCER_ID ? {} : rotated),
    partitions: NO_PARTITIONS,
    updatedMs: nowMs,
  })
}

/** Whether the transaction has been open for longer than its producer has allowed. */
export function isTimedOut({ state, startedMs, timeoutMs }: Transaction, nowMs: number): boolean {
  return state === 'Ongoing' && startedMs + timeoutMs < nowMs
}

function refuse(errorCode: number): EndDecision {
  return { kind: 'answer', reply: { errorCode, producerId: NO_PRODUCER_ID, producerEpoch: NO_PRODUCER_EPOCH } }
}
