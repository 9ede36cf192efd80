// Keyed state against plain maps: random operations over every kind of state and timers, with snapshots, deltas, aborted and completed checkpoints and restores in between.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  aggregating,
  list,
  map,
  reducing,
  value,
  type AggregatingState,
  type ListState,
  type MapState,
  type ReducingState,
  type ValueState,
} from '../api/state.ts'
import { hashKey } from '../keys/hash.ts'
import { keyGroupOf, keyGroupRange, subtaskOfKeyGroup } from '../keys/key-group.ts'
import { KeyedState } from './keyed-state.ts'
import type { SegmentBytes, StateSnapshotWriter, TimerKind } from './state-types.ts'

const MAX_PARALLELISM = 5

const states = {
  count: value<number>(),
  object: value<{ n: number; text: string }>(),
  items: list<unknown>(),
  small: map<string | number, unknown>(),
  sum: reducing<number>((a, b) => a + b),
  average: aggregating<number, { total: number; count: number }, number>({
    create: () => ({ total: 0, count: 0 }),
    add: (n, acc) => {
      acc.total += n
      acc.count++
      return acc
    },
    result: (acc) => acc.total / acc.count,
  }),
}

interface Handles {
  count: ValueState<number>
  object: ValueState<{ n: number; text: string }>
  items: ListState<unknown>
  small: MapState<string | number, unknown>
  sum: ReducingState<number>
  average: AggregatingState<number, number>
}

/** What a key holds, in the plainest form. */
interface Row {
  count?: number
  object?: { n: number; text: string }
  items?: unknown[]
  small?: Map<string | number, unknown>
  sum?: number
  average?: { total: number; count: number }
  event: Set<number>
  processing: Set<number>
}

type Model = Map<string | number, Row>

type Change =
  | { op: 'count' | 'sum' | 'average'; key: number; n: number }
  | { op: 'mutate' | 'object' | 'push' | 'clear-list' | 'clear-count' | 'clear-map' | 'clear-object' | 'clear-sum'; key: number; n: number }
  | { op: 'put' | 'remove' | 'mutate-entry' | 'put-many'; key: number; n: number }
  | { op: 'register' | 'unregister'; key: number; n: number; kind: TimerKind }
  | { op: 'fire'; kind: TimerKind; n: number; limit: number }

type Step =
  | Change
  | { op: 'begin'; full: 'all' | 'share' }
  | { op: 'write'; rows: number }
  | { op: 'finish' | 'abort' | 'complete' }
  | { op: 'restore'; parallelism: number }
  | { op: 'invoke'; changes: Change[]; commit: boolean }

const keyOf = (n: number): string | number => (n % 2 === 0 ? n : `a key that is long enough to be a slice ${n}`)
const kinds = fc.constantFrom<TimerKind>('event', 'processing')
const small = fc.nat({ max: 11 })
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({
    op: fc.constantFrom('count', 'sum', 'average'),
    key: small,
    n: fc.oneof(small, fc.double({ noNaN: true })),
  }) as fc.Arbitrary<Change>,
  fc.record({
    op: fc.constantFrom('mutate', 'object', 'push', 'clear-list', 'clear-count', 'clear-map', 'clear-object', 'clear-sum'),
    key: small,
    n: small,
  }) as fc.Arbitrary<Change>,
  fc.record({ op: fc.constantFrom('put', 'remove', 'mutate-entry', 'put-many', 'remove'), key: small, n: small }) as fc.Arbitrary<Change>,
  fc.record({ op: fc.constantFrom('register', 'unregister'), key: small, n: small, kind: kinds }) as fc.Arbitrary<Change>,
  fc.record({ op: fc.constant('fire'), kind: kinds, n: small, limit: fc.integer({ min: 1, max: 4 }) }) as fc.Arbitrary<Change>,
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: change },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant('begin'), full: fc.constantFrom('all', 'share', 'share', 'share') }) as fc.Arbitrary<Step>,
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('write'), rows: fc.integer({ min: 1, max: 6 }) }) as fc.Arbitrary<Step> },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('finish', 'complete', 'complete', 'abort') }) as fc.Arbitrary<Step> },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('restore'), parallelism: fc.integer({ min: 1, max: MAX_PARALLELISM }) }) as fc.Arbitrary<Step>,
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('invoke'),
      changes: fc.array(change, { maxLength: 4 }),
      commit: fc.boolean(),
    }) as fc.Arbitrary<Step>,
  },
)

