import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { countToContinue, idempotencyKey, type RequestPlace } from './idempotency-key.ts'

const place = fc.record({ jobName: fc.string(), sink: fc.string(), series: fc.string(), subtask: fc.nat(9), number: fc.nat(9) })

void test('requests have one key only if place and body are the same', () => {
  fc.assert(
    fc.property(place, place, fc.string(), fc.string(), (a, b, bodyA, bodyB) => {
      const isSame = bodyA === bodyB && (Object.keys(a) as (keyof RequestPlace)[]).every((name) => a[name] === b[name])
      assert.equal(idempotencyKey(a, bodyA) === idempotencyKey(b, bodyB), isSame)
      assert.equal(idempotencyKey(a, bodyA), idempotencyKey({ ...a }, Buffer.from(bodyA)))
    }),
    { numRuns: 300 },
  )
})

void test('counting goes on where the subtask and the parallelism are the same', () => {
  const count = (subtask: number, parallelism: number, requests: number) => ({ series: 's', subtask, parallelism, requests })
  assert.deepEqual(countToContinue([count(0, 2, 5), count(1, 2, 7), count(1, 2, 9)], 1, 2), count(1, 2, 9))
  assert.equal(countToContinue([count(0, 2, 5), count(1, 2, 7)], 0, 1), undefined)
  assert.equal(countToContinue([], 0, 1), undefined)
})
