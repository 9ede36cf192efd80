import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Generations } from './generations.ts'
import { UnresolvedRecords } from './unresolved-records.ts'

void test('records that wait for their topic have bytes of their own', () => {
  const waiting = new UnresolvedRecords(new Generations())
  const bytes = Buffer.from('as it was given')
  const headers = [{ key: 'h', value: bytes }]
  waiting.add('t', { record: { key: bytes, value: bytes, headers }, partition: undefined, completion: undefined, sizeBytes: 1 }, () => 0)
  waiting.add('t', { record: { key: null, value: 'text' }, partition: undefined, completion: undefined, sizeBytes: 1 }, () => 0)
  bytes.fill('x')
  const [first, second] = waiting.topics.get('t')!.records.map(({ record }) => record)
  for (const kept of [first!.key, first!.value, first!.headers![0]!.value]) {
    assert.equal(Buffer.from(kept as Uint8Array).toString(), 'as it was given')
  }
  assert.deepEqual([second!.key, second!.value], [null, 'text'])
})
