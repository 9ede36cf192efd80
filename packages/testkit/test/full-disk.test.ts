// The disk runs full, or read-only: a job that is told to stop ends and says why, any other waits as its restart strategy says.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defineJob, fileSink, generator, type Job } from '@millrace/engine'
import { VirtualMachine, type VirtualRun } from './virtual-job.ts'

const COUNT = 150
const OUT = '/data/out'

function counts(): Job {
  return defineJob('counts', (env) => {
    env
      .fromSource(generator({ generate: (n) => n, ratePerSecond: 1_000, count: COUNT }), { uid: 'numbers' })
      .keyBy((n) => n % 10)
      .count()
      .uid('count')
      .sinkTo(fileSink({ dir: OUT, format: 'json' }))
      .uid('sink')
  })
}

const options = {
  parallelism: 2,
  checkpointing: { interval: 20 },
  restart: { strategy: 'fixed-delay', fixedDelay: { attempts: 3, delay: 100 } },
}

async function running(machine: VirtualMachine): Promise<VirtualRun> {
  const run = machine.start(counts(), { options, restore: 'latest' })
  await run.until(() => run.of('checkpoint-completed').length > 1)
  return run
}

/** Virtual minutes are enough for every delay that a job has. */
async function ends(run: VirtualRun): Promise<void> {
  await run.pass(5 * 60_000)
  assert.ok(run.result !== undefined, 'it hangs')
}

/** Of each key the counts 1, 2, 3, … each once. */
async function checkOutput(machine: VirtualMachine): Promise<void> {
  const counted: string[] = []
  for (const file of await machine.list(OUT)) {
    assert.ok(!file.startsWith('.'), `${file} was never removed`)
    const text = Buffer.from(await machine.clock.run(machine.disk.readFile(`${OUT}/${file}`))).toString('utf8')
    for (const line of text.split('\n').filter((each) => each !== '')) {
      const { key, count } = JSON.parse(line) as { key: number; count: number }
      counted.push(`${key}:${count}`)
    }
  }
  const expected = Array.from({ length: COUNT }, (_, n) => `${n % 10}:${Math.floor(n / 10) + 1}`)
  assert.deepEqual(counted.toSorted(), expected.toSorted())
}

/** Once there is room again the job does the rest. */
async function goesOn(machine: VirtualMachine): Promise<void> {
  machine.disk.setCapacity(Infinity)
  const next = machine.start(counts(), { options, restore: 'latest' })
  assert.equal((await next.end()).state, 'finished')
  await checkOutput(machine)
  assert.equal(machine.disk.openHandles, 0)
}

function message(run: VirtualRun): string {
  assert.ok(run.result?.state === 'failed')
  const { error } = run.result.failure
  return `${error.message} ${error.cause instanceof Error ? error.cause.message : ''}`
}

describe('a disk that is full', () => {
  it('ends a job that is being stopped, whatever it was about to write, with an error that says so', async () => {
    const states = new Set<string>()
    for (const spareBytes of [0, 300, 1_000, 2_000, 6_000]) {
      const machine = new VirtualMachine()
      const run = await running(machine)
      machine.disk.setCapacity(machine.disk.usedBytes + spareBytes)
      void run.running.stop()
      await ends(run)
      states.add(run.result!.state)
      if (run.result!.state === 'failed') assert.match(message(run), /CHECKPOINT_STORAGE_FULL|no-space/, `${spareBytes} bytes`)
      await goesOn(machine)
    }
    assert.deepEqual(states, new Set(['failed', 'stopped']), 'some find room and some do not')
  })

  it('ends it whenever it runs full', async () => {
    for (let steps = 0; steps < 60; steps += 10) {
      const machine = new VirtualMachine(1)
      const run = await running(machine)
      void run.running.stop()
      for (let step = 0; step < steps; step++) await machine.clock.step()
      machine.disk.setCapacity(0)
      await ends(run)
      if (run.result!.state === 'failed') assert.match(message(run), /CHECKPOINT_STORAGE_FULL|no-space/, `after ${steps} steps`)
      await goesOn(machine)
    }
  })

  it('fails a savepoint to stop with, and the job goes on; a stop without ends it', async () => {
    for (const drain of [false, true]) {
      const machine = new VirtualMachine()
      const run = await running(machine)
      machine.disk.setCapacity(machine.disk.usedBytes)
      const refused = assert.rejects(run.running.stop({ savepoint: true, drain }), { code: 'SAVEPOINT_FAILED' })
      await run.until(() => run.of('checkpoint-failed').length > 0)
      await machine.clock.run(refused)
      void run.running.stop()
      await ends(run)
      assert.match(message(run), /CHECKPOINT_STORAGE_FULL|no-space/)
      await goesOn(machine)
    }
  })
})

describe('a disk that is read-only for a while', () => {
  it('costs a job that has run restarts, as its strategy allows, and does not end it', async () => {
    const machine = new VirtualMachine()
    const run = await running(machine)
    machine.disk.fail({ operations: ['open'], path: /\/checkpoints\//, reason: 'not-permitted' })
    await run.until(() => run.of('restarting').length > 1)
    machine.disk.heal()
    assert.equal((await run.end()).state, 'finished')
    await checkOutput(machine)
  })

  it('ends it when the strategy gives up', async () => {
    const machine = new VirtualMachine()
    const run = await running(machine)
    machine.disk.fail({ operations: ['open'], path: /\/checkpoints\//, reason: 'not-permitted' })
    await ends(run)
    assert.equal(run.of('restarting').length, 3)
    assert.match(message(run), /CHECKPOINT_STORAGE_NOT_WRITABLE/)
    machine.disk.heal()
    await goesOn(machine)
  })
})
