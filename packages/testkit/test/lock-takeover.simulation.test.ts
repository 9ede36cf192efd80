/**
 * Instances of a job in containers that do not see one another: stopped for a while (SIGSTOP), killed, cut off from the disk, and replaced.
 *
 * Seen from outside: what an instance has announced as complete is what all later ones go on from, or older; a container that was killed is replaced
 * without anybody's word for it; one that lives and renews is never taken over.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DiskError, MillraceError, randomBelow, type Clock, type Disk } from '@millrace/core'
import { defineJob, discard, generator } from '@millrace/engine'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import { FilesystemCheckpoints } from '../../engine/src/checkpoint/filesystem/filesystem.ts'
import { openJobLock, type JobLock } from '../../engine/src/checkpoint/lock/job-lock.ts'
import type { ProcessIdentity } from '../../engine/src/checkpoint/lock/process-identity.ts'
import { metadataOf } from './checkpoint-history.ts'
import { interceptDisk, never } from './crashing-disk.ts'
import { STATE_DIR, VirtualMachine } from './virtual-job.ts'

const FOLDER = '/state/job'

/** Completed checkpoints that somebody was told of, and what attempts have gone on from. */
interface History {
  readonly announced: { readonly attempt: number; readonly id: number }[]
  readonly restores: { readonly attempt: number; readonly id: number }[]
  fenced: number
  refused: number
  takeovers: number
}

class Container {
  readonly clock: Clock
  readonly lock: JobLock
  readonly storage: FilesystemCheckpoints
  attempt = 0
  #dead = false
  #paused: PromiseWithResolvers<void> | undefined

  constructor(virtual: VirtualClock, disk: Disk, name: string) {
    const gated = interceptDisk(disk, async (_, perform) => {
      await this.#gate()
      const result = await perform()
      await this.#gate()
      return result
    })
    this.clock = {
      now: () => virtual.now(),
      monotonic: () => virtual.monotonic(),
      after: (delayMs, callback) => {
        let canceled = false
        const cancel = virtual.after(delayMs, () => {
          void this.#call(() => {
            if (!canceled) callback()
          })
        })
        return () => {
          canceled = true
          cancel()
        }
      },
      soon: (callback) => this.clock.after(0, callback),
    }
    const self: ProcessIdentity = { host: name, bootId: undefined, pidNamespace: name, pid: 7, startTicks: '1' }
    const processes = { self: () => self, observe: () => ({ running: false }) as const }
    this.lock = openJobLock({ disk: gated, clock: this.clock, folder: FOLDER, jobName: 'job', processes })
    this.storage = new FilesystemCheckpoints({ disk: gated, dir: FOLDER, fence: () => this.lock.check() })
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.after(ms, resolve))
  }

  kill(): void {
    this.#dead = true
    this.resume()
  }

  pause(): void {
    this.#paused ??= Promise.withResolvers()
  }

  resume(): void {
    this.#paused?.resolve()
    this.#paused = undefined
  }

  async #call(callback: () => void): Promise<void> {
    await this.#gate()
    callback()
  }

  async #gate(): Promise<void> {
    while (this.#paused !== undefined) await this.#paused.promise
    if (this.#dead) await never
  }
}

/** A life: takes the lock as soon as it can be had, restores, takes checkpoints until it is fenced, killed, or told to end. */
async function live(container: Container, history: History, random: SeededRandom, ended: () => boolean): Promise<void> {
  const { lock, storage } = container
  try {
    container.attempt = await lock.nextAttempt()
    const report = await storage.open()
    const { checkpoint } = await storage.resolveRestore('latest')
    // As a start from a savepoint that was taken elsewhere.
    if (random.chance(0.4)) container.attempt = await lock.attemptAbove(container.attempt + randomBelow(random, 4))
    const { attempt } = container
    await lock.check()
    const id = checkpoint?.metadata.checkpointId ?? 0
    for (const told of history.announced)
      assert.ok(
        told.attempt >= attempt || told.id <= id,
        `${told.id} of attempt ${told.attempt} was announced; ${attempt} starts from ${id}`,
      )
    history.restores.push({ attempt, id })
    for (let next = report.nextCheckpointId; !ended(); next++) {
      await container.sleep(randomBelow(random, 12_000))
      await storage.persist(metadataOf(next, attempt, [[]]))
      for (const restore of history.restores)
        assert.ok(
          restore.attempt <= attempt || restore.id >= next,
          `attempt ${attempt} announces ${next}; ${restore.attempt} started from ${restore.id}`,
        )
      history.announced.push({ attempt, id: next })
    }
    await lock.release()
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    if (error.code === 'JOB_LOCKED') {
      history.refused++
      await container.sleep(15_000)
      if (!ended()) await live(container, history, random, ended)
    } else if (error.code === 'JOB_FENCED') history.fenced++
    // Whoever was taken over finds files gone that its successor has removed.
    else await assert.rejects(lock.check(), { code: 'JOB_FENCED' }, error.message)
  }
}

