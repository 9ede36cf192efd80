import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, VirtualClock } from '@millrace/testkit'
import { ERROR_CODE } from '../../protocol/index.ts'
import { MemoryLog } from '../framework/testing/memory-log.ts'
import type { MarkersRequest, MarkersResponse } from './marker-sender.ts'
import { TransactionCoordinator, type TransactionSettings } from './transaction-coordinator.ts'
import { partitionSet } from './transaction.ts'

const SETTINGS: TransactionSettings = {
  timeoutMaxMs: 60_000,
  idExpirationMs: 10_000,
  abortIntervalMs: 100,
  expireIntervalMs: 500,
  patienceMs: 100,
}

class Bench {
  readonly clock = new VirtualClock()
  readonly batches: Uint8Array[] = []
  readonly requests: MarkersRequest[] = []
  markersTakeMs = 10
  leaderEpoch = 0
  log = this.#openLog()
  coordinator = this.#start()

  /** A broker that takes over, the one before having crashed. */
  restart(): void {
    this.log.isFenced = true
    this.coordinator.close()
    this.leaderEpoch++
    this.log = this.#openLog()
    this.coordinator = this.#start()
  }

  init(transactionalId = 'id', timeoutMs = 1000): ReturnType<TransactionCoordinator['initProducerId']> {
    return this.clock.run(this.coordinator.initProducerId({ transactionalId, timeoutMs, expected: undefined }))
  }

  add(producerEpoch: number, partition = 0): ReturnType<TransactionCoordinator['addPartitions']> {
    const asked = { producerId: 100, producerEpoch, partitions: partitionSet([['t', [partition]]]), clientVersion: 2 } as const
    return this.clock.run(this.coordinator.addPartitions('id', asked))
  }

  end(producerEpoch: number, isCommit = true): ReturnType<TransactionCoordinator['endTransaction']> {
    return this.clock.run(this.coordinator.endTransaction('id', { producerId: 100, producerEpoch, isCommit, clientVersion: 2 }))
  }

  async state(transactionalId = 'id'): Promise<string | undefined> {
    return (await this.clock.run(this.coordinator.describe(transactionalId)))?.state
  }

  #openLog(): MemoryLog {
    return new MemoryLog({ clock: this.clock, batches: this.batches, leaderEpoch: this.leaderEpoch, delayMs: () => 1 })
  }

  #start(): TransactionCoordinator {
    let producerId = 100
    const coordinator = new TransactionCoordinator({
      clock: this.clock,
      random: new SeededRandom(1),
      settings: () => SETTINGS,
      partitionCount: () => 1,
      takeProducerId: () => Promise.resolve(producerId++),
      markers: { leaderOf: () => 1, send: (_, request) => this.#send(request) },
    })
    coordinator.load(0, this.log)
    return coordinator
  }

  async #send(request: MarkersRequest): Promise<MarkersResponse> {
    this.requests.push(request)
    await new Promise<void>((resolve) => void this.clock.after(this.markersTakeMs, resolve))
    return {
      markers: request.markers.map(({ producerId, topics }) => ({
        producerId,
        topics: topics.map(({ name, partitionIndexes }) => ({
          name,
          partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode: 0 })),
        })),
      })),
    }
  }
}

async function started(): Promise<Bench> {
  const bench = new Bench()
  await bench.clock.run(bench.coordinator.loadSettled(0))
  return bench
}

test('a transaction is answered before its markers are written, and complete after', async () => {
  const bench = await started()
  assert.deepEqual(await bench.init(), { errorCode: 0, producerId: 100, producerEpoch: 0 })
  assert.deepEqual(await bench.add(0), { errorCode: 0 })
  assert.deepEqual(await bench.end(0), { errorCode: 0, producerId: 100, producerEpoch: 1 })
  assert.equal(await bench.state(), 'PrepareCommit')
  await bench.clock.advance(30)
  assert.equal(await bench.state(), 'CompleteCommit')
  assert.deepEqual(bench.requests, [
    {
      markers: [
        {
          producerId: 100,
          producerEpoch: 1,
          transactionResult: true,
          coordinatorEpoch: 0,
          transactionVersion: 2,
          topics: [{ name: 't', partitionIndexes: [0] }],
        },
      ],
    },
  ])
  bench.coordinator.close()
  assert.equal(bench.clock.pending, 0)
})

