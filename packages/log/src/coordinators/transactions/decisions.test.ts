// What a transactional id becomes, request by request.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERROR_CODE, type ErrorCodeName } from '../../protocol/index.ts'
import { decideAddPartitions, verifyPartition } from './add-partitions.ts'
import type { Decision, DecisionFacts } from './decision.ts'
import { completed, decideEndTransaction, fence, isTimedOut, timeOut } from './end-transaction.ts'
import { decideInitProducerId } from './init-producer-id.ts'
import { NO_PARTITIONS, partitionSet, type Transaction, type TransactionVersion } from './transaction.ts'

const FACTS: DecisionFacts = { nowMs: 5000, timeoutMaxMs: 60_000, freshProducerId: undefined }
const WITH_ID: DecisionFacts = { ...FACTS, freshProducerId: 9 }

function transaction(changes: Partial<Transaction> = {}): Transaction {
  return {
    transactionalId: 'id',
    producerId: 1,
    producerEpoch: 3,
    previousProducerId: -1,
    nextProducerId: -1,
    lastProducerEpoch: -1,
    timeoutMs: 1000,
    state: 'Empty',
    partitions: NO_PARTITIONS,
    startedMs: -1,
    updatedMs: 1,
    clientVersion: 0,
    ...changes,
  }
}

const ongoing = (changes: Partial<Transaction> = {}): Transaction =>
  transaction({ state: 'Ongoing', startedMs: 4000, partitions: partitionSet([['t', [0]]]), ...changes })

function refusal(decision: Decision<{ readonly errorCode: number }>): ErrorCodeName | undefined {
  if (decision.kind !== 'answer') return undefined
  return (Object.keys(ERROR_CODE) as ErrorCodeName[]).find((name) => ERROR_CODE[name] === decision.reply.errorCode)
}

function moved<R>(decision: Decision<R>): { readonly to: Transaction; readonly reply: R } {
  if (decision.kind !== 'move') throw new Error('it has not moved')
  return decision
}

function init(
  before: Transaction | undefined,
  expected?: readonly [number, number],
  facts = WITH_ID,
): ReturnType<typeof decideInitProducerId> {
  const producer = expected && { producerId: expected[0], producerEpoch: expected[1] }
  return decideInitProducerId(before, { transactionalId: 'id', timeoutMs: 1000, expected: producer }, facts)
}

function end(
  before: Transaction,
  [producerId, producerEpoch]: readonly [number, number],
  isCommit: boolean,
  clientVersion: TransactionVersion,
  facts = FACTS,
): ReturnType<typeof decideEndTransaction> {
  return decideEndTransaction(before, { producerId, producerEpoch, isCommit, clientVersion }, facts)
}

test('a new transactional id gets a producer id and epoch 0, and needs a fresh one for it', () => {
  assert.equal(init(undefined, undefined, FACTS).kind, 'needs-producer-id')
  const { to, reply } = moved(init(undefined))
  assert.deepEqual(reply, { errorCode: 0, producerId: 9, producerEpoch: 0 })
  assert.deepEqual([to.state, to.timeoutMs, to.updatedMs], ['Empty', 1000, 5000])
})

test('ids and timeouts that cannot be are refused', () => {
  const ask = (transactionalId: string, timeoutMs: number): ErrorCodeName | undefined =>
    refusal(decideInitProducerId(undefined, { transactionalId, timeoutMs, expected: undefined }, WITH_ID))
  assert.equal(ask('', 1000), 'INVALID_REQUEST')
  assert.equal(ask('x'.repeat(32_768), 1000), 'INVALID_REQUEST')
  assert.equal(ask('id', 0), 'INVALID_TRANSACTION_TIMEOUT')
  assert.equal(ask('id', 60_001), 'INVALID_TRANSACTION_TIMEOUT')
})

test('a producer that comes new gets the next epoch, from every state in which nothing is open', () => {
  for (const state of ['Empty', 'CompleteCommit', 'CompleteAbort'] as const) {
    const { to, reply } = moved(init(transaction({ state, lastProducerEpoch: 2, clientVersion: 2 })))
    assert.deepEqual(reply, { errorCode: 0, producerId: 1, producerEpoch: 4 })
    assert.deepEqual([to.state, to.lastProducerEpoch, to.clientVersion], ['Empty', -1, 0])
  }
})

test('an open transaction is aborted first, one that is ending waited for', () => {
  const { to, reply } = moved(init(ongoing()))
  assert.equal(reply.errorCode, ERROR_CODE.CONCURRENT_TRANSACTIONS)
  assert.deepEqual([to.state, to.producerEpoch, to.partitions.size], ['PrepareAbort', 4, 1])
  for (const state of ['PrepareCommit', 'PrepareAbort'] as const) {
    assert.equal(refusal(init(ongoing({ state }))), 'CONCURRENT_TRANSACTIONS')
  }
})

