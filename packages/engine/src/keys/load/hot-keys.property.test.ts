import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { hashKey } from '../hash.ts'
import { hotKeys, type HotKey } from './hot-keys.ts'
import { HALF_LIFE_MS, HOT_KEYS_MAX, hottestRatio, KeyLoad, KEYS_KEPT_MAX } from './key-load.ts'
import { keyLabel } from './key-label.ts'

/** Keys as they come at random, the same in each run of a seed. */
function* drawn(seed: number, draw: (random: number) => number): Generator<number, never> {
  let state = seed | 0
  for (;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    // The low bits of such a generator are hardly random.
    yield draw((((state >>> 8) ^ (Math.imul(state, 0x45d9f3b) >>> 12)) % 1_000_003) / 1_000_003)
  }
}

class Subtasks {
  readonly loads: readonly KeyLoad[]
  nowMs = 0

  constructor(parallelism: number) {
    this.loads = Array.from({ length: parallelism }, () => new KeyLoad())
    this.hot()
  }

  add(keys: Iterable<unknown>, samples: number, records: (sample: number) => number = () => 100): void {
    const each = Iterator.from(keys)
    for (let sample = 0; sample < samples; sample++) {
      const key = each.next().value
      const hash = hashKey(key)
      this.loads[(hash >>> 0) % this.loads.length]!.add(key, hash, records(sample))
    }
  }

  hot(): readonly HotKey[] {
    return hotKeys(this.loads.map((load, subtask) => ({ subtask, load: load.report(this.nowMs) })))
  }

  shares(): { readonly [key: string]: number } {
    return Object.fromEntries(this.hot().map(({ key, share }) => [key, Math.round(100 * share)]))
  }
}

void test('keys that all have the same are not hot, however many there are and however few samples', () => {
  const property = fc.property(
    fc.integer({ min: 2, max: 3_000 }),
    fc.integer({ min: 1, max: 20_000 }),
    fc.integer({ min: 1, max: 5 }),
    fc.nat(),
    (keys, samples, parallelism, seed) => {
      const subtasks = new Subtasks(parallelism)
      subtasks.add(
        drawn(seed, (random) => Math.floor(random * keys)),
        samples,
        (sample) => 1 + (sample % 7),
      )
      assert.deepEqual(subtasks.hot(), [])
    },
  )
  fc.assert(property, { numRuns: 60 })
})

void test('keys that have much more than the others are told, by their share, whatever the number of others', () => {
  const property = fc.property(
    fc.integer({ min: 20, max: 100_000 }),
    fc.integer({ min: 1, max: 5 }),
    fc.integer({ min: 15, max: 45 }),
    fc.nat(),
    (keys, parallelism, percent, seed) => {
      const subtasks = new Subtasks(parallelism)
      const draw = (random: number): number =>
        random < percent / 100 ? -1 : random < (2 * percent) / 100 ? -2 : Math.floor(((random * 7_919) % 1) * keys)
      subtasks.add(drawn(seed, draw), 10_000)
      const hot = subtasks.hot()
      assert.deepEqual(hot.map(({ key }) => key).toSorted(), ['-1', '-2'])
      for (const { share, key, subtask } of hot) {
        assert.ok(Math.abs(share - percent / 100) < 0.03, `${key}: ${share}`)
        assert.equal(subtask, (hashKey(Number(key)) >>> 0) % parallelism)
      }
    },
  )
  fc.assert(property, { numRuns: 40 })
})

void test('at most so many are told, the hottest first', () => {
  const subtasks = new Subtasks(3)
  // A key has half of what the one before it has.
  subtasks.add(
    drawn(1, (random) => Math.floor(-Math.log2(1 - random))),
    20_000,
  )
  assert.deepEqual(
    subtasks.hot().map(({ key }) => key),
    ['0', '1'],
    'the third has an eighth, which of some fourteen keys is less than twice an even share',
  )
  const many = new Subtasks(2)
  many.add(
    drawn(2, (random) => (random < 0.7 ? Math.floor(random * 10) : Math.floor(random * 1e6))),
    20_000,
  )
  assert.equal(many.hot().length, HOT_KEYS_MAX)
})

void test('a sample has the weight of the records that it stands for', () => {
  const subtasks = new Subtasks(2)
  const keys = drawn(3, (random) => Math.floor(random * 1_000))
  for (let round = 0; round < 2_000; round++) {
    subtasks.add(keys, 1, () => 900)
    subtasks.add(['a'], 1, () => 100)
  }
  assert.deepEqual(subtasks.shares(), { '"a"': 10 })
})

