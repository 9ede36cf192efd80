import assert from 'node:assert/strict'
import { appendFileSync, linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { summarize, type EngineRun, type RunSettings } from './engine-run.ts'
import { goldenResult } from './golden.ts'
import { heapSizes, smallestEnough } from './heap-search.ts'
import { memoryGroup } from './memory-limit.ts'
import { usageFrom } from './process-usage.ts'
import { groupsOf, queryNamesOf } from './queries.ts'
import { beyondMemoryLines, groupLines, summarizePairs } from './report.ts'
import { appendPair, machineName, pairsOf, readPairs, type Pair } from './results.ts'
import { storedTableBytes } from './stored-bytes.ts'

const measurement = { query: 'count', parallelism: 1, events: 2_000_000, checkpointMs: '1000', seed: 42, warmSeconds: 10, encode: false }

function run(engine: EngineRun['engine'], eventsPerSecond: number): EngineRun {
  return { engine, coldSeconds: 1, warm: [], eventsPerSecond, cpuSecondsPerMillion: 1, peakRssMb: 100, count: 1, checksum: '00000000' }
}

function pair(alternation: number, ours: number, flink: number): Pair {
  const sides = { first: run('millrace', ours), second: run('flink', flink) }
  return { ...measurement, ...sides, kind: 'engines', alternation, heapMb: 4096, machine: machineName(), at: '2026-01-01T00:00:00Z' }
}

void test('usage is read past a name with spaces and parentheses', () => {
  const stat = '7 (C2 Comp) (x) S 1 7 7 0 -1 4194304 9 9 0 0 150 50 25 25 20 0 30 0 100 1 1'
  const status = 'Name:\tjava\nVmHWM:\t  204800 kB\nVmRSS:\t  102400 kB\n'
  assert.deepEqual(usageFrom(stat, status), { cpuSeconds: 2.5, peakRssMb: 200, rssMb: 100 })
})

void test('where keys are filled in first, the one run counts', () => {
  const line = { warm: false, seconds: 4, count: 3, checksum: 'ab', checkpointsCompleted: 1 }
  const settings: RunSettings = { ...measurement, fill: true, keys: 2_000_000, heapMb: 1, timeoutSeconds: 1 }
  const run = summarize('flink', settings, [line], [{ cpuSeconds: 20, peakRssMb: 100, rssMb: 1 }])
  assert.equal(run.eventsPerSecond, 500_000)
  assert.equal(run.cpuSecondsPerMillion, 5)
  assert.throws(() => summarize('flink', settings, [], []), /no run/)
})

void test('processor time of a run is what was used between its line and the one before', () => {
  const line = (seconds: number, checksum = 'ab') => ({ warm: true, seconds, count: 3, checksum, checkpointsCompleted: 1 })
  const usages = [10, 11, 14].map((cpuSeconds, at) => ({ cpuSeconds, peakRssMb: 100 + at, rssMb: 1 }))
  const settings: RunSettings = { ...measurement, heapMb: 1, timeoutSeconds: 1 }
  const summary = summarize('flink', settings, [line(9), line(1), line(2)], usages)
  assert.deepEqual(
    summary.warm.map(({ cpuSeconds }) => cpuSeconds),
    [1, 3],
  )
  assert.equal(summary.cpuSecondsPerMillion, 1)
  assert.equal(summary.eventsPerSecond, 2_000_000 / 1.5)
  assert.equal(summary.peakRssMb, 102)
  assert.throws(() => summarize('flink', settings, [line(9), line(1, 'cd')], usages.slice(1)), /runs differ/)
  assert.throws(() => summarize('flink', settings, [line(9)], usages.slice(2)), /no warm run/)
})

void test('what the out file holds is found again, also after half a line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-peers-'))
  try {
    const path = join(folder, 'new/out.jsonl')
    assert.deepEqual(readPairs(path), [])
    appendPair(path, pair(1, 2, 1))
    appendFileSync(path, '\n{"query":"cou')
    appendPair(path, pair(2, 3, 1))
    const pairs = readPairs(path)
    assert.deepEqual(
      pairsOf(pairs, measurement, 'engines', 4096).map(({ alternation }) => alternation),
      [1, 2],
    )
    assert.deepEqual(pairsOf(pairs, { ...measurement, encode: true }, 'engines', 4096), [])
    assert.deepEqual(pairsOf(pairs, measurement, 'engines', 512), [])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

void test('the ratio is taken within each alternation, and groups are held to what is asked', () => {
  const { ratio } = summarizePairs(measurement, [pair(1, 20, 10), pair(2, 6, 2), pair(3, 100, 25)])
  assert.deepEqual(ratio, { median: 3, min: 2, max: 4 })
  const all = (of: (query: string) => number) =>
    groupsOf.heap[0]!.queries.map((query) => summarizePairs({ ...measurement, query }, [pair(1, of(query), 1)]))
  assert.match(
    groupLines(
      all(() => 2.6),
      'heap',
    ).join(),
    /threads and state, p=1: geometric mean 2\.60 .*: met/,
  )
  assert.match(
    groupLines(
      all((query) => (query === 'q18' ? 1.4 : 9)),
      'heap',
    ).join(),
    /NOT met, under: q18/,
  )
  assert.match(
    groupLines(
      all(() => 2.4),
      'heap',
    ).join(),
    /NOT met\)/,
  )
  assert.match(groupLines(all(() => 3).slice(1), 'heap').join(), /7 of 8 queries/)
})