async function simulate(seed: number): Promise<History> {
  const clock = new VirtualClock()
  const random = new SeededRandom(seed)
  const disk = new SimulatedDisk({ random: random.fork(), clock, latencyMs: [0, [5, 300, 2_500][seed % 3]!] })
  const history: History = { announced: [], restores: [], fenced: 0, refused: 0, takeovers: 0 }
  const failures: unknown[] = []
  let over = false
  const start = (name: string): Container => {
    const container = new Container(clock, disk.attach(), name)
    live(container, history, random.fork(), () => over).catch((error: unknown) => failures.push(error))
    return container
  }
  const containers = [start('pod-0')]
  for (let round = 1; round <= 4; round++) {
    await clock.advance(10_000 + randomBelow(random, 40_000))
    const last = containers.toSorted((a, b) => a.attempt - b.attempt).at(-1)!
    if (random.chance(0.4)) last.kill()
    else {
      last.pause()
      clock.after(20_000 + randomBelow(random, 60_000), () => last.resume())
    }
    containers.push(start(`pod-${round}`))
  }
  await clock.advance(100_000)
  const holder = history.restores.at(-1)?.attempt ?? 0
  over = true
  await clock.advance(20_000)
  for (const container of containers) container.kill()
  assert.deepEqual(failures, [], `seed ${seed}`)
  const final = start('pod-final')
  over = false
  await clock.advance(60_000)
  assert.ok(final.attempt > holder, `seed ${seed}: nobody is in the way for ever`)
  final.kill()
  assert.deepEqual(failures, [], `seed ${seed}`)
  history.takeovers = history.restores.length - 1
  return history
}

