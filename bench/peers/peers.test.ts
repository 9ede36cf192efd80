import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { summarize, type EngineRun, type RunSettings } from './engine-run.ts'
import { goldenResult } from './golden.ts'
import { heapSizes, smallestEnough } from './heap-search.ts'
import { usageFrom } from './process-usage.ts'
import { groups, queryNames } from './queries.ts'
import { groupLines, summarizePairs } from './report.ts'
import { appendPair, machineName, pairsOf, readPairs, type Pair } from './results.ts'

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
    groups[0]!.queries.map((query) => summarizePairs({ ...measurement, query }, [pair(1, of(query), 1)]))
  assert.match(groupLines(all(() => 2.6)).join(), /threads and state, p=1: geometric mean 2\.60 .*: met/)
  assert.match(groupLines(all((query) => (query === 'q18' ? 1.4 : 9))).join(), /NOT met, under: q18/)
  assert.match(groupLines(all(() => 2.4)).join(), /NOT met\)/)
  assert.match(groupLines(all(() => 3).slice(1)).join(), /7 of 8 queries/)
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
  for (const query of queryNames) assert.notEqual(goldenResult(query, 200_000, 42), undefined, query)
})
