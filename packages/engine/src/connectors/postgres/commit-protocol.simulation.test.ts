/**
 * What holds, whatever dies when: **each record that a completed checkpoint covers is in the table exactly once, and no record of an incomplete one ever is.** The table here only
 * takes insertions, so that nothing can be done twice unnoticed. Former lives go on for a while after the next has begun, as they would where they are only taken for dead.
 * Entries of former lives are removed after less time than any user may choose: the last checkpoint can be restored all the same, and of an older one nothing is written twice.
 *
 * `MILLRACE_SEED=n` replays one seed, `MILLRACE_SEEDS=n` runs so many.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeDisk, nodeNetwork } from '@millrace/core'
import { MortalPorts, SeededRandom, VirtualClock } from '@millrace/testkit'
import { SinkCommits } from '../../runtime/snapshot/sink-commits.ts'
import { applyBatch } from './commit-protocol.ts'
import { ExactlyOnceWriter } from './exactly-once-writer.ts'
import { FakeDatabase } from './fixtures/fake-database.ts'
import type { PostgresSinkHandle } from './handle.ts'
import { RowMaker } from './rows.ts'
import { Staging } from './staging.ts'

const LIVES = 5
const names = { jobName: 'job', sink: 'sink', table: 'orders', commitTable: 'commits' }

interface Completed {
  readonly handles: readonly (readonly unknown[])[]
  readonly records: number
}

const databaseSituations = [
  ...(['errors', 'lostBefore', 'lostAfter', 'fenced', 'waited', 'refused'] as const),
  ...(['pruned', 'withdrawn', 'forgotten'] as const),
] as const
const situations = [
  ...databaseSituations,
  ...(['abandoned', 'diedBeforeCommit', 'diedAmidCommit', 'diedAmidOpen', 'zombies', 'zombieCommits', 'rescaled'] as const),
  ...(['ended', 'forgottenZombies', 'olderKnown', 'olderForgotten'] as const),
]
type Counts = Record<(typeof situations)[number], number>

class Run {
  readonly #random: SeededRandom
  readonly #clock = new VirtualClock()
  readonly #database: FakeDatabase
  readonly #counts: Counts
  readonly #retentionMs: number | undefined
  #completed: Completed | undefined
  /** Those before the last one. */
  readonly #older: Completed[] = []
  #attempt = 0
  #checkpointId = 0
  #next = 0

  constructor(seed: number, counts: Counts) {
    this.#random = new SeededRandom(seed)
    this.#counts = counts
    this.#database = new FakeDatabase(this.#clock, this.#random.fork(), this.#random.pick([0, 0.02, 0.1]))
    this.#retentionMs = this.#random.pick([undefined, 0, 0, 100])
  }

  async run(): Promise<void> {
    for (let life = 1; life <= LIVES; life++) await this.#live(life === LIVES)
    for (const name of databaseSituations) this.#counts[name] += this.#database.counts[name]
  }

  async #live(isLast: boolean): Promise<void> {
    if (!isLast && this.#random.chance(0.2)) await this.#dieAmidOpen()
    const life = this.#newLife()
    this.#next = this.#completed?.records ?? 0
    if (life.parallelism !== this.#completed?.handles.length) this.#counts.rescaled++
    await this.#settled(life.open())
    this.#check('all completed')
    await this.#restoreOlder()
    for (let round = isLast ? 3 : this.#random.between(0, 8); round > 0 && life.isAlive; round--) await this.#round(life, isLast)
    this.#check('completed')
    if (isLast) return this.#check('all completed')
    if (!life.isAlive || this.#random.chance(0.3)) return life.kill()
    if (this.#random.chance(0.3)) {
      this.#counts.ended++
      return await this.#settled(life.end())
    }
    this.#counts.zombies++
    this.#leaveAlive(life)
  }

  #newLife(): Life {
    return new Life(this.#clock, this.#random, this.#database, ++this.#attempt, this.#completed, this.#retentionMs)
  }

  /** All that an older checkpoint holds is in the table: each batch is found to be, or, where its entry is gone, refused. */
  async #restoreOlder(): Promise<void> {
    if (this.#older.length === 0) return
    const store = this.#database.connect(() => true)
    for (const handle of this.#random.pick(this.#older).handles.flat() as readonly PostgresSinkHandle[]) {
      for (const batch of handle.batches) {
        const applied = applyBatch(store, names, handle.run, batch, false).then(
          () => '',
          (error: Error & { readonly code: string }) => error.code,
        )
        const code = await this.#settled(applied)
        if (code === '') this.#counts.olderKnown++
        else if (code !== 'POSTGRES_SINK_UNAVAILABLE') {
          assert.equal(code, 'POSTGRES_SINK_ENTRY_MISSING')
          assert.equal(this.#database.entryOf(handle.run), undefined)
          this.#counts.olderForgotten++
        }
      }
    }
    this.#check('all completed')
  }

  async #dieAmidOpen(): Promise<void> {
    const life = this.#newLife()
    life.open().catch(() => {})
    for (let steps = this.#random.between(0, 12); steps > 0; steps--) await this.#clock.step()
    life.kill()
    this.#counts.diedAmidOpen++
  }

  /** It believes that its next checkpoint is complete, which nobody else knows of: not before the next life has taken over. */
  #leaveAlive(life: Life): void {
    for (let count = this.#random.between(0, 5); count > 0; count--) life.write(1_000_000 + this.#next)
    if (this.#random.chance(0.5)) void this.#clock.after(this.#random.between(0, 200), () => life.kill())
    else life.wakesAtAttempt = this.#attempt + 2
    const checkpointId = this.#checkpointId + 1
    life.prepare(checkpointId).catch(() => {})
    life.lateCheckpoint = () => {
      if (!life.isAlive) return
      this.#counts.zombieCommits++
      if (life.isForgotten) this.#counts.forgottenZombies++
      life.complete(checkpointId).catch(() => {})
    }
    this.#zombies.push(life)
  }

  #zombies: Life[] = []

  async #round(life: Life, isLast: boolean): Promise<void> {
    for (const zombie of this.#zombies.splice(0)) {
      if (this.#attempt < zombie.wakesAtAttempt || this.#random.chance(0.5)) this.#zombies.push(zombie)
      else zombie.lateCheckpoint?.()
    }
    for (let count = this.#random.pick([0, 1, 5, 60]); count > 0; count--) life.write(this.#next++)
    await this.#clock.advance(this.#random.between(0, 20))
    if (!isLast && this.#random.chance(0.3)) return
    const checkpointId = ++this.#checkpointId
    const records = this.#next
    const handles = await this.#settled(life.prepare(checkpointId))
    if (!isLast && this.#random.chance(0.2)) {
      this.#counts.abandoned++
      return
    }
    if (this.#completed !== undefined) this.#older.push(this.#completed)
    this.#completed = { handles: structuredClone(handles), records }
    this.#check('completed')
    if (!isLast && this.#random.chance(0.1)) {
      this.#counts.diedBeforeCommit++
      return this.#random.chance(0.5) ? life.kill() : await this.#settled(life.end())
    }
    const committed = life.complete(checkpointId)
    if (!isLast && this.#random.chance(0.1)) {
      committed.catch(() => {})
      for (let steps = this.#random.between(0, 15); steps > 0; steps--) await this.#clock.step()
      this.#counts.diedAmidCommit++
      return life.kill()
    }
    await this.#settled(committed)
    this.#check('all completed')
  }

  async #settled<T>(work: Promise<T>): Promise<T> {
    const state = { isSettled: false }
    const settle = (): void => void (state.isSettled = true)
    work.then(settle, settle)
    for (let patience = 20_000; !state.isSettled; patience--) {
      assert.ok(patience > 0, 'waits for something that never happens')
      if (!(await this.#clock.step()) && !state.isSettled) await new Promise(setImmediate)
    }
    return await work
  }

  #check(what: 'completed' | 'all completed'): void {
    const { visible } = this.#database
    const records = this.#completed?.records ?? 0
    const seen = new Set(visible)
    assert.equal(seen.size, visible.length, 'a record is there twice')
    for (const record of seen) assert.ok(Number(record) < records, `record ${record} is there, and only ${records} are covered`)
    if (what === 'all completed') assert.equal(seen.size, records, 'a record that is covered is not there')
  }
}

/** One life of the job. */
class Life {
  isAlive = true
  lateCheckpoint: (() => void) | undefined
  /** When a later life has begun: by then its entries may be gone. */
  wakesAtAttempt = 0
  readonly parallelism: number
  readonly #ports: MortalPorts
  readonly #writers: readonly ExactlyOnceWriter<{ n: number }>[]
  readonly #commits: readonly SinkCommits[]
  readonly #random: SeededRandom
  readonly #completed: Completed | undefined
  readonly #database: FakeDatabase
  #runs: readonly string[] = []
  #failure: unknown

  constructor(
    clock: VirtualClock,
    random: SeededRandom,
    database: FakeDatabase,
    attempt: number,
    completed: Completed | undefined,
    commitRetentionMs: number | undefined,
  ) {
    this.#random = random
    this.#completed = completed
    this.#database = database
    this.#ports = new MortalPorts(clock, nodeNetwork)
    this.parallelism = random.between(1, 3)
    const fail = (error: unknown): void => void (this.#failure ??= error)
    this.#writers = Array.from({ length: this.parallelism }, (_, subtask) => {
      const ports = { clock: this.#ports.clock, disk: nodeDisk, network: nodeNetwork, random: random.fork() }
      const maker = new RowMaker<{ n: number }>({ columns: [['n', 'n']], keys: [], deleteWhen: undefined })
      return new ExactlyOnceWriter<{ n: number }>(
        { ...ports, subtask, parallelism: this.parallelism, attempt, jobName: 'job', stateId: 'sink', fail, wake: () => {} },
        {
          names,
          store: database.connect(() => this.isAlive),
          staging: new Staging(maker, 'all'),
          stagedBytesMax: 1_000_000,
          retryForMs: 60_000,
          commitRetentionMs,
        },
      )
    })
    this.#commits = this.#writers.map((writer) => new SinkCommits(writer, this.#ports.clock, fail))
  }

  async open(): Promise<void> {
    const shares = this.#writers.map((): unknown[] => [])
    for (const handles of this.#completed?.handles ?? []) this.#random.pick(shares).push(...handles)
    await Promise.all(this.#writers.map((writer, subtask) => writer.open(structuredClone(shares[subtask]!))))
  }

  write(n: number): void {
    if (this.isAlive) this.#random.pick(this.#writers).write({ n })
  }

  async prepare(checkpointId: number): Promise<readonly (readonly unknown[])[]> {
    const handles = await Promise.all(this.#commits.map((commits) => commits.prepare(checkpointId)))
    this.#runs = (handles.flat() as readonly PostgresSinkHandle[]).map(({ run }) => run)
    return handles
  }

  /** Whether the table knows nothing of it any more. */
  get isForgotten(): boolean {
    return this.#runs.some((run) => this.#database.entryOf(run) === undefined)
  }

  async complete(checkpointId: number): Promise<void> {
    for (const commits of this.#commits) void commits.complete(checkpointId)
    await Promise.all(this.#commits.map((commits) => commits.settled()))
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Of its own accord. */
  async end(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.close()))
    this.kill()
  }

  kill(): void {
    this.isAlive = false
    this.#ports.kill()
  }
}

void test('each record of a completed checkpoint is in the table once, and no other', async () => {
  const one = process.env['MILLRACE_SEED']
  const numSeeds = Number(process.env['MILLRACE_SEEDS'] ?? 120)
  const seeds = one === undefined ? Array.from({ length: numSeeds }, (_, index) => index) : [Number(one)]
  const counts = Object.fromEntries(situations.map((name) => [name, 0])) as Counts
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
