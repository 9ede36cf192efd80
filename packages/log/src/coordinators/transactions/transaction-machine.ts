/**
 * The transactional ids of one partition of `__transaction_state`, and the operations on them.
 *
 * 1. A transaction changes by the decisions of this folder alone, and each change is one record with the whole of it.
 * 2. What an operation gives out as ending is decided and acknowledged: its markers may be written.
 */
import { answer, type Decision as Written, type Operation, type StateMachine } from '../framework/index.ts'
import type { Decision, DecisionFacts, ErrorReply, ProducerReply } from './decision.ts'
import { decideAddPartitions, verifyPartition, type AddPartitions, type VerifyPartition } from './add-partitions.ts'
import { completed, decideEndTransaction, isTimedOut, timeOut, type EndTransaction } from './end-transaction.ts'
import { decideInitProducerId, type InitProducerId } from './init-producer-id.ts'
import { recordOf, tombstoneOf, transactionFormat, transactionOf, type TransactionRecord } from './transaction-log.ts'
import { isEnding, mayExpire } from './transaction-state.ts'
import type { Transaction } from './transaction.ts'

export type Transactions = Map<string, Transaction>

export type TransactionOperation<T> = Operation<Transactions, TransactionRecord, T>

export const transactionMachine: StateMachine<Transactions, TransactionRecord> = {
  format: transactionFormat,
  empty: () => new Map(),
  apply(transactions, record) {
    const transaction = transactionOf(record)
    if (transaction === undefined) transactions.delete(record.key.transactionalId)
    else transactions.set(transaction.transactionalId, transaction)
  },
}

/** What came of an operation. */
export interface Outcome<Reply> {
  readonly reply: Reply
  /** The transaction as it is afterwards, where it is ending. */
  readonly ending: Transaction | undefined
}

/** Decide again, with a fresh producer id. */
export const NEEDS_PRODUCER_ID = 'needs-producer-id'

export type OutcomeOrNeed<Reply> = Outcome<Reply> | typeof NEEDS_PRODUCER_ID

/** Of a record without its key's text. */
const TOMBSTONE_BYTES = 20

type Decide<Reply> = (before: Transaction | undefined, facts: DecisionFacts) => Decision<Reply>

function deciding<Reply>(
  transactionalId: string,
  timeoutMaxMs: number,
  freshProducerId: number | undefined,
  decide: Decide<Reply>,
): TransactionOperation<OutcomeOrNeed<Reply>> {
  return (transactions, { nowMs }, ticket) => {
    const before = transactions.get(transactionalId)
    const decision = decide(before, { nowMs, timeoutMaxMs, freshProducerId })
    switch (decision.kind) {
      case 'needs-producer-id':
        return { answers: [answer(ticket, NEEDS_PRODUCER_ID)] }
      case 'answer':
        return { answers: [answer(ticket, { reply: decision.reply, ending: endingOf(before) })] }
      case 'move':
        return { ...writing([decision.to]), answers: [answer(ticket, { reply: decision.reply, ending: endingOf(decision.to) })] }
    }
  }
}

export function initProducerId(
  asked: InitProducerId,
  timeoutMaxMs: number,
  freshProducerId: number | undefined,
): TransactionOperation<OutcomeOrNeed<ProducerReply>> {
  return deciding(asked.transactionalId, timeoutMaxMs, freshProducerId, (before, facts) => decideInitProducerId(before, asked, facts))
}

export function addPartitions(transactionalId: string, asked: AddPartitions): TransactionOperation<OutcomeOrNeed<ErrorReply>> {
  return deciding(transactionalId, 0, undefined, (before, facts) => decideAddPartitions(before, asked, facts))
}

export function endTransaction(
  transactionalId: string,
  asked: EndTransaction,
  freshProducerId: number | undefined,
): TransactionOperation<OutcomeOrNeed<ProducerReply>> {
  return deciding(transactionalId, 0, freshProducerId, (before, facts) => decideEndTransaction(before, asked, facts))
}

