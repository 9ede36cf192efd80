// A source that does not look for new partitions while it runs still looks when it starts from a checkpoint: what has come meanwhile would never be read.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { nodeClock, nodeDisk, nodeNetwork, nodeRandom, type Clock } from '@millrace/core'
import { Log } from '@millrace/log'
import { LogClient } from '@millrace/log/client'
import { string } from '../formats/plain.ts'
import { KafkaEnumerator } from './enumerator.ts'
import { sourceSettings } from './options.ts'
import { isOrder } from './split.ts'

const log = await Log.start({ memory: true })
const brokers = log.bootstrap
const client = new LogClient({ bootstrap: brokers })
const started: KafkaEnumerator[] = []
after(async () => {
  for (const enumerator of started) await enumerator.close()
  client.close()
  await log.close()
})

/** Does not wait before it looks again. */
let looksAgain = 0
const hasty: Clock = {
  ...nodeClock,
  after: (delayMs, callback) => {
    if (delayMs !== 5_000) return nodeClock.after(delayMs, callback)
    looksAgain++
    return nodeClock.after(10, callback)
  },
}

class Started {
  readonly given: string[] = []
  readonly failures: unknown[] = []
  readonly enumerator: KafkaEnumerator

  constructor(topics: readonly string[], onTopicLost: 'fail' | 'skip' = 'fail') {
    const ports = { clock: hasty, disk: nodeDisk, network: nodeNetwork, random: nodeRandom }
    this.enumerator = new KafkaEnumerator(
      {
        ...ports,
        parallelism: 1,
        assign: (_subtask, list) => void this.given.push(...list.filter((split) => !isOrder(split)).map(({ id }) => id)),
        noMoreSplits: () => {},
        fail: (error) => void this.failures.push(error),
      },
      sourceSettings({ brokers, topics, value: string(), discoverEvery: false, onTopicLost }),
    )
  }

  async start(restored?: unknown): Promise<this> {
    started.push(this.enumerator)
    await this.enumerator.start(restored)
    this.enumerator.addReader(0)
    return this
  }

  async until(holds: () => boolean): Promise<void> {
    for (let turns = 0; !holds(); turns++) {
      assert.ok(turns < 1_000, `given: ${this.given.join()}`)
      await sleep(5)
    }
  }

  /** What a checkpoint would hold. */
  async end(): Promise<unknown> {
    const state = structuredClone(this.enumerator.snapshot())
    await this.enumerator.close()
    return state
  }
}

void test('partitions and topics that have come while the job was down are found once, also one that is made later', async () => {
  await client.admin.createTopics([{ name: 'a', partitions: 1 }])
  const first = await new Started(['a']).start()
  assert.deepEqual(first.given, ['a-0'])
  const state = await first.end()
  await client.admin.createPartitions('a', 2)
  await client.admin.createTopics([{ name: 'b', partitions: 1 }])

  const second = await new Started(['a', 'b', 'c']).start(state)
  await second.until(() => second.given.length === 2)
  assert.deepEqual(second.given.toSorted(), ['a-1', 'b-0'])
  await second.until(() => looksAgain > 2)
  await client.admin.createTopics([{ name: 'c', partitions: 1 }])
  await second.until(() => second.given.includes('c-0'))
  const looked = looksAgain
  await client.admin.createPartitions('a', 3)
  await sleep(100)
  assert.deepEqual([second.given.length, looksAgain], [3, looked], 'it goes on looking')
  await second.end()
})

void test('a topic that is gone, or another one, is told, as where looking never ends', async () => {
  await client.admin.createTopics([{ name: 'gone', partitions: 1 }])
  const state = await (await new Started(['gone']).start()).end()
  await client.admin.deleteTopics(['gone'])
  const without = await new Started(['gone']).start(state)
  await without.until(() => without.failures.length > 0)
  assert.equal((without.failures[0] as { code?: string }).code, 'KAFKA_TOPIC_DELETED')
  await without.end()
  await client.admin.createTopics([{ name: 'gone', partitions: 2 }])
  const anew = await new Started(['gone'], 'skip').start(state)
  await anew.until(() => anew.given.length === 2)
  await anew.end()
})
