// What a checkpoint holds of a partition whose offset was lost, and that a policy has let go on elsewhere.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { nodeClock, nodeDisk, nodeNetwork, nodeRandom } from '@millrace/core'
import { Log } from '@millrace/log'
import { LogClient } from '@millrace/log/client'
import { string } from '../formats/plain.ts'
import { sourceSettings } from './options.ts'
import { KafkaReader } from './reader.ts'
import type { KafkaSplit } from './split.ts'

const log = await Log.start({ memory: true })
const brokers = log.bootstrap
const client = new LogClient({ bootstrap: brokers })
after(async () => {
  client.close()
  await log.close()
})

async function produce(topic: string, from: number, to: number): Promise<void> {
  const producer = client.producer()
  for (let n = from; n < to; n++) producer.append({ topic, value: String(n) })
  await producer.flush()
  await producer.close()
}

const seen: string[] = []
const reported: string[] = []
function newReader(topic: string, onOffsetLost: 'earliest' | 'latest'): KafkaReader {
  const ports = { clock: nodeClock, disk: nodeDisk, network: nodeNetwork, random: nodeRandom }
  const place = { subtask: 0, parallelism: 1, wake: () => {}, fail: assert.fail }
  const settings = sourceSettings({ brokers, topics: topic, value: string(), onOffsetLost })
  return new KafkaReader({ ...ports, ...place, report: ({ code }) => void reported.push(code) }, settings)
}

function split(topic: string, offset: number): KafkaSplit {
  return { id: `${topic}-0`, topic, topicId: '', partition: 0, offset, leaderEpoch: -1 }
}

/** Polls until it holds. */
async function until(reader: KafkaReader, holds: () => boolean): Promise<void> {
  for (let turns = 0; !holds(); turns++) {
    assert.ok(turns < 2_000, 'it never does')
    reader.poll({ emit: (value) => void seen.push(value as string) })
    await sleep(2)
  }
}

void test('where the log ends before the offset, a checkpoint holds where reading goes on, and a restart leaves nothing out', async () => {
  await client.admin.createTopics([{ name: 'cut', partitions: 1 }])
  await produce('cut', 0, 10)
  const reader = newReader('cut', 'latest')
  await reader.open()
  const before = split('cut', 100)
  reader.addSplits([before])
  await until(reader, () => reader.snapshot()[0]!.offset !== 100)
  assert.deepEqual(reported, ['KAFKA_OFFSET_LOST'])
  const checkpoint = structuredClone(reader.snapshot())
  assert.deepEqual(checkpoint, [{ ...before, offset: 10 }])
  await reader.close()

  await produce('cut', 10, 210)
  const next = newReader('cut', 'latest')
  await next.open()
  next.addSplits(checkpoint)
  await until(next, () => seen.length >= 200)
  assert.deepEqual([seen[0], seen.at(-1), seen.length], ['10', '209', 200])
  await next.close()
})

void test('while it is being found where to go on, a checkpoint holds the offset that was lost', async () => {
  await client.admin.createTopics([{ name: 'slow', partitions: 1 }])
  await produce('slow', 0, 3)
  log.faults.delay({ api: 'ListOffsets', topic: 'slow', delayMs: 300 })
  const reader = newReader('slow', 'earliest')
  await reader.open()
  reader.addSplits([split('slow', 50)])
  reported.length = 0
  seen.length = 0
  await until(reader, () => reported.length > 0)
  reader.poll({ emit: () => assert.fail('nothing has been found') })
  assert.equal(reader.snapshot()[0]!.offset, 50)
  await until(reader, () => seen.length === 3)
  assert.equal(reader.snapshot()[0]!.offset, 3)
  await reader.close()
})