/** An error code for each of the partitions. */
export function verifyPartitions(transactionalId: string, asked: readonly VerifyPartition[]): TransactionOperation<readonly number[]> {
  return (transactions, _, ticket) => {
    const transaction = transactions.get(transactionalId)
    return {
      answers: [
        answer(
          ticket,
          asked.map((one) => verifyPartition(transaction, one)),
        ),
      ],
    }
  }
}

/** Ends what is ending, as every partition has its marker; nothing where it is no longer that transaction. */
export function completeTransaction({ transactionalId, producerId, producerEpoch }: Transaction): TransactionOperation<void> {
  return (transactions, { nowMs }, ticket) => {
    const before = transactions.get(transactionalId)
    const isSame = before !== undefined && before.producerId === producerId && before.producerEpoch === producerEpoch
    const to = isSame && isEnding(before.state) ? [completed(before, nowMs)] : []
    return { ...writing(to), answers: [answer(ticket, undefined)] }
  }
}

/** What there is to do without anybody asking. */
export interface TransactionChores {
  /** Open for longer than their producers have allowed: to be aborted. */
  readonly timedOut: readonly Transaction[]
  /** Decided, and not known to all their partitions: markers to be written. */
  readonly ending: readonly Transaction[]
}

export function findChores(): TransactionOperation<TransactionChores> {
  return (transactions, { nowMs }, ticket) => {
    const all = [...transactions.values()]
    const timedOut = all.filter((one) => isTimedOut(one, nowMs))
    return { answers: [answer(ticket, { timedOut, ending: all.filter(({ state }) => isEnding(state)) })] }
  }
}

/** Aborts the transaction if it is still the same and still has taken too long; answers it if it is ending. */
export function abortTimedOut({ transactionalId }: Transaction): TransactionOperation<Transaction | undefined> {
  return (transactions, { nowMs }, ticket) => {
    const before = transactions.get(transactionalId)
    if (before === undefined || !isTimedOut(before, nowMs)) return { answers: [answer(ticket, endingOf(before))] }
    const aborted = timeOut(before, nowMs)
    return { ...writing([aborted]), answers: [answer(ticket, aborted)] }
  }
}

/** Bytes of ids that are forgotten with one batch: half of what a batch may have by default. */
const EXPIRED_BYTES_MAX = 500_000

/** Forgets ids that nobody has used for so long, many at a time; answers whether there may be more. */
export function expireTransactions(expirationMs: number): TransactionOperation<boolean> {
  return (transactions, { nowMs }, ticket) => {
    const records: TransactionRecord[] = []
    let sizeBytes = 0
    for (const { transactionalId, state, updatedMs } of transactions.values()) {
      if (!mayExpire(state) || updatedMs > nowMs - expirationMs) continue
      records.push(tombstoneOf(transactionalId))
      sizeBytes += Buffer.byteLength(transactionalId) + TOMBSTONE_BYTES
      if (sizeBytes > EXPIRED_BYTES_MAX) break
    }
    return { records, answers: [answer(ticket, sizeBytes > EXPIRED_BYTES_MAX)] }
  }
}

/** All that is known here. */
export function readTransactions(): TransactionOperation<readonly Transaction[]> {
  return (transactions, _, ticket) => ({ answers: [answer(ticket, [...transactions.values()])] })
}

export function readTransaction(transactionalId: string): TransactionOperation<Transaction | undefined> {
  return (transactions, _, ticket) => ({ answers: [answer(ticket, transactions.get(transactionalId))] })
}

/** The records do not hold all of a transaction (the last epoch is missing): the rest is remembered. */
function writing(changed: readonly Transaction[]): Written<Transactions, TransactionRecord> {
  if (changed.length === 0) return {}
  return {
    records: changed.map(recordOf),
    remember: (transactions) => {
      for (const one of changed) transactions.set(one.transactionalId, one)
    },
  }
}

function endingOf(transaction: Transaction | undefined): Transaction | undefined {
  return transaction !== undefined && isEnding(transaction.state) ? transaction : undefined
}
