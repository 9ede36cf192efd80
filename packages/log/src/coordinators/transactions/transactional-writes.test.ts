import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MillraceError } from '@millrace/core'
import { ERROR_CODE } from '../../protocol/index.ts'
import type { ProducerEntry } from '../../storage/producers/producer-entry.ts'
import { guardMarker, TransactionalWrites, type Guard, type Placed, type TransactionalPlace } from './transactional-writes.ts'

function entry(changes: Partial<ProducerEntry> = {}): ProducerEntry {
  return {
    producerId: 1,
    producerEpoch: 3,
    coordinatorEpoch: 0,
    lastTimestamp: 0,
    transactionFirstOffset: undefined,
    batches: [],
    ...changes,
  }
}

/** A place with one producer, and a coordinator that answers when it is told to. */
class Bench implements TransactionalPlace {
  current: ProducerEntry | undefined
  readonly asked: { readonly kind: string; readonly answer: (errorCode: number) => void }[] = []
  readonly placed: number[] = []
  readonly guards: Guard[] = []
  readonly #writes = new TransactionalWrites(
    {
      addPartitions: async (_, { partitions }) => ({ errorCode: await this.#ask(`add ${[...partitions.get('t')!].join()}`) }),
      verifyPartitions: async () => [await this.#ask('verify')],
    },
    () => ERROR_CODE.COORDINATOR_NOT_AVAILABLE,
  )

  producer(): ProducerEntry | undefined {
    return this.current
  }

  write(
    firstSequence: number,
    isImplied = true,
    producerEpoch = 3,
    partition = 0,
    place: TransactionalPlace = this,
  ): Promise<Placed<string>> {
    const write = { transactionalId: 'id', producerId: 1, producerEpoch, firstSequence, topic: 't', partition, isImplied }
    return this.#writes.write(place, write, async (guard) => {
      this.placed.push(firstSequence)
      this.guards.push(guard)
      return `written ${firstSequence}`
    })
  }

