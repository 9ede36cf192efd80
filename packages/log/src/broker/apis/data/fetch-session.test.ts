import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { SeededRandom } from '@millrace/testkit'
import { ERROR_CODE, type ApiRequest } from '../../../protocol/index.ts'
import { fetchContext } from './fetch-context.ts'
import { FetchPartition, partitionKey } from './fetch-partition.ts'
import { FetchSessionCache } from './fetch-session-cache.ts'
import { nextEpoch } from './fetch-session.ts'

const NO_ID = new Uint8Array(16)
const random = (): SeededRandom => new SeededRandom(1)

function partition(index: number, topic = 't'): FetchPartition {
  const wanted = {
    partition: index,
    currentLeaderEpoch: -1,
    fetchOffset: 0,
    lastFetchedEpoch: -1,
    logStartOffset: -1,
    partitionMaxBytes: 1,
    replicaDirectoryId: NO_ID,
    highWatermark: 0,
  }
  return new FetchPartition(partitionKey(topic, NO_ID, false, index), topic, NO_ID, wanted)
}

function partitions(count: number): FetchPartition[] {
  return Array.from({ length: count }, (_, index) => partition(index))
}

function request(options: {
  sessionId: number
  sessionEpoch: number
  partitions?: readonly number[]
  forgotten?: readonly number[]
}): ApiRequest<'Fetch'> {
  return {
    sessionId: options.sessionId,
    sessionEpoch: options.sessionEpoch,
    topics: [{ topic: 't', topicId: NO_ID, partitions: (options.partitions ?? []).map((index) => partition(index).wanted) }],
    forgottenTopicsData: [{ topic: 't', topicId: NO_ID, partitions: options.forgotten ?? [] }],
  } as unknown as ApiRequest<'Fetch'>
}

const told = (change: Partial<Parameters<InstanceType<typeof FetchSessionCache>['create']>[0]> & Record<string, unknown> = {}) => ({
  errorCode: 0,
  highWatermark: 5,
  logStartOffset: 0,
  recordsBytes: 0,
  isUrgent: false,
  ...change,
})

void test('a session tells what is new, once; what gave records goes to the end', () => {
  const cache = new FetchSessionCache({ random: random(), slots: 2 })
  const [one, two] = partitions(2) as [FetchPartition, FetchPartition]
  const session = cache.create({ isFollower: false, usesTopicIds: false, partitions: [one, two], nowMs: 0 })!
  session.told(one, told())
  session.told(two, told())
  assert.equal(session.mustTell(one, told()), false)
  assert.equal(session.mustTell(one, told({ highWatermark: 6 })), true)
  assert.equal(session.mustTell(one, told({ highWatermark: 6 })), false)
  assert.equal(session.mustTell(one, told({ highWatermark: 6, logStartOffset: 1 })), true)
  assert.equal(session.mustTell(one, told({ highWatermark: 6, logStartOffset: 1, recordsBytes: 9 })), true)
  assert.deepEqual(session.partitions(), [two, one])
  assert.equal(session.mustTell(two, told({ errorCode: 3 })), true)
  assert.equal(session.mustTell(two, told({ errorCode: 3 })), true, 'an error is told as long as it lasts')
  assert.equal(session.mustTell(two, told()), true, 'and that it is over')
})

void test('epochs go on from 1, and wrap to 1', () => {
  assert.equal(nextEpoch(0), 1)
  assert.equal(nextEpoch(0x7fff_ffff), 1)
})

void test('a session that is not known, out of step or of another kind is refused; one without partitions ends', () => {
  const cache = new FetchSessionCache({ random: random(), slots: 2 })
  const make = (): number => cache.create({ isFollower: false, usesTopicIds: false, partitions: partitions(2), nowMs: 0 })!.id
  const sessionId = make()
  const errorOf = (options: Parameters<typeof request>[0], version = 12): number => {
    const context = fetchContext(request(options), version, cache, 0)
    return context.kind === 'refused' ? context.errorCode : 0
  }
  assert.equal(errorOf({ sessionId: sessionId + 1, sessionEpoch: 1 }), ERROR_CODE.FETCH_SESSION_ID_NOT_FOUND)
  assert.equal(errorOf({ sessionId, sessionEpoch: 2 }), ERROR_CODE.INVALID_FETCH_SESSION_EPOCH)
  assert.equal(errorOf({ sessionId, sessionEpoch: 1 }, 13), ERROR_CODE.FETCH_SESSION_TOPIC_ID_ERROR)
  const going = fetchContext(request({ sessionId, sessionEpoch: 1, partitions: [7], forgotten: [0] }), 12, cache, 0)
  assert.deepEqual(going.kind === 'incremental' && going.partitions.map(({ index }) => index), [1, 7])
  const over = fetchContext(request({ sessionId, sessionEpoch: 2, forgotten: [1, 7] }), 12, cache, 0)
  assert.deepEqual([over.kind, cache.size, cache.partitionCount], ['sessionless', 0, 0])
  const again = make()
  assert.equal(fetchContext(request({ sessionId: again, sessionEpoch: -1, partitions: [3] }), 12, cache, 0).kind, 'sessionless')
  assert.equal(cache.size, 0)
})

void test('a session gives way when it is stale, or old and worth less', () => {
  const cache = new FetchSessionCache({ random: random(), slots: 2, evictionMs: 100 })
  const create = (nowMs: number, count: number, isFollower = false) =>
    cache.create({ isFollower, usesTopicIds: false, partitions: partitions(count), nowMs })
  const small = create(0, 1)!
  const large = create(0, 5)!
  assert.equal(create(50, 9), undefined, 'both are young')
  cache.update(small, [], [], 150)
  cache.update(large, [], [], 150)
  assert.equal(create(160, 1), undefined, 'no larger than the smallest')
  assert.ok(create(160, 2))
  assert.equal(cache.get(small.id), undefined)
  assert.ok(create(160, 1, true), 'a follower counts for more')
  assert.equal(cache.get(large.id), undefined)
  assert.ok(create(261, 1), 'one that was not used for so long')
  assert.equal(cache.evictionCount, 3)
})

void test('whatever comes, the cache stays within its bounds and counts right', () => {
  const step = fc.record({
    kind: fc.constantFrom('create' as const, 'update' as const, 'remove' as const),
    pick: fc.nat(5),
    count: fc.nat(6),
    isFollower: fc.boolean(),
    waitMs: fc.nat(90),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const cache = new FetchSessionCache({ random: random(), slots: 3, evictionMs: 100 })
      const ids: number[] = []
      let nowMs = 0
      for (const { kind, pick, count, isFollower, waitMs } of steps) {
        nowMs += waitMs
        const session = cache.get(ids[pick % Math.max(1, ids.length)] ?? -1)
        if (kind === 'create') {
          const made = cache.create({ isFollower, usesTopicIds: false, partitions: partitions(count), nowMs })
          if (made !== undefined) ids.push(made.id)
        } else if (session !== undefined && kind === 'update') cache.update(session, partitions(count), [partition(pick).key], nowMs)
        else if (session !== undefined) cache.remove(session.id)
        const live = ids.flatMap((id) => cache.get(id) ?? [])
        assert.ok(cache.size <= 3)
        assert.equal(cache.size, live.length)
        assert.equal(
          cache.partitionCount,
          live.reduce((sum, { size }) => sum + size, 0),
        )
      }
    }),
    { numRuns: 200 },
  )
})
