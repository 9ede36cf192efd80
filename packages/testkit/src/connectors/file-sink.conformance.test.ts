import { ok } from 'node:assert/strict'
import { posix } from 'node:path'
import { describe, it } from 'node:test'
import { fileSink } from '@millrace/engine'
import type { TestMachine } from './machine.ts'
import { sinkConformance, type SinkConformanceOptions } from './sink-conformance.ts'

const dir = (machine: TestMachine): string => posix.join(machine.folder, 'out', 'orders')

async function names(machine: TestMachine): Promise<readonly string[]> {
  return await machine.disk.list(dir(machine)).catch(() => [])
}

async function visible(machine: TestMachine): Promise<readonly { n: number }[]> {
  const records: { n: number }[] = []
  for (const name of await names(machine)) {
    if (name.startsWith('.')) continue
    const text = Buffer.from(await machine.disk.readFile(posix.join(dir(machine), name))).toString()
    ok(text.endsWith('\n'), `${name} is not whole`)
    for (const line of text.slice(0, -1).split('\n')) records.push(JSON.parse(line))
  }
  return records
}

const options: SinkConformanceOptions<{ n: number }> = {
  create: (machine) => fileSink({ dir: dir(machine), format: 'json', rollBytes: 1_000 }),
  record: (n) => ({ n }),
  visible,
  leftovers: async (machine) => (await names(machine)).filter((name) => name.startsWith('.')),
}

describe('fileSink', () => {
  it('conforms on a simulated disk', async () => {
    const report = await sinkConformance({ ...options, seeds: Array.from({ length: 40 }, (_, n) => n) })
    for (const [situation, times] of Object.entries(report)) ok(times >= 5, `${situation} was reached only ${times} times`)
  })

  it('conforms on a real disk', async () => {
    await sinkConformance({ ...options, machine: 'real', seeds: [1, 2, 3, 4], lives: 4 })
  })
})