  #ask(kind: string): Promise<number> {
    return new Promise((answer) => void this.asked.push({ kind, answer }))
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function refuses(guard: Guard, producer: ProducerEntry | undefined): boolean {
  try {
    guard(producer)
    return false
  } catch (error) {
    assert.ok(error instanceof MillraceError)
    return true
  }
}

test('in an open transaction a batch is placed within the call, and refused where the transaction has ended by then', () => {
  const bench = new Bench()
  bench.current = entry({ transactionFirstOffset: 10 })
  void bench.write(5)
  assert.deepEqual([bench.placed, bench.asked.length], [[5], 0])
  assert.equal(refuses(bench.guards[0]!, bench.current), false)
  assert.equal(refuses(bench.guards[0]!, entry()), true)
  assert.equal(refuses(bench.guards[0]!, entry({ producerEpoch: 4 })), false, 'the log itself refuses an epoch that is over')
})

test('the first batch asks: for the partition to be added, or whether it has been', async () => {
  for (const [isImplied, kind] of [[true, 'add 0'] as const, [false, 'verify'] as const]) {
    const bench = new Bench()
    const written = bench.write(0, isImplied)
    await turn()
    assert.deepEqual([bench.asked.map((one) => one.kind), bench.placed], [[kind], []])
    bench.asked[0]!.answer(ERROR_CODE.NONE)
    assert.deepEqual(await written, { errorCode: 0, result: 'written 0' })
  }
})

test('a transaction that the client began takes nothing if it has ended while the coordinator was asked', async () => {
  const bench = new Bench()
  bench.current = entry()
  const written = bench.write(0, false)
  await turn()
  bench.asked[0]!.answer(ERROR_CODE.NONE)
  await written
  const [guard] = bench.guards
  assert.equal(refuses(guard!, bench.current), false)
  assert.equal(refuses(guard!, entry()), true, 'a marker came between')
  assert.equal(refuses(guard!, entry({ transactionFirstOffset: 4 })), false)
})

test('batches keep their order while the coordinator is asked, and none overtakes one that is refused', async () => {
  const bench = new Bench()
  const first = bench.write(0)
  const second = bench.write(10)
  await turn()
  assert.equal(bench.asked.length, 1)
  bench.asked[0]!.answer(ERROR_CODE.NONE)
  await turn()
  bench.asked[1]!.answer(ERROR_CODE.NONE)
  await Promise.all([first, second])
  assert.deepEqual(bench.placed, [0, 10])

  const other = new Bench()
  const refused = [other.write(0), other.write(10)]
  await turn()
  other.asked[0]!.answer(ERROR_CODE.CONCURRENT_TRANSACTIONS)
  assert.deepEqual(await Promise.all(refused), [
    { errorCode: ERROR_CODE.CONCURRENT_TRANSACTIONS },
    { errorCode: ERROR_CODE.CONCURRENT_TRANSACTIONS },
  ])
  // A third one was on its way: it would be taken by a log that does not know the producer.
  assert.deepEqual(await other.write(20), { errorCode: ERROR_CODE.OUT_OF_ORDER_SEQUENCE_NUMBER })
  const again = other.write(0)
  await turn()
  other.asked[1]!.answer(ERROR_CODE.NONE)
  assert.deepEqual(await again, { errorCode: 0, result: 'written 0' })
})

test('a log that does not know the producer takes its first batch alone, where the write adds the partition', async () => {
  for (const isImplied of [true, false]) {
    const bench = new Bench()
    const written = bench.write(1, isImplied)
    await turn()
    bench.asked[0]!.answer(ERROR_CODE.NONE)
    await written
    // An older client goes on counting from one transaction to the next.
    assert.equal(refuses(bench.guards[0]!, undefined), isImplied)
    assert.equal(refuses(bench.guards[0]!, entry({ transactionFirstOffset: 4 })), false)
  }
})

test('a newer epoch does not suffer from what is refused to an older one', async () => {
  const bench = new Bench()
  const old = bench.write(0, true, 3)
  const young = bench.write(0, true, 4)
  await turn()
  bench.asked[0]!.answer(ERROR_CODE.PRODUCER_FENCED)
  await turn()
  bench.asked[1]!.answer(ERROR_CODE.NONE)
  assert.deepEqual(await Promise.all([old, young]), [
    { errorCode: ERROR_CODE.INVALID_PRODUCER_EPOCH },
    { errorCode: 0, result: 'written 0' },
  ])
  bench.current = entry({ producerEpoch: 4 })
  assert.deepEqual(await bench.write(1, true, 3), { errorCode: ERROR_CODE.INVALID_PRODUCER_EPOCH })
  assert.equal(bench.asked.length, 2, 'nobody needs to be asked about an epoch that is over')
})

test('a marker with an epoch of its own ends no later transaction of that epoch; an older one ends its own', () => {
  const open = entry({ transactionFirstOffset: 1 })
  assert.equal(refuses(guardMarker(3, 2), open), true)
  assert.equal(refuses(guardMarker(4, 2), open), false)
  assert.equal(refuses(guardMarker(3, 2), entry()), false)
  assert.equal(refuses(guardMarker(3, 2), undefined), false)
  assert.equal(refuses(guardMarker(3, 0), open), false)
})

test('partitions of a turn are added together', async () => {
  const bench = new Bench()
  const places = [0, 1, 2].map(() => ({ producer: () => undefined }))
  const written = places.map((place, partition) => bench.write(partition, true, 3, partition, place))
  await turn()
  assert.deepEqual(
    bench.asked.map(({ kind }) => kind),
    ['add 0,1,2'],
  )
  bench.asked[0]!.answer(ERROR_CODE.NONE)
  await Promise.all(written)
  assert.deepEqual(bench.placed, [0, 1, 2])
})
