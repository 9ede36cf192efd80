import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { assignors, type Assignments, type Member } from './assignors.ts'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription, type OwnedPartition } from './consumer-protocol.ts'

const topics = ['a', 'b', 'c']
const counts = fc.tuple(fc.nat(7), fc.nat(7), fc.nat(7)).map((list) => new Map(topics.map((topic, index) => [topic, list[index]!])))
const members = fc
  .array(fc.subarray(topics, { minLength: 1 }), { minLength: 1, maxLength: 6 })
  .map((list) => list.map((one, index) => member(`m${index}`, one)))

function member(memberId: string, subscribed: readonly string[], owned: readonly OwnedPartition[] = [], generationId = 1): Member {
  return { memberId, instanceId: null, subscription: { topics: subscribed, owned, generationId } }
}

const keyOf = ({ topic, partition }: OwnedPartition): string => `${topic}-${partition}`

/** Nobody has what another has, or what they do not read. */
function checkSound(assigned: Assignments, list: readonly Member[]): Set<string> {
  const given = [...assigned.values()].flat().map(keyOf)
  assert.equal(new Set(given).size, given.length)
  for (const { memberId, subscription } of list) {
    for (const { topic } of assigned.get(memberId)!) assert.ok(subscription.topics.includes(topic))
  }
  return new Set(given)
}

function expected(list: readonly Member[], partitions: ReadonlyMap<string, number>): number {
  return [...partitions].reduce(
    (sum, [topic, count]) => sum + (list.some(({ subscription }) => subscription.topics.includes(topic)) ? count : 0),
    0,
  )
}

for (const name of ['range', 'cooperative-sticky'] as const) {
  void test(`${name}: each partition has one reader, of those who subscribe`, () => {
    fc.assert(
      fc.property(members, counts, (list, partitions) => {
        assert.equal(checkSound(assignors[name].assign(list, partitions), list).size, expected(list, partitions))
      }),
      { numRuns: 200 },
    )
  })
}

void test('range gives even ranges in the order of the members', () => {
  const list = ['b', 'a', 'c'].map((memberId) => member(memberId, ['a']))
  const assigned = assignors.range.assign(list, new Map([['a', 7]]))
  assert.deepEqual(
    ['a', 'b', 'c'].map((id) => assigned.get(id)!.map(({ partition }) => partition)),
    [
      [0, 1, 2],
      [3, 4],
      [5, 6],
    ],
  )
})

void test('cooperative: rounds come to rest balanced, nothing is moved to another before its owner gave it up, and what need not move does not', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }), fc.nat(12), (before, after, count) => {
      const partitions = new Map([['a', count]])
      let owned = new Map<string, readonly OwnedPartition[]>()
      const round = (size: number, generation: number): void => {
        const list = Array.from({ length: size }, (_, index) => member(`m${index}`, ['a'], owned.get(`m${index}`) ?? [], generation))
        const assigned = assignors['cooperative-sticky'].assign(list, partitions)
        checkSound(assigned, list)
        const live = new Map(list.flatMap(({ memberId, subscription }) => subscription.owned.map((one) => [keyOf(one), memberId] as const)))
        for (const [memberId, gained] of assigned) for (const one of gained) assert.ok([undefined, memberId].includes(live.get(keyOf(one))))
        owned = new Map(assigned)
      }
      for (let generation = 1; generation <= 3; generation++) round(before, generation)
      const rest = owned
      round(before, 4)
      assert.deepEqual(owned, rest)
      for (let generation = 5; generation <= 8; generation++) round(after, generation)
      const loads = [...owned.values()].map((list) => list.length)
      assert.equal(
        loads.reduce((a, b) => a + b, 0),
        count,
      )
      assert.ok(Math.max(...loads) - Math.min(...loads) <= 1, loads.join())
      const stayed = [...rest].reduce(
        (sum, [id, list]) => sum + list.filter((one) => owned.get(id)?.some((other) => keyOf(other) === keyOf(one))).length,
        0,
      )
      const least = [...rest].reduce((sum, [id, list]) => sum + (owned.has(id) ? Math.min(list.length, Math.floor(count / after)) : 0), 0)
      assert.ok(stayed >= least, `${stayed} of ${least} stayed`)
    }),
    { numRuns: 200, examples: [[2, 4, 12]] },
  )
})

void test('of two who claim a partition the later generation has it', () => {
  const one = { topic: 'a', partition: 0 }
  const list = [member('old', ['a'], [one], 1), member('new', ['a'], [one], 2)]
  const assigned = assignors['cooperative-sticky'].assign(list, new Map([['a', 1]]))
  assert.deepEqual([assigned.get('old'), assigned.get('new')], [[], [one]])
})

const owned = fc.array(fc.record({ topic: fc.constantFrom(...topics), partition: fc.nat(100) }, { noNullPrototype: true }), {
  maxLength: 8,
})

void test('subscriptions and assignments come through, damaged ones are an error', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 20 })), owned, fc.nat(100), fc.nat(60), (names, list, generationId, cut) => {
      const inOrder = list.toSorted((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : 0))
      const bytes = encodeSubscription({ topics: names, owned: inOrder, generationId })
      const valid = names.map((name) => Buffer.from(name).toString())
      assert.deepEqual(decodeSubscription('g', bytes), { topics: valid, owned: inOrder, generationId })
      assert.deepEqual(decodeAssignment('g', encodeAssignment(inOrder)), inOrder)
      if (cut < bytes.length) assert.throws(() => decodeSubscription('g', bytes.subarray(0, cut)), { code: 'CLIENT_GROUP_PROTOCOL' })
    }),
    { numRuns: 200 },
  )
  assert.deepEqual(decodeAssignment('g', new Uint8Array(0)), [])
})
