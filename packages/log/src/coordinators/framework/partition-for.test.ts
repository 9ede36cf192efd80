import { test } from 'node:test'
import assert from 'node:assert/strict'
import { javaStringHash, partitionFor } from './partition-for.ts'

test('strings hash as in Java', () => {
  const known: [string, number][] = [
    ['', 0],
    ['a', 97],
    ['abc', 96354],
    ['hello world', 1794106052],
    ['polygenelubricants', -2147483648],
  ]
  for (const [text, hash] of known) assert.equal(javaStringHash(text), hash)
})

test('a group is in the partition where Kafka looks for it', () => {
  assert.equal(partitionFor('abc', 50), 96354 % 50)
  assert.equal(partitionFor('polygenelubricants', 50), 0)
  for (const id of ['', 'g', 'console-consumer-12345', 'ü']) {
    const partition = partitionFor(id, 50)
    assert.ok(partition >= 0 && partition < 50)
  }
})
