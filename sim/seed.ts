/** One seed: a random job, run through random failures until it has ended, then checked. */
import { posix } from 'node:path'
import { randomBelow } from '@millrace/core'
import { SeededRandom } from '@millrace/testkit'
import { drawApart, nameIn, partsOf } from './apart.ts'
import { Backends, drawBackends, type Backend } from './backends.ts'
import { checkHidden, checkLeftovers, checkpointFolders, damageNewest, retainedCheckpoints } from './checkpoint-folder.ts'
import { inputPath, OUT, sourceRanges } from './job.ts'
import { Ledger } from './ledger.ts'
import { live, type LifeOutcome, type LifePlan, type MakeInterposer } from './live.ts'
import type { Ambush } from './observer.ts'
import { checkRows, readPublished } from './oracle.ts'
import { savepointFolders } from './savepoint-folder.ts'
import { drawScenario, drawUnaligned, type Scenario } from './scenario.ts'
import { SituationCounts } from './situations.ts'
import { fileContent } from './sources.ts'
import { World } from './world.ts'

/** From this life on nothing goes wrong any more: every job gets to its end. */
const CALM_LIFE = 10
/** Far from the seeds of the rest. */
const SAVEPOINT_SEEDS = 1_000_000_007
const UNALIGNED_SEEDS = 2_000_000_011
const BACKEND_SEEDS = 3_000_000_019
const APART_SEEDS = 4_000_000_007
const MOVED = '/data/elsewhere/moved'
const maxParallelisms = [3, 4, 5, 7, 16, 33] as const

export interface SeedOptions {
  /** In place of the one that the seed draws. */
  readonly scenario?: Scenario
  readonly mutation?: MakeInterposer
}

/** The scenario that a seed stands for. */
export function scenarioOf(seed: number): Scenario {
  const scenario = drawScenario(new SeededRandom(seed).fork())
  const unaligned = drawUnaligned(new SeededRandom(seed + UNALIGNED_SEEDS))
  const backends = drawBackends(new SeededRandom(seed + BACKEND_SEEDS))
  const apart = drawApart(new SeededRandom(seed + APART_SEEDS))
  return {
    ...scenario,
    ...(unaligned === undefined || scenario.mode !== 'exactly-once' ? {} : { maxConcurrent: 1, unaligned }),
    ...(backends === undefined ? {} : { backends }),
    ...(apart === undefined ? {} : { apart }),
  }
}

/** @throws where anything is not as it must be. */
export async function runSeed(seed: number, options: SeedOptions = {}): Promise<SituationCounts> {
  const run = new SeedRun(seed, options)
  await run.run()
  return run.situations
}

class SeedRun {
  readonly situations: SituationCounts = new SituationCounts()
  readonly #seed: number
  readonly #scenario: Scenario
  readonly #mutation: MakeInterposer | undefined
  readonly #world: World
  /** For what has to do with savepoints alone; undefined: this seed has none. */
  readonly #savepoints: SeededRandom | undefined
  /** Savepoints whose staged output was safe in a checkpoint that may be one of the damaged: a fallback gives it up, and says so when it is missed. */
  readonly #exposed: Set<string> = new Set()
  readonly #backends: Backends
  /** A life was refused what another backend had stored. */
  #wasRefused = false
  /** Half-written savepoints of lives that kept their notes about them in memory. */
  readonly #forgotten: Set<string> = new Set()
  /** Which backend each savepoint was taken by. */
  readonly #takenBy: Map<string, Backend> = new Map()
  /** Where a life was stopped with a savepoint, and the next may go on from. */
  #stoppedAt: string | undefined
  /** Nothing else has what it holds: it is named again until there is a checkpoint. */
  #isOnlyPlace = false
  readonly #ledger: Ledger = new Ledger()
  /** Checkpoints whose files were damaged. */
  readonly #damaged: Set<number> = new Set()