void test('of two keys one is hot that has clearly most, and a single one that has all', () => {
  const shares = (first: number): object => {
    const subtasks = new Subtasks(2)
    subtasks.add(
      drawn(4, (random) => (random < first ? 1 : 2)),
      2_000,
    )
    return subtasks.shares()
  }
  assert.deepEqual(shares(0.5), {})
  assert.deepEqual(shares(0.6), {})
  assert.deepEqual(Object.keys(shares(0.9)), ['1'])
  assert.deepEqual(shares(1), { '1': 100 })
})

void test('what was hot cools down, and is forgotten when nothing comes any more', () => {
  const subtasks = new Subtasks(2)
  const load = (hot: string): void => {
    for (let part = 0; part < 10; part++) {
      subtasks.nowMs += HALF_LIFE_MS / 10
      subtasks.hot()
      subtasks.add(
        drawn(part, (random) => Math.floor(random * 500)),
        800,
      )
      subtasks.add(
        Array.from({ length: 200 }, () => hot),
        200,
      )
    }
  }
  load('before')
  assert.deepEqual(subtasks.shares(), { '"before"': 20 })
  load('after')
  assert.deepEqual(Object.keys(subtasks.shares()), ['"after"', '"before"'], 'a half-life later it has a third')
  for (let each = 0; each < 5; each++) load('after')
  assert.deepEqual(Object.keys(subtasks.shares()), ['"after"'])
  subtasks.nowMs += 40 * HALF_LIFE_MS
  assert.deepEqual(subtasks.hot(), [])
  assert.deepEqual(
    subtasks.loads.map((each) => each.report(subtasks.nowMs).records),
    [0, 0],
  )
})

void test('subtasks that look at different times tell the same', () => {
  const [often, seldom] = [new Subtasks(2), new Subtasks(2)]
  for (const subtasks of [often, seldom]) {
    for (let part = 0; part < 50; part++) {
      subtasks.nowMs += 100
      if (subtasks === often || part % 10 === 9) subtasks.hot()
      subtasks.add(
        drawn(part, (random) => (random < 0.3 ? 0 : Math.floor(random * 1_000))),
        100,
      )
    }
  }
  assert.deepEqual(often.shares(), seldom.shares())
})

void test('a few samples say nothing of the hottest key, and many say how much it has', () => {
  const load = new KeyLoad()
  for (let sample = 0; sample < 20; sample++) load.add('a', hashKey('a'), 10)
  assert.equal(hottestRatio(load.report(0)), undefined)
  for (let sample = 0; sample < 60; sample++) load.add(sample, hashKey(sample), 10)
  assert.equal(hottestRatio(load.report(0)), 0.25)
  assert.equal(hottestRatio(new KeyLoad().report(0)), undefined)
})

void test('a key is shown as it is written for other commands, and bounded', () => {
  const label = (key: unknown): string => keyLabel(key, hashKey(key))
  assert.equal(label('ann "b"\n'), '"ann \\"b\\"\\n"')
  assert.deepEqual([7, -0.5, Number.NaN, 12n, true, null].map(label), [
    '7',
    '-0.5',
    '{"$number":"NaN"}',
    '{"$bigint":"12"}',
    'true',
    'null',
  ])
  assert.equal(label(['eu', 7, null]), '["eu",7,null]')
  const property = fc.property(
    fc.oneof(
      fc.string({ maxLength: 300 }),
      fc.bigInt(),
      fc.double(),
      fc.array(fc.oneof(fc.string({ maxLength: 90 }), fc.integer()), { minLength: 1, maxLength: 255 }),
    ),
    (key) => assert.ok(label(key).length <= 400),
  )
  fc.assert(property)
  const long = 'x'.repeat(100_000)
  assert.match(label(`${long}a`), /^"x{48}… #[0-9a-f]{8}$/)
  assert.notEqual(label(`${long}a`), label(`${long}b`))
  assert.match(label([long, 1]), /^\["x+… #[0-9a-f]{8}$/)
  assert.match(label(2n ** 1_000n), /^… #[0-9a-f]{8}$/)
})

void test('room is bounded, whatever comes', () => {
  const load = new KeyLoad()
  for (let key = 0; key < 10_000; key++) load.add(key, hashKey(key), 1)
  assert.equal(load.report(0).keys, KEYS_KEPT_MAX)
})
