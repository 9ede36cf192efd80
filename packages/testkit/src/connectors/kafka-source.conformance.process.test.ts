import { equal, ok } from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { json, kafkaSource } from '@millrace/engine/kafka'
import { Log } from '@millrace/log'
import { LogClient } from '@millrace/log/client'
import type { TestMachine } from './machine.ts'
import { sourceConformance, type SourceConformanceOptions } from './source-conformance.ts'

interface Numbered {
  readonly partition: number
  readonly n: number
}

/** A topic that is written in transactions, of which some are aborted, and that gets more partitions meanwhile. */
class Written {
  readonly topic: string
  readonly committed: Numbered[] = []
  readonly #next: number[] = [0, 0, 0]
  #steps: number

  constructor(topic: string, steps: number) {
    this.topic = topic
    this.#steps = steps
  }

  async write(machine: TestMachine, mayGrow: boolean): Promise<boolean> {
    if (this.#steps-- <= 0) return false
    if (mayGrow && machine.random.chance(0.05)) {
      this.#next.push(0)
      await client.admin.createPartitions(this.topic, this.#next.length)
    }
    const records = Array.from({ length: machine.random.between(1, 60) }, () => {
      const partition = machine.random.between(0, this.#next.length - 1)
      return { partition, n: this.#next[partition]!++ }
    })
    const isAborted = machine.random.chance(0.2)
    const producer = client.transactionalProducer({ transactionalId: this.topic })
    await producer.init()
    await producer.begin()
    await Promise.all(
      records.map(({ partition, n }) => producer.send({ topic: this.topic, partition, value: JSON.stringify({ partition, n }) })),
    )
    if (isAborted) await producer.abort()
    else {
      await producer.commit()
      this.committed.push(...records)
    }
    producer.close()
    return true
  }
}

let log: Log
let client: LogClient
let numTopics = 0

async function newTopic(steps: number): Promise<Written> {
  const topic = `in-${numTopics++}`
  await client.admin.createTopics([{ name: topic, partitions: 3 }])
  return new Written(topic, steps)
}

const situations = ['records', 'snapshots', 'restores', 'rescales'] as const

/** Runs seed after seed until every situation was reached often enough: on a real machine, a seed alone does not say how often it is. */
async function conformance(seedsMin: number, options: SourceConformanceOptions<Numbered>): Promise<void> {
  const reached = { records: 0, snapshots: 0, restores: 0, rescales: 0 }
  for (let seed = 1; seed <= seedsMin || situations.some((situation) => reached[situation] < 5); seed++) {
    ok(seed <= 5 * seedsMin, `after ${seed - 1} seeds, this is how often each situation was reached: ${JSON.stringify(reached)}`)
    const report = await sourceConformance<Numbered>({ ...options, machine: 'real', seeds: [seed] })
    equal(report.overran, 0)
    for (const situation of situations) reached[situation] += report[situation]
  }
}

describe('kafkaSource', () => {
  before(async () => {
    log = await Log.start({ memory: true })
    client = new LogClient({ bootstrap: log.bootstrap })
  })
  after(async () => {
    client.close()
    await log.close()
  })

  it('conforms while it is bounded', async () => {
    const inputs = new WeakMap<TestMachine, Written>()
    await conformance(6, {
      prepare: async (machine) => {
        const input = await newTopic(10)
        inputs.set(machine, input)
        while (await input.write(machine, false));
      },
      create: (machine) =>
        kafkaSource({
          brokers: log.bootstrap,
          topics: inputs.get(machine)!.topic,
          value: json<Numbered>(),
          endAt: 'latest',
          fetch: { partitionMaxBytes: 2_000 },
        }),
      expected: (machine) => inputs.get(machine)!.committed,
      lane: ({ partition }) => String(partition),
    })
  })

  it('conforms while its input grows, by records and by partitions', async () => {
    const inputs = new WeakMap<TestMachine, Written>()
    await conformance(3, {
      prepare: async (machine) => void inputs.set(machine, await newTopic(12)),
      disturb: (machine) => inputs.get(machine)!.write(machine, true),
      create: (machine) =>
        kafkaSource({
          brokers: log.bootstrap,
          topics: inputs.get(machine)!.topic,
          value: json<Numbered>(),
          groupId: inputs.get(machine)!.topic,
          discoverEvery: 20,
          fetch: { maxWaitMs: 5 },
        }),
      expected: (machine) => inputs.get(machine)!.committed,
      lane: ({ partition }) => String(partition),
    })
  })
})
