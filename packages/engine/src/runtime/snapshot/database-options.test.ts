// What the columns of a database's rows do not say, from checkpoint to checkpoint: whether entries of maps have times, and whether codecs have written values.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { map, value, type MapState, type StateDeclarations } from '../../api/state.ts'
import type { StoredDatabase } from '../../checkpoint/handles.ts'
import { MemoryStateFiles } from '../../checkpoint/memory.ts'
import { hashKey } from '../../keys/hash.ts'
import { immediateClock } from '../../state/fixtures/immediate-clock.ts'
import { CachedState } from '../../state/rocksdb/cached-state.ts'
import { MemoryStores } from '../../state/rocksdb/memory-stores.ts'
import { DatabaseSnapshots } from './database-snapshots.ts'

const keyGroups = { first: 0, end: 4 }
const AFTER = 100
/** So that the columns are those of states that expire, whatever the map is. */
const other = value({ ttl: '10h' })
const expiring: StateDeclarations = { other, sessions: map<number, string>({ ttl: AFTER }) }
const lasting: StateDeclarations = { other, sessions: map<number, string>() }

class Life {
  nowMs = 500
  #checkpoint = 0
  #names = 0
  readonly #entriesMax: number
  readonly #stores = new MemoryStores()
  readonly #files = new MemoryStateFiles()

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax
  }

  async start(states: StateDeclarations, from?: StoredDatabase): Promise<{ state: CachedState; snapshots: DatabaseSnapshots }> {
    const clock = { now: (): number => this.nowMs }
    const state = new CachedState(
      { operator: 'visits', states, maxParallelism: 4, keyGroups, clock },
      { cacheBytes: 1, open: () => this.#stores.create(), inline: { entriesMax: this.#entriesMax, bytesMax: 1e6 } },
    )
    const name = `life-${++this.#names}`
    const snapshots = new DatabaseSnapshots({ state, stores: this.#stores, name, keyGroups, turns: { clock: immediateClock } })
    if (from !== undefined) await snapshots.restore(this.#files, [from], true, true)
    return { state, snapshots }
  }

  /** Of a state all of whose rows are in its database. */
  async stop({ state, snapshots }: { state: CachedState; snapshots: DatabaseSnapshots }): Promise<StoredDatabase> {
    for (let rounds = 0; rounds < 8; rounds++) {
      state.beginSnapshot(++this.#checkpoint, { full: 'share' }).finish()
      while (!state.settle(1_000));
    }
    const writer = { attempt: 1, task: 1, subtask: 0 }
    const id = this.#checkpoint
    const snapshot = snapshots.begin(id, (name) => this.#files.createStateFile(writer, id, name))
    return (await snapshot!.finish()).database
  }
}

function sessionsOf({ state }: { state: CachedState }): MapState<number, string> {
  state.use('k', hashKey('k'))
  return state.handles['sessions'] as MapState<number, string>
}

for (const [kind, entriesMax] of [
  ['in its row', 100],
  ['apart from it', 2],
] as const) {
  void test(`a map ${kind} that begins to expire does so from the first restore on, however often the job starts again`, async () => {
    const life = new Life(entriesMax)
    const first = await life.start(lasting)
    for (let n = 0; n < 5; n++) sessionsOf(first).set(n, 'x')
    let stored = await life.stop(first)
    for (const nowMs of [1_000, 1_040, 1_080]) {
      life.nowMs = nowMs
      const again = await life.start(expiring, stored)
      assert.equal(sessionsOf(again).size, 5)
      stored = await life.stop(again)
    }
    life.nowMs = 1_000 + AFTER
    assert.equal(sessionsOf(await life.start(expiring, stored)).size, 0)
  })

  void test(`a map ${kind} that expires no more, and then does again, forgets how old its entries were`, async () => {
    const life = new Life(entriesMax)
    const first = await life.start(expiring)
    for (let n = 0; n < 5; n++) sessionsOf(first).set(n, 'x')
    let stored = await life.stop(first)
    for (const [nowMs, states] of [
      [550, lasting],
      [10_000, expiring],
    ] as const) {
      life.nowMs = nowMs
      const again = await life.start(states, stored)
      assert.equal(sessionsOf(again).size, 5)
      stored = await life.stop(again)
    }
  })

  void test(`a codec that is missing for a map ${kind} is told at the restore; one that is new reads what is there`, async () => {
    const codec = {
      encode: (text: string): Uint8Array => Buffer.from(text),
      decode: (bytes: Uint8Array): string => Buffer.from(bytes).toString(),
    }
    const coded: StateDeclarations = { other, sessions: map<number, string>({ codec }) }
    const life = new Life(entriesMax)
    const first = await life.start(lasting)
    for (let n = 0; n < 5; n++) sessionsOf(first).set(n, 'x')
    const second = await life.start(coded, await life.stop(first))
    assert.equal(sessionsOf(second).get(4), 'x')
    sessionsOf(second).set(4, 'y')
    const stored = await life.stop(second)
    assert.equal(sessionsOf(await life.start(coded, stored)).get(4), 'y')
    await assert.rejects(life.start(lasting, stored), { code: 'STATE_CODEC_MISSING' })
  })
}
