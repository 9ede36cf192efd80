/**
 * What holds, whatever dies when: **each record that a completed checkpoint covers becomes visible to a read-committed reader exactly once, and no record of an
 * incomplete one ever does.** A transaction that timed out fails the job; it is never passed over.
 *
 * `MILLRACE_SEED=n` replays one seed, `MILLRACE_SEEDS=n` runs so many.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MillraceError, nodeDisk, nodeNetwork, type Clock } from '@millrace/core'
import { MortalPorts, SeededRandom, VirtualClock } from '@millrace/testkit'
import { SinkCommits } from '../../../runtime/sink-commits.ts'
import { ExactlyOnceWriter } from './exactly-once-writer.ts'
import { failpoints, type Failpoint } from './failpoints.ts'
import { FakeCoordinator, fakeClient } from './fixtures/fake-coordinator.ts'

const LIVES = 5
const TRANSACTION_TIMEOUT_MS = 60_000

interface Completed {
  readonly handles: readonly (readonly unknown[])[]
  readonly records: number
}

type Counts = Record<Failpoint | 'lost' | 'moved' | 'timedOut' | 'fenced' | 'abandoned' | 'zombies' | 'errors' | 'inFlight', number>

function noCounts(): Counts {
  const names = [...failpoints, 'lost', 'moved', 'timedOut', 'fenced', 'abandoned', 'zombies', 'errors', 'inFlight'] as const
  return Object.fromEntries(names.map((name) => [name, 0])) as Counts
}

class Run {
  readonly #random: SeededRandom
  readonly #clock = new VirtualClock()
  readonly #coordinator: FakeCoordinator
  readonly #counts: Counts
  #completed: Completed | undefined
  #attempt = 0
  #checkpointId = 0
  #next = 0

  constructor(seed: number, counts: Counts) {
    this.#random = new SeededRandom(seed)
    this.#counts = counts
    this.#coordinator = new FakeCoordinator(this.#clock, this.#random.fork(), {
      transactionVersion: this.#random.pick([1, 2]),
      transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
      errorChance: this.#random.pick([0, 0, 0.02, 0.1]),
      lists: this.#random.chance(0.8),
    })
  }

  async run(): Promise<void> {
    for (let life = 1, restarts = 0; life <= LIVES; life++) {
      const outcome = await this.#live(life === LIVES)
      if (outcome === 'lost') break
      if (outcome === 'failed' && life === LIVES && ++restarts < 30) life--
      // Down for a while; now and then for too long.
      await this.#clock.advance(this.#random.chance(0.05) ? TRANSACTION_TIMEOUT_MS + 1 : this.#random.between(0, 5_000))
    }
    for (const name of ['moved', 'timedOut', 'fenced', 'errors', 'inFlight'] as const) this.#counts[name] += this.#coordinator.counts[name]
  }

  async #live(isLast: boolean): Promise<'died' | 'failed' | 'lost' | 'ended'> {
    const life = new Life(this.#clock, this.#random, this.#coordinator, ++this.#attempt, this.#completed)
    if (!isLast) life.plan(this.#random.pick(failpoints), this.#random.pick([1, 1, 2, 3, 5]), this.#counts)
    this.#next = this.#completed?.records ?? 0
    try {
      await this.#settled(life, life.open())
      if (life.isAlive) this.#check('all completed')
      for (let round = isLast ? 3 : this.#random.between(1, 8); round > 0 && life.isAlive; round--) await this.#round(life, isLast)
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      if (error.code === 'KAFKA_SINK_TRANSACTION_LOST') return this.#lost()
      assert.ok(error.retry, error.message)
      life.kill()
      return 'failed'
    } finally {
      this.#check('completed')
      // A process that is taken for dead may live on for a while; its connections do too.
      if (life.isAlive && !isLast && this.#random.chance(0.3)) {
        this.#counts.zombies++
        void this.#clock.after(this.#random.between(0, 8_000), () => life.kill())
      } else life.kill()
    }
    if (isLast) this.#check('all completed')
    return life.isAlive ? 'ended' : 'died'
  }

  async #round(life: Life, isLast: boolean): Promise<void> {
    if (this.#random.chance(0.1)) this.#coordinator.move()
    for (let count = this.#random.pick([0, 1, 5, 120]); count > 0; count--) life.write(this.#next++)
    await this.#clock.advance(this.#random.between(0, 50))
    if (!isLast && this.#random.chance(0.3)) return
    const checkpointId = ++this.#checkpointId
    const records = this.#next
    const handles = await this.#settled(life, life.prepare(checkpointId))
    if (handles === undefined) return
    if (!isLast && this.#random.chance(0.2)) {
      this.#counts.abandoned++
      return
    }
    this.#completed = { handles: structuredClone(handles), records }
    this.#check('completed')
    if (!isLast && this.#random.chance(0.1)) return life.kill()
    await this.#settled(life, life.complete(checkpointId))
    if (life.isAlive) this.#check('all completed')
  }

  /** Only what is aborted may be called lost. */
  #lost(): 'lost' {
    this.#counts.lost++
    assert.ok(this.#coordinator.counts.timedOut > 0, 'nothing had timed out')
    assert.notEqual(new Set(this.#coordinator.visible).size, this.#completed!.records, 'everything is there')
    return 'lost'
  }

  /** Moves time until the work is done, or its process dead: then undefined. */
  async #settled<T>(life: Life, work: Promise<T>): Promise<T | undefined> {
    const state = { isSettled: false }
    const settle = (): void => void (state.isSettled = true)
    work.then(settle, settle)
    for (let patience = 20_000; !state.isSettled && life.isAlive; patience--) {
      assert.ok(patience > 0, 'waits for something that never happens')
      if (!(await this.#clock.step()) && !state.isSettled && life.isAlive) await new Promise(setImmediate)
    }
    if (!state.isSettled) {
      work.catch(() => {})
      return undefined
    }
    if (life.failure !== undefined && life.isAlive) throw life.failure
    return await work
  }

  #check(what: 'completed' | 'all completed'): void {
    const { visible } = this.#coordinator
    const records = this.#completed?.records ?? 0
    const seen = new Set(visible)
    assert.equal(seen.size, visible.length, 'a record is visible twice')
    for (const record of seen) assert.ok(Number(record) < records, `record ${record} is visible, and only ${records} are covered`)
    if (what === 'all completed') assert.equal(seen.size, records, 'a record that is covered is not visible')
  }
}

/** One life of the job. */
class Life {
  isAlive = true
  failure: unknown
  readonly #ports: MortalPorts
  readonly #writers: ExactlyOnceWriter<number>[]
  readonly #commits: SinkCommits[]
  readonly #random: SeededRandom
  readonly #completed: Completed | undefined
  #planned: { readonly failpoint: Failpoint; left: number; readonly counts: Counts } | undefined

  constructor(clock: Clock, random: SeededRandom, coordinator: FakeCoordinator, attempt: number, completed: Completed | undefined) {
    this.#random = random
    this.#completed = completed
    this.#ports = new MortalPorts(clock, nodeNetwork)
    const parallelism = random.between(1, 3)
    const life = this.#ports.clock
    const isAlive = (): boolean => this.isAlive
    this.#writers = Array.from({ length: parallelism }, (_, subtask) => {
      const fail = (error: unknown): void => void (this.failure ??= error)
      const wake = (): void => {}
      const restoring = completed !== undefined
      const ports = { clock: life, disk: nodeDisk, network: nodeNetwork, random: random.fork() }
      return new ExactlyOnceWriter<number>(
        { ...ports, subtask, parallelism, attempt, jobName: 'job', stateId: 'sink', restoring, fail, wake },
        {
          prefix: 'job-sink',
          transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
          client: fakeClient(coordinator, isAlive),
          reach: (failpoint) => this.#reach(failpoint),
          record: (value) => ({ topic: 'out', value: String(value) }),
          openFormat: async () => {},
        },
      )
    })
    this.#commits = this.#writers.map((writer) => new SinkCommits(writer, life, (error) => void (this.failure ??= error)))
  }

  plan(failpoint: Failpoint, left: number, counts: Counts): void {
    this.#planned = { failpoint, left, counts }
  }

  async open(): Promise<void> {
    const shares = this.#writers.map((): unknown[] => [])
    for (const handles of this.#completed?.handles ?? []) this.#random.pick(shares).push(...handles)
    await Promise.all(this.#writers.map((writer, subtask) => writer.open(structuredClone(shares[subtask]!))))
  }

  write(record: number): void {
    if (this.isAlive && this.failure === undefined) this.#random.pick(this.#writers).write(record, 0)
  }

  async prepare(checkpointId: number): Promise<readonly (readonly unknown[])[]> {
    return await Promise.all(this.#commits.map((commits) => commits.prepare(checkpointId)))
  }

  async complete(checkpointId: number): Promise<void> {
    for (const commits of this.#commits) commits.complete(checkpointId)
    await Promise.all(this.#commits.map((commits) => commits.settled()))
  }

  kill(): void {
    this.isAlive = false
    this.#ports.kill()
  }

  #reach(failpoint: Failpoint): Promise<void> | undefined {
    if (!this.isAlive) return new Promise(() => {})
    if (this.#planned?.failpoint !== failpoint || --this.#planned.left > 0) return undefined
    this.#planned.counts[failpoint]++
    this.kill()
    return new Promise(() => {})
  }
}

void test('each record of a completed checkpoint is visible once, and no other', async () => {
  const one = process.env['MILLRACE_SEED']
  const numSeeds = Number(process.env['MILLRACE_SEEDS'] ?? 150)
  const seeds = one === undefined ? Array.from({ length: numSeeds }, (_, index) => index) : [Number(one)]
  const counts = noCounts()
  for (const seed of seeds) {
    try {
      await new Run(seed, counts).run()
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
    }
  }
  if (process.env['MILLRACE_SEEDS'] !== undefined) console.log(counts)
  if (one !== undefined) return
  for (const [situation, times] of Object.entries(counts)) assert.ok(times > 0, `${situation} was never reached`)
})