test('who comes while the transaction before is ending waits for its end, but not for ever', async () => {
  const bench = await started()
  await bench.init()
  await bench.add(0)
  await bench.end(0)
  const before = bench.clock.monotonic()
  assert.deepEqual(await bench.add(1), { errorCode: 0 })
  assert.ok(bench.clock.monotonic() - before < 30)
  bench.markersTakeMs = 10_000
  await bench.end(1)
  assert.deepEqual(await bench.add(2), { errorCode: ERROR_CODE.CONCURRENT_TRANSACTIONS })
  assert.deepEqual((await bench.end(1)).errorCode, ERROR_CODE.CONCURRENT_TRANSACTIONS)
  await bench.clock.advance(10_000)
  assert.deepEqual(await bench.end(1), { errorCode: 0, producerId: 100, producerEpoch: 2 })
  bench.coordinator.close()
})

test('a second producer aborts the transaction of the first, and has its epoch with one request', async () => {
  const bench = await started()
  await bench.init()
  await bench.add(0)
  assert.deepEqual(await bench.init(), { errorCode: 0, producerId: 100, producerEpoch: 2 })
  assert.equal(bench.requests[0]!.markers[0]!.transactionResult, false)
  assert.equal((await bench.end(0)).errorCode, ERROR_CODE.PRODUCER_FENCED)
  bench.coordinator.close()
})

test('an end that was decided is carried out by whoever coordinates next', async () => {
  const bench = await started()
  await bench.init()
  await bench.add(0, 5)
  bench.markersTakeMs = 60_000
  await bench.end(0)
  bench.markersTakeMs = 1
  bench.restart()
  await bench.clock.advance(50)
  assert.equal(await bench.state(), 'CompleteCommit')
  const [last] = bench.requests.at(-1)!.markers
  assert.deepEqual([last!.coordinatorEpoch, last!.transactionResult, last!.topics], [1, true, [{ name: 't', partitionIndexes: [5] }]])
  assert.deepEqual(await bench.end(0), { errorCode: 0, producerId: 100, producerEpoch: 1 })
  bench.coordinator.close()
})

test('a transaction that takes too long is aborted, and its time counts over a restart', async () => {
  const bench = await started()
  await bench.init('id', 300)
  await bench.add(0)
  await bench.clock.advance(250)
  assert.equal(await bench.state(), 'Ongoing')
  bench.restart()
  await bench.clock.advance(250)
  assert.equal(await bench.state(), 'CompleteAbort')
  assert.equal((await bench.end(0, true)).errorCode, ERROR_CODE.INVALID_TXN_STATE)
  bench.coordinator.close()
})

test('ids that nobody uses are forgotten, open ones never', async () => {
  const bench = await started()
  await bench.init('idle')
  await bench.init('id', 60_000)
  const asked = { producerId: 101, producerEpoch: 0, partitions: partitionSet([['t', [0]]]), clientVersion: 0 } as const
  await bench.clock.run(bench.coordinator.addPartitions('id', asked))
  await bench.clock.advance(11_000)
  assert.deepEqual(
    (await bench.clock.run(bench.coordinator.list()))!.map(({ transactionalId, state }) => [transactionalId, state]),
    [['id', 'Ongoing']],
  )
  bench.restart()
  await bench.clock.run(bench.coordinator.loadSettled(0))
  assert.equal(await bench.state('idle'), undefined)
  bench.coordinator.close()
})

test('while a partition is loaded its requests are told so, and the list is not there', async () => {
  const bench = new Bench()
  await assert.rejects(bench.coordinator.describe('id'), { code: 'COORDINATOR_LOADING' })
  assert.equal(await bench.coordinator.list(), undefined)
  bench.coordinator.unload(0, 1)
  await assert.rejects(bench.coordinator.describe('id'), { code: 'COORDINATOR_NOT_HERE' })
  bench.coordinator.close()
})

// Every FindCoordinator and InitProducerId asks for all partitions to be loaded: where each had its transactions looked through, many ids held the broker up.
test('a partition that is loaded already is not looked through again', async () => {
  const bench = await started()
  await bench.init('id', 10)
  await bench.add(0)
  await bench.clock.advance(20)
  bench.coordinator.load(0, bench.log)
  await bench.clock.advance(20)
  assert.equal(await bench.state(), 'Ongoing', 'it waits for the sweep')
  bench.coordinator.close()
})
