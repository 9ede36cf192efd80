import { ok } from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { kafkaSink } from '@millrace/engine/kafka'
import { Log } from '@millrace/log'
import { LogClient } from '@millrace/log/client'
import type { TestMachine } from './machine.ts'
import { sinkConformance, type SinkConformanceReport } from './sink-conformance.ts'

const PARTITIONS = 2

let log: Log
let client: LogClient
const topics = new WeakMap<TestMachine, string>()
let numTopics = 0

function topicOf(machine: TestMachine): string {
  const topic = topics.get(machine) ?? `out-${numTopics++}`
  topics.set(machine, topic)
  return topic
}

/** What a reader that reads committed sees, once nothing is being decided. */
async function visible(machine: TestMachine): Promise<readonly { n: number }[]> {
  const topic = topicOf(machine)
  while ((await client.transactions.list({ prefix: topic, states: ['PrepareCommit', 'PrepareAbort'] })).length > 0) await machine.turn()
  const fetcher = client.fetcher({ isolation: 'read_committed', maxWaitMs: 1 })
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }))
  const ends = await client.admin.listOffsets(
    partitions.map((at) => ({ ...at, spec: 'latest' as const })),
    'read_committed',
  )
  fetcher.assign(partitions.map((at) => ({ ...at, start: 'earliest' as const })))
  const found: { n: number }[] = []
  const isRead = ({ offset, ...at }: (typeof ends)[number]): boolean => (fetcher.position(at)?.offset ?? -1) >= offset
  while (!ends.every(isRead)) {
    for (const { records } of await fetcher.poll({ waitMs: 5 })) {
      for (const { value } of records) found.push(JSON.parse(Buffer.from(value!).toString()) as { n: number })
    }
  }
  fetcher.close()
  return found
}

describe('kafkaSink', () => {
  before(async () => {
    log = await Log.start({ memory: true, config: { 'num.partitions': String(PARTITIONS) } })
    client = new LogClient({ bootstrap: log.bootstrap })
  })
  after(async () => {
    client.close()
    await log.close()
  })

  it('conforms, on a log in memory', async () => {
    const report = await sinkConformance<{ n: number }>({
      machine: 'real',
      seeds: Array.from({ length: 8 }, (_, n) => n + 1),
      lives: 6,
      create: (machine) =>
        kafkaSink({
          brokers: log.bootstrap,
          topic: topicOf(machine),
          transactionalIdPrefix: topicOf(machine),
          key: ({ n }) => n % 7,
          value: ({ n }) => Buffer.from(JSON.stringify({ n })),
          linger: 0,
        }),
      record: (n) => ({ n }),
      visible: async (machine) => {
        await client.topic(topicOf(machine), { autoCreate: true })
        return await visible(machine)
      },
      leftovers: async (machine) =>
        (await client.transactions.list({ prefix: topicOf(machine), states: ['Ongoing'] })).map(({ transactionalId }) => transactionalId),
    })
    const reached: (keyof SinkConformanceReport)[] = ['checkpoints', 'abandoned', 'restores', 'rescales', 'crashesBeforeCommit']
    for (const situation of reached) ok(report[situation] >= 5, `${situation} was reached only ${report[situation]} times`)
  })
})
