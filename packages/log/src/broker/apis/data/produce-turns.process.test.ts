// Requests that have much to look through: others have their turn meanwhile, and what one connection sends keeps its order.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeClock } from '@millrace/core'
import { ERROR_CODE } from '../../../protocol/index.ts'
import { buildBatch } from '../../../records/index.ts'
import type { RequestContext } from '../../handler.ts'
import { Log } from '../../log.ts'
import { createTopic } from '../../testing/requests.ts'
import { WireClient } from '../../testing/wire-client.ts'
import { LoopTurns } from './loop-turns.ts'
import { produce } from './produce.ts'

const NO_ID = new Uint8Array(16)

/** A broker on which each append holds the loop for 30 ms. */
class SlowBroker {
  /** Appends in their order: 'a0' is the first of request a. */
  readonly begun: string[] = []
  readonly #due: (() => void)[] = []
  #nowMs = 0
  held = 0
  readonly #turns = new LoopTurns({
    ...nodeClock,
    monotonic: () => this.#nowMs,
    soon: (callback) => {
      this.#due.push(callback)
      return () => undefined
    },
  })

  produce(request: string, batchCount: number): Promise<unknown> {
    const append = (index: number) => (): Promise<object> => {
      this.#nowMs += 30
      this.begun.push(`${request}${index}`)
      return Promise.resolve({ firstOffset: 0, lastOffset: 0, maxTimestamp: 0, logStartOffset: 0, isDuplicate: false })
    }
    const config = { log: {}, timestampType: 'CreateTime', batchBytesMax: 1000, timestampBeforeMaxMs: 1e9, timestampAfterMaxMs: 1e9 }
    const topic = { name: 't', config, partitions: Array.from({ length: batchCount }, (_, index) => ({ append: append(index) })) }
    const nothing = (): void => undefined
    const broker = {
      topics: { named: () => topic },
      metrics: { produced: nothing, produceAnswered: nothing },
      clock: { now: () => 1000 },
      turns: this.#turns,
    }
    const origin = {
      hold: () => {
        this.held++
        return () => void this.held--
      },
    }
    const context = { broker, origin, version: 9, client: { id: 'c' }, allows: () => true } as unknown as RequestContext
    const records = buildBatch([{ key: null, value: Buffer.from('v'), timestamp: 1000 }]).whole.slice()
    const partitionData = topic.partitions.map((_, index) => ({ index, records: records.slice() }))
    const topicData = [{ name: 't', topicId: NO_ID, partitionData }]
    return Promise.resolve(produce.handle({ transactionalId: null, acks: -1, timeoutMs: 1000, topicData }, context))
  }

  /** The network is looked at. */
  async look(): Promise<void> {
    for (const callback of this.#due.splice(0)) callback()
    await new Promise(setImmediate)
  }
}

void test('requests that take long take turns, and each holds its connection until all of it has begun', async () => {
  const broker = new SlowBroker()
  const answers = [broker.produce('a', 6), broker.produce('b', 1)]
  assert.deepEqual(broker.begun, ['a0', 'a1'])
  assert.equal(broker.held, 2)
  await broker.look()
  assert.deepEqual(broker.begun, ['a0', 'a1', 'a2', 'a3'])
  await broker.look()
  assert.deepEqual(broker.begun.slice(4), ['b0'])
  assert.equal(broker.held, 1)
  await broker.look()
  assert.deepEqual(broker.begun.slice(5), ['a4', 'a5'])
  await Promise.all(answers)
  assert.equal(broker.held, 0)
})

void test('pipelined requests keep their order also where one takes several turns', async (t) => {
  const log = await Log.start({ memory: true })
  const client = await WireClient.connect(log)
  t.after(async () => {
    await client.close()
    await log.close()
  })
  await createTopic(client, 't', {}, 2)
  const large = buildBatch([{ key: null, value: Buffer.alloc(100_000_000), timestamp: 1000 }], { compression: 'gzip' }).whole.slice()
  const numbered = (baseSequence: number): Uint8Array => {
    const record = { key: null, value: Buffer.from('v'), timestamp: 1000 }
    return buildBatch([record], { producerId: 5, producerEpoch: 0, baseSequence }).whole.slice()
  }
  const ask = async (...batches: (readonly [index: number, records: Uint8Array])[]): Promise<readonly number[]> => {
    const partitionData = batches.map(([index, records]) => ({ index, records }))
    const topicData = [{ name: 't', topicId: NO_ID, partitionData }]
    const { responses } = await client.ask('Produce', 9, { transactionalId: null, acks: -1, timeoutMs: 1000, topicData })
    return responses[0]!.partitionResponses.map(({ errorCode }) => errorCode)
  }
  const codes = await Promise.all([ask([0, large], [0, large], [1, numbered(0)]), ask([1, numbered(1)]), ask([1, numbered(2)])])
  assert.deepEqual(new Set(codes.flat()), new Set([ERROR_CODE.NONE]))
})
