/**
 * From log to log over savepoints, at two subtasks, three, and two again: offsets, transactions and state go along.
 * `MILLRACE_TEST_KAFKA=HOST:PORT` does it on another cluster than a log of its own: Apache Kafka, for example.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Log } from '@millrace/log'
import { LogClient } from '@millrace/log/client'
import { defineJob, startJob, type, value, type Job, type RunningJob } from '../../index.ts'
import { json } from './formats/plain.ts'
import { kafkaSink } from './sink/kafka-sink.ts'
import { kafkaSource } from './source/kafka-source.ts'

const PARTITIONS = 4
const KEYS = 40

interface Event {
  readonly n: number
  readonly key: number
}

interface Seen extends Event {
  /** Events of the key so far, this one included. */
  readonly count: number
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-kafka-rescale-'))
let log: Log | undefined
let client: LogClient
let bootstrap: string

/** Two topics, and a job between them that counts by key. */
class Line {
  readonly from: string
  readonly to: string
  readonly #job: Job
  #written = 0
  #isWriting = false

  constructor(name: string) {
    this.from = `${name}-${process.pid}-in`
    this.to = `${name}-${process.pid}-out`
    const { from, to } = this
    this.#job = defineJob(name, (env) => {
      env
        .fromSource(kafkaSource({ brokers: bootstrap, topics: from, value: json<Event>(), groupId: from }), { uid: 'in' })
        .keyBy(({ key }) => key)
        .process({
          emits: type<Seen>(),
          state: { count: value<number>() },
          onElement(event, ctx) {
            const count = (ctx.state.count.get() ?? 0) + 1
            ctx.state.count.set(count)
            ctx.emit({ ...event, count })
          },
        })
        .uid('count')
        .sinkTo(kafkaSink({ brokers: bootstrap, topic: to, value: json<Seen>(), transactionalIdPrefix: to }))
        .uid('out')
    })
  }

  async open(): Promise<void> {
    for (const name of [this.from, this.to]) await client.admin.createTopics([{ name, partitions: PARTITIONS }])
  }

  async close(): Promise<void> {
    await client.admin.deleteTopics([this.from, this.to])
  }

  start(parallelism: number, restore?: string, interval: `${number}ms` = '50ms'): RunningJob {
    return startJob(this.#job, {
      parallelism,
      ...(restore === undefined ? {} : { restore }),
      options: {
        stateDir: join(folder, this.from),
        restart: { strategy: 'none' },
        checkpointing: { storage: 'filesystem', interval, savepointDir: join(folder, 'savepoints') },
      },
    })
  }

  /** Events keep coming until what is answered is called. */
  writing(): () => Promise<void> {
    this.#isWriting = true
    const done = this.#write()
    return async () => {
      this.#isWriting = false
      await done
    }
  }

  async #write(): Promise<void> {
    const producer = client.producer({ lingerMs: 1 })
    while (this.#isWriting) {
      for (let count = 0; count < 20; count++) {
        const n = this.#written++
        const key = n % KEYS
        producer.append({ topic: this.from, partition: key % PARTITIONS, value: JSON.stringify({ n, key }) })
      }
      await sleep(5)
    }
    await producer.close()
  }

  get written(): number {
    return this.#written
  }

  /** What a reader that reads committed sees. */
  async seen(): Promise<readonly Seen[]> {
    const all = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: this.to, partition }))
    const latest = all.map((at) => ({ ...at, spec: 'latest' as const }))
    const ends = await client.admin.listOffsets(latest, 'read_committed')
    const fetcher = client.fetcher({ isolation: 'read_committed', maxWaitMs: 10 })
    fetcher.assign(all.map((at) => ({ ...at, start: 'earliest' as const })))
    const seen: Seen[] = []
    while (!ends.every(({ offset, ...at }) => (fetcher.position(at)?.offset ?? -1) >= offset)) {
      for (const { records } of await fetcher.poll({ waitMs: 10 }))
        for (const record of records) seen.push(JSON.parse(Buffer.from(record.value!).toString()) as Seen)
    }
    fetcher.close()
    return seen.toSorted((a, b) => a.n - b.n)
  }

  /** State: what is visible has each event once, and each key's counts without a gap, whichever subtask counted. */
  async check(): Promise<readonly Seen[]> {
    const seen = await this.seen()
    assert.equal(new Set(seen.map(({ n }) => n)).size, seen.length, 'an event is there twice')
    for (const [key, list] of Map.groupBy(seen, (event) => event.key)) {
      assert.deepEqual(
        list,
        list.map((_, index) => ({ n: key + index * KEYS, key, count: index + 1 })),
      )
    }
    return seen
  }

  /** Offsets: of each partition the group has as many as are visible. Transactions: none is open. */
  async checkAtRest(): Promise<void> {
    const seen = await this.check()
    const byPartition = Map.groupBy(seen, ({ key }) => key % PARTITIONS)
    const committed = await client.admin.groups.offsets(this.from)
    for (const { partition, offset } of committed) assert.equal(offset, byPartition.get(partition)?.length ?? 0, `partition ${partition}`)
    assert.equal(committed.length, PARTITIONS)
    assert.deepEqual(await client.transactions.list({ prefix: this.to, states: ['Ongoing'] }), [])
  }

  async checkAll(): Promise<void> {
    await this.checkAtRest()
    assert.equal((await this.seen()).length, this.#written)
  }
}

