// Keyed state that expires against plain maps with time stamps, on a clock that is moved by hand: random operations, snapshots, deltas, aborts, restores
// at other parallelisms and sweeps in between. What has expired is never seen, however much of it is still there.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  list,
  map,
  reducing,
  value,
  type ListState,
  type MapState,
  type ReducingState,
  type StateDeclarations,
  type StateTtl,
  type ValueState,
} from '../api/state.ts'
import { hashKey } from '../keys/hash.ts'
import { keyGroupOf, keyGroupRange, subtaskOfKeyGroup } from '../keys/key-group.ts'
import { KeyedState } from './keyed-state.ts'
import type { SegmentBytes, StateSnapshotWriter } from './state-types.ts'

const MAX_PARALLELISM = 5
const AFTER_MS = 100

interface Handles {
  object: ValueState<{ n: number }>
  items: ListState<number>
  entries: MapState<number, unknown>
  sum: ReducingState<number>
  forever: ValueState<number>
}

interface Stamped<T> {
  value: T
  time: number
}

interface Row {
  object?: Stamped<{ n: number }>
  items?: Stamped<number>[]
  entries?: Map<number, Stamped<unknown>>
  sum?: Stamped<number>
  forever?: number
}

const kinds = [
  'set',
  'mutate',
  'read',
  'push',
  'read-list',
  'put',
  'put-many',
  'get-entry',
  'has-entry',
  'mutate-entry',
  'remove',
  'read-map',
  'add',
  'forever',
  'clear-forever',
  'clear',
] as const
interface Change {
  readonly op: (typeof kinds)[number]
  readonly key: number
  readonly n: number
}

type Step =
  | Change
  | { readonly op: 'advance'; readonly ms: number }
  | { readonly op: 'clean'; readonly rows: number }
  | { readonly op: 'begin'; readonly full: 'all' | 'share' }
  | { readonly op: 'write'; readonly rows: number }
  | { readonly op: 'finish' | 'complete' | 'abort' }
  | { readonly op: 'restore'; readonly parallelism: number }
  | { readonly op: 'invoke'; readonly changes: readonly Change[]; readonly waitMs: number; readonly commit: boolean }

const change: fc.Arbitrary<Change> = fc.record({ op: fc.constantFrom(...kinds), key: fc.nat({ max: 2 }), n: fc.nat({ max: 2 }) })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 30, arbitrary: change },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 70 }) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('clean' as const), rows: fc.integer({ min: 1, max: 9 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant('begin' as const), full: fc.constantFrom('all' as const, 'share' as const, 'share' as const) }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('write' as const), rows: fc.integer({ min: 1, max: 6 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constantFrom('finish' as const, 'complete' as const, 'complete' as const, 'abort' as const) }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('restore' as const), parallelism: fc.integer({ min: 1, max: MAX_PARALLELISM }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('invoke' as const),
      changes: fc.array(change, { maxLength: 4 }),
      waitMs: fc.constantFrom(0, 0, 30, 120),
      commit: fc.boolean(),
    }),
  },
)

interface Stored {
  readonly model: ReadonlyMap<number, Row>
  readonly chain: ReadonlyMap<number, readonly SegmentBytes[]>
}

class World {
  nowMs = 1_000_000
  readonly ttl: StateTtl
  readonly declared: StateDeclarations
  parallelism: number
  states: KeyedState[]
  model: Map<number, Row> = new Map()
  completed = 0
  #nextId = 1
  readonly stored: Map<number, Stored> = new Map()
  #writing: { id: number; model: ReadonlyMap<number, Row>; writers: StateSnapshotWriter[] } | undefined
  #finished: number[] = []
  removedBySweeps = false

  constructor(update: 'on-write' | 'on-read-and-write', parallelism: number) {
    this.ttl = { after: AFTER_MS, update }
    const { ttl } = this
    this.declared = {
      object: value({ ttl }),
      items: list({ ttl }),
      entries: map({ ttl }),
      sum: reducing<number>((a, b) => a + b, { ttl }),
      forever: value(),
    }
    this.parallelism = parallelism
    this.states = this.#create(parallelism)
  }