type Subject = {
  readonly handles: unknown
  readonly timers: { register(kind: TimerKind, time: number): void; delete(kind: TimerKind, time: number): void }
}

function apply(subject: Subject, row: Row, { op, n, ...rest }: Exclude<Change, { op: 'fire' }>): void {
  const handles = subject.handles as Handles
  switch (op) {
    case 'count':
      handles.count.set(n)
      row.count = n
      break
    case 'sum':
      handles.sum.add(n)
      row.sum = row.sum === undefined ? n : row.sum + n
      break
    case 'average':
      handles.average.add(n)
      row.average = { total: (row.average?.total ?? 0) + n, count: (row.average?.count ?? 0) + 1 }
      assert.equal(handles.average.get(), row.average.total / row.average.count)
      break
    case 'object':
      handles.object.set({ n, text: `text of the object ${n}` })
      row.object = { n, text: `text of the object ${n}` }
      break
    case 'mutate': {
      // In place, and never set again.
      const object = handles.object.get()
      if (object !== undefined) object.n += 100
      if (row.object !== undefined) row.object = { ...row.object, n: row.object.n + 100 }
      break
    }
    case 'push':
      handles.items.add(n % 3 === 0 ? { n } : n)
      row.items = [...(row.items ?? []), n % 3 === 0 ? { n } : n]
      break
    case 'clear-list':
      handles.items.clear()
      delete row.items
      break
    case 'clear-count':
      handles.count.clear()
      delete row.count
      break
    case 'clear-object':
      handles.object.clear()
      delete row.object
      break
    case 'clear-sum':
      handles.sum.clear()
      delete row.sum
      break
    case 'clear-map':
      handles.small.clear()
      delete row.small
      break
    case 'put':
      handles.small.set(keyOf(n % 4), { n: [n] })
      row.small = new Map(row.small).set(keyOf(n % 4), { n: [n] })
      break
    case 'put-many': {
      row.small = new Map(row.small)
      // More than are written with their row.
      for (let i = 0; i < 300; i++) {
        handles.small.set(i, i + n)
        row.small.set(i, i + n)
      }
      break
    }
    case 'remove':
      handles.small.delete(keyOf(n % 4))
      row.small = new Map(row.small)
      row.small.delete(keyOf(n % 4))
      if (row.small.size === 0) delete row.small
      break
    case 'mutate-entry': {
      const entry = handles.small.get(keyOf(n % 4))
      const inModel = row.small?.get(keyOf(n % 4))
      assert.deepEqual(entry, inModel)
      if (typeof entry === 'object') (entry as { n: number[] }).n.push(n)
      if (typeof inModel === 'object') row.small = new Map(row.small).set(keyOf(n % 4), { n: [...(inModel as { n: number[] }).n, n] })
      break
    }
    case 'register':
      subject.timers.register((rest as { kind: TimerKind }).kind, n)
      row[(rest as { kind: TimerKind }).kind] = new Set([...row[(rest as { kind: TimerKind }).kind], n])
      break
    case 'unregister':
      subject.timers.delete((rest as { kind: TimerKind }).kind, n)
      row[(rest as { kind: TimerKind }).kind] = new Set([...row[(rest as { kind: TimerKind }).kind]].filter((time) => time !== n))
      break
  }
}

const emptyRow = (): Row => ({ event: new Set(), processing: new Set() })
const isEmpty = (row: Row): boolean => Object.keys(row).length === 2 && row.event.size === 0 && row.processing.size === 0

/** A copy that later changes of the original cannot reach: rows replace what they change. */
const copyModel = (model: Model): Model => new Map(Array.from(model, ([key, row]) => [key, { ...row }]))

interface Stored {
  readonly model: Model
  readonly chain: ReadonlyMap<number, readonly SegmentBytes[]>
}

/** Several subtasks' states, and what each checkpoint should hold. */
class Subjects {
  parallelism: number
  states: KeyedState[]
  model: Model = new Map()
  readonly stored: Map<number, Stored> = new Map()
  completed = 0
  nextId = 1
  writing: { id: number; base: number; model: Model; writers: StateSnapshotWriter[] } | undefined
  finished: number[] = []
  longestChain = 0

  constructor(parallelism: number) {
    this.parallelism = parallelism
    this.states = this.create(parallelism)
  }