void test('another backend, other keys or another bound of memory are other measurements', () => {
  const line = pair(1, 2, 1)
  const found = (more: object): number => pairsOf([line], { ...measurement, ...more }, 'engines', 4096).length
  assert.equal(found({ backend: 'heap' }), 1)
  for (const more of [{ backend: 'rocksdb' }, { keys: 5 }, { distribution: 'zipf:0.99' }, { memoryMb: 512 }, { fill: true }])
    assert.equal(found(more), 0, JSON.stringify(more))
})

void test('RocksDB is held to more; state beyond memory to its size as well', () => {
  const all = groupsOf.rocksdb[0]!.queries.map((query) => summarizePairs({ ...measurement, query }, [pair(1, 3.9, 1)]))
  assert.match(groupLines(all, 'rocksdb').join(), /geometric mean 3\.90 \(asked: 4: NOT met\)/)
  const beyond = (distribution: string, storedMb: number): string => {
    const { first, second, ...rest } = pair(1, 2, 1)
    const sides = { ...rest, first: { ...first, storedMb }, second: { ...second, storedMb: 2500 } }
    return beyondMemoryLines([summarizePairs({ ...measurement, distribution, memoryMb: 512 }, [sides])]).join()
  }
  assert.match(beyond('uniform', 2100), /2\.00 times \(asked: 1: met\).*2\.10 and 2\.50 GB \(asked: 2: met\)/)
  assert.match(beyond('zipf:0.99', 1900), /\(asked: 3: NOT met\).*\(asked: 2: NOT met\)/)
})

void test('the group of control that bounds the memory of this process is found', () => {
  const first = '36 31 0:30 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory'
  const second = '35 31 0:29 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw'
  assert.deepEqual(memoryGroup(`${second}\n${first}\n`, '4:memory:/a\n0::/b\n'), { version: 1, folder: '/sys/fs/cgroup/memory/a' })
  assert.deepEqual(memoryGroup(`${second}\n`, '0::/user.slice/x:y\n'), { version: 2, folder: '/sys/fs/cgroup/user.slice/x:y' })
  const inside = '36 31 0:30 /docker/7 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory'
  assert.deepEqual(memoryGroup(inside, '4:memory:/docker/7/a\n'), { version: 1, folder: '/sys/fs/cgroup/memory/a' })
  assert.equal(memoryGroup('', '4:memory:/a\n'), undefined)
})

void test('tables of a database and of its checkpoints are counted once, other files not at all', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-peers-'))
  try {
    const of = (name: string): string => join(folder, name)
    mkdirSync(of('job/rocksdb/one'), { recursive: true })
    mkdirSync(of('job/rocksdb/one-checkpoint-1'))
    writeFileSync(of('job/rocksdb/one/7.sst'), 'seven')
    linkSync(of('job/rocksdb/one/7.sst'), of('job/rocksdb/one-checkpoint-1/7.sst'))
    writeFileSync(of('job/rocksdb/one/LOG'), 'much')
    writeFileSync(of('job/8.sst'), 'uploaded')
    assert.equal(storedTableBytes(folder), 5)
    assert.equal(storedTableBytes(of('none')), 0)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

void test('the smallest heap that is enough is found', async () => {
  const sizes = heapSizes()
  assert.equal(sizes.at(-1), 4096)
  for (const enough of [0, sizes[3]!, 4096]) {
    const tried: number[] = []
    const found = await smallestEnough(sizes, async (size) => {
      tried.push(size)
      return size >= enough
    })
    assert.equal(found, Math.max(enough, sizes[0]!))
    assert.ok(tried.length <= 5 && !tried.includes(4096))
  }
})

void test('there are golden results for every query', () => {
  for (const query of queryNamesOf('heap')) assert.notEqual(goldenResult(query, 200_000, 42), undefined, query)
})
