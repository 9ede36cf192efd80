// A job of two parts between which no records pass: what the failure of one does to the other.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defineJob, fileSink, generator, type Job } from '@millrace/engine'
import { VirtualMachine, type VirtualRun } from './virtual-job.ts'

const COUNT = 900

interface Parts {
  readonly job: Job
  /** When each part has handled a record, by virtual time; a part that goes back handles some again. */
  readonly handled: { readonly left: number[]; readonly right: number[] }
}

interface Ways {
  /** Of the left part: the records that fail the first time. */
  readonly failsAt?: readonly number[]
  /** Of the right one. */
  readonly rightFailsAt?: readonly number[]
}

function twoParts(now: () => number, { failsAt = [300], rightFailsAt = [] }: Ways = {}): Parts {
  const handled = { left: [] as number[], right: [] as number[] }
  const left = { fails: new Set(failsAt), handled: handled.left }
  const right = { fails: new Set(rightFailsAt), handled: handled.right }
  const job = defineJob('parts', (env) => {
    for (const [name, part] of Object.entries({ left, right })) {
      env
        .fromSource(generator({ generate: (n) => n, ratePerSecond: 1_000, count: COUNT }), { uid: `numbers-${name}` })
        .map((n) => {
          part.handled.push(now())
          if (part.fails.delete(n)) throw new Error(`${name} cannot`)
          return n
        })
        .uid(`map-${name}`)
        .keyBy((n) => n % 10)
        .count()
        .uid(`count-${name}`)
        .sinkTo(fileSink({ dir: `/data/out-${name}`, format: 'json' }))
        .uid(`sink-${name}`)
    }
  })
  return { job, handled }
}

const options = {
  parallelism: 2,
  checkpointing: { interval: 50 },
  restart: { strategy: 'fixed-delay', fixedDelay: { attempts: 5, delay: 200 } },
}

/** Of each key the counts 1, 2, 3, … each once. */
async function checkOutput(machine: VirtualMachine, name: string): Promise<void> {
  const counts = new Map<number, number[]>()
  for (const file of await machine.list(`/data/out-${name}`)) {
    if (file.startsWith('.')) continue
    const text = Buffer.from(await machine.clock.run(machine.disk.readFile(`/data/out-${name}/${file}`))).toString('utf8')
    for (const line of text.split('\n').filter((each) => each !== '')) {
      const { key, count } = JSON.parse(line) as { key: number; count: number }
      counts.set(key, [...(counts.get(key) ?? []), count])
    }
  }
  const expected = Array.from({ length: COUNT / 10 }, (_, index) => index + 1)
  assert.equal(counts.size, 10)
  for (const list of counts.values())
    assert.deepEqual(
      list.toSorted((a, b) => a - b),
      expected,
      `${name}: exactly once`,
    )
}

const completedWhile = (run: VirtualRun, fromMs: number, toMs: number): number =>
  run.of('checkpoint-completed').filter(({ timeMs }) => timeMs > fromMs + 20 && timeMs < toMs).length