test('a producer goes on with the epoch it has, or the one whose answer it lost, and no other (KIP-360)', () => {
  const { to, reply } = moved(init(transaction(), [1, 3]))
  assert.deepEqual([reply.producerEpoch, to.lastProducerEpoch], [4, 3])
  assert.deepEqual(moved(init(to, [1, 3])).reply, reply)
  assert.equal(refusal(init(to, [1, 2])), 'PRODUCER_FENCED')
  assert.equal(refusal(init(to, [2, 4])), 'PRODUCER_FENCED')
  // Another one has come since.
  assert.equal(refusal(init(moved(init(to)).to, [1, 3])), 'PRODUCER_FENCED')
})

test('a producer of the past cannot have the transaction of a newer one aborted', () => {
  assert.equal(refusal(init(ongoing(), [1, 2])), 'PRODUCER_FENCED')
  assert.equal(refusal(init(ongoing({ lastProducerEpoch: 2 }), [1, 2])), 'PRODUCER_FENCED')
  assert.equal(moved(init(ongoing(), [1, 3])).to.state, 'PrepareAbort')
})

test('a producer that asks for the next epoch in the middle of its transaction gets it when it comes again (KIP-360)', () => {
  for (const clientVersion of [0, 2] as const) {
    const { to } = moved(init(ongoing({ clientVersion }), [1, 3]))
    assert.deepEqual([to.state, to.producerEpoch, to.clientVersion], ['PrepareAbort', 4, 2])
    assert.equal(refusal(init(to, [1, 3])), 'CONCURRENT_TRANSACTIONS')
    const again = moved(init(completed(to, 6000), [1, 3]))
    assert.deepEqual(again.reply, { errorCode: 0, producerId: 1, producerEpoch: 4 })
    assert.deepEqual(moved(init(again.to, [1, 3])).reply, again.reply)
    // Another one has come meanwhile.
    assert.equal(refusal(init(moved(init(completed(to, 6000))).to, [1, 3])), 'PRODUCER_FENCED')
  }
  const { to } = moved(init(ongoing({ producerEpoch: 32_766, clientVersion: 2 }), [1, 32_766]))
  assert.equal(refusal(end(completed(to, 6000), [1, 32_766], false, 2)), 'PRODUCER_FENCED')
  const rotated = moved(init(completed(to, 6000), [1, 32_766]))
  assert.deepEqual(rotated.reply, { errorCode: 0, producerId: 9, producerEpoch: 0 })
  assert.deepEqual(moved(init(rotated.to, [1, 32_766])).reply, rotated.reply)
})

test('where the epochs are used up another producer id follows, also for who lost the answer', () => {
  assert.equal(init(transaction({ producerEpoch: 32_766 }), undefined, FACTS).kind, 'needs-producer-id')
  const { to, reply } = moved(init(transaction({ producerEpoch: 32_766 }), [1, 32_766]))
  assert.deepEqual([reply.producerId, reply.producerEpoch, to.previousProducerId], [9, 0, 1])
  assert.deepEqual(moved(init(to, [1, 32_766])).reply, reply)
  assert.equal(refusal(init(to, [1, 32_765])), 'PRODUCER_FENCED')
  // The last epoch of all is the coordinator's.
  const fenced = fence(ongoing({ producerEpoch: 32_766 }), 1)
  assert.equal(fenced.producerEpoch, 32_767)
  assert.deepEqual(moved(init(completed(fenced, 2))).reply, { errorCode: 0, producerId: 9, producerEpoch: 0 })
  assert.equal(refusal(init(transaction({ producerEpoch: 32_767, lastProducerEpoch: 5 }), [1, 6])), 'PRODUCER_FENCED')
})

function add(
  before: Transaction | undefined,
  [producerId, producerEpoch]: readonly [number, number],
  partition = 0,
): ReturnType<typeof decideAddPartitions> {
  return decideAddPartitions(before, { producerId, producerEpoch, partitions: partitionSet([['t', [partition]]]), clientVersion: 2 }, FACTS)
}

