import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nodeClock, nodeDisk, nodeNetwork, nodeRandom } from '@millrace/core'
import type { SinkWriter, WriterContext } from '../sink.ts'
import { collectSink } from './collect-sink.ts'
import { ResultBuffer } from './result-buffer.ts'

function open(buffer: ResultBuffer<number>, recordsMax: number, wake = (): void => {}): SinkWriter<number> {
  const context: WriterContext = {
    subtask: 0,
    parallelism: 1,
    jobName: 'job',
    stateId: 'collect',
    attempt: 1,
    clock: nodeClock,
    disk: nodeDisk,
    network: nodeNetwork,
    random: nodeRandom,
    wake,
    fail: (error) => {
      throw error
    },
  }
  return collectSink<number>(buffer.deliver, { recordsMax }).createWriter(context)
}

async function all(buffer: ResultBuffer<number>): Promise<number[]> {
  const values: number[] = []
  for await (const value of buffer) values.push(value)
  return values
}

describe('collected results', () => {
  it('reach the loop in order, then its end', async () => {
    const buffer = new ResultBuffer<number>()
    const writer = open(buffer, 10_000)
    for (let n = 0; n < 1000; n++) writer.write(n, 0)
    await writer.close()
    buffer.end()
    deepEqual(
      await all(buffer),
      Array.from({ length: 1000 }, (_, n) => n),
    )
  })

  it('press back until the loop takes them, and wake the task then', async () => {
    let wakes = 0
    const buffer = new ResultBuffer<number>()
    const writer = open(buffer, 10, () => wakes++)
    let written = 0
    while (writer.ready!()) writer.write(written++, 0)
    equal(written, 10)
    const loop = buffer[Symbol.asyncIterator]()
    for (let n = 0; n < 10; n++) equal((await loop.next()).value, n)
    equal(wakes, 0)
    const beyond = loop.next()
    await Promise.resolve().then(() => Promise.resolve())
    equal(wakes, 1)
    ok(writer.ready!())
    writer.write(written, 0)
    writer.flush!()
    equal((await beyond).value, 10)
    await loop.return!()
  })

  it('are followed by the failure of the job', async () => {
    const buffer = new ResultBuffer<number>()
    const writer = open(buffer, 10)
    writer.write(1, 0)
    await writer.prepare(1)
    buffer.fail(new Error('the job failed'))
    const seen: number[] = []
    await rejects(async () => {
      for await (const value of buffer) seen.push(value)
    }, /the job failed/)
    deepEqual(seen, [1])
  })

  it('are dropped once the loop is left, which is told', async () => {
    let left = 0
    const buffer = new ResultBuffer<number>(() => void left++)
    const writer = open(buffer, 10)
    for (let n = 0; n < 10; n++) writer.write(n, 0)
    equal(writer.ready!(), false)
    for await (const value of buffer) if (value === 3) break
    equal(left, 1)
    ok(writer.ready!())
    for (let n = 0; n < 100; n++) {
      ok(writer.ready!())
      writer.write(n, 0)
    }
    await rejects(async () => await buffer[Symbol.asyncIterator]().next(), TypeError)
  })

  it('can be left before the loop has begun, and while it waits, which ends it at once', async () => {
    for (const begin of [false, true]) {
      const left = Promise.withResolvers<void>()
      let leaving = false
      const buffer = new ResultBuffer<number>(async () => {
        leaving = true
        await left.promise
      })
      const loop = buffer[Symbol.asyncIterator]()
      const waiting = begin ? loop.next() : undefined
      let over = false
      const returned = loop.return!().then(() => (over = true))
      ok(leaving)
      if (waiting !== undefined) deepEqual(await waiting, { done: true, value: undefined })
      equal(over, false, 'whoever leaves waits for what ends the job')
      left.resolve()
      await returned
      deepEqual(await loop.next(), { done: true, value: undefined })
    }
  })

  it('are given to those who asked first, if several ask at once', async () => {
    const buffer = new ResultBuffer<number>()
    const loop = buffer[Symbol.asyncIterator]()
    const asked = [loop.next(), loop.next(), loop.next()]
    buffer.deliver([1], () => {})
    buffer.deliver([2], () => {})
    buffer.fail(new Error('the job failed'))
    deepEqual(await asked[0], { done: false, value: 1 })
    deepEqual(await asked[1], { done: false, value: 2 })
    await rejects(asked[2]!, /the job failed/)
    deepEqual(await loop.next(), { done: true, value: undefined })
  })
})
