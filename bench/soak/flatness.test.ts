import { test } from 'node:test'
import assert from 'node:assert/strict'
import { judge, rules, type Sample } from './flatness.ts'

const flat: Sample = { seconds: 0, rssMb: 200, heapMb: 60, buffersMb: 20, descriptors: 1500, probeP50Ms: 1, probeP99Ms: 8 }
const run = (of: (share: number) => Partial<Sample>): Sample[] =>
  Array.from({ length: 40 }, (_, index) => ({ ...flat, seconds: index, ...of(index / 39) }))
const failing = (samples: readonly Sample[]): string[] => judge(samples).flatMap(({ of, isFlat }) => (isFlat ? [] : [of]))

test('what stays as it is is flat, also after it has filled in the beginning', () => {
  assert.equal(judge(run(() => ({}))).length, rules.length)
  assert.deepEqual(failing(run(() => ({}))), [])
  assert.deepEqual(failing(run((share) => ({ rssMb: share < 0.25 ? 100 + 1000 * share : 350 }))), [])
})

test('each figure that grows is noticed, by itself', () => {
  for (const { of } of rules) assert.deepEqual(failing(run((share) => ({ [of]: flat[of] * 40 ** share }))), [of])
})

test('one sample that is out of the way says nothing, and too few say nothing at all', () => {
  assert.deepEqual(failing(run((share) => ({ probeP99Ms: share === 1 ? 5000 : 8 }))), [])
  assert.deepEqual(judge(run(() => ({})).slice(0, 8)), [])
})
