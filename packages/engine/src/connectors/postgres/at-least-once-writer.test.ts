import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeDisk, nodeNetwork } from '@millrace/core'
import { SeededRandom, VirtualClock } from '@millrace/testkit'
import { AtLeastOnceWriter } from './at-least-once-writer.ts'
import { RowMaker } from './rows.ts'
import { Staging } from './staging.ts'
import type { RowStore } from './store.ts'

void test('a writer that was full asks for more as soon as what waited is under way, and not when that is done', async () => {
  const underWay: PromiseWithResolvers<void>[] = []
  const store: RowStore = {
    check: async () => {},
    async transaction<R>(): Promise<R> {
      const done = Promise.withResolvers<void>()
      underWay.push(done)
      return (await done.promise) as R
    },
    close: async () => {},
  }
  let wakes = 0
  const clock = new VirtualClock()
  const writer = new AtLeastOnceWriter<{ readonly drink: string }>(
    {
      subtask: 0,
      parallelism: 1,
      jobName: 'job',
      stateId: 'sink',
      attempt: 1,
      clock,
      random: new SeededRandom(1),
      disk: nodeDisk,
      network: nodeNetwork,
      wake: () => wakes++,
      fail: (error) => assert.fail(String(error)),
    },
    {
      store,
      staging: new Staging(
        new RowMaker<{ readonly drink: string }>({ columns: [['drink', 'drink']], keys: [], deleteWhen: undefined }),
        'all',
      ),
      batchRows: 2,
      batchIntervalMs: 1_000,
      retryForMs: 1_000,
    },
  )
  await writer.open()
  while (writer.ready()) writer.write({ drink: 'tea' })
  assert.deepEqual([underWay.length, wakes], [1, 0])
  underWay[0]!.resolve()
  await clock.run(Promise.resolve())
  assert.deepEqual([underWay.length, wakes, writer.ready()], [2, 1, true])
  underWay[1]!.resolve()
  await writer.prepare()
  await writer.close()
})