  create(parallelism: number): KeyedState[] {
    return Array.from({ length: parallelism }, (_, subtask) => {
      return new KeyedState({
        operator: 'test',
        states,
        maxParallelism: MAX_PARALLELISM,
        keyGroups: keyGroupRange(subtask, parallelism, MAX_PARALLELISM),
      })
    })
  }

  use(key: string | number): KeyedState {
    const hash = hashKey(key)
    const state = this.states[subtaskOfKeyGroup(keyGroupOf(hash, MAX_PARALLELISM), MAX_PARALLELISM, this.parallelism)]!
    state.use(key, hash)
    return state
  }

  change(change: Change): void {
    if (change.op === 'fire') return this.fire(change.kind, change.n, change.limit)
    const key = keyOf(change.key)
    const row = this.model.get(key) ?? emptyRow()
    apply(this.use(key), row, change)
    this.keep(key, row)
  }

  keep(key: string | number, row: Row): void {
    if (isEmpty(row)) this.model.delete(key)
    else this.model.set(key, row)
  }

  /** Fires every due timer, `limit` a call; they must come in order, once each, and all of them. */
  fire(kind: TimerKind, time: number, limit: number): void {
    for (const state of this.states) {
      let last = -1
      for (let calls = 0, more = true; more; calls++) {
        assert.ok(calls < 1000)
        more = state.timers.advance(
          kind,
          time,
          (key, hash, due) => {
            assert.ok(due >= last && due <= time)
            last = due
            assert.equal(hash, hashKey(key))
            const row = this.model.get(key as string)!
            assert.ok(row[kind].has(due))
            row[kind] = new Set([...row[kind]].filter((other) => other !== due))
            this.keep(key as string, row)
            const handles = state.handles as unknown as Handles
            assert.equal(handles.count.get(), row.count)
          },
          limit,
        )
      }
    }
    for (const row of this.model.values()) for (const due of row[kind]) assert.ok(due > time)
  }

  invoke(changes: readonly Change[], commit: boolean): void {
    // One invocation a key, all alive together.
    const open = new Map<string | number, { invocation: ReturnType<KeyedState['invocation']>; row: Row }>()
    for (const each of changes) {
      if (each.op === 'fire') continue
      const key = keyOf(each.key)
      if (!open.has(key))
        open.set(key, { invocation: this.use(key).invocation(key, hashKey(key)), row: { ...(this.model.get(key) ?? emptyRow()) } })
      const { invocation, row } = open.get(key)!
      apply(invocation, row, each)
    }
    for (const [key, { invocation, row }] of open) {
      if (commit) {
        invocation.commit()
        this.keep(key, row)
      } else invocation.discard()
      assert.throws(() => (invocation.handles as unknown as Handles).count.get(), { code: 'STATE_INVOCATION_OVER' })
    }
  }

  begin(full: 'all' | 'share'): void {
    if (this.writing !== undefined) this.finish()
    const id = this.nextId++
    this.writing = {
      id,
      base: this.completed,
      model: copyModel(this.model),
      writers: this.states.map((state) => state.beginSnapshot(id, { full })),
    }
  }

  finish(): void {
    if (this.writing === undefined) return
    const { id, model, writers, base: completed } = this.writing
    this.writing = undefined
    const chain = new Map<number, SegmentBytes[]>()
    for (const writer of writers) {
      const index = writer.finish()
      const bytes = Buffer.concat(writer.take())
      assert.equal(bytes.length, index.sizeBytes)
      if (index.baseCheckpointId !== undefined) assert.equal(index.baseCheckpointId, completed)
      const base = index.baseCheckpointId === undefined ? undefined : this.stored.get(index.baseCheckpointId)!
      let offset = 0
      const fresh = new Map<number, SegmentBytes[]>()
      for (const segment of index.segments) {
        assert.equal(segment.offset, offset)
        offset += segment.length
        const before = segment.kind === 'full' ? [] : (fresh.get(segment.keyGroup) ?? base?.chain.get(segment.keyGroup) ?? [])
        fresh.set(segment.keyGroup, [...before, { bytes: bytes.subarray(segment.offset, offset), crc32: segment.crc32 }])
      }
      assert.equal(offset, bytes.length)
      for (const [group, segments] of fresh) chain.set(group, segments)
      if (base !== undefined) for (const [group, segments] of base.chain) if (!chain.has(group)) chain.set(group, [...segments])
    }
    // A subtask that is not full keeps the base's segments of its own groups only; those of others are the same.
    this.stored.set(id, { model, chain })
    this.finished.push(id)
    for (const segments of chain.values()) this.longestChain = Math.max(this.longestChain, segments.length)
  }

