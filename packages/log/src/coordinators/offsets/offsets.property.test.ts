/** Committed offsets beside a model that keeps nothing but the history: plain commits, transactions, deletions, in any order, live and from the log. */
import { test } from 'node:test'
import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import type { RecordOrigin } from '../framework/index.ts'
import type { OffsetRecord } from './offset-records.ts'
import { Offsets } from './offsets.ts'

type Event =
  | { readonly kind: 'commit'; readonly group: number; readonly partition: number; readonly producerId: number }
  | { readonly kind: 'delete'; readonly group: number; readonly partition: number }
  | { readonly kind: 'end'; readonly producerId: number; readonly isCommit: boolean }

const group = fc.integer({ min: 0, max: 1 })
const partition = fc.integer({ min: 0, max: 2 })
const history = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('commit' as const), group, partition, producerId: fc.integer({ min: -1, max: 2 }) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), group, partition }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('end' as const), producerId: fc.integer({ min: 0, max: 2 }), isCommit: fc.boolean() }),
    },
  ),
  { maxLength: 25 },
)

const ID = new Uint8Array(16)

/** The offset of an event is its place in the history. */
function apply(offsets: Offsets, event: Event, order: number): void {
  if (event.kind === 'end') return offsets.applyMarker({ ...event, producerEpoch: 0 })
  const key = { groupId: `g${event.group}`, topic: 't', partition: event.partition }
  const value = { offset: order, leaderEpoch: -1, metadata: '', commitTimestamp: 0, expireTimestamp: -1, topicId: ID }
  const producerId = event.kind === 'commit' ? event.producerId : -1
  const producer = producerId === -1 ? undefined : { producerId, producerEpoch: 0 }
  const record: OffsetRecord = { name: 'offsetCommit', key, value: event.kind === 'commit' ? value : null }
  const origin: RecordOrigin = { order, timestampMs: 0, producer }
  offsets.apply(record, origin)
}

/** What the history says of a partition: the latest commit behind the last deletion that was plain, or whose transaction was committed. */
function expected(events: readonly Event[], wanted: { readonly group: number; readonly partition: number }): number | undefined {
  const isHere = (event: Event): boolean => event.kind !== 'end' && event.group === wanted.group && event.partition === wanted.partition
  const deleted = events.findLastIndex((event) => event.kind === 'delete' && isHere(event))
  const effective = events.flatMap((event, order) => {
    if (event.kind !== 'commit' || !isHere(event) || order < deleted) return []
    return event.producerId === -1 || fateOf(events, event.producerId, order) === 'committed' ? [order] : []
  })
  return effective.at(-1)
}

function fateOf(events: readonly Event[], producerId: number, order: number): 'open' | 'committed' | 'aborted' {
  const end = events.find((event, index) => index > order && event.kind === 'end' && event.producerId === producerId)
  if (end?.kind !== 'end') return 'open'
  return end.isCommit ? 'committed' : 'aborted'
}

function pendingHere(events: readonly Event[], wanted: { readonly group: number; readonly partition: number }): boolean {
  const deleted = events.findLastIndex(
    (event) => event.kind === 'delete' && event.group === wanted.group && event.partition === wanted.partition,
  )
  return events.some(
    (event, order) =>
      event.kind === 'commit' &&
      event.producerId !== -1 &&
      event.group === wanted.group &&
      event.partition === wanted.partition &&
      order > deleted &&
      fateOf(events, event.producerId, order) === 'open',
  )
}

const places = [0, 1].flatMap((one) => [0, 1, 2].map((other) => ({ group: one, partition: other })))

test('offsets are those of the history', () => {
  fc.assert(
    fc.property(history, (events) => {
      const offsets = new Offsets()
      events.forEach((event, order) => apply(offsets, event, order))
      for (const place of places) {
        assert.equal(offsets.get(`g${place.group}`, 't', place.partition)?.offset, expected(events, place))
        assert.equal(offsets.isPending(`g${place.group}`, 't', place.partition), pendingHere(events, place))
      }
      for (const one of [0, 1]) {
        const mine = places.filter((place) => place.group === one)
        assert.equal(
          offsets.hasPending(`g${one}`),
          mine.some((place) => pendingHere(events, place)),
        )
        assert.equal(
          offsets.groupIds().has(`g${one}`),
          mine.some((place) => expected(events, place) !== undefined || pendingHere(events, place)),
        )
      }
    }),
    { numRuns: 400 },
  )
})

test('a log from which compaction has taken what is out of date says the same', () => {
  fc.assert(
    fc.property(history, (events) => {
      // Compaction looks at what is decided alone: it goes up to the first open transaction.
      const firstOpen = events.findIndex(
        (event, order) => event.kind === 'commit' && event.producerId !== -1 && fateOf(events, event.producerId, order) === 'open',
      )
      const end = firstOpen === -1 ? events.length : firstOpen
      const isAborted = (event: Event, order: number): boolean =>
        event.kind === 'commit' && event.producerId !== -1 && fateOf(events, event.producerId, order) === 'aborted'
      const isOutdated = (event: Event, order: number): boolean =>
        event.kind !== 'end' &&
        events.some(
          (later, at) =>
            at > order &&
            at < end &&
            later.kind !== 'end' &&
            !isAborted(later, at) &&
            later.group === event.group &&
            later.partition === event.partition,
        )
      const offsets = new Offsets()
      events.forEach((event, order) => {
        if (order >= end || (!isAborted(event, order) && !isOutdated(event, order))) apply(offsets, event, order)
      })
      for (const place of places) assert.equal(offsets.get(`g${place.group}`, 't', place.partition)?.offset, expected(events, place))
    }),
    { numRuns: 400 },
  )
})
