// A job of which a part has come to its end: checkpoints go on, and the job goes on from them.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defineJob, fileSink, generator, type Job } from '@millrace/engine'
import { VirtualMachine, type VirtualLayers, type VirtualRun } from './virtual-job.ts'

const SHORT = 100
const LONG = 2_000
const KEYS = 10

/** Both are counted together. `read`: records of the short source, as often as they are read. */
function twoSources(read: number[]): Job {
  return defineJob('two-sources', (env) => {
    const numbers = (name: string, count: number) =>
      env.fromSource(generator({ generate: (n) => n, ratePerSecond: 1_000, count }), { uid: name })
    numbers('short', SHORT)
      .map((n) => {
        read.push(n)
        return n
      })
      .uid('seen')
      .union(numbers('long', LONG))
      .keyBy((n) => n % KEYS)
      .count()
      .uid('count')
      .sinkTo(fileSink({ dir: '/data/out', format: 'json' }))
      .uid('out')
  })
}

const layers = (parallelism: number): VirtualLayers => ({
  options: { parallelism, maxParallelism: 16, checkpointing: { interval: 50, retainOnCancel: true } },
  restore: 'latest',
})

/** Of each key, the counts that are published. */
async function published(machine: VirtualMachine): Promise<ReadonlyMap<number, readonly number[]>> {
  const counts = new Map<number, number[]>()
  for (const file of await machine.list('/data/out')) {
    if (file.startsWith('.')) continue
    const text = Buffer.from(await machine.clock.run(machine.disk.readFile(`/data/out/${file}`))).toString('utf8')
    for (const line of text.split('\n').filter((each) => each !== '')) {
      const { key, count } = JSON.parse(line) as { key: number; count: number }
      counts.set(key, [...(counts.get(key) ?? []), count])
    }
  }
  return counts
}

const completed = (run: VirtualRun): number => run.of('checkpoint-completed').length

describe('checkpoints after tasks have finished', () => {
  it('go on completing and publishing, and a restore from one is right at any parallelism', async () => {
    const machine = new VirtualMachine()
    const read: number[] = []
    const first = machine.start(twoSources(read), layers(2))
    await first.until(() => read.length === SHORT)
    await first.pass(200)
    const before = completed(first)
    await first.pass(500)
    assert.ok(completed(first) >= before + 8, `${completed(first) - before} checkpoints in ten intervals`)
    const sum = [...(await published(machine)).values()].reduce((all, counts) => all + counts.length, 0)
    assert.ok(sum > SHORT + 500, `${sum} results are published`)
    await first.cancel()

    for (const parallelism of [3, 1]) {
      const next = machine.start(twoSources(read), layers(parallelism))
      await next.until(() => completed(next) > 2)
      await next.pass(100)
      assert.equal(next.result, undefined)
      await next.cancel()
    }
    const last = machine.start(twoSources(read), layers(2))
    await last.until(() => last.result !== undefined)
    assert.equal(last.result?.state, 'finished')
    assert.equal(read.length, SHORT, 'what has ended is not read again')
    const counts = await published(machine)
    for (let key = 0; key < KEYS; key++) {
      const wanted = Array.from({ length: (SHORT + LONG) / KEYS }, (_, index) => index + 1)
      assert.deepEqual(
        counts.get(key)?.toSorted((a, b) => a - b),
        wanted,
      )
    }
  })
})
