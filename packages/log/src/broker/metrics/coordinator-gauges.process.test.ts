import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Log } from '../log.ts'
import { WireClient } from '../testing/wire-client.ts'

test('a running broker tells how long its coordinators took to load, and of its transactional ids', async () => {
  const log = await Log.start({ memory: true })
  const client = await WireClient.connect(log)
  const asked = { transactionalId: 't', transactionTimeoutMs: 1000 }
  let errorCode = -1
  while (errorCode !== 0) ({ errorCode } = await client.ask('InitProducerId', 5, asked))
  const metrics = log.metrics()
  assert.match(metrics, /^millrace_transactional_ids\{state="Empty"\} 1$/m)
  const longest = /^kafka_server_transaction_coordinator_metrics_partition_load_time_max (.+)$/m.exec(metrics)
  assert.ok(Number(longest?.[1]) > 0, metrics)
  await client.close()
  await log.close()
})