test('partitions begin a transaction and join it; those that are in it cost nothing', () => {
  const first = moved(add(transaction(), [1, 3])).to
  assert.deepEqual([first.state, first.startedMs, first.partitions], ['Ongoing', 5000, partitionSet([['t', [0]]])])
  const second = moved(
    decideAddPartitions(
      first,
      { producerId: 1, producerEpoch: 3, partitions: partitionSet([['t', [1]]]), clientVersion: 2 },
      { ...FACTS, nowMs: 6000 },
    ),
  ).to
  assert.deepEqual([second.startedMs, second.partitions], [5000, partitionSet([['t', [0, 1]]])])
  assert.equal(refusal(add(second, [1, 3], 1)), 'NONE')
})

test('partitions are refused to whom the transaction does not belong, and while it ends', () => {
  assert.equal(refusal(add(undefined, [1, 3])), 'INVALID_PRODUCER_ID_MAPPING')
  assert.equal(refusal(add(ongoing(), [2, 3])), 'INVALID_PRODUCER_ID_MAPPING')
  assert.equal(refusal(add(ongoing(), [1, 2])), 'PRODUCER_FENCED')
  assert.equal(refusal(add(ongoing(), [1, 4])), 'PRODUCER_FENCED')
  const ending = ongoing({ state: 'PrepareCommit' })
  assert.equal(refusal(add(ending, [1, 3])), 'CONCURRENT_TRANSACTIONS')
  assert.equal(refusal(add({ ...ending, nextProducerId: 9, producerEpoch: 32_767 }, [9, 0])), 'CONCURRENT_TRANSACTIONS')
})

test('a transaction whose record would not fit a batch is refused its partitions', () => {
  const many = partitionSet([['t', Array.from({ length: 230_000 }, (_, index) => index)]])
  const decision = decideAddPartitions(transaction(), { producerId: 1, producerEpoch: 3, partitions: many, clientVersion: 0 }, FACTS)
  assert.equal(refusal(decision), 'INVALID_REQUEST')
})

test('verification says what is in the open transaction', () => {
  const asked = { producerId: 1, producerEpoch: 3, topic: 't', partition: 0 }
  assert.equal(verifyPartition(ongoing(), asked), ERROR_CODE.NONE)
  assert.equal(verifyPartition(ongoing(), { ...asked, partition: 1 }), ERROR_CODE.TRANSACTION_ABORTABLE)
  assert.equal(verifyPartition(ongoing(), { ...asked, producerEpoch: 2 }), ERROR_CODE.PRODUCER_FENCED)
  assert.equal(verifyPartition(ongoing({ state: 'PrepareAbort' }), asked), ERROR_CODE.CONCURRENT_TRANSACTIONS)
  assert.equal(verifyPartition(transaction({ state: 'CompleteCommit' }), asked), ERROR_CODE.TRANSACTION_ABORTABLE)
  assert.equal(verifyPartition(undefined, asked), ERROR_CODE.INVALID_PRODUCER_ID_MAPPING)
})

test('an older client ends its transaction in the epoch it has, and may say so again', () => {
  const { to, reply } = moved(end(ongoing(), [1, 3], true, 0))
  assert.deepEqual([to.state, to.producerEpoch, reply.errorCode], ['PrepareCommit', 3, 0])
  assert.equal(refusal(end(to, [1, 3], true, 0)), 'CONCURRENT_TRANSACTIONS')
  assert.equal(refusal(end(to, [1, 3], false, 0)), 'INVALID_TXN_STATE')
  const done = completed(to, 6000)
  assert.deepEqual([done.state, done.partitions.size, done.producerEpoch], ['CompleteCommit', 0, 3])
  assert.equal(refusal(end(done, [1, 3], true, 0)), 'NONE')
  assert.equal(refusal(end(done, [1, 3], false, 0)), 'INVALID_TXN_STATE')
  assert.equal(refusal(end(transaction(), [1, 3], false, 0)), 'INVALID_TXN_STATE')
  assert.equal(refusal(end(ongoing(), [1, 2], true, 0)), 'PRODUCER_FENCED')
  assert.equal(refusal(end(ongoing(), [2, 3], true, 0)), 'INVALID_PRODUCER_ID_MAPPING')
})

test('a client of version 2 gets the next epoch with the end, and the same answer to the same request', () => {
  for (const isCommit of [true, false]) {
    const { to, reply } = moved(end(ongoing(), [1, 3], isCommit, 2))
    assert.deepEqual(reply, { errorCode: 0, producerId: 1, producerEpoch: 4 })
    assert.deepEqual([to.state, to.producerEpoch], [isCommit ? 'PrepareCommit' : 'PrepareAbort', 4])
    assert.equal(refusal(end(to, [1, 3], isCommit, 2)), 'CONCURRENT_TRANSACTIONS')
    const done = completed(to, 6000)
    assert.deepEqual(end(done, [1, 3], isCommit, 2), { kind: 'answer', reply })
    assert.equal(refusal(end(done, [1, 3], !isCommit, 2)), 'INVALID_TXN_STATE')
    // The next transaction, already.
    assert.equal(refusal(end(to, [1, 4], isCommit, 2)), 'CONCURRENT_TRANSACTIONS')
    assert.equal(refusal(end(done, [1, 2], isCommit, 2)), 'PRODUCER_FENCED')
    // From the log, without what only memory had.
    assert.deepEqual(end({ ...done, lastProducerEpoch: -1 }, [1, 3], isCommit, 2), { kind: 'answer', reply })
  }
})

