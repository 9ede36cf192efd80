import assert from 'node:assert/strict'
import { test } from 'node:test'
import { map, value, type MapState, type StateDeclarations, type ValueState } from '../../api/state.ts'
import { hashKey } from '../../keys/hash.ts'
import { immediateClock } from '../fixtures/immediate-clock.ts'
import { CachedState } from './cached-state.ts'
import { MemoryStores } from './memory-stores.ts'
import type { OrderedStore, OrderedStores } from './ordered-store.ts'
import { rowsFrom } from './row-encoder.ts'
import { Turns } from '../turns.ts'
import { MemoryValueFiles } from './values/memory-value-files.ts'
import { SeparatedStores } from './values/separated-store.ts'
import type { ValueFile, ValueFiles } from './values/value-files.ts'

const keyGroups = { first: 0, end: 4 }
const states = { text: value<string>(), entries: map<number, string>() } satisfies StateDeclarations
const others = { ...states, added: value<number>() } satisfies StateDeclarations
const ENTRIES = 17

interface Handles {
  readonly text: ValueState<string>
  readonly entries: MapState<number, string>
}

function create(stores: OrderedStores, declared: StateDeclarations): CachedState {
  const options = { operator: 'test', states: declared, maxParallelism: 4, keyGroups }
  return new CachedState(options, { cacheBytes: 1, open: () => stores.create('own'), inline: { entriesMax: 4, bytesMax: 1e6 } })
}

const textOf = (key: number, length: number): string => `${key}.`.padEnd(length, 'x')
const mapsOf = (key: number): boolean => key % 10 === 0

interface Former {
  readonly from: OrderedStore
  readonly header: Uint8Array
}

/** The store of a state with so many keys, every one with a text and a timer, some with a map that lies apart, as a checkpoint gives it back. */
async function former(stores: OrderedStores, keys: number, length: number): Promise<Former> {
  const state = create(stores, states)
  const { text, entries } = state.handles as unknown as Handles
  for (let key = 0; key < keys; key++) {
    state.use(key, hashKey(key))
    text.set(textOf(key, length))
    if (mapsOf(key)) for (let n = 0; n < ENTRIES; n++) entries.set(n, textOf(n, length))
    state.timers.register('event', key)
  }
  // What nobody touches for some checkpoints is written below.
  for (let id = 1; id <= 8; id++) {
    state.beginSnapshot(id, { full: 'share' }).finish()
    while (!state.settle(10_000));
  }
  assert.equal(state.rowsBelow, keys)
  const { header } = state
  const checkpoint = (await state.checkpointBelow())!
  const from = await stores.restore('former', await checkpoint.files())
  await checkpoint.release()
  state.dispose()
  await state.close()
  return { from, header }
}

function check(state: CachedState, keys: number, length: number): void {
  const { text, entries } = state.handles as unknown as Handles
  assert.equal(state.statistics().rows, keys)
  assert.equal(state.statistics().eventTimers, keys)
  for (let key = 0; key < keys; key++) {
    state.use(key, hashKey(key))
    assert.equal(text.get(), textOf(key, length))
    if (!mapsOf(key)) continue
    const expected = Array.from({ length: ENTRIES }, (_, n) => [n, textOf(n, length)] as const)
    assert.deepEqual(new Map(entries.entries()), new Map(expected))
  }
}

const kinds = { 'as they are': states, 'of other states': others }

for (const [kind, declared] of Object.entries(kinds)) {
  void test(`rows ${kind} are taken over some at a time: the event loop has its turn in between`, async () => {
    const stores = new MemoryStores()
    const { from, header } = await former(stores, 4_000, 10)
    const state = create(stores, declared)
    const looks: number[] = []
    let isDone = false
    const look = (): void => {
      looks.push(state.versionBelow)
      if (!isDone) setImmediate(look)
    }
    look()
    await state.takeOver(from, header, new Turns({ clock: immediateClock, rowsMax: 100 }))
    isDone = true
    looks.push(state.versionBelow)
    const most = Math.max(...looks.slice(1).map((rows, at) => rows - looks[at]!))
    // Rows make room for others many at once; each writes itself, its timer and its map. All of it are some 15,000 writes.
    assert.ok(most <= 1_000, `${most} were written in one go`)
    check(state, 4_000, 10)
  })

  void test(`rows ${kind} that take long are taken over for some milliseconds at a time`, async () => {
    const stores = new MemoryStores()
    const { from, header } = await former(stores, 200, 10)
    const state = create(stores, declared)
    let nowMs = 0
    let turns = 0
    const soon = (callback: () => void): (() => void) => (turns++, immediateClock.soon(callback))
    await state.takeOver(from, header, new Turns({ clock: { monotonic: () => (nowMs += 5), soon } }))
    assert.ok(turns >= 40, String(turns))
    check(state, 200, 10)
  })

  void test(`of rows ${kind} long values are read many at a time`, async () => {
    const files = new WatchedFiles()
    const stores = files.stores()
    const { from, header } = await former(stores, 700, 20_000)
    const state = create(stores, declared)
    files.begin()
    await state.takeOver(from, header, new Turns({ clock: immediateClock }))
    assert.ok(files.atOnce >= 16, `${files.atOnce} reads were under way at once`)
    assert.ok(files.readNow <= 2, `${files.readNow} were read while the thread waited`)
    assert.deepEqual(files.problems, [])
    await from.close()
    check(state, 700, 20_000)
  })

  void test(`rows ${kind} are not taken over any more once nobody needs them`, async () => {
    const files = new WatchedFiles()
    const stores = files.stores()
    const { from, header } = await former(stores, 1_000, 100)
    const ended = new Error('the job has ended')
    for (const afterTurns of [0, 1, 3, 7]) {
      const state = create(stores, declared)
      const controller = new AbortController()
      let turns = 0
      const soon = (callback: () => void): (() => void) => {
        if (turns++ === afterTurns) controller.abort(ended)
        return immediateClock.soon(callback)
      }
      const clock = { ...immediateClock, soon }
      await assert.rejects(state.takeOver(from, header, new Turns({ clock, rowsMax: 20, signal: controller.signal })), ended)
      assert.ok(state.rowsBelow <= 20 * (afterTurns + 1), String(state.rowsBelow))
      state.dispose()
      await state.close()
    }
    await from.close()
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(files.problems, [])
  })

  void test(`of rows ${kind} a value that is not what was written is told, wherever it is`, async () => {
    for (const at of [0.01, 0.5, 0.99]) {
      const files = new WatchedFiles()
      const stores = files.stores()
      const { from, header } = await former(stores, 300, 100)
      files.damage(at)
      await assert.rejects(create(stores, declared).takeOver(from, header, new Turns({ clock: immediateClock })), TypeError)
      await from.close()
    }
  })
}

