import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeDisk, nodeNetwork } from '@millrace/core'
import { SeededRandom, VirtualClock } from '@millrace/testkit'
import { engineError } from '../../errors.ts'
import { SinkCommits } from '../../runtime/snapshot/sink-commits.ts'
import { ExactlyOnceWriter } from './exactly-once-writer.ts'
import { FakeDatabase } from './fixtures/fake-database.ts'
import { RowMaker } from './rows.ts'
import { Staging } from './staging.ts'
import type { RowStore } from './store.ts'

const RETRY_FOR_MS = 60_000

void test('a database that is away while rows are committed fails the task after retryFor, and not after a multiple of it', async () => {
  const clock = new VirtualClock()
  const random = new SeededRandom(1)
  const database = new FakeDatabase(clock, random.fork(), 0).connect(() => true)
  let isAway = false
  const store: RowStore = {
    ...database,
    transaction: async (work) => {
      if (isAway) throw engineError('POSTGRES_SINK_UNAVAILABLE', { problem: 'connect ECONNREFUSED' })
      return await database.transaction(work)
    },
  }
  const failures: { readonly atMs: number; readonly error: unknown }[] = []
  const fail = (error: unknown): void => void failures.push({ atMs: clock.monotonic(), error })
  const writer = new ExactlyOnceWriter<{ readonly drink: string }>(
    {
      subtask: 0,
      parallelism: 1,
      jobName: 'job',
      stateId: 'sink',
      attempt: 1,
      clock,
      random,
      disk: nodeDisk,
      network: nodeNetwork,
      wake: () => {},
      fail,
    },
    {
      names: { jobName: 'job', sink: 'sink', table: 'orders', commitTable: 'commits' },
      store,
      staging: new Staging(
        new RowMaker<{ readonly drink: string }>({ columns: [['drink', 'drink']], keys: [], deleteWhen: undefined }),
        'all',
      ),
      stagedBytesMax: 1_000_000,
      retryForMs: RETRY_FOR_MS,
      commitRetentionMs: undefined,
    },
  )
  await clock.run(Promise.resolve(writer.open([])))
  const commits = new SinkCommits(writer, clock, fail)
  writer.write({ drink: 'tea' })
  await clock.run(commits.prepare(1))
  isAway = true
  const startMs = clock.monotonic()
  assert.equal(await clock.run(commits.complete(1)), false)
  const [first] = failures
  assert.equal((first!.error as { code?: string }).code, 'POSTGRES_SINK_UNAVAILABLE')
  const failedAfterMs = first!.atMs - startMs
  assert.ok(failedAfterMs > 0.8 * RETRY_FOR_MS && failedAfterMs <= RETRY_FOR_MS, `told after ${failedAfterMs} ms`)
  const endedAfterMs = clock.monotonic() - startMs
  assert.ok(endedAfterMs < 1.5 * RETRY_FOR_MS, `given up after ${endedAfterMs} ms`)
  isAway = false
  await writer.close()
})
