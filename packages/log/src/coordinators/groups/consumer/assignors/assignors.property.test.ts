import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { hasPartition, partitionCount, type Assignment } from '../assignment.ts'
import { ASSIGNORS, type Assignor, type AssignorInput, type AssignorMember } from './index.ts'

const TOPICS = ['a', 'b', 'c', 'd', 'e']

const counts = fc.tuple(...TOPICS.map(() => fc.nat(12))).map((all) => new Map(TOPICS.map((topic, index) => [topic, all[index]!])))
const subscription = fc.subarray(TOPICS).map((topics) => new Set(topics))

interface Group {
  readonly partitionCounts: Map<string, number>
  readonly subscriptions: Map<string, Set<string>>
}

const heterogeneous: fc.Arbitrary<Group> = fc.record({
  partitionCounts: counts,
  subscriptions: fc
    .array(subscription, { minLength: 1, maxLength: 9 })
    .map((all) => new Map(all.map((topics, index) => [`m${index}`, topics]))),
})

const homogeneous: fc.Arbitrary<Group> = fc.record({
  partitionCounts: counts,
  subscriptions: fc
    .tuple(subscription, fc.integer({ min: 1, max: 9 }))
    .map(([topics, size]) => new Map(Array.from({ length: size }, (_, index) => [`m${index}`, topics]))),
})

function inputOf({ partitionCounts, subscriptions }: Group, current: ReadonlyMap<string, Assignment> = new Map()): AssignorInput {
  const members = [...subscriptions].map(([memberId, topicIds]): [string, AssignorMember] => [
    memberId,
    { instanceId: null, topicIds, current: current.get(memberId) ?? new Map() },
  ])
  return { members: new Map(members), partitionCounts }
}

/** Partitions of each member that it has in both. */
function keptCount(before: ReadonlyMap<string, Assignment>, after: ReadonlyMap<string, Assignment>): number {
  let kept = 0
  for (const [memberId, assignment] of after) {
    for (const [topic, partitions] of assignment) {
      for (const partition of partitions) if (hasPartition(before.get(memberId) ?? new Map(), topic, partition)) kept++
    }
  }
  return kept
}

function assertEachOnce({ partitionCounts, subscriptions }: Group, result: ReadonlyMap<string, Assignment>): void {
  const seen = new Map<string, string>()
  for (const [memberId, assignment] of result) {
    for (const [topic, partitions] of assignment) {
      assert.ok(subscriptions.get(memberId)!.has(topic), `${memberId} is not subscribed to ${topic}`)
      assert.ok(partitions.length > 0)
      assert.deepEqual(
        [...partitions].sort((one, other) => one - other),
        partitions,
      )
      for (const partition of partitions) {
        const key = `${topic}-${partition}`
        assert.equal(seen.get(key), undefined, `${key} twice`)
        seen.set(key, memberId)
      }
    }
  }
  const subscribed = new Set([...subscriptions.values()].flatMap((topics) => [...topics]))
  let total = 0
  for (const topic of subscribed) total += partitionCounts.get(topic)!
  assert.equal(seen.size, total)
  assert.deepEqual([...result.keys()].sort(), [...subscriptions.keys()].sort())
}

const uniform = ASSIGNORS.get('uniform')!
const range = ASSIGNORS.get('range')!

describe('every assignor', () => {
  for (const [name, assign] of ASSIGNORS) {
    it(`${name} gives each partition of a subscribed topic to exactly one subscriber`, () => {
      fc.assert(
        fc.property(heterogeneous, heterogeneous, (before, after) => {
          const first = assign(inputOf(before))
          assertEachOnce(before, first)
          assertEachOnce(after, assign(inputOf(after, first)))
        }),
        { numRuns: 200 },
      )
    })

    it(`${name} changes nothing when nothing has changed`, () => {
      fc.assert(
        fc.property(heterogeneous, (group) => {
          const first = assign(inputOf(group))
          assert.deepEqual(assign(inputOf(group, first)), first)
        }),
        { numRuns: 100 },
      )
    })
  }

  it('takes a group without members', () => {
    for (const assign of ASSIGNORS.values()) assert.equal(assign({ members: new Map(), partitionCounts: new Map() }).size, 0)
  })
})