void test('entries that are left over of a map that is gone are passed over some at a time', async () => {
  const stores = new MemoryStores()
  const state = create(stores, states)
  const { entries } = state.handles as unknown as Handles
  // In the order of their hashes: the row of the first goes, its entries stay.
  const [gone, last] = [1, 2, 3].toSorted((a, b) => (hashKey(a) >>> 0) - (hashKey(b) >>> 0)) as [number, number]
  for (const key of [gone, last, 4]) {
    state.use(key, hashKey(key))
    for (let n = 0; n < 2_000; n++) entries.set(n, '')
  }
  for (let id = 1; id <= 8; id++) {
    state.beginSnapshot(id, { full: 'share' }).finish()
    while (!state.settle(10_000));
  }
  const { header } = state
  const from = await stores.restore('former', await (await state.checkpointBelow())!.files())
  const hash = hashKey(gone)
  const scan = from.scan(rowsFrom(hash >>> 0), undefined)
  assert.ok(scan.next())
  from.delete(new Uint8Array(scan.key))
  scan.close()
  let turns = 0
  const soon = (callback: () => void): (() => void) => (turns++, immediateClock.soon(callback))
  const after = create(stores, others)
  await after.takeOver(from, header, new Turns({ clock: { ...immediateClock, soon }, rowsMax: 4 }))
  assert.ok(turns > (3 * 2_000) / (4 * 64) - 3, String(turns))
  const taken = after.handles as unknown as Handles
  for (const [key, size] of [
    [gone, 0],
    [last, 2_000],
  ] as const) {
    after.use(key, hashKey(key))
    assert.equal(taken.entries.size, size)
  }
})

/** Files with values that say how they are read. */
class WatchedFiles {
  readonly problems: string[] = []
  readNow = 0
  atOnce = 0
  #underWay = 0
  /** Those that came out of a checkpoint. */
  readonly #restored: ValueFile[] = []

  stores(): OrderedStores {
    return new SeparatedStores(new MemoryStores(), {
      clock: immediateClock,
      files: () => this.#files(),
      limits: { apartBytesMin: 50, segmentBytes: 1_000_000, sampledBytes: 1_000 },
    })
  }

  /** Counts from now on. */
  begin(): void {
    this.readNow = 0
    this.atOnce = 0
  }

  /** Reads of what is at this share of the restored files give another byte there. */
  damage(share: number): void {
    const total = this.#restored.reduce((sum, { length }) => sum + length, 0)
    let at = Math.floor(total * share)
    for (const file of this.#restored) {
      if (at >= 0 && at < file.length) this.#damageAt(file, at)
      at -= file.length
    }
  }

  #damageAt(file: ValueFile, at: number): void {
    const readNow = file.readNow.bind(file)
    const read = file.read.bind(file)
    const spoil = (into: Uint8Array, position: number): void => {
      if (at >= position && at < position + into.length) into[at - position]! ^= 4
    }
    file.readNow = (into, position) => {
      readNow(into, position)
      spoil(into, position)
    }
    file.read = async (into, position) => {
      await read(into, position)
      spoil(into, position)
    }
  }

  #files(): ValueFiles {
    const files = new MemoryValueFiles({ misused: (problem) => this.problems.push(problem) })
    return {
      create: (name) => files.create(name),
      restore: async (stored) => this.#watch(await files.restore(stored)),
      removeAll: () => files.removeAll(),
    }
  }

  #watch(file: ValueFile): ValueFile {
    const readNow = file.readNow.bind(file)
    const read = file.read.bind(file)
    file.readNow = (into, position) => {
      this.readNow++
      readNow(into, position)
    }
    file.read = async (into, position) => {
      this.atOnce = Math.max(this.atOnce, ++this.#underWay)
      await new Promise((resolve) => setImmediate(resolve))
      await read(into, position)
      this.#underWay--
    }
    this.#restored.push(file)
    return file
  }
}
