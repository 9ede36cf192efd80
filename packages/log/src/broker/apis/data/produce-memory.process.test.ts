import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { nodeClock } from '@millrace/core'
import { ERROR_CODE } from '../../../protocol/index.ts'
import { buildBatch } from '../../../records/index.ts'
import type { RequestContext } from '../../handler.ts'
import { LoopTurns } from './loop-turns.ts'
import { produce } from './produce.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const RECORD_BYTES = 32_000_000
const PARTITION_COUNT = 8

/** A request with a batch for each partition, whose appends wait until `proceed`. */
function waitingProduce(records: Uint8Array): { readonly answer: Promise<unknown>; readonly proceed: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  const append = async (bytes: Uint8Array): Promise<object> => {
    await promise
    return { firstOffset: bytes.length, lastOffset: bytes.length, maxTimestamp: 0, logStartOffset: 0, isDuplicate: false }
  }
  const config = {
    log: { cleanupCompact: false },
    compression: undefined,
    timestampType: 'CreateTime',
    batchBytesMax: 8_000_000,
    minInsyncReplicas: 1,
    timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
    timestampAfterMaxMs: Number.MAX_SAFE_INTEGER,
  }
  const topic = { name: 't', config, partitions: Array.from({ length: PARTITION_COUNT }, () => ({ append })) }
  const nothing = (): void => undefined
  const broker = {
    topics: { named: () => topic },
    metrics: { produced: nothing, produceAnswered: nothing },
    clock: { now: () => 1000 },
    turns: new LoopTurns({ ...nodeClock, monotonic: () => 0 }),
  }
  const context = { broker, version: 9, client: { id: 'c' }, allows: () => true } as unknown as RequestContext
  const partitionData = topic.partitions.map((_, index) => ({ index, records: records.slice() }))
  const topicData = [{ name: 't', topicId: new Uint8Array(16), partitionData }]
  const request = { transactionalId: null, acks: -1, timeoutMs: 1000, topicData }
  return { answer: Promise.resolve(produce.handle(request, context)), proceed: resolve }
}

for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
  void test(`what ${compression} made of the batches of a request is not kept while they are written`, async () => {
    const records = buildBatch([{ key: null, value: Buffer.alloc(RECORD_BYTES), timestamp: 1000 }], { compression }).whole.slice()
    collectGarbage()
    const before = process.memoryUsage().arrayBuffers
    const { answer, proceed } = waitingProduce(records)
    await new Promise(setImmediate)
    collectGarbage()
    const grownBytes = process.memoryUsage().arrayBuffers - before
    assert.ok(grownBytes < 3 * RECORD_BYTES, `${grownBytes} bytes`)
    proceed()
    const { responses } = (await answer) as { responses: readonly { partitionResponses: readonly { errorCode: number }[] }[] }
    const codes = responses[0]!.partitionResponses.map(({ errorCode }) => errorCode)
    assert.deepEqual(new Set(codes), new Set([ERROR_CODE.NONE]))
  })
}