  run(step: Step): void {
    // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- the rest are changes
    switch (step.op) {
      case 'advance':
        this.nowMs += step.ms
        return
      case 'clean':
        for (const state of this.states) state.clean(step.rows)
        return
      case 'begin':
        this.finish()
        this.#writing = {
          id: this.#nextId,
          model: structuredClone(this.model),
          writers: this.states.map((state) => state.beginSnapshot(this.#nextId, step)),
        }
        this.#nextId++
        return
      case 'write':
        for (const writer of this.#writing?.writers ?? []) writer.step(step.rows)
        return
      case 'finish':
        return this.finish()
      case 'complete':
        return this.#complete()
      case 'abort':
        return this.#abort()
      case 'restore':
        return this.#restore(step.parallelism)
      case 'invoke':
        return this.#invoke(step)
      default: {
        const row = this.#rowOf(step.key)
        this.#apply(this.#use(step.key).handles as unknown as Handles, row, step)
      }
    }
  }

  // ---------- the model

  #live(stamped: { readonly time: number } | undefined): boolean {
    return stamped !== undefined && stamped.time + AFTER_MS > this.nowMs
  }

  #read<T>(stamped: Stamped<T> | undefined): T | undefined {
    if (stamped === undefined || !this.#live(stamped)) return undefined
    if (this.ttl.update === 'on-read-and-write') stamped.time = this.nowMs
    return stamped.value
  }

  #rowOf(key: number): Row {
    const row = this.model.get(key) ?? {}
    this.model.set(key, row)
    return row
  }

