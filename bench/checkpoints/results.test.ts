import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { machineName } from '../peers/results.ts'
import type { CheckpointPlan, MeasuredRun } from './our-run.ts'
import { appendLine, linesOf, verdict, type RunLine } from './results.ts'

const plan: CheckpointPlan = {
  backend: 'heap',
  keys: 1_000_000,
  dirtyShare: 0.01,
  parallelism: 1,
  checkpoints: 2,
  windowMs: 1000,
  warmUpMs: 5000,
}

function ours(withRate: number, isContained: boolean = true): RunLine {
  const window = { withRate, withoutRate: 1000, fromMs: 0, toMs: 1000, isContained }
  const summary = { durationMs: 40, longestDurationMs: 60, recordsPerSecond: 2e6 } as MeasuredRun['summary']
  return { ...plan, engine: 'millrace', alternation: 1, machine: machineName(), at: '', run: { summary, windows: [window, window] } }
}

const flink: RunLine = {
  ...plan,
  engine: 'flink',
  alternation: 1,
  machine: machineName(),
  at: '',
  run: { checkpoints: 2, recordsPerSecond: 5e5, durationMs: 90, longestDurationMs: 120 },
}

void test('windows of all runs are pooled and held to what is asked of the backend', () => {
  const text = verdict(plan, [ours(990), ours(980), flink])
  assert.match(text, /lost 1\.50 % .*4 windows; asked: at most 2\.00 %: met/)
  assert.match(text, /took 40 ms \(at most 60\), Flink's 90 ms \(at most 120\); 2\.00 : 0\.50 M records/)
  assert.match(verdict(plan, [ours(970, false)]), /3\.00 % .*NOT met.* 2 checkpoints outlasted/)
  assert.match(verdict({ ...plan, backend: 'rocksdb' }, [ours(970)]), /at most 10\.00 %: met.*took 40 ms \(at most 60\); 2\.00 M/)
})

void test('lines of the same plan are found again', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-checkpoints-'))
  try {
    const path = join(folder, 'new/out.jsonl')
    assert.deepEqual(linesOf(path, plan), [])
    appendLine(path, flink)
    appendLine(path, ours(990))
    assert.deepEqual(
      linesOf(path, plan).map(({ engine }) => engine),
      ['flink', 'millrace'],
    )
    assert.deepEqual(linesOf(path, { ...plan, backend: 'rocksdb' }), [])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
