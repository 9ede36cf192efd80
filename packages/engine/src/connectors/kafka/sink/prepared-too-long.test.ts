import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeDisk, nodeNetwork } from '@millrace/core'
import { SeededRandom, VirtualClock } from '@millrace/testkit'
import { ExactlyOnceWriter } from './exactly-once-writer.ts'
import { FakeCoordinator, fakeClient } from './fixtures/fake-coordinator.ts'

const TRANSACTION_TIMEOUT_MS = 60_000
const TOLERATED_DOWNTIME_MS = 20_000

class Sink {
  readonly clock = new VirtualClock()
  readonly random = new SeededRandom(1)
  readonly coordinator = new FakeCoordinator(this.clock, this.random, {
    transactionVersion: 2,
    transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
    errorChance: 0,
    lists: true,
  })
  failure: unknown

  writer(attempt: number, restoring: boolean): ExactlyOnceWriter<number> {
    const { clock, random } = this
    const fail = (error: unknown): void => void (this.failure = error)
    const place = { subtask: 0, parallelism: 1, attempt, jobName: 'job', stateId: 'sink', restoring, fail, wake: () => {} }
    return new ExactlyOnceWriter<number>(
      { clock, random, disk: nodeDisk, network: nodeNetwork, ...place },
      {
        prefix: 'job-sink',
        transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
        toleratedDowntimeMs: TOLERATED_DOWNTIME_MS,
        client: fakeClient(this.coordinator, () => true),
        reach: () => undefined,
        record: (value) => ({ topic: 'out', value: String(value) }),
        openFormat: async () => {},
      },
    )
  }

  /** Moves time until the work is done. */
  async settled<T>(work: Promise<T>): Promise<T> {
    const state = { isSettled: false }
    const settle = (): void => void (state.isSettled = true)
    work.then(settle, settle)
    while (!state.isSettled) if (!(await this.clock.step())) await new Promise(setImmediate)
    return await work
  }
}

void test('a transaction that could time out before the next checkpoint is committed gets into none: its records are written again', async () => {
  const sink = new Sink()
  const { clock, coordinator } = sink
  const writer = sink.writer(1, false)
  await sink.settled(writer.open([]))
  writer.write(1, 0)
  const first = await sink.settled(writer.prepare(1))
  await sink.settled(writer.commit(first))
  writer.write(2, 0)
  // Comes to nothing, as checkpoints do that take longer than they may: however many.
  await sink.settled(writer.prepare(2))
  await clock.advance(TRANSACTION_TIMEOUT_MS - TOLERATED_DOWNTIME_MS + 1)
  writer.write(3, 0)
  await assert.rejects(sink.settled(writer.prepare(3)), { code: 'KAFKA_SINK_PREPARED_TOO_LONG', retry: true, message: /checkpoint 2 / })
  assert.equal((sink.failure as { code?: string }).code, 'KAFKA_SINK_PREPARED_TOO_LONG')
  await sink.settled(Promise.resolve(writer.close()))

  const next = sink.writer(2, true)
  await sink.settled(next.open(structuredClone(first)))
  for (const value of [2, 3]) next.write(value, 0)
  await sink.settled(next.commit(await sink.settled(next.prepare(3))))
  assert.deepEqual(coordinator.visible, ['1', '2', '3'])
  assert.deepEqual(coordinator.open, [])
})

void test('one whose checkpoint is complete is committed, however late', async () => {
  const sink = new Sink()
  const writer = sink.writer(1, false)
  await sink.settled(writer.open([]))
  writer.write(1, 0)
  const first = await sink.settled(writer.prepare(1))
  await sink.clock.advance(TRANSACTION_TIMEOUT_MS - 1_000)
  const committed = writer.commit(first)
  assert.equal((await sink.settled(writer.prepare(2))).length, 1)
  await sink.settled(committed)
  assert.deepEqual(sink.coordinator.visible, ['1'])
})