describe('the uniform assignor, all subscribed to the same', () => {
  it('gives sizes that differ by one at most', () => {
    fc.assert(
      fc.property(homogeneous, (group) => {
        const sizes = [...uniform(inputOf(group)).values()].map(partitionCount)
        assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1)
      }),
      { numRuns: 100 },
    )
  })

  it('keeps as many partitions as any balanced assignment can, whoever comes or goes', () => {
    fc.assert(
      fc.property(homogeneous, fc.integer({ min: 1, max: 9 }), (group, size) => {
        const before = uniform(inputOf(group))
        const topics = [...group.subscriptions.values()][0]!
        const after: Group = { ...group, subscriptions: new Map(Array.from({ length: size }, (_, index) => [`m${index}`, topics])) }
        const result = uniform(inputOf(after, before))
        let total = 0
        for (const topic of topics) total += group.partitionCounts.get(topic)!
        const quota = Math.floor(total / size)
        const had = [...after.subscriptions.keys()].map((memberId) => partitionCount(before.get(memberId) ?? new Map()))
        const extra = Math.min(total % size, had.filter((count) => count > quota).length)
        const best = had.reduce((sum, count) => sum + Math.min(count, quota), extra)
        assert.equal(keptCount(before, result), best)
      }),
      { numRuns: 200 },
    )
  })

  it('spreads neighbouring partitions of a topic', () => {
    const group: Group = {
      partitionCounts: new Map([
        ['a', 4],
        ['b', 4],
      ]),
      subscriptions: new Map(['m0', 'm1', 'm2', 'm3'].map((memberId) => [memberId, new Set(['a', 'b'])])),
    }
    for (const assignment of uniform(inputOf(group)).values()) assert.deepEqual([...assignment.keys()].sort(), ['a', 'b'])
  })
})

describe('the uniform assignor, subscribed to different topics', () => {
  it('leaves no single move that would even two members out', () => {
    fc.assert(
      fc.property(heterogeneous, heterogeneous, (before, group) => {
        const result = uniform(inputOf(group, uniform(inputOf(before))))
        for (const [memberId, assignment] of result) {
          for (const topic of assignment.keys()) {
            for (const [otherId, other] of result) {
              if (!group.subscriptions.get(otherId)!.has(topic)) continue
              assert.ok(partitionCount(assignment) - partitionCount(other) <= 1, `${topic} of ${memberId} could go to ${otherId}`)
            }
          }
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('the range assignor', () => {
  it('gives runs of neighbours, the first members one more', () => {
    const group: Group = {
      partitionCounts: new Map([['a', 7]]),
      subscriptions: new Map(['m0', 'm1', 'm2'].map((memberId) => [memberId, new Set(['a'])])),
    }
    assert.deepEqual(
      [...range(inputOf(group)).values()].map((assignment) => assignment.get('a')),
      [
        [0, 1, 2],
        [3, 4],
        [5, 6],
      ],
    )
  })

  it('gives the same partitions of topics of one size to the same member', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 9 }), (count, size) => {
        const partitionCounts = new Map([
          ['a', count],
          ['b', count],
        ])
        const subscriptions = new Map(Array.from({ length: size }, (_, index) => [`m${index}`, new Set(['a', 'b'])]))
        for (const assignment of range(inputOf({ partitionCounts, subscriptions })).values()) {
          assert.deepEqual(assignment.get('a'), assignment.get('b'))
        }
      }),
      { numRuns: 50 },
    )
  })

  it('gives a static member that comes back under another id what it had', () => {
    const assign = (ids: readonly string[]): Map<string, Assignment> =>
      range({
        members: new Map(
          ids.map((memberId, index) => [memberId, { instanceId: `i${index}`, topicIds: new Set(['a']), current: new Map() }] as const),
        ),
        partitionCounts: new Map([['a', 5]]),
      })
    const before = assign(['x', 'm', 'c'])
    const after = assign(['d', 'm', 'y'])
    assert.deepEqual(after.get('d'), before.get('x'))
    assert.deepEqual(after.get('y'), before.get('c'))
  })
})

it('names of assignors are those of Kafka', () => {
  const known: ReadonlyMap<string, Assignor> = ASSIGNORS
  assert.deepEqual([...known.keys()], ['uniform', 'range'])
})
