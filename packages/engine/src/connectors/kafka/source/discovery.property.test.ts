import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { array, assert as checkProperty, boolean, constantFrom, integer, property, record } from 'fast-check'
import { discover, NO_SUSPECTS } from './discovery.ts'
import { Shares } from './shares.ts'
import { splitId, type KnownTopic } from './split.ts'

/** What happens to a topic between two looks, and whether the look is answered by a broker that has not heard of it. */
const step = record({
  name: constantFrom('a', 'b', 'c'),
  change: constantFrom('create', 'grow', 'delete', 'recreate', 'nothing'),
  isStale: boolean(),
})

describe('discovery', () => {
  it('finds every partition of every life of a topic once, though brokers hear late of changes', () => {
    checkProperty(
      property(array(step, { maxLength: 60 }), boolean(), (steps, hasIds) => {
        const cluster = new Map<string, KnownTopic>()
        let generation = 0
        let known: readonly KnownTopic[] = []
        let suspects = NO_SUSPECTS
        const read = new Set<string>()
        const make = (name: string): void => void cluster.set(name, { name, id: hasIds ? `id-${generation++}` : '', partitions: 1 })
        const look = (found: readonly KnownTopic[]): void => {
          const seen = discover(known, found, suspects)
          for (const { name, partitions } of [...seen.deleted, ...seen.recreated])
            for (let partition = 0; partition < partitions; partition++) assert.ok(read.delete(`${name}-${partition}`))
          for (const at of seen.added) {
            assert.ok(!read.has(splitId(at)), `${splitId(at)} is read twice`)
            read.add(splitId(at))
          }
          known = seen.topics
          suspects = seen.suspects
        }
        for (const { name, change, isStale } of steps) {
          const before = [...cluster.values()]
          const topic = cluster.get(name)
          if (topic === undefined) {
            if (change === 'create') make(name)
          } else if (change === 'grow') cluster.set(name, { ...topic, partitions: topic.partitions + 1 })
          else if (change === 'delete') cluster.delete(name)
          else if (change === 'recreate' && hasIds) make(name)
          look(isStale ? before : [...cluster.values()])
        }
        // Once things are quiet two looks are enough.
        look([...cluster.values()])
        look([...cluster.values()])
        const expected = [...cluster.values()].flatMap(({ name, partitions }) =>
          Array.from({ length: partitions }, (_, n) => `${name}-${n}`),
        )
        if (hasIds) assert.deepEqual([...read].toSorted(), expected.toSorted())
        else for (const id of expected) assert.ok(read.has(id))
        assert.deepEqual(
          known.map(({ name, id }) => `${name} ${id}`).toSorted(),
          [...cluster.values()].map(({ name, id }) => `${name} ${id}`).toSorted(),
        )
      }),
      { numRuns: 500 },
    )
  })

  it('does not take a topic for gone because of one look', () => {
    const topic = { name: 'a', id: 'x', partitions: 2 }
    const once = discover([topic], [], NO_SUSPECTS)
    assert.deepEqual([once.topics, once.deleted], [[topic], []])
    assert.deepEqual(discover(once.topics, [topic], once.suspects).suspects, NO_SUSPECTS)
    assert.deepEqual(discover(once.topics, [], once.suspects).deleted, [topic])
    const other = { name: 'a', id: 'y', partitions: 1 }
    const twice = discover([topic], [other], new Map([['a', 'y']]))
    assert.deepEqual([twice.recreated, twice.added, twice.topics], [[topic], [{ topic: 'a', partition: 0 }], [other]])
  })
})

describe('shares', () => {
  it('are even, and stay', () => {
    checkProperty(
      property(integer({ min: 1, max: 8 }), integer({ min: 0, max: 40 }), (parallelism, partitions) => {
        const shares = new Shares(parallelism)
        const owners = Array.from({ length: partitions }, (_, partition) => shares.ownerOf({ topic: 't', partition }))
        const counts = Array.from({ length: parallelism }, (_, reader) => owners.filter((owner) => owner === reader).length)
        assert.ok(Math.max(...counts) - Math.min(...counts) <= 1)
        for (const [partition, owner] of owners.entries()) assert.equal(shares.ownerOf({ topic: 't', partition }), owner)
        assert.deepEqual(
          counts.map((count) => count > 0),
          counts.map((_, reader) => shares.has(reader)),
        )
      }),
      { numRuns: 100 },
    )
  })
})
