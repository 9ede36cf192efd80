import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { writePayloads } from './payloads.ts'
import { ratios } from './ratios.ts'

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
  assert.match(shown[1]!, /recordsPerSecond.*a +200 +b +200 +1\.00$/)
  assert.match(shown[2]!, /p99Ms.*a +6\.00 +b +3\.00 +2\.00$/)
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
