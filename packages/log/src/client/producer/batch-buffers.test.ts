import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BatchBuilder, records } from '../../records/index.ts'
import { BatchBuffers } from './batch-buffers.ts'

const SIZE = 20_000

function fill(buffers: BatchBuffers, count: number, value: string): BatchBuilder {
  const builder = new BatchBuilder({}, buffers)
  for (let index = 0; index < count; index++) builder.append({ key: null, value, timestamp: 1 })
  return builder
}

void test('memory of a batch serves the next one, and only once it was given back', () => {
  const buffers = new BatchBuffers(SIZE)
  const [first, second] = [fill(buffers, 100, 'a'.repeat(100)), fill(buffers, 100, 'b'.repeat(100))]
  const [one, two] = [first.build(), second.build()]
  assert.notEqual(one.bytes.buffer, two.bytes.buffer)
  const { buffer } = one.bytes
  first.release()
  first.release()
  const [third, fourth] = [fill(buffers, 100, 'c'.repeat(100)).build(), fill(buffers, 100, 'd'.repeat(100)).build()]
  assert.equal(third.bytes.buffer, buffer)
  assert.notEqual(fourth.bytes.buffer, buffer)
  assert.deepEqual(new Set([...records(two)].map(({ value }) => value![0])), new Set(Buffer.from('b')))
})

void test('a batch of one record that is larger than all has memory of its own', () => {
  const buffers = new BatchBuffers(SIZE)
  const builder = fill(buffers, 1, 'a'.repeat(SIZE))
  const { bytes } = builder.build()
  assert.ok(bytes.length > SIZE && builder.sizeBytes > SIZE)
  builder.release()
  assert.notEqual(buffers.take(SIZE)!.buffer, bytes.buffer)
  assert.equal(buffers.take(SIZE + 1), undefined)
})