  constructor(seed: number, { scenario, mutation }: SeedOptions) {
    this.#seed = seed
    this.#scenario = scenario ?? scenarioOf(seed)
    this.#mutation = mutation
    this.#world = new World(seed)
    this.#backends = new Backends(this.#scenario.backends, new SeededRandom(seed + BACKEND_SEEDS).fork())
    const random = new SeededRandom(seed + SAVEPOINT_SEEDS)
    this.#savepoints = random.chance(0.6) ? random : undefined
  }

  async run(): Promise<void> {
    const world = this.#world
    await this.#writeInputs()
    let before: LifePlan | undefined
    for (let lives = 0; ; lives++) {
      const plan = this.#drawLife(lives, before)
      this.#noteStart(plan, before)
      before = plan
      const outcome = await live({
        world,
        scenario: this.#scenario,
        ledger: this.#ledger,
        plan,
        mutation: this.#mutation,
        reached: (situation) => this.situations.reached(situation),
      })
      this.#wasRefused = this.#isRefusal(outcome)
      if (!this.#wasRefused) checkOutcome(outcome, plan)
      this.#isOnlyPlace = this.#takenBy.get(plan.restore) === 'memory' && !outcome.observer.hasCompleted && outcome.stoppedAt === undefined
      this.#stoppedAt = this.#isOnlyPlace ? plan.restore : outcome.stoppedAt
      for (const path of this.#ledger.savepoints) if (!this.#takenBy.has(path)) this.#takenBy.set(path, this.#backends.current)
      if (outcome.result?.state === 'finished') return await this.#checkEnd(outcome)
      if (outcome.result === undefined) outcome.observer.ended()
      else this.situations.reached(outcome.result.state === 'stopped' ? 'stop and resume' : 'failed for good, started again')
      await this.#betweenLives()
    }
  }

  async #writeInputs(): Promise<void> {
    for (const [index, range] of sourceRanges(this.#scenario).entries())
      if (this.#scenario.sources[index] === 'files')
        await this.#world.wait(this.#world.writeFile(inputPath(index), Buffer.from(fileContent(range))))
  }

  #drawLife(lives: number, before: LifePlan | undefined): LifePlan {
    const { random } = this.#world
    const calm = lives >= CALM_LIFE
    const durationMs = random.pick([50, 200, 300, 500, 1_000])
    const parallelism = 1 + randomBelow(random, 3)
    const restore =
      this.#stoppedAt !== undefined && (this.#isOnlyPlace || this.#savepoints?.chance(this.#changesBackend ? 0.9 : 0.5) === true)
        ? this.#stoppedAt
        : 'latest'
    return {
      parallelism,
      restore,
      isRescaled: before !== undefined && before.parallelism !== parallelism,
      formerBackend: before?.backend,
      backend: this.#chooseBackend(restore),
      calm,
      durationMs: calm ? Infinity : durationMs,
      stopAtMs: !calm && random.chance(0.2) ? randomBelow(random, durationMs) : undefined,
      ambush: calm ? undefined : random.pick<Ambush | undefined>(['announced', 'durable', 'triggered', undefined, undefined, undefined]),
      ...(calm ? {} : this.#drawSavepoints(durationMs)),
    }
  }

  #chooseBackend(restore: LifePlan['restore']): Backend {
    const former = this.#backends.current
    const backend = this.#backends.choose(restore, this.#wasRefused)
    if (former === 'memory' && restore === 'latest') {
      this.situations.reached('state lost with the memory it was in')
      // What has been published since is written again.
      this.#ledger.rewind()
      for (const path of this.#ledger.savepoints) this.#exposed.add(path)
    }
    if (restore !== 'latest') this.#noteSavepoint(restore, backend)
    return backend
  }

  get #changesBackend(): boolean {
    return this.#scenario.backends?.changes === true
  }

  #noteSavepoint(path: string, backend: Backend): void {
    const former = this.#takenBy.get(path)
    if (former === undefined || former === backend) return
    this.situations.reached('backend changed by savepoint')
    if (former === 'rocksdb') this.situations.reached('savepoint of rocksdb restored by the heap')
    if (backend === 'rocksdb') this.situations.reached('savepoint of the heap restored by rocksdb')
  }

  /** The error for whoever changes the backend without a savepoint. */
  #isRefusal({ result }: LifeOutcome): boolean {
    const { current, metRocksdb } = this.#backends
    if (result?.state !== 'failed' || current === 'rocksdb' || !metRocksdb) return false
    const { error } = result.failure
    if (!error.message.includes('was stored by the state backend rocksdb')) return false
    this.situations.reached('checkpoint of another backend refused')
    return true
  }

  /** What some lives differ in from those without savepoints. */
  #drawSavepoints(durationMs: number): Partial<LifePlan> {
    const random = this.#savepoints
    if (random?.chance(0.7) !== true) return {}
    return {
      durationMs: durationMs + random.pick([0, 300, 600]),
      patient: random.chance(0.8),
      savepointsAtMs: Array.from({ length: random.pick([0, 1, 1, 3]) }, () => randomBelow(random, durationMs)),
      ...(random.chance(this.#changesBackend ? 0.5 : 0.3) ? { stopAtMs: randomBelow(random, durationMs), stopWithSavepoint: true } : {}),
      ...(random.chance(0.2) ? this.#drawMaxParallelism(random) : {}),
    }
  }

  /** Raw state by key group cannot be dealt out anew, and says so. */
  #drawMaxParallelism(random: SeededRandom): Pick<LifePlan, 'maxParallelism'> {
    return partsOf(this.#scenario).some(({ stages }) => stages.some(({ kind }) => kind === 'keyed-raw'))
      ? {}
      : { maxParallelism: random.pick(maxParallelisms) }
  }

  #noteStart(plan: LifePlan, before: LifePlan | undefined): void {
    if (before === undefined) return
    this.situations.reached('restore')
    if (before.parallelism !== plan.parallelism) this.situations.reached('rescale')
  }

  async #betweenLives(): Promise<void> {
    const world = this.#world
    const how = world.random.chance(0.5) ? 'kill' : 'crash'
    world.end(how)
    this.situations.reached(how)
    const { half } = await world.wait(savepointFolders(world.disk))
    if (half.length > 0) this.situations.reached('crash while a savepoint is written')
    if (this.#backends.current === 'memory') for (const path of half) this.#forgotten.add(path)
    await this.#checkSavepoints()
    if (world.random.chance(0.1) && this.#mutation === undefined) await this.#restoreAside()
    if (this.#savepoints?.chance(0.6) === true && this.#mutation === undefined) await this.#restoreSavepointAside(this.#savepoints)
    const before = this.#damaged.size
    if (this.#scenario.numRetained > 1 && world.random.chance(0.15)) await damageNewest(world, this.#damaged)
    if (this.#damaged.size > before) for (const path of this.#ledger.savepoints) this.#exposed.add(path)
  }

  /** Runs the job to its end, in a copy of the world, from each checkpoint that is there. */
  async #restoreAside(): Promise<void> {
    if (this.#scenario.sources.includes('files')) return // a copied file is another file
    for (const { id, path } of await this.#world.wait(checkpointFolders(this.#world.disk))) {
      if (this.#damaged.has(id)) continue
      const world = await this.#world.copy(this.#seed * 1_000 + id)
      const ledger = this.#ledger.copy()
      ledger.rewind()
      const plan = {
        parallelism: world.random.between(1, 3),
        backend: this.#backends.metRocksdb ? ('rocksdb' as const) : ('heap' as const),
        restore: path,
        calm: true,
        durationMs: Infinity,
        stopAtMs: undefined,
        ambush: undefined,
      }
      try {
        const outcome = await live({ world, scenario: this.#scenario, ledger, plan, mutation: undefined, reached: () => {} })
        checkOutcome(outcome, plan)
        await this.#checkPublished(world, ledger)
      } catch (error) {
        throw new Error(`restored from ${path} aside`, { cause: error })
      }
      this.situations.reached('retained checkpoint restored aside')
    }
  }

  async #checkPublished(world: World, ledger: Ledger): Promise<void> {
    for (const [part, scenario] of partsOf(this.#scenario).entries())
      checkRows(scenario, await world.wait(readPublished(world.disk, nameIn(part, OUT), ledger)))
  }

  /** What was said to be complete is there, whatever was lost in a crash. */
  async #checkSavepoints(): Promise<void> {
    const { complete } = await this.#world.wait(savepointFolders(this.#world.disk))
    const lost = this.#ledger.savepoints.find((path) => !complete.includes(path))
    if (lost !== undefined) throw new Error(`the savepoint ${lost} was announced and is gone`)
  }

  /** Moves a savepoint, in a copy of the world, and runs the job from it to its end, at any parallelism and max parallelism. */
  async #restoreSavepointAside(random: SeededRandom): Promise<void> {
    if (this.#scenario.sources.includes('files')) return // a copied file is another file
    const path = random.pick([...this.#ledger.savepoints.filter((each) => !this.#exposed.has(each)), undefined])
    if (path === undefined) return
    const world = await this.#world.copy(this.#seed * 1_000 + 999)
    const ledger = this.#ledger.copy()
    ledger.rewind()
    await world.wait(world.disk.makeDirectory(posix.dirname(MOVED)))
    await world.wait(world.disk.rename(path, MOVED))
    ledger.moved(path, MOVED)
    const plan: LifePlan = {
      parallelism: random.between(1, 3),
      ...this.#drawMaxParallelism(random),
      backend: this.#backends.any(),
      restore: MOVED,
      calm: true,
      durationMs: Infinity,
      stopAtMs: undefined,
      ambush: undefined,
    }
    try {
      const outcome = await live({ world, scenario: this.#scenario, ledger, plan, mutation: undefined, reached: () => {} })
      checkOutcome(outcome, plan)
      await this.#checkPublished(world, ledger)
    } catch (error) {
      throw new Error(`restored from ${path} aside, at max parallelism ${plan.maxParallelism ?? 'unchanged'}`, { cause: error })
    }
    this.situations.reached('savepoint moved and restored aside')
    this.#noteSavepoint(path, plan.backend!)
  }

  async #checkEnd({ life, stormy, stores }: LifeOutcome): Promise<void> {
    const world = this.#world
    const { disk } = world
    await life.settle()
    if (disk.openHandles > 0) throw new Error(`${disk.openHandles} files are still open after the end`)
    if (stores !== undefined && stores.held !== '') throw new Error(`still held after the end: ${stores.held}`)
    await this.#checkPublished(world, this.#ledger)
    await this.#checkSavepoints()
    // What former lives left behind in other places is no business of one in memory.
    if (this.#backends.current === 'memory') return
    const retained = await world.wait(retainedCheckpoints(disk))
    if (!stormy && retained > this.#scenario.numRetained)
      throw new Error(`${retained} checkpoints are kept where ${this.#scenario.numRetained} should be`)
    const half = (await world.wait(savepointFolders(disk))).half.filter((path) => !this.#forgotten.has(path))
    if (!stormy && half.length > 0) throw new Error(`half-written savepoints are left: ${half.join(', ')}`)
    // What a failing disk would not remove is removed at the next start.
    if (!stormy && this.#damaged.size === 0) await world.wait(checkLeftovers(disk))
    // Attempts are counted anew where nothing outlives the process, and part files of former ones are known by their numbers.
    if (!stormy && this.#damaged.size === 0 && !this.#backends.metMemory) await world.wait(checkHidden(disk))
  }
}

function checkOutcome({ result, violations, stormy }: LifeOutcome, plan: LifePlan): void {
  if (violations.length > 0) throw new Error(violations[0])
  if (result?.state === 'failed' && !stormy && plan.stopAtMs === undefined) throw result.failure.error
  if (result === undefined && plan.calm) throw new Error('a calm life did not end')
}
