// Keyed state by itself: read-modify-writes, snapshots and restore. `node --conditions=@millrace/source bench/micro/state.ts [keys] [operations]`
// The design's figures: 11 (string keys) to 30 (integer keys) million read-modify-writes a second; a JavaScript Map is measured beside.
import { value, type ValueState } from '../../packages/engine/src/api/state.ts'
import { hashKey } from '../../packages/engine/src/keys/hash.ts'
import { keyGroupRange } from '../../packages/engine/src/keys/key-group.ts'
import { KeyedState } from '../../packages/engine/src/state/keyed-state.ts'
import type { SegmentBytes } from '../../packages/engine/src/state/state-types.ts'

const keyCount = Number(process.argv[2] ?? 100_000)
const operations = Number(process.argv[3] ?? 10_000_000)
const MAX_PARALLELISM = 128
const ROWS_A_STEP = 1024
const ORDER = 1 << 20

const states = { count: value<number>() }

function create(): KeyedState {
  return new KeyedState({ operator: 'bench', states, maxParallelism: MAX_PARALLELISM, keyGroups: keyGroupRange(0, 1, MAX_PARALLELISM) })
}

/** Key numbers in an order that no cache foresees. */
function randomOrder(): Int32Array {
  let seed = 7
  return Int32Array.from({ length: ORDER }, () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) | 0
    return (Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d) >>> 0) % keyCount
  })
}

function report(what: string, figure: number, unit: string, design?: string): void {
  console.log(JSON.stringify({ bench: 'state', keys: keyCount, what, figure: Number(figure.toPrecision(3)), unit, design }))
}

function timed(run: () => unknown): number {
  const start = performance.now()
  run()
  return performance.now() - start
}

function count(state: KeyedState, keys: readonly unknown[], hashes: Int32Array, order: Int32Array, rounds: number): void {
  const counter = state.handles['count'] as ValueState<number>
  for (let round = 0; round < rounds; round++) {
    const key = order[round & (ORDER - 1)]!
    state.use(keys[key], hashes[key]!)
    counter.set((counter.get() ?? 0) + 1)
  }
}

function countInMap(keys: readonly unknown[], order: Int32Array): void {
  const counts = new Map<unknown, number>()
  for (let round = 0; round < operations; round++) {
    const key = keys[order[round & (ORDER - 1)]!]
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
}

/** Writes a snapshot in slices. Answers its bytes by key group, and the longest slice. */
function snapshot(
  state: KeyedState,
  id: number,
  full: 'all' | 'share',
): { bytes: number; fullBytes: number; ms: number; longestMs: number; groups: Map<number, SegmentBytes[]> } {
  let longestMs = 0
  const chunks: Uint8Array[] = []
  const groups = new Map<number, SegmentBytes[]>()
  let bytes = 0
  let fullBytes = 0
  const ms = timed(() => {
    const writer = state.beginSnapshot(id, { full })
    while (!writer.done) {
      longestMs = Math.max(
        longestMs,
        timed(() => writer.step(ROWS_A_STEP)),
      )
      chunks.push(...writer.take())
    }
    const index = writer.finish()
    bytes = index.sizeBytes
    fullBytes = index.fullBytes
    const all = Buffer.concat(chunks)
    for (const { keyGroup, offset, length, crc32 } of index.segments) {
      groups.set(keyGroup, [...(groups.get(keyGroup) ?? []), { bytes: all.subarray(offset, offset + length), crc32 }])
    }
  })
  return { bytes, fullBytes, ms, longestMs, groups }
}

function run(name: string, keys: readonly unknown[]): void {
  const hashes = Int32Array.from(keys, hashKey)
  const order = randomOrder()
  const state = create()
  count(
    state,
    keys,
    hashes,
    Int32Array.from({ length: ORDER }, (_, at) => at % keyCount),
    Math.max(keyCount, ORDER),
  )
  for (let round = 0; round < 3; round++) {
    report(`${name}: read-modify-write`, operations / 1000 / timed(() => count(state, keys, hashes, order, operations)), 'M/s', '11 to 30')
  }
  report(`${name}: the same in a Map`, operations / 1000 / timed(() => countInMap(keys, order)), 'M/s')
  for (let round = 1; round <= 3; round++) {
    const { bytes, ms, longestMs } = snapshot(state, round, 'all')
    report(`${name}: full snapshot`, bytes / 1000 / ms, 'MB/s')
    report(`${name}: full snapshot`, keyCount / 1000 / ms, 'M keys/s')
    report(`${name}: longest slice of ${ROWS_A_STEP} rows`, longestMs, 'ms')
  }
  report(`${name}: tables, keys and values (estimated) a key`, state.statistics().estimatedBytes / keyCount, 'bytes')
  state.checkpointCompleted(3)
  count(
    state,
    keys,
    hashes,
    Int32Array.from({ length: ORDER }, (_, at) => (at * 100) % keyCount),
    Math.ceil(keyCount / 100),
  )
  const delta = snapshot(state, 4, 'share')
  const full = snapshot(state, 5, 'all')
  report(`${name}: delta of 1 % dirty`, ((delta.bytes - delta.fullBytes) / full.bytes) * 100, '% of the full bytes')
  report(`${name}: delta of 1 % dirty`, delta.ms, 'ms')
  const during = state.beginSnapshot(6, { full: 'all' })
  report(`${name}: first touches while a snapshot waits`, keyCount / 1000 / timed(() => count(state, keys, hashes, order, keyCount)), 'M/s')
  during.finish()
  for (let round = 0; round < 2; round++) {
    const restored = create()
    const ms = timed(() => full.groups.forEach((segments, group) => restored.restoreGroup(group, segments)))
    if (restored.statistics().rows !== keyCount) throw new Error('the restored state is not complete')
    report(`${name}: restore`, keyCount / 1000 / ms, 'M keys/s')
  }
}

run(
  'integer keys',
  Array.from({ length: keyCount }, (_, at) => at * 7),
)
run(
  'string keys',
  Array.from({ length: keyCount }, (_, at) => `customer-${at}`),
)