describe('the failure of one region', () => {
  it('option: restart.failoverStrategy: restarts it alone while the other goes on, or the whole job', async () => {
    for (const failoverStrategy of ['region', 'full'] as const) {
      const machine = new VirtualMachine()
      const { job, handled } = twoParts(() => machine.clock.now())
      const run = machine.start(job, { options: { ...options, restart: { ...options.restart, failoverStrategy } } })
      const result = await run.end()
      assert.equal(result.state, 'finished')
      assert.equal(result.restarts, 1)
      const [restarting] = run.of('restarting')
      assert.equal(restarting?.failure.error.message.includes('left cannot'), true)
      await checkOutput(machine, 'left')
      await checkOutput(machine, 'right')
      const during = handled.right.filter((ms) => ms > restarting.timeMs + 20 && ms < restarting.timeMs + 180).length
      if (failoverStrategy === 'full') {
        assert.equal(restarting?.region, undefined)
        assert.equal(run.of('started').length, 2)
        assert.equal(during, 0)
        assert.equal(run.running.metrics().regions.length, 1)
        continue
      }
      assert.equal(run.of('started').length, 1)
      assert.equal(handled.right.length, COUNT, 'the other has handled nothing again')
      assert.ok(during > 100, `and has not paused: ${during}`)
      assert.ok(handled.left.length > COUNT, 'the region went back')
      assert.equal(restarting?.region?.id, 0)
      assert.ok(restarting?.region?.tasks.some((task) => task.includes('map')))
      const [restarted] = run.of('region-restarted')
      assert.ok(restarted?.region.id === 0 && restarted.restored !== undefined)
      assert.equal(completedWhile(run, restarting.timeMs, restarted.timeMs), 0, 'no checkpoint without the region')
      assert.ok(completedWhile(run, restarted.timeMs, Infinity) > 3, 'and again with it')
      const { regions, restarts } = run.running.metrics()
      assert.equal(restarts, 1)
      assert.deepEqual(
        regions.map(({ id, of, state, restarts: times }) => ({ id, of, state, times })),
        [
          { id: 0, of: 2, state: 'running', times: 1 },
          { id: 1, of: 2, state: 'running', times: 0 },
        ],
      )
    }
  })

  it('without any checkpoint yet starts it empty', async () => {
    const machine = new VirtualMachine()
    const { job, handled } = twoParts(() => machine.clock.now(), { failsAt: [20] })
    const run = machine.start(job, { options })
    assert.equal((await run.end()).state, 'finished')
    assert.equal(handled.right.length, COUNT)
    assert.equal(run.of('region-restarted')[0]?.restored, undefined)
    for (const name of ['left', 'right']) await checkOutput(machine, name)
  })

  it('again and again, also while the other one is down: each counts, and the last one allowed ends the job', async () => {
    const machine = new VirtualMachine()
    const ways = { failsAt: [200, 201, 500], rightFailsAt: [250, 600] }
    const run = machine.start(twoParts(() => machine.clock.now(), ways).job, { options })
    const result = await run.end()
    assert.equal(`${result.state} ${result.restarts}`, 'finished 5')
    assert.deepEqual(
      run.of('restarting').map(({ region, restart }) => `${restart}: ${region?.id}`),
      ['1: 0', '2: 1', '3: 0', '4: 1', '5: 0'],
    )
    for (const name of ['left', 'right']) await checkOutput(machine, name)

    const other = new VirtualMachine()
    const few = { ...options, restart: { strategy: 'fixed-delay', fixedDelay: { attempts: 2, delay: 10 } } }
    const failed = await other.start(twoParts(() => other.clock.now(), ways).job, { options: few }).end()
    assert.equal(`${failed.state} ${failed.restarts}`, 'failed 2')
  })

  it('is no reason to lose a stop: the delay is cut short, and the last checkpoint has both', async () => {
    const machine = new VirtualMachine()
    const { job, handled } = twoParts(() => machine.clock.now())
    const run = machine.start(job, { options })
    await run.until(() => run.of('restarting').length > 0)
    await run.pass(20)
    const askedMs = machine.clock.now()
    await run.stop()
    assert.ok(machine.clock.now() - askedMs < 150, `${machine.clock.now() - askedMs}`)
    assert.equal(run.result?.state, 'stopped')
    const next = machine.start(job, { options, restore: 'latest' })
    assert.equal((await next.end()).state, 'finished')
    assert.equal(handled.right.length, COUNT)
    for (const name of ['left', 'right']) await checkOutput(machine, name)
  })

  it('while it is down a cancel ends the job at once', async () => {
    const machine = new VirtualMachine()
    const run = machine.start(twoParts(() => machine.clock.now()).job, { options })
    await run.until(() => run.of('restarting').length > 0)
    await run.cancel()
    assert.equal(run.result?.state, 'canceled')
  })

  it('while a savepoint is under way fails the savepoint; the next one has both', async () => {
    const machine = new VirtualMachine(2)
    const run = machine.start(twoParts(() => machine.clock.now()).job, { options })
    await run.until(() => run.of('checkpoint-completed').length >= 5)
    const asked = run.running.savepoint().then(
      () => 'complete',
      (error: unknown) => (error as { code: string }).code,
    )
    await run.until(() => run.of('restarting').length > 0)
    const next = run.running.savepoint()
    assert.match(await machine.clock.run(asked), /complete|SAVEPOINT_FAILED/)
    const { path } = await machine.clock.run(next)
    await run.cancel()
    for (const name of ['left', 'right']) await machine.clock.run(machine.disk.removeTree(`/data/out-${name}`))
    assert.ok(path !== undefined)
  })

  it('in the last checkpoint restarts the whole job', async () => {
    const machine = new VirtualMachine()
    const { job } = twoParts(() => machine.clock.now(), { failsAt: [] })
    let tasksLeft = Infinity
    const run = machine.start(job, {
      options,
      launcher: (inner) => ({
        launch: async (deployments, handlers) => {
          tasksLeft = deployments.reduce((sum, { region }) => sum + region.tasks.length, 0)
          const links = await inner.launch(
            deployments,
            handlers.map((handler) => ({
              ...handler,
              message: (message) => {
                if (message.kind === 'coordinator' && message.message.kind === 'input-finished') tasksLeft--
                handler.message(message)
              },
            })),
          )
          return links.map((link, index) => ({
            ...link,
            send: (message) => {
              link.send(message)
              const isLast = message.kind === 'trigger' && tasksLeft === 0 && run.of('started').length === 1
              if (isLast && index === 0) machine.clock.soon(() => handlers[0]!.exited(new Error('gone')))
            },
          }))
        },
      }),
    })
    assert.equal((await run.end()).state, 'finished')
    assert.deepEqual(
      run.of('restarting').map(({ region }) => region),
      [undefined],
    )
    for (const name of ['left', 'right']) await checkOutput(machine, name)
  })
})
