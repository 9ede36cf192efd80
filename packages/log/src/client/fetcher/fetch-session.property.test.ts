import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { FetchSession, type SessionPartition } from './fetch-session.ts'

const partitions = fc.uniqueArray(fc.record({ partition: fc.nat(6), fetchOffset: fc.nat(3), currentLeaderEpoch: fc.nat(1) }), {
  selector: ({ partition }) => partition,
  maxLength: 6,
})

const steps = fc.array(fc.record({ wanted: partitions, fate: fc.constantFrom('answered', 'answered', 'answered', 'lost', 'forgotten') }), {
  maxLength: 20,
})

void test('what the broker holds is always what the client wants', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const session = new FetchSession()
      let broker: { id: number; epoch: number; held: Map<number, SessionPartition> } | undefined
      let nextId = 1
      for (const { wanted, fate } of all) {
        const list = wanted.map((one): SessionPartition => ({ ...one, topic: 't', topicId: new Uint8Array(16), partitionMaxBytes: 1 }))
        const request = session.request(list)
        if (fate === 'forgotten') broker = undefined
        if (request.sessionEpoch === 0) broker = { id: nextId++, epoch: 0, held: new Map() }
        if (
          broker === undefined ||
          (request.sessionEpoch > 0 && (broker.id !== request.sessionId || broker.epoch !== request.sessionEpoch))
        ) {
          session.reset()
          continue
        }
        for (const { partition } of request.forgotten) broker.held.delete(partition)
        for (const one of request.partitions) broker.held.set(one.partition, one)
        broker.epoch++
        assert.deepEqual([...broker.held.values()].toSorted(byPartition), list.toSorted(byPartition))
        if (fate === 'lost') session.reset()
        else session.answered(broker.id)
      }
    }),
    { numRuns: 300 },
  )
})

function byPartition(a: SessionPartition, b: SessionPartition): number {
  return a.partition - b.partition
}