/** However long it takes, as long as the job runs. */
async function until(job: RunningJob, condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) {
    if (job.metrics().state === 'ended') assert.fail(JSON.stringify(await job.done))
    await sleep(20)
  }
}

/** Records that came from the source in this life. */
function readBy(job: RunningJob): number {
  const [source] = job.metrics().tasks
  return source?.subtasks.reduce((sum, { numRecordsIn }) => sum + numRecordsIn, 0) ?? 0
}

const hasCompleted = (job: RunningJob, checkpoints: number): boolean => job.metrics().checkpoints.completed >= checkpoints

describe('a job from log to log, restored from savepoints', () => {
  before(async () => {
    bootstrap = process.env['MILLRACE_TEST_KAFKA'] ?? (log = await Log.start({ memory: true })).bootstrap
    client = new LogClient({ bootstrap })
  })
  after(async () => {
    client.close()
    await log?.close()
    rmSync(folder, { recursive: true })
  })

  it('stops with a savepoint at two subtasks, goes on at three, and then at two again', async () => {
    const line = new Line('stopped')
    await line.open()
    const end = line.writing()
    let path: string | undefined
    for (const parallelism of [2, 3, 2]) {
      const job = line.start(parallelism, path)
      await until(job, () => hasCompleted(job, 4))
      path = (await job.stop({ savepoint: true }))?.path
      assert.ok(path !== undefined, JSON.stringify(await job.done))
      await line.checkAtRest()
    }
    await end()
    const last = line.start(3, path)
    await until(last, async () => (await line.seen()).length === line.written)
    await last.stop()
    await line.checkAll()
    await line.close()
  })

  it('is canceled behind a savepoint whose transactions are committed by then, and goes on from that', async () => {
    const line = new Line('canceled')
    await line.open()
    let path: string | undefined
    for (const parallelism of [2, 3, 2]) {
      // Nothing but the savepoint, and what follows it: so it has all transactions of this life in it, prepared.
      const job = line.start(parallelism, path, '60000ms')
      const before = line.written
      const end = line.writing()
      await until(job, () => readBy(job) > 200)
      await end()
      await until(job, () => readBy(job) === line.written - before)
      path = (await job.savepoint()).path
      await job.cancel()
      await line.check()
    }
    const last = line.start(2, path)
    await until(last, () => hasCompleted(last, 2))
    await last.stop()
    await line.checkAll()
    await line.close()
  })
})