  #apply(handles: Handles, row: Row, { op, n }: Change): void {
    const time = this.nowMs
    switch (op) {
      case 'set':
        handles.object.set({ n })
        row.object = { value: { n }, time }
        break
      case 'mutate': {
        const object = handles.object.get()
        const expected = this.#read(row.object)
        assert.deepEqual(object, expected)
        if (object !== undefined) object.n += 10
        if (expected !== undefined) expected.n += 10
        break
      }
      case 'read':
        assert.deepEqual(handles.object.get(), this.#read(row.object))
        break
      case 'push':
        handles.items.add(n)
        row.items = [...(row.items ?? []), { value: n, time }]
        break
      case 'read-list':
        assert.deepEqual([...handles.items.get()], this.#readList(row))
        break
      case 'put':
        handles.entries.set(n, { n: [n] })
        row.entries = (row.entries ?? new Map<number, Stamped<unknown>>()).set(n, { value: { n: [n] }, time })
        break
      case 'put-many':
        row.entries ??= new Map()
        for (let entry = 0; entry < 300; entry++) {
          handles.entries.set(entry, entry)
          row.entries.set(entry, { value: entry, time })
        }
        break
      case 'get-entry':
        assert.deepEqual(handles.entries.get(n), this.#read(row.entries?.get(n)))
        break
      case 'has-entry':
        assert.equal(handles.entries.has(n), this.#read(row.entries?.get(n)) !== undefined)
        break
      case 'mutate-entry': {
        const entry = handles.entries.get(n)
        const expected = this.#read(row.entries?.get(n))
        assert.deepEqual(entry, expected)
        if (typeof entry === 'object') (entry as { n: number[] }).n.push(n)
        if (typeof expected === 'object') (expected as { n: number[] }).n.push(n)
        break
      }
      case 'remove':
        handles.entries.delete(n)
        row.entries?.delete(n)
        break
      case 'read-map':
        assert.equal(handles.entries.size, this.#liveEntries(row).length)
        assert.deepEqual(new Map(handles.entries.entries()), this.#readMap(row))
        break
      case 'add': {
        handles.sum.add(n + 1)
        const before = this.#live(row.sum) ? row.sum!.value : 0
        row.sum = { value: before + n + 1, time }
        break
      }
      case 'forever':
        handles.forever.set(n)
        row.forever = n
        break
      case 'clear-forever':
        handles.forever.clear()
        delete row.forever
        break
      case 'clear':
        handles.object.clear()
        handles.items.clear()
        handles.entries.clear()
        handles.sum.clear()
        delete row.object
        delete row.items
        delete row.entries
        delete row.sum
        break
      default:
        op satisfies never
    }
  }

  #readList(row: Row): number[] {
    row.items = (row.items ?? []).filter((item) => this.#live(item))
    return row.items.map((item) => this.#read(item)!)
  }

  #liveEntries(row: Row): [number, Stamped<unknown>][] {
    return [...(row.entries ?? [])].filter(([, entry]) => this.#live(entry))
  }

  #readMap(row: Row): Map<number, unknown> {
    return new Map(this.#liveEntries(row).map(([entry, stamped]) => [entry, this.#read(stamped)]))
  }

  check(): void {
    for (let key = 0; key < 3; key++) {
      const row = this.#rowOf(key)
      const handles = this.#use(key).handles as unknown as Handles
      assert.deepEqual(handles.object.get(), this.#read(row.object))
      assert.deepEqual([...handles.items.get()], this.#readList(row))
      assert.equal(handles.entries.size, this.#liveEntries(row).length)
      assert.deepEqual(new Map(handles.entries.entries()), this.#readMap(row))
      assert.equal(handles.sum.get(), this.#read(row.sum))
      assert.equal(handles.forever.get(), row.forever)
    }
  }

  /** After a sweep nothing is left of what has expired: rows are those of keys with something to be seen. */
  checkSwept(): void {
    const before = this.#rows()
    for (const state of this.states) {
      // To the end of a sweep that may be under way, and a whole one.
      for (let sweeps = 0, steps = 0; sweeps < 2; steps++) {
        assert.ok(steps < 10_000)
        if (state.clean(3)) sweeps++
      }
    }
    let rows = 0
    for (const row of this.model.values()) {
      const lists = (row.items ?? []).some((item) => this.#live(item)) || this.#liveEntries(row).length > 0
      if (lists || this.#live(row.object) || this.#live(row.sum) || row.forever !== undefined) rows++
    }
    assert.equal(this.#rows(), rows)
    if (before > rows) this.removedBySweeps = true
  }

  #rows(): number {
    return this.states.reduce((sum, state) => sum + state.statistics().rows, 0)
  }

  // ---------- the subject

  #create(parallelism: number): KeyedState[] {
    return Array.from(
      { length: parallelism },
      (_, subtask) =>
        new KeyedState({
          operator: 'test',
          states: this.declared,
          clock: { now: () => this.nowMs },
          maxParallelism: MAX_PARALLELISM,
          keyGroups: keyGroupRange(subtask, parallelism, MAX_PARALLELISM),
        }),
    )
  }

  #use(key: number): KeyedState {
    const hash = hashKey(key)
    const state = this.states[subtaskOfKeyGroup(keyGroupOf(hash, MAX_PARALLELISM), MAX_PARALLELISM, this.parallelism)]!
    state.use(key, hash)
    return state
  }

  #invoke({ changes, waitMs, commit }: Extract<Step, { op: 'invoke' }>): void {
    for (const key of new Set(changes.map((each) => each.key))) {
      const invocation = this.#use(key).invocation(key, hashKey(key))
      const row = structuredClone(this.#rowOf(key))
      for (const each of changes) if (each.key === key) this.#apply(invocation.handles as unknown as Handles, row, each)
      this.nowMs += waitMs
      for (const state of this.states) state.clean(2)
      if (commit) {
        invocation.commit()
        this.model.set(key, row)
      } else invocation.discard()
    }
  }

  finish(): void {
    if (this.#writing === undefined) return
    const { id, model, writers } = this.#writing
    this.#writing = undefined
    const chain = new Map<number, SegmentBytes[]>()
    for (const writer of writers) {
      const index = writer.finish()
      const bytes = Buffer.concat(writer.take())
      const base = index.baseCheckpointId === undefined ? undefined : this.stored.get(index.baseCheckpointId)!
      const fresh = new Map<number, SegmentBytes[]>()
      for (const { kind, keyGroup, offset, length, crc32 } of index.segments) {
        const before = kind === 'full' ? [] : (fresh.get(keyGroup) ?? base?.chain.get(keyGroup) ?? [])
        fresh.set(keyGroup, [...before, { bytes: bytes.subarray(offset, offset + length), crc32 }])
      }
      for (const [group, segments] of fresh) chain.set(group, segments)
      for (const [group, segments] of base?.chain ?? []) if (!chain.has(group)) chain.set(group, [...segments])
    }
    this.stored.set(id, { model, chain })
    this.#finished.push(id)
  }

  #complete(): void {
    const id = this.#finished.shift()
    if (id === undefined || id < this.completed) return
    for (const state of this.states) state.checkpointCompleted(id)
    this.completed = id
  }

  #abort(): void {
    const id = this.#writing?.id ?? this.#finished.pop()
    if (id === undefined) return
    this.#writing = undefined
    for (const state of this.states) state.checkpointAborted(id)
  }

  #restore(parallelism: number): void {
    const stored = this.stored.get(this.completed)
    this.load(stored ?? { model: new Map(), chain: new Map() }, parallelism)
    if (stored === undefined) return
    const counts = new Map(Array.from(stored.chain, ([group, segments]) => [group, segments.length]))
    for (const state of this.states) state.resumeFrom(this.completed, counts)
  }

  load({ model, chain }: Stored, parallelism: number): void {
    this.#writing = undefined
    this.#finished = []
    this.parallelism = parallelism
    this.states = this.#create(parallelism)
    for (const [group, segments] of chain)
      this.states[subtaskOfKeyGroup(group, MAX_PARALLELISM, parallelism)]!.restoreGroup(group, segments)
    this.model = structuredClone(model) as Map<number, Row>
  }
}

for (const update of ['on-write', 'on-read-and-write'] as const) {
  test(`state that expires, updated ${update}, and every checkpoint of it, is what the model says`, () => {
    let swept = 0
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), fc.array(step, { minLength: 20, maxLength: 160, size: 'max' }), (parallelism, steps) => {
        const world = new World(update, parallelism)
        for (const each of steps) world.run(each)
        world.finish()
        world.check()
        world.checkSwept()
        if (world.removedBySweeps) swept++
        for (const [id, stored] of world.stored) {
          world.load(stored, 1 + (id % MAX_PARALLELISM))
          world.check()
          world.checkSwept()
        }
      }),
      { numRuns: 40 },
    )
    assert.ok(swept > 0)
  })
}
