import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Log } from '@millrace/log'
import { LogClient } from '@millrace/log/client'
import { defineJob } from '../../../api/job.ts'
import { execute } from '../../../runtime/execute.ts'
import { generator } from '../../generator/generator.ts'
import { kafkaSink } from './kafka-sink.ts'

const COUNT = 400

let log: Log
let client: LogClient
let folder: string

/** What is committed; a job that failed for good leaves transactions open, for its next life to end. */
async function read(topic: string): Promise<readonly number[]> {
  const [end] = await client.admin.listOffsets([{ topic, partition: 0, spec: 'latest' }], 'read_committed')
  const fetcher = client.fetcher({ isolation: 'read_committed', maxWaitMs: 5 })
  fetcher.assign([{ topic, partition: 0, start: 'earliest' }])
  const found: number[] = []
  while ((fetcher.position({ topic, partition: 0 })?.offset ?? -1) < end!.offset) {
    for (const { records } of await fetcher.poll({ waitMs: 5 })) for (const { value } of records) found.push(Number(Buffer.from(value!)))
  }
  fetcher.close()
  return found
}

/** Aborts the transaction of a checkpoint that is complete, before it is committed; answers how the job ends. */
async function lose(topic: string, onTransactionLost: 'fail' | 'replay', numRetained: number): Promise<string> {
  await client.admin.createTopics([{ name: topic, partitions: 1 }])
  process.env['KAFKA_SINK_FAILPOINT'] = `handle-stored@3:${folder}`
  const job = defineJob(topic, (env) => {
    env
      .fromSource(generator({ count: COUNT, ratePerSecond: 400, generate: (n) => n }))
      .sinkTo(
        kafkaSink({ brokers: log.bootstrap, topic, value: (n) => Buffer.from(String(n)), onTransactionLost, transactionalIdPrefix: topic }),
      )
      .uid('out')
  })
  const checkpointing = { interval: '40ms', numRetained } as const
  const restart = { strategy: 'fixed-delay', fixedDelay: { attempts: 3, delay: 1 } } as const
  const outcome = execute(job, { options: { checkpointing, restart } }).then(
    ({ state, restarts }) => `${state} after ${restarts}`,
    (error: Error & { readonly cause?: unknown }) => `failed: ${error.message}`,
  )
  const file = join(folder, 'handle-stored')
  let ended: string | undefined
  void outcome.then((how) => (ended = how))
  while (!existsSync(file)) {
    assert.equal(ended, undefined)
    await sleep(2)
  }
  delete process.env['KAFKA_SINK_FAILPOINT']
  for (const { transactionalId } of await client.transactions.list({ prefix: topic, states: ['Ongoing'] })) {
    await client.transactions.fence(transactionalId)
  }
  rmSync(file)
  return await outcome
}

describe('a transaction that the cluster has aborted', () => {
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-replay-'))
    log = await Log.start({ memory: true })
    client = new LogClient({ bootstrap: log.bootstrap })
  })
  after(async () => {
    client.close()
    await log.close()
    rmSync(folder, { recursive: true })
  })

  it('fails the job for good', async () => {
    assert.match(await lose('fails', 'fail', 2), /failed: .*KAFKA_SINK_TRANSACTION_LOST/)
    assert.ok((await read('fails')).length < COUNT)
  })

  it('is written again from the checkpoint before, where that is asked for', async () => {
    // Checkpoints go on completing until it is known that the transaction is lost, and the one after it may be lost too.
    assert.match(await lose('replays', 'replay', 1_000), /^finished after [12]$/)
    assert.deepEqual(
      (await read('replays')).toSorted((a, b) => a - b),
      Array.from({ length: COUNT }, (_, n) => n),
    )
  })

  it('fails the job where no checkpoint before it is kept', async () => {
    assert.match(await lose('cannot', 'replay', 1), /failed: .*KAFKA_SINK_TRANSACTION_REPLAYED/)
  })
})
