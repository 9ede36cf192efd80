import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Log } from '@millrace/log'
import { LogClient } from '@millrace/log/client'
import { defineJob } from '../../../api/job.ts'
import { type } from '../../../api/types.ts'
import { watermarks } from '../../../api/watermarks.ts'
import { execute } from '../../../runtime/execute.ts'
import type { Sink } from '../../sink.ts'
import { json } from '../formats/plain.ts'
import { kafkaSource } from './kafka-source.ts'

const RECORDS = 6_000
const STALL_MS = 1_500

/** Counts what is late, and takes nothing for a while, again and again: longer than a partition may be silent. */
function stalling(counts: { records: number; late: number }): Sink<boolean> {
  let blockedUntilMs = 0
  return {
    connector: 'stalling',
    delivery: 'at-least-once',
    createWriter: (context) => ({
      open: () => {},
      write: (isLate) => {
        if (isLate) counts.late++
        if (++counts.records % 4_000 > 0) return
        blockedUntilMs = performance.now() + STALL_MS
        setTimeout(() => context.wake(), STALL_MS + 5)
      },
      ready: () => performance.now() >= blockedUntilMs,
      prepare: async () => [],
      close: () => {},
    }),
  }
}

void test('a partition whose records wait while the job is held up is not idle: they do not become late', async () => {
  const log = await Log.start({ memory: true })
  const client = new LogClient({ bootstrap: log.bootstrap })
  await client.admin.createTopics([{ name: 'skewed', partitions: 2 }])
  const producer = client.producer()
  for (let n = 0; n < RECORDS; n++) {
    producer.append({ topic: 'skewed', partition: 0, value: String(100_000 + n) })
    producer.append({ topic: 'skewed', partition: 1, value: String(n) })
  }
  await producer.flush()
  await producer.close()
  const counts = { records: 0, late: 0 }
  const job = defineJob('held-up', (env) => {
    const source = kafkaSource({ brokers: log.bootstrap, topics: 'skewed', value: json<number>(), endAt: 'latest' })
    env
      .fromSource(source, { watermarks: watermarks.monotonous((n: number) => n, { idleAfter: 1_000 }) })
      .keyBy(() => 'all')
      .process({ emits: type<boolean>(), onElement: (n, ctx) => ctx.emit(n <= ctx.eventTimers.watermark) })
      .sinkTo(stalling(counts))
  })
  await execute(job, { parallelism: 1, options: { restart: { strategy: 'none' } } })
  assert.deepEqual(counts, { records: 2 * RECORDS, late: 0 })
  client.close()
  await log.close()
})