test('in version 2 nothing can be aborted, not committed', () => {
  for (const state of ['Empty', 'CompleteCommit', 'CompleteAbort'] as const) {
    const { to, reply } = moved(end(transaction({ state }), [1, 3], false, 2))
    assert.deepEqual([to.state, to.startedMs, reply.producerEpoch], ['PrepareAbort', 5000, 4])
    assert.equal(refusal(end(transaction({ state }), [1, 3], true, 2)), 'INVALID_TXN_STATE')
  }
})

test('in version 2 the last epoch leads to another producer id, also for who lost the answer', () => {
  assert.equal(end(ongoing({ producerEpoch: 32_766 }), [1, 32_766], true, 2).kind, 'needs-producer-id')
  const { to, reply } = moved(end(ongoing({ producerEpoch: 32_766 }), [1, 32_766], true, 2, WITH_ID))
  assert.deepEqual(reply, { errorCode: 0, producerId: 9, producerEpoch: 0 })
  // The markers go under the old id.
  assert.deepEqual([to.producerId, to.producerEpoch, to.nextProducerId], [1, 32_767, 9])
  assert.equal(refusal(end(to, [1, 32_766], true, 2)), 'CONCURRENT_TRANSACTIONS')
  assert.equal(refusal(end(to, [9, 0], false, 2)), 'CONCURRENT_TRANSACTIONS')
  const done = completed(to, 6000)
  assert.deepEqual([done.producerId, done.producerEpoch, done.previousProducerId, done.nextProducerId], [9, 0, 1, -1])
  assert.deepEqual(end(done, [1, 32_766], true, 2), { kind: 'answer', reply })
  assert.equal(refusal(end(done, [1, 32_765], true, 2)), 'INVALID_PRODUCER_ID_MAPPING')
})

test('a producer who has a successor is fenced, and does not take the abort for its own; so an older one that has taken too long', () => {
  assert.equal(isTimedOut(ongoing(), 5000), false)
  assert.equal(isTimedOut(ongoing(), 5001), true)
  assert.equal(isTimedOut(transaction({ startedMs: 1 }), 9000), false)
  assert.deepEqual(timeOut(ongoing(), 6000), fence(ongoing(), 6000))
  const fenced = fence(ongoing({ clientVersion: 2, lastProducerEpoch: 2 }), 6000)
  assert.deepEqual([fenced.state, fenced.producerEpoch, fenced.lastProducerEpoch], ['PrepareAbort', 4, -1])
  for (const version of [0, 2] as const) {
    for (const isCommit of [true, false]) {
      assert.equal(refusal(end(fenced, [1, 3], isCommit, version)), 'PRODUCER_FENCED')
      assert.equal(refusal(end(completed(fenced, 7000), [1, 3], isCommit, version)), 'PRODUCER_FENCED')
    }
  }
})

test('in version 2 a producer whose transaction has taken too long goes on when it aborts it itself', () => {
  const aborted = timeOut(ongoing({ clientVersion: 2 }), 6000)
  assert.deepEqual([aborted.state, aborted.producerEpoch, aborted.clientVersion], ['PrepareAbort', 4, 2])
  assert.equal(refusal(add(aborted, [1, 3])), 'PRODUCER_FENCED')
  const done = completed(aborted, 7000)
  assert.equal(refusal(end(done, [1, 3], true, 2)), 'INVALID_TXN_STATE')
  const reply = { errorCode: 0, producerId: 1, producerEpoch: 4 }
  assert.deepEqual(end(done, [1, 3], false, 2), { kind: 'answer', reply })
  assert.deepEqual(moved(init(done, [1, 3])).reply, reply)
  // The last epoch of all is given to nobody.
  const last = completed(timeOut(ongoing({ clientVersion: 2, producerEpoch: 32_766 }), 6000), 7000)
  assert.equal(last.producerEpoch, 32_767)
  assert.equal(refusal(end(last, [1, 32_766], false, 2)), 'PRODUCER_FENCED')
})
