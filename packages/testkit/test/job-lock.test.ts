import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { DiskError, MillraceError, nodeClock, nodeDisk, type Disk } from '@millrace/core'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import { openJobLock, type JobLock } from '../../engine/src/checkpoint/lock/job-lock.ts'
import { encodeClaim } from '../../engine/src/checkpoint/lock/lock-claim.ts'
import { nodeProcesses } from '../../engine/src/checkpoint/lock/node-processes.ts'
import { judgeProcess, type ProcessIdentity, type ProcessInspector } from '../../engine/src/checkpoint/lock/process-identity.ts'
import { interceptDisk, never } from './crashing-disk.ts'

const FOLDER = '/state/job'

const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof MillraceError && error.code === code

/** A machine with processes that start and die, and a disk that takes its time. */
class Machine {
  readonly clock = new VirtualClock()
  readonly random: SeededRandom
  readonly disk: SimulatedDisk
  bootId = 'boot-1'
  readonly #alive = new Map<number, string>()
  #nextPid = 100

  constructor(seed: number, latencyMs: readonly [number, number] = [0, 5]) {
    this.random = new SeededRandom(seed)
    this.disk = new SimulatedDisk({ random: this.random.fork(), clock: this.clock, latencyMs })
  }

  start(host = 'here'): Process {
    const pid = this.#nextPid++
    const startTicks = String(1_000 + pid)
    this.#alive.set(pid, startTicks)
    const identity: ProcessIdentity = { host, bootId: this.bootId, pidNamespace: 'ns', pid, startTicks }
    const processes: ProcessInspector = {
      self: () => identity,
      observe: (other) => (this.#alive.has(other) ? { running: true, startTicks: this.#alive.get(other) } : { running: false }),
    }
    let dead = false
    const life = this.disk.attach()
    const disk: Disk = interceptDisk(life, async (_, perform) => {
      if (dead) return never
      const result = await perform()
      return dead ? never : result
    })
    const lock = openJobLock({ disk, clock: this.clock, folder: FOLDER, jobName: 'job', processes })
    const kill = (): void => {
      dead = true
      this.#alive.delete(pid)
    }
    return { pid, lock, kill, reuse: () => this.#alive.set(pid, 'another') }
  }

  /** Power fails, and comes back. */
  crash(): void {
    this.disk.crash()
    this.#alive.clear()
    this.bootId = `boot-${this.random.uint32()}`
  }
}

interface Process {
  readonly pid: number
  readonly lock: JobLock
  kill(): void
  /** Its pid is given to another process. */
  reuse(): void
}

describe('job lock', () => {
  it('numbers attempts, in one process and over many', async () => {
    const machine = new Machine(1)
    const first = machine.start()
    assert.equal(await machine.clock.run(first.lock.nextAttempt()), 1)
    assert.equal(await machine.clock.run(first.lock.nextAttempt()), 2)
    await machine.clock.run(first.lock.check())
    await machine.clock.run(first.lock.release())
    const second = machine.start()
    assert.equal(await machine.clock.run(second.lock.nextAttempt()), 3)
    assert.deepEqual(await machine.clock.run(machine.disk.list(`${FOLDER}/lock`)), ['attempt-3'], 'nothing piles up')
    await assert.rejects(machine.clock.run(first.lock.check()), hasCode('JOB_FENCED'))
    assert.equal(machine.disk.openHandles, 0)
  })

  it('goes on above a number that was counted elsewhere', async () => {
    const machine = new Machine(1)
    const { lock } = machine.start()
    await assert.rejects(machine.clock.run(lock.attemptAbove(57)), hasCode('JOB_FENCED'))
    assert.equal(await machine.clock.run(lock.nextAttempt()), 1)
    assert.equal(await machine.clock.run(lock.attemptAbove(57)), 58)
    assert.equal(await machine.clock.run(lock.attemptAbove(3)), 59)
    assert.equal(await machine.clock.run(lock.nextAttempt()), 60)
    await machine.clock.run(lock.release())
    assert.deepEqual((await machine.clock.run(machine.disk.list(`${FOLDER}/lock`))).toSorted(), ['attempt-60', 'attempt-60.released'])
    assert.equal(await machine.clock.run(machine.start().lock.nextAttempt()), 61)
  })

  it('yields to who has claimed one of the numbers that it left out', async () => {
    const machine = new Machine(6)
    const holder = machine.start('there')
    await machine.clock.run(holder.lock.nextAttempt())
    const file = await machine.clock.run(machine.disk.open(`${FOLDER}/lock/attempt-1.released`, 'create'))
    await machine.clock.run(file.close())
    const next = machine.start('here')
    assert.equal(await machine.clock.run(next.lock.nextAttempt()), 2)
    await assert.rejects(machine.clock.run(holder.lock.attemptAbove(57)), hasCode('JOB_FENCED'))
    await machine.clock.run(next.lock.check())
    assert.equal(await machine.clock.run(next.lock.nextAttempt()), 3)
  })

  it('names the process that holds it', async () => {
    const machine = new Machine(2)
    const holder = machine.start()
    await machine.clock.run(holder.lock.nextAttempt())
    const since = new Date(machine.clock.now()).toISOString().slice(0, 10)
    await assert.rejects(machine.clock.run(machine.start().lock.nextAttempt()), (error: unknown) => {
      assert.ok(error instanceof MillraceError && error.code === 'JOB_LOCKED')
      assert.match(error.message, new RegExp(`process ${holder.pid} on here, attempt 1, since ${since}`))
      return true
    })
    await machine.clock.run(holder.lock.check())
  })

  it('takes over from a dead process at once, also when its pid is in use again', async () => {
    for (const reuse of [false, true]) {
      const machine = new Machine(3)
      const dead = machine.start()
      await machine.clock.run(dead.lock.nextAttempt())
      dead.kill()
      if (reuse) dead.reuse()
      const before = machine.clock.monotonic()
      assert.equal(await machine.clock.run(machine.start().lock.nextAttempt()), 2)
      assert.ok(machine.clock.monotonic() - before < 200)
    }
  })

  it('does not guess about claims of older releases elsewhere, and lets the user say', async () => {
    const machine = new Machine(4)
    const there = { host: 'there', bootId: undefined, pidNamespace: undefined, pid: 1, startTicks: undefined }
    const claim = encodeClaim({ jobName: 'job', attempt: 1, sinceMs: 0, leaseMs: undefined, owner: there })
    await machine.clock.run(machine.disk.makeDirectory(`${FOLDER}/lock`))
    const written = await machine.clock.run(machine.disk.open(`${FOLDER}/lock/attempt-1`, 'create'))
    await machine.clock.run(written.write(claim, 0))
    await machine.clock.run(written.close())
    await assert.rejects(machine.clock.run(machine.start('here').lock.nextAttempt()), hasCode('JOB_LOCK_UNDECIDED'))
    const file = await machine.clock.run(machine.disk.open(`${FOLDER}/lock/attempt-1.released`, 'create'))
    await machine.clock.run(file.close())
    assert.equal(await machine.clock.run(machine.start('here').lock.nextAttempt()), 2)
  })

  it('takes over at once after a crash of the machine', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const machine = new Machine(seed)
      await machine.clock.run(machine.start().lock.nextAttempt())
      machine.crash()
      const before = machine.clock.monotonic()
      assert.equal(await machine.clock.run(machine.start().lock.nextAttempt()), 2)
      assert.ok(machine.clock.monotonic() - before < 200, 'it does not wait for a claim that is being written')
    }
  })

  it('tells the holder that it was taken over', async () => {
    const machine = new Machine(6)
    const holder = machine.start('there')
    await machine.clock.run(holder.lock.nextAttempt())
    const file = await machine.clock.run(machine.disk.open(`${FOLDER}/lock/attempt-1.released`, 'create'))
    await machine.clock.run(file.close())
    await machine.clock.run(machine.start('here').lock.nextAttempt())
    await assert.rejects(machine.clock.run(holder.lock.check()), hasCode('JOB_FENCED'))
    await assert.rejects(machine.clock.run(holder.lock.nextAttempt()), hasCode('JOB_FENCED'))
  })

  it('takes over after a crash of the machine, from torn claims too, and never gives a number twice', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const machine = new Machine(seed)
      let given = 0
      for (let life = 0; life < 5; life++) {
        const { lock } = machine.start()
        const work = (async () => {
          let isHeld = false
          for (;;) {
            const attempt: number = isHeld && machine.random.chance(0.2) ? await lock.attemptAbove(given + 3) : await lock.nextAttempt()
            assert.ok(attempt > given, `seed ${seed}: ${attempt} after ${given}`)
            given = attempt
            isHeld = attempt % 4 !== 0
            if (!isHeld) await lock.release()
          }
        })()
        work.catch(() => {})
        await Promise.race([work, machine.clock.advance(machine.random.between(0, 300))])
        machine.crash()
      }
      const last = await machine.clock.run(machine.start().lock.nextAttempt())
      assert.ok(last > given, `seed ${seed}: ${last} after ${given}`)
    }
  })

  it('is held by one at most, however they start, stall, die and give up', async () => {
    let overlaps = 0
    for (let seed = 1; seed <= 300; seed++) {
      const machine = new Machine(seed, [0, seed % 3 === 0 ? 700 : 30])
      for (const operation of ['write', 'write', 'open', 'open', 'list'] as const) {
        const skip = machine.random.between(0, 6)
        if (machine.random.chance(0.6))
          machine.disk.fail({ operations: [operation], delayMs: machine.random.between(900, 2_500), skip, times: 1 })
      }
      const holders = new Map<number, number>()
      let given = 0
      let refused = 0
      const live = async (process: Process): Promise<void> => {
        try {
          const attempt = await process.lock.nextAttempt()
          assert.equal(holders.size, 0, `seed ${seed}: ${process.pid} holds it beside ${[...holders.keys()].join()}`)
          assert.ok(attempt > given)
          given = attempt
          holders.set(process.pid, attempt)
        } catch (error) {
          assert.ok(hasCode('JOB_LOCKED')(error) || hasCode('JOB_FENCED')(error), String(error))
          refused++
          return
        }
        await new Promise<void>((resolve) => void machine.clock.after(machine.random.between(0, 4_000), resolve))
        if (machine.random.chance(0.5)) {
          holders.delete(process.pid)
          process.kill()
        } else {
          await process.lock.check().catch((error: unknown) => assert.ok(hasCode('JOB_FENCED')(error)))
          holders.delete(process.pid)
          await process.lock.release()
        }
      }
      const all = Array.from({ length: 6 }, async () => {
        await new Promise<void>((resolve) => void machine.clock.after(machine.random.between(0, 3_000), resolve))
        const process = machine.start()
        if (machine.random.chance(0.2))
          machine.clock.after(machine.random.between(0, 2_000), () => {
            holders.delete(process.pid)
            process.kill()
          })
        await live(process)
      })
      const failures: unknown[] = []
      for (const each of all) each.catch((error: unknown) => failures.push(error))
      await machine.clock.runUntilIdle()
      assert.deepEqual(failures, [])
      overlaps += refused
      const last = await machine.clock.run(machine.start().lock.nextAttempt())
      assert.ok(last > given, 'whoever was refused is in nobody’s way')
    }
    assert.ok(overlaps > 50, `only ${overlaps} met`)
  })

  it('lets exactly one of two that start at once have it', async () => {
    for (let seed = 1; seed <= 100; seed++) {
      const machine = new Machine(seed, [0, 90])
      const outcomes = Promise.allSettled([machine.start(), machine.start(), machine.start()].map(({ lock }) => lock.nextAttempt()))
      const settled = await machine.clock.run(outcomes)
      assert.deepEqual(settled.filter(({ status }) => status === 'fulfilled').length, 1, `seed ${seed}`)
      for (const each of settled) if (each.status === 'rejected') assert.ok(hasCode('JOB_LOCKED')(each.reason))
    }
  })

  it('leaves nothing behind where the disk is full', async () => {
    const machine = new Machine(7)
    machine.disk.setCapacity(20)
    await assert.rejects(machine.clock.run(machine.start().lock.nextAttempt()), hasCode('CHECKPOINT_STORAGE_FULL'))
    assert.deepEqual(await machine.clock.run(machine.disk.list(`${FOLDER}/lock`)), [])
    assert.equal(machine.disk.openHandles, 0)
  })

  it('says so when its folder is gone', async () => {
    const machine = new Machine(5)
    const { lock } = machine.start()
    await machine.clock.run(lock.nextAttempt())
    await machine.clock.run(machine.disk.removeTree(FOLDER))
    await assert.rejects(machine.clock.run(lock.check()), hasCode('CHECKPOINT_STORAGE_LOST'))
  })

  it('takes nothing in a folder that has come into the place of its own', async () => {
    const machine = new Machine(34)
    const { lock } = machine.start()
    for (let attempt = 1; attempt <= 3; attempt++) await machine.clock.run(lock.nextAttempt())
    await machine.clock.run(machine.disk.rename(`${FOLDER}/lock`, `${FOLDER}/elsewhere`))
    const other = machine.start()
    assert.equal(await machine.clock.run(other.lock.nextAttempt()), 1)
    await assert.rejects(machine.clock.run(lock.nextAttempt()), hasCode('CHECKPOINT_STORAGE_LOST'))
    await assert.rejects(machine.clock.run(lock.attemptAbove(7)), hasCode('CHECKPOINT_STORAGE_LOST'))
    await machine.clock.run(other.lock.check())
  })

  it('does not take the claim of another history for its own, though it has the same number', async () => {
    const machine = new Machine(35)
    const { lock } = machine.start()
    await machine.clock.run(lock.nextAttempt())
    await machine.clock.run(machine.disk.rename(`${FOLDER}/lock`, `${FOLDER}/elsewhere`))
    const other = machine.start()
    assert.equal(await machine.clock.run(other.lock.nextAttempt()), 1)
    await assert.rejects(machine.clock.run(lock.check()), hasCode('CHECKPOINT_STORAGE_LOST'))
    await assert.rejects(machine.clock.run(lock.nextAttempt()), hasCode('CHECKPOINT_STORAGE_LOST'))
    await machine.clock.run(other.lock.check())
  })

  it('says that its folder cannot be made, where it cannot', async () => {
    const machine = new Machine(5)
    const disk = interceptDisk(machine.disk, async ({ operation, path }, perform) => {
      if (operation === 'makeDirectory') throw new DiskError('not-found', 'create folder', path)
      return await perform()
    })
    const lock = openJobLock({ disk, clock: machine.clock, folder: FOLDER, jobName: 'job' })
    await assert.rejects(machine.clock.run(lock.nextAttempt()), hasCode('CHECKPOINT_STORAGE_NOT_WRITABLE'))
  })

  it('works on this machine', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-lock-'))
    try {
      const options = { disk: nodeDisk, clock: nodeClock, folder, jobName: 'job' }
      const lock = openJobLock(options)
      assert.equal(await lock.nextAttempt(), 1)
      await assert.rejects(openJobLock(options).nextAttempt(), new RegExp(`process ${process.pid} on`))
      await lock.check()
      await lock.release()
      const next = openJobLock(options)
      assert.equal(await next.nextAttempt(), 2)
      await next.release()
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('process identity', () => {
  const self: ProcessIdentity = { host: 'h', bootId: 'b', pidNamespace: 'n', pid: 1, startTicks: '5' }
  const inspector = (observed: ReturnType<ProcessInspector['observe']>): ProcessInspector => ({ self: () => self, observe: () => observed })
  const running = { running: true, startTicks: '5' } as const

  it('is judged by what can be seen', () => {
    const cases: [Partial<ProcessIdentity>, ReturnType<ProcessInspector['observe']>, string][] = [
      [{}, running, 'alive'],
      [{}, { running: false }, 'dead'],
      [{ startTicks: '4' }, running, 'dead'],
      [{ startTicks: undefined }, running, 'alive'],
      [{}, { running: true, startTicks: undefined }, 'alive'],
      [{ bootId: 'earlier' }, running, 'dead'],
      [{ bootId: undefined }, running, 'alive'],
      [{ host: 'other', bootId: 'earlier' }, { running: false }, 'unknown'],
      [{ pidNamespace: 'container' }, { running: false }, 'unknown'],
      [{ pidNamespace: 'container', bootId: 'of another machine' }, { running: false }, 'unknown'],
    ]
    for (const [change, observed, expected] of cases) {
      assert.equal(judgeProcess({ ...self, ...change }, inspector(observed)), expected, JSON.stringify([change, observed]))
    }
  })

  it('is read from this machine', () => {
    const own = nodeProcesses.self()
    assert.equal(own.pid, process.pid)
    assert.equal(judgeProcess(own, nodeProcesses), 'alive')
    assert.equal(judgeProcess({ ...own, pid: 2 ** 22 + 1 }, nodeProcesses), 'dead')
    if (own.startTicks !== undefined) assert.equal(judgeProcess({ ...own, startTicks: '1' }, nodeProcesses), 'dead')
  })
})
