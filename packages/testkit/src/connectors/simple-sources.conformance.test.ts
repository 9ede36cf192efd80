import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { collection, generator, type Source } from '@millrace/engine'
import { SimulatedMachine } from './machine.ts'
import { sourceConformance } from './source-conformance.ts'
import { SourceHost } from './source-host.ts'

describe('collection', () => {
  it('conforms', async () => {
    const values = Array.from({ length: 3_000 }, (_, n) => ({ n }))
    const report = await sourceConformance({ create: () => collection(values), expected: () => values, lane: () => 'all' })
    equal(report.records, report.runs * values.length)
    equal(report.overran, 0)
    ok(report.restores > 10 && report.rescales > 5 && report.snapshots > 100, JSON.stringify(report))
  })

  it('conforms when it is empty', async () => {
    await sourceConformance<number>({ create: () => collection([]), expected: () => [] })
  })
})

describe('generator', () => {
  const record = (index: number, ctx: { random(): number }): string => `${index}:${ctx.random()}:${ctx.random()}`

  it('conforms, with the same records at every parallelism', async () => {
    const create = (): Source<string> => generator({ count: 6_000, seed: 7, generate: record })
    const expected = await drain(create(), 1)
    equal(new Set(expected).size, 6_000)
    const report = await sourceConformance<string>({ create, expected: () => expected, parallelismMax: 7 })
    ok(report.rescales > 10, JSON.stringify(report))
    equal(report.overran, 0)
  })

  it('emits in order where there is one subtask', async () => {
    const values = await drain(generator({ count: 5_000, generate: (index) => index }), 1)
    deepEqual(
      values,
      Array.from({ length: 5_000 }, (_, index) => index),
    )
  })

  it('keeps its rate, whatever the parallelism', async () => {
    for (const parallelism of [1, 3]) {
      const machine = new SimulatedMachine(1)
      await drain(generator({ count: 3_000, ratePerSecond: 1_000, generate: (index) => index }), parallelism, machine)
      ok(machine.clock.monotonic() >= 2_999 && machine.clock.monotonic() < 3_050, `${machine.clock.monotonic()} ms`)
    }
  })

  it('refuses options that are none', () => {
    throws(() => generator({ count: -1, generate: String }), { code: 'CONNECTOR_OPTION_INVALID', message: /count/ })
    throws(() => generator({ count: 1.5, generate: String }), { code: 'CONNECTOR_OPTION_INVALID' })
    throws(() => generator({ ratePerSecond: 0, generate: String }), { code: 'CONNECTOR_OPTION_INVALID', message: /ratePerSecond/ })
  })

  it('conforms at a limited rate', async () => {
    await sourceConformance<number>({
      create: () => generator({ count: 2_000, ratePerSecond: 5_000, generate: (index) => index }),
      expected: () => Array.from({ length: 2_000 }, (_, index) => index),
    })
  })
})

/** All that a bounded source emits, without any crash. */
async function drain<T>(source: Source<T>, parallelism: number, machine = new SimulatedMachine(1)): Promise<T[]> {
  const host = new SourceHost<T>(source, machine, machine.boot(), parallelism)
  await host.start(undefined)
  while (!host.hasEnded) {
    let hasPolled = false
    for (let subtask = 0; subtask < parallelism; subtask++) hasPolled = host.step(subtask) || hasPolled
    if (!hasPolled) await machine.turn()
  }
  await host.close()
  return host.emitted.map(({ value }) => value)
}
