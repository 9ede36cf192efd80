import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Log } from '@millrace/log'
import { LogClient } from '@millrace/log/client'
import { defineJob } from '../../../api/job.ts'
import { startJob } from '../../../runtime/execute.ts'
import type { RunningJob } from '../../../runtime/job-types.ts'
import { generator } from '../../generator/generator.ts'
import { kafkaSink } from './kafka-sink.ts'

let log: Log
let client: LogClient
let folder: string

/** What is committed, in order; a job that failed for good leaves transactions open, for its next life to end. */
async function read(topic: string): Promise<readonly number[]> {
  const [end] = await client.admin.listOffsets([{ topic, partition: 0, spec: 'latest' }], 'read_committed')
  const fetcher = client.fetcher({ isolation: 'read_committed', maxWaitMs: 5 })
  fetcher.assign([{ topic, partition: 0, start: 'earliest' }])
  const found: number[] = []
  while ((fetcher.position({ topic, partition: 0 })?.offset ?? -1) < end!.offset) {
    for (const { records } of await fetcher.poll({ waitMs: 5 })) for (const { value } of records) found.push(Number(Buffer.from(value!)))
  }
  fetcher.close()
  return found.toSorted((a, b) => a - b)
}

interface Losing {
  readonly job: RunningJob
  /** Numbers that had been made when the transaction was lost, at least: they end only with the job. */
  readonly made: number
}

/** Aborts the transaction of a checkpoint that is complete, before it is committed. */
async function lose(topic: string, onTransactionLost: 'fail' | 'replay', numRetained: number): Promise<Losing> {
  await client.admin.createTopics([{ name: topic, partitions: 1 }])
  process.env['KAFKA_SINK_FAILPOINT'] = `before-commit@3:${folder}`
  let made = 0
  const generate = (n: number): number => {
    made = Math.max(made, n + 1)
    return n
  }
  const value = (n: number): Buffer => Buffer.from(String(n))
  const definition = defineJob(topic, (env) => {
    env
      .fromSource(generator({ ratePerSecond: 400, generate }))
      .sinkTo(kafkaSink({ brokers: log.bootstrap, topic, value, onTransactionLost, transactionalIdPrefix: topic }))
      .uid('out')
  })
  const checkpointing = { interval: '100ms', numRetained } as const
  // One that is open is lost with it: the job may start again before it comes to that.
  const restart = { strategy: 'fixed-delay', fixedDelay: { attempts: 100, delay: 1 } } as const
  const job = startJob(definition, { options: { checkpointing, restart } })
  const file = join(folder, 'before-commit')
  await until(job, () => existsSync(file))
  delete process.env['KAFKA_SINK_FAILPOINT']
  const lost = { job, made }
  for (const { transactionalId } of await client.transactions.list({ prefix: topic, states: ['Ongoing'] })) {
    await client.transactions.fence(transactionalId)
  }
  rmSync(file)
  return lost
}

/** However long it takes, as long as the job runs. */
async function until(job: RunningJob, condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) {
    if (job.metrics().state === 'ended') assert.fail(JSON.stringify(await job.done))
    await sleep(2)
  }
}

/** The code of what the sink fails with: after a restart it is its opening that does. */
async function failure(job: RunningJob): Promise<string> {
  const result = await job.done
  if (result.state !== 'failed') assert.fail(result.state)
  const error = result.failure.error as Error & { readonly code: string }
  return error.code === 'OPERATOR_FAILED' ? (error.cause as typeof error).code : error.code
}

const firstNumbers = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n)

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
    const { job, made } = await lose('fails', 'fail', 2)
    assert.equal(await failure(job), 'KAFKA_SINK_TRANSACTION_LOST')
    const seen = await read('fails')
    assert.deepEqual(seen, firstNumbers(seen.length))
    assert.ok(seen.length < made)
  })

  it('is written again from the checkpoint before, where that is asked for', async () => {
    const { job, made } = await lose('replays', 'replay', 1_000)
    await until(job, async () => (await read('replays')).length > made)
    assert.ok(job.metrics().restarts > 0)
    await job.cancel()
    const seen = await read('replays')
    assert.deepEqual(seen, firstNumbers(seen.length))
  })

  it('fails the job where no checkpoint before it is kept', async () => {
    const { job } = await lose('cannot', 'replay', 1)
    assert.equal(await failure(job), 'KAFKA_SINK_TRANSACTION_REPLAYED')
  })
})