describe('a job in containers', () => {
  it('is taken over from who is gone, and never torn in two', async () => {
    const sum = { fenced: 0, refused: 0, takeovers: 0, announced: 0 }
    for (let seed = 1; seed <= 9; seed++) {
      const history = await simulate(seed)
      sum.fenced += history.fenced
      sum.refused += history.refused
      sum.takeovers += history.takeovers
      sum.announced += history.announced.length
    }
    assert.ok(sum.fenced > 3 && sum.refused > 3 && sum.takeovers > 24 && sum.announced > 120, JSON.stringify(sum))
  })

  it('is not taken over from who lives, however slow its disk', async () => {
    for (const latencyMs of [0, 500, 2_000]) {
      const clock = new VirtualClock()
      const disk = new SimulatedDisk({ random: new SeededRandom(1), clock, latencyMs: [latencyMs, latencyMs] })
      const holder = new Container(clock, disk.attach(), 'pod-0')
      await clock.run(holder.lock.nextAttempt())
      for (let other = 1; other <= 5; other++) {
        const refused = clock.run(new Container(clock, disk.attach(), `pod-${other}`).lock.nextAttempt())
        await assert.rejects(refused, { code: 'JOB_LOCKED' })
        await clock.run(holder.lock.check())
      }
      holder.kill()
      const before = clock.monotonic()
      assert.equal(await clock.run(new Container(clock, disk.attach(), 'pod-6').lock.nextAttempt()), 2)
      assert.ok(clock.monotonic() - before >= 30_000 - latencyMs)
    }
  })

  it('is taken over at once from who ends in order while it is watched', async () => {
    const clock = new VirtualClock()
    const disk = new SimulatedDisk({ random: new SeededRandom(1), clock })
    const holder = new Container(clock, disk.attach(), 'pod-0')
    await clock.run(holder.lock.nextAttempt())
    const next = new Container(clock, disk.attach(), 'pod-1').lock.nextAttempt()
    clock.after(5_000, () => void holder.lock.release())
    const before = clock.monotonic()
    assert.equal(await clock.run(next), 2)
    assert.ok(clock.monotonic() - before < 8_000)
  })

  it('holds its lock on a disk that is full', async () => {
    const clock = new VirtualClock()
    const disk = new SimulatedDisk({ random: new SeededRandom(1), clock })
    const holder = new Container(clock, disk.attach(), 'pod-0')
    await clock.run(holder.lock.nextAttempt())
    await clock.advance(15_000)
    disk.setCapacity(0)
    await clock.advance(100_000)
    await assert.rejects(clock.run(new Container(clock, disk.attach(), 'pod-1').lock.nextAttempt()), { code: 'JOB_LOCKED' })
  })

  it('hears that it was taken over, without being asked', async () => {
    const clock = new VirtualClock()
    const disk = new SimulatedDisk({ random: new SeededRandom(1), clock })
    const holder = new Container(clock, disk.attach(), 'pod-0')
    await clock.run(holder.lock.nextAttempt())
    const heard: string[] = []
    holder.lock.onFenced(({ message }) => heard.push(message))
    holder.pause()
    await clock.run(new Container(clock, disk.attach(), 'pod-1').lock.nextAttempt())
    assert.deepEqual(heard, [])
    holder.resume()
    await clock.advance(10_000)
    assert.match(heard.join(), /^Attempt 1 of job job was taken over by attempt 2/)
    await clock.advance(60_000)
    assert.equal(heard.length, 1)
  })

  it('does not call complete what its successor has removed in that moment', async () => {
    const clock = new VirtualClock()
    const disk = new SimulatedDisk({ random: new SeededRandom(1), clock })
    const [mayRename, renamed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    let isRenamed = false
    const slow = interceptDisk(disk.attach(), async ({ operation, path }, perform) => {
      if (path.endsWith('.renewed')) throw new DiskError('input-output', 'open', path)
      if (operation === 'rename') {
        isRenamed = true
        await mayRename.promise
      }
      const result = await perform()
      // The last that `persist` does before it looks at the lock again.
      if (isRenamed && operation === 'syncDirectory' && path === FOLDER) renamed.resolve()
      return result
    })
    const former = new Container(clock, slow, 'pod-0')
    const racing = interceptDisk(disk.attach(), async ({ operation }, perform) => {
      if (operation === 'removeTree') {
        mayRename.resolve()
        await renamed.promise
      }
      return await perform()
    })
    const next = new Container(clock, racing, 'pod-1')
    assert.equal(await clock.run(former.lock.nextAttempt()), 1)
    await clock.run(former.storage.open())
    const persisted = former.storage.persist(metadataOf(1, 1, [[]]))
    persisted.catch(() => {})
    assert.equal(await clock.run(next.lock.nextAttempt()), 2)
    await clock.run(next.storage.open())
    assert.equal((await clock.run(next.storage.resolveRestore('latest'))).checkpoint, undefined)
    await assert.rejects(clock.run(persisted), { code: 'JOB_FENCED' })
  })

  it('ends, whatever its restart strategy, when it hears that it was taken over', async () => {
    const machine = new VirtualMachine()
    const job = defineJob('orders', (env) => {
      env.restart.strategy = { kind: 'fixed-delay', attempts: 1_000, delay: 1 }
      env.fromSource(generator({ generate: (n) => n, ratePerSecond: 1 }), { uid: 'numbers' }).sinkTo(discard())
    })
    const run = machine.start(job)
    await run.until(() => run.of('started').length === 1)
    const file = await machine.clock.run(machine.disk.open(`${STATE_DIR}/orders/checkpoints/lock/attempt-2`, 'create'))
    await machine.clock.run(file.close())
    await run.pass(10_500)
    assert.ok(run.result?.state === 'failed' && run.of('restarting').length === 0)
    assert.match(run.result.failure.error.message, /Attempt 1 of job orders was taken over by attempt 2/)
  })
})
