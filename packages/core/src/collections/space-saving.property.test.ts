import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { SpaceSaving } from './space-saving.ts'

type Step = { readonly kind: 'add'; readonly key: number; readonly weight: number } | { readonly kind: 'fade'; readonly factor: number }

/** Small numbers are drawn more often than large ones, so that some keys are heavier than others. */
const key = fc.tuple(fc.nat(40), fc.nat(40)).map(([a, b]) => Math.min(a, b))
const add: fc.Arbitrary<Step> = fc.record({ kind: fc.constant('add' as const), key, weight: fc.integer({ min: 1, max: 1_000 }) })
const fade: fc.Arbitrary<Step> = fc.record({ kind: fc.constant('fade' as const), factor: fc.constantFrom(0.5, 0.75) })
const steps = fc.array(fc.oneof({ weight: 30, arbitrary: add }, { weight: 1, arbitrary: fade }), { maxLength: 300 })

/** The sketch, and what every key weighs. */
function filled(capacity: number, all: readonly Step[]): { readonly sketch: SpaceSaving; readonly weights: ReadonlyMap<string, number> } {
  const sketch = new SpaceSaving(capacity)
  const weights = new Map<string, number>()
  for (const step of all) {
    if (step.kind === 'fade') {
      sketch.fade(step.factor)
      for (const [name, weight] of weights) weights.set(name, weight * step.factor)
    } else {
      const name = String(step.key)
      sketch.add(name, step.weight)
      weights.set(name, (weights.get(name) ?? 0) + step.weight)
    }
  }
  return { sketch, weights }
}

/** Sums of fractions in another order. */
const SLACK = 1e-6

void test('each key that weighs more than its share of the room is kept, and none is said to weigh more than it can or less than it does', () => {
  const property = fc.property(fc.integer({ min: 1, max: 12 }), steps, (capacity, all) => {
    const { sketch, weights } = filled(capacity, all)
    const total = weights.values().reduce((sum, weight) => sum + weight, 0)
    assert.ok(Math.abs(sketch.total - total) < SLACK)
    const kept = new Map(sketch.entries().map((entry) => [entry.key, entry]))
    assert.ok(kept.size <= capacity && kept.size === sketch.size)
    for (const [name, actual] of weights) {
      const entry = kept.get(name)
      if (actual > total / capacity + SLACK) assert.ok(entry !== undefined, `${name} weighs ${actual} of ${total}`)
      if (entry === undefined) continue
      assert.ok(actual <= entry.weight + SLACK && actual >= entry.weight - entry.error - SLACK)
      assert.ok(entry.error <= total / capacity + SLACK)
    }
  })
  fc.assert(property)
})

void test('nothing is lost or guessed where there is room for all keys', () => {
  const property = fc.property(steps, (all) => {
    const { sketch, weights } = filled(64, all)
    for (const { key: name, weight, error } of sketch.entries()) {
      assert.equal(error, 0)
      assert.ok(Math.abs(weight - weights.get(name)!) < SLACK)
    }
    assert.equal(sketch.size, weights.size)
  })
  fc.assert(property)
})

void test('a sketch that was cleared is as a new one', () => {
  const property = fc.property(steps, steps, (before, after) => {
    const { sketch } = filled(8, before)
    sketch.clear()
    assert.deepEqual([sketch.total, sketch.size], [0, 0])
    const fresh = new SpaceSaving(8)
    for (const each of [sketch, fresh]) for (const step of after) if (step.kind === 'add') each.add(String(step.key), step.weight)
    assert.deepEqual(sketch.entries(), fresh.entries())
  })
  fc.assert(property)
})