  complete(): void {
    const id = this.finished.shift()
    if (id === undefined || id < this.completed) return
    for (const state of this.states) state.checkpointCompleted(id)
    this.completed = id
  }

  abort(): void {
    const id = this.writing?.id ?? this.finished.pop()
    if (id === undefined) return
    this.writing = undefined
    for (const state of this.states) state.checkpointAborted(id)
  }

  restore(parallelism: number): void {
    this.writing = undefined
    this.finished = []
    const { model, chain } = this.stored.get(this.completed) ?? {
      model: new Map<string | number, Row>(),
      chain: new Map<number, SegmentBytes[]>(),
    }
    this.parallelism = parallelism
    this.states = this.restored(parallelism, chain)
    this.model = copyModel(model)
    if (this.completed > 0) {
      const counts = new Map(Array.from(chain, ([group, segments]) => [group, segments.length]))
      for (const state of this.states) state.resumeFrom(this.completed, counts)
    }
  }

  restored(parallelism: number, chain: Stored['chain']): KeyedState[] {
    const states = this.create(parallelism)
    for (const [group, segments] of chain) states[subtaskOfKeyGroup(group, MAX_PARALLELISM, parallelism)]!.restoreGroup(group, segments)
    return states
  }

  run(step: Step): void {
    // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- the rest are changes
    switch (step.op) {
      case 'begin':
        return this.begin(step.full)
      case 'write':
        for (const writer of this.writing?.writers ?? []) writer.step(step.rows)
        return
      case 'finish':
        return this.finish()
      case 'complete':
        return this.complete()
      case 'abort':
        return this.abort()
      case 'restore':
        return this.restore(step.parallelism)
      case 'invoke':
        return this.invoke(step.changes, step.commit)
      default:
        return this.change(step satisfies Change)
    }
  }
}

/** Everything that the subtasks hold is what the model says. */
function check(subjects: Subjects, model: Model): void {
  const rows = subjects.states.reduce((sum, state) => sum + state.statistics().rows, 0)
  assert.equal(rows, model.size)
  for (let n = 0; n < 12; n++) {
    const key = keyOf(n)
    const row = model.get(key) ?? emptyRow()
    const handles = subjects.use(key).handles as unknown as Handles
    assert.equal(handles.count.get(), row.count)
    assert.deepEqual(handles.object.get(), row.object)
    assert.deepEqual(handles.items.get(), row.items ?? [])
    assert.deepEqual(new Map(handles.small.entries()), row.small ?? new Map())
    assert.equal(handles.small.size, row.small?.size ?? 0)
    assert.equal(handles.sum.get(), row.sum)
    assert.equal(handles.average.get(), row.average === undefined ? undefined : row.average.total / row.average.count)
  }
  for (const kind of ['event', 'processing'] as const) {
    const timers = [...model.values()].reduce((sum, row) => sum + row[kind].size, 0)
    const counted = subjects.states.reduce(
      (sum, state) => sum + state.statistics()[kind === 'event' ? 'eventTimers' : 'processingTimers'],
      0,
    )
    assert.equal(counted, timers)
    const earliest = Math.min(...[...model.values()].flatMap((row) => [...row[kind]]))
    const next = Math.min(...subjects.states.map((state) => state.timers.next(kind) ?? Number.POSITIVE_INFINITY))
    assert.equal(next, earliest)
  }
}

/** Every checkpoint that was written restores to the state at its barrier, at any parallelism. */
function checkStored(subjects: Subjects): void {
  for (const [id, { model, chain }] of subjects.stored) {
    const parallelism = 1 + (id % MAX_PARALLELISM)
    const other = new Subjects(parallelism)
    other.states = other.restored(parallelism, chain)
    check(other, model)
    other.model = copyModel(model)
    other.fire('event', 12, 3)
    other.fire('processing', 12, 100)
  }
}

test('state, and every checkpoint of it, is what the model says', () => {
  let deltas = 0
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 }), fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }), (parallelism, steps) => {
      const subjects = new Subjects(parallelism)
      for (const each of steps) subjects.run(each)
      check(subjects, subjects.model)
      subjects.finish()
      checkStored(subjects)
      if (subjects.longestChain > 1) deltas++
    }),
    { numRuns: 100 },
  )
  assert.ok(deltas > 0)
})
