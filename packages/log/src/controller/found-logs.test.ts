import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoredTopic } from './controller-store.ts'
import { adoptLogs, strayLog } from './found-logs.ts'

const ID = 'AAAAAAAAAAAAAAAAAAAAAQ'
const OTHER = 'AAAAAAAAAAAAAAAAAAAAAg'
const stored: StoredTopic[] = [{ name: 't', assignment: { id: ID, replicas: [[1], [1]] }, states: [] }]

void test('a log that no stored topic has is a stray one', () => {
  assert.equal(strayLog([{ topic: 't', partition: 1, topicId: ID }], stored), undefined)
  assert.equal(strayLog([{ topic: 't', partition: 1, topicId: undefined }], stored), undefined)
  for (const log of [
    { topic: 't', partition: 2, topicId: ID },
    { topic: 'u', partition: 0, topicId: undefined },
    { topic: 't', partition: 0, topicId: OTHER },
  ]) {
    assert.equal(strayLog([log], stored), log)
  }
})

void test('the topics of another broker are taken over under their ids', () => {
  const adoption = adoptLogs(
    [
      { topic: 't', partition: 1, topicId: ID },
      { topic: 't', partition: 0, topicId: undefined },
      { topic: 'old', partition: 0, topicId: undefined },
    ],
    7,
    () => OTHER,
  )
  assert.ok('topics' in adoption)
  assert.deepEqual(
    adoption.topics.map(({ name, assignment }) => [name, assignment.id, assignment.replicas]),
    [
      ['t', ID, [[7], [7]]],
      ['old', OTHER, [[7]]],
    ],
  )
})

void test('a topic of which a partition is missing, or whose logs disagree, is not taken over', () => {
  const other = { topic: 't', partition: 1, topicId: ID }
  assert.ok('problem' in adoptLogs([other], 1, () => OTHER))
  assert.ok('problem' in adoptLogs([other, { topic: 't', partition: 0, topicId: OTHER }], 1, () => OTHER))
})
