import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { judged } from './criteria.ts'
import { writePayloads } from './payloads.ts'
import { ratios } from './ratios.ts'
import { appendLine, readLines } from './results.ts'

void test('above 1 the second is better, whatever the unit', () => {
  const line = (broker: string, round: number, recordsPerSecond: number, p99Ms: number) => {
    return { broker, scenario: 's', round, figures: { recordsPerSecond, p99Ms } }
  }
  const lines = [
    line('a', 1, 100, 4),
    line('b', 1, 150, 2),
    line('a', 2, 300, 8),
    line('b', 2, 250, 4),
    line('a', 3, 200, 6),
    line('b', 3, 200, 3),
  ]
  const shown = ratios(lines, 'a', 'b')
  assert.equal(shown[0], 's')
  assert.match(shown[1]!, /recordsPerSecond.*a +200 +b +200 +1\.00 +0\.83 \.\. 1\.50$/)
  assert.match(shown[2]!, /p99Ms.*a +6\.00 +b +3\.00 +2\.00 +2\.00 \.\. 2\.00$/)
})

void test('a criterion is judged by the median of the rounds, less the band of a tie; one of ours alone by its value', () => {
  const line = (broker: string, scenario: string, round: number, figures: Record<string, number>) => ({ broker, scenario, round, figures })
  const consumed = [0.7, 0.95, 1.2].flatMap((ratio, round) => [
    line('a', 'consume 100B none', round, { recordsPerSecond: 1000 }),
    line('b', 'consume 100B none', round, { recordsPerSecond: 1000 * ratio }),
  ])
  assert.match(judged(consumed, 'a', 'b', 0.1)[0]!, /^met +0\.95 +0\.70 \.\. 1\.20 +>= 1\.00 +throughput, to consume/)
  assert.match(judged(consumed, 'a', 'b', 0)[0]!, /^MISSED/)
  const delays = [line('b', 'event loop through it all', 1, { p999Ms: 11 })]
  assert.match(judged(delays, 'a', 'b', 0.1)[0]!, /^MISSED +11\.00 .*<= 10/)
})

void test('what was measured under another setting, and half a line, do not count', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-results-'))
  try {
    const path = join(folder, 'out/lines.jsonl')
    assert.deepEqual(readLines(path, 'here'), [])
    const line = { broker: 'a', scenario: 's', round: 1, figures: { p99Ms: 1 } }
    appendLine(path, { ...line, setting: 'here' })
    appendLine(path, { ...line, round: 2, setting: 'there' })
    appendFileSync(path, '\n{"broker":"a","scen')
    appendLine(path, { ...line, round: 3, setting: 'here' })
    assert.deepEqual(
      readLines(path, 'here').map(({ round }) => round),
      [1, 3],
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})

void test('payloads have their size, and are the same every time', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-payloads-'))
  try {
    const [one, two] = [join(folder, 'a/1'), join(folder, 'b/1')]
    writePayloads(one, 100)
    writePayloads(two, 100)
    const lines = readFileSync(one, 'utf8').split('\n')
    assert.ok(lines.every((line) => line.length === 100 && typeof JSON.parse(line.trim()) === 'object'))
    assert.equal(readFileSync(two, 'utf8'), lines.join('\n'))
  } finally {
    rmSync(folder, { recursive: true })
  }
})
