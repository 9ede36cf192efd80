// Event time of files that are followed, by more subtasks than there are files.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Disk } from '@millrace/core'
import { defineJob, discard, files, watermarks, type Job } from '@millrace/engine'
import { VirtualMachine, type VirtualRun } from './virtual-job.ts'

/** Tells the times that have passed, each once. */
function passing(passed: number[]): Job {
  return defineJob('passing', (env) => {
    env
      .fromSource(files({ path: '/in', follow: true, discoverEvery: '1s', keepRotatedFor: '10s' }), {
        uid: 'lines',
        watermarks: watermarks.monotonous((line) => Number(line)),
      })
      .keyBy(() => 'all')
      .process({
        onElement: (_line, ctx) => ctx.eventTimers.at(ctx.timestamp),
        onEventTimer: (time) => void passed.push(time),
      })
      .uid('times')
      .sinkTo(discard())
  })
}

async function append(disk: Disk, name: string, lines: readonly number[]): Promise<void> {
  const path = `/in/${name}`
  const file = await disk.open(path, 'update')
  const { size } = await file.stat()
  await file.write(Buffer.from(lines.map((line) => `${line}\n`).join('')), size)
  await file.close()
}

async function started(passed: number[], machine: VirtualMachine, parallelism: number): Promise<VirtualRun> {
  const run = machine.start(passing(passed), { options: { parallelism, checkpointing: { interval: '500ms' } } })
  await run.until(() => run.of('started').length === 1)
  return run
}

describe('event time of files that are followed', () => {
  for (const parallelism of [2, 5]) {
    it(`goes on with one file at parallelism ${parallelism}, waits for another once it is there, and no longer when it has gone`, async () => {
      const machine = new VirtualMachine()
      const disk = machine.disk.attach()
      await machine.clock.run(disk.makeDirectory('/in'))
      await machine.clock.run(append(disk, 'a.log', [10, 20, 30]))
      const passed: number[] = []
      const run = await started(passed, machine, parallelism)
      await run.pass(5_000)
      assert.deepEqual(passed, [10, 20])
      await machine.clock.run(append(disk, 'b.log', [25]))
      await run.pass(5_000)
      await machine.clock.run(append(disk, 'a.log', [40, 50]))
      await run.pass(5_000)
      assert.deepEqual(passed, [10, 20])
      await machine.clock.run(append(disk, 'b.log', [45]))
      await run.pass(5_000)
      assert.deepEqual(passed, [10, 20, 25, 30, 40])
      await machine.clock.run(disk.remove('/in/b.log'))
      await run.pass(20_000)
      assert.deepEqual(passed, [10, 20, 25, 30, 40, 45])
      await run.cancel()
    })
  }
})
