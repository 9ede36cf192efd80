/** One seed: a random job, run through random failures until it has ended, then checked. */
import { posix } from 'node:path'
import { randomBelow } from '@millrace/core'
import { SeededRandom } from '@millrace/testkit'
import { checkOutcome, checkPublished, runAside } from './aside.ts'
import { Backends, type Backend } from './backends.ts'
import { checkHidden, checkLeftovers, checkpointFolders, damageNewest } from './checkpoint-folder.ts'
import { GoingBack } from './going-back.ts'
import { inputPath, sourceRanges } from './job.ts'
import { Ledger } from './ledger.ts'
import { drawMaxParallelism, drawOrders, drawSavepoints, fixedParallelism, nextParallelism } from './life-plan.ts'
import { live, type LifeOutcome, type LifePlan, type MakeInterposer } from './live.ts'
import { damageCopies } from './local-copies.ts'
import { checkObjects, damageNewestObject, objectCheckpoints } from './object-folder.ts'
import type { Ambush } from './observer.ts'
import { savepointFolders, UnnotedSavepoints } from './savepoint-folder.ts'
import type { Scenario } from './scenario.ts'
import { BACKEND_SEEDS, scenarioOf } from './seed-scenario.ts'
import { SituationCounts } from './situations.ts'
import { fileContent } from './sources.ts'
import { World } from './world.ts'

/** From this life on nothing goes wrong any more: every job gets to its end. */
const CALM_LIFE = 10
/** Far from the seeds of the rest. */
const SAVEPOINT_SEEDS = 1_000_000_007
const ORDER_SEEDS = 6_000_000_001
const GOING_BACK_SEEDS = 7_000_000_003
const MOVED = '/data/elsewhere/moved'

export interface SeedOptions {
  /** In place of the one that the seed draws. */
  readonly scenario?: Scenario
  readonly mutation?: MakeInterposer
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
  /** For what users do besides. */
  readonly #orders: SeededRandom
  /** For what has to do with savepoints alone; undefined: this seed has none. */
  readonly #savepoints: SeededRandom | undefined
  /** Savepoints whose staged output was safe in a checkpoint that may be one of the damaged: a fallback gives it up, and says so when it is missed. */
  readonly #exposed: Set<string> = new Set()
  readonly #backends: Backends
  /** The life that was begun last. */
  #before: LifePlan | undefined
  /** A life was refused what another backend had stored. */
  #wasRefused = false
  readonly #goingBack: GoingBack
  readonly #unnoted: UnnotedSavepoints = new UnnotedSavepoints()
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
    this.#orders = new SeededRandom(seed + ORDER_SEEDS)
    this.#goingBack = new GoingBack(this.#scenario.emphasis?.goBackChance ?? 0, new SeededRandom(seed + GOING_BACK_SEEDS))
    const random = new SeededRandom(seed + SAVEPOINT_SEEDS)
    this.#savepoints = random.chance(0.6) ? random : undefined
  }

  async run(): Promise<void> {
    const world = this.#world
    await this.#writeInputs()
    for (let lives = 0; ; lives++) {
      const plan = await this.#orGoneBack(this.#drawLife(lives, this.#before))
      this.#noteStart(plan, this.#before)
      this.#before = plan
      const outcome = await live({
        world,
        scenario: this.#scenario,
        ledger: this.#ledger,
        plan,
        mutation: this.#mutation,
        reached: (situation) => this.situations.reached(situation),
      })
      this.#noteGoingBack(outcome)
      this.#wasRefused = this.#isRefusal(outcome)
      if (!this.#wasRefused) checkOutcome(outcome, plan)
      this.#isOnlyPlace =
        this.#takenBy.get(plan.restore) === 'memory' && !outcome.observer.hasCompleted && outcome.orders.stoppedAt === undefined
      this.#stoppedAt = this.#isOnlyPlace ? plan.restore : outcome.orders.stoppedAt
      for (const path of this.#ledger.savepoints) if (!this.#takenBy.has(path)) this.#takenBy.set(path, this.#backends.current)
      if (outcome.result?.state === 'finished') return await this.#checkEnd(outcome)
      this.#noteEnd(outcome, plan)
      await this.#betweenLives()
    }
  }

  #noteEnd({ result, observer, orders }: LifeOutcome, { cancel }: LifePlan): void {
    if (result === undefined) observer.ended()
    else if (result.state === 'stopped') this.situations.reached('stop and resume')
    else if (result.state === 'failed') this.situations.reached('failed for good, started again')
    else
      this.situations.reached(cancel?.retains === true ? 'cancelled, and its checkpoints kept' : 'cancelled, and its checkpoints removed')
    if (!orders.wasCancelled || cancel?.retains === true) return
    // What has been published since is written again.
    this.#giveUpPast()
    if (result?.state !== 'canceled') return
    this.#damaged.clear()
    this.#goingBack.removed()
  }

  #noteGoingBack({ result, observer }: LifeOutcome): void {
    if (!this.#goingBack.lifeEnded(observer.restored)) return
    this.situations.reached('gone back to an older checkpoint')
    if (result === undefined && !observer.hasCompleted) this.situations.reached('crash soon after going back')
  }

  /** Checkpoints that are gone, or may be: also those in which what savepoints have staged was safe. */
  #giveUpPast(): void {
    this.#ledger.rewind()
    for (const path of this.#ledger.savepoints) this.#exposed.add(path)
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
    const drawn = 1 + randomBelow(random, 3)
    const parallelism = nextParallelism(this.#scenario, this.#orders, before) ?? drawn
    const restore =
      this.#stoppedAt !== undefined && (this.#isOnlyPlace || this.#savepoints?.chance(this.#changesBackend ? 0.9 : 0.5) === true)
        ? this.#stoppedAt
        : 'latest'
    const plan: LifePlan = {
      parallelism,
      restore,
      isRescaled: before !== undefined && before.parallelism !== parallelism,
      formerBackend: before?.backend,
      backend: this.#chooseBackend(restore),
      calm,
      durationMs: calm ? Infinity : durationMs,
      stopAtMs: !calm && random.chance(0.2) ? randomBelow(random, durationMs) : undefined,
      ambush: calm ? undefined : random.pick<Ambush | undefined>(['announced', 'durable', 'triggered', undefined, undefined, undefined]),
      ...(calm || this.#savepoints === undefined ? {} : drawSavepoints(this.#scenario, this.#savepoints, durationMs)),
      keepsCopies: this.#scenario.copies !== undefined && (calm || this.#orders.chance(0.8)),
    }
    return calm ? plan : { ...plan, ...drawOrders(this.#scenario, this.#orders, plan, this.#savepoints !== undefined) }
  }

  /** The same life, but for where it begins: what its user has seen since is to be undone. */
  async #orGoneBack(plan: LifePlan): Promise<LifePlan> {
    if (this.#scenario.emphasis?.goBackChance === undefined) return plan
    const isFree = !plan.calm && plan.restore === 'latest'
    const whole = isFree ? (await this.#checkpoints()).filter(({ id }) => !this.#damaged.has(id)) : []
    const restore = this.#goingBack.choose(whole.map(({ path }) => path))
    if (restore === undefined) return plan
    this.#giveUpPast()
    return { ...plan, restore, ambush: this.#goingBack.ambush(), patience: 0 }
  }

  #chooseBackend(restore: LifePlan['restore']): Backend {
    const former = this.#backends.current
    const backend = this.#backends.choose(restore, this.#wasRefused, this.#isOnlyPlace && restore !== 'latest')
    if (former === 'memory' && restore === 'latest') {
      this.situations.reached('state lost with the memory it was in')
      this.#giveUpPast()
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
    const folders = await world.wait(savepointFolders(world.disk))
    if (folders.half.length > 0) this.situations.reached('crash while a savepoint is written')
    this.#unnoted.lifeEnded(folders, this.#backends.current !== 'memory', this.#ledger.savepoints)
    await this.#checkSavepoints()
    const { emphasis, copies, numRetained } = this.#scenario
    if (world.random.chance(emphasis?.asideChance ?? 0.1) && this.#mutation === undefined) await this.#restoreAside()
    if (this.#savepoints?.chance(0.6) === true && this.#mutation === undefined) await this.#restoreSavepointAside(this.#savepoints)
    const before = this.#damaged.size
    const isDamaged = numRetained > 1 && world.random.chance(emphasis?.damageChance ?? 0.15)
    // A whole copy hides the damage of what it is of, until the copy is gone too.
    if (isDamaged && copies === undefined) await this.#damageNewest()
    if (this.#damaged.size > before) for (const path of this.#ledger.savepoints) this.#exposed.add(path)
    if (copies !== undefined) await damageCopies(world, copies, this.#orders)
  }

  async #damageNewest(): Promise<void> {
    if (this.#scenario.objects === undefined) await damageNewest(this.#world, this.#damaged)
    else damageNewestObject(this.#world, this.#damaged)
  }

  /** Those with metadata, oldest first. */
  async #checkpoints(): Promise<readonly { readonly id: number; readonly path: string }[]> {
    const { bucket, disk } = this.#world
    return this.#scenario.objects === undefined ? await this.#world.wait(checkpointFolders(disk)) : objectCheckpoints(bucket)
  }

  /** Runs the job to its end, in a copy of the world, from each checkpoint that is there. */
  async #restoreAside(): Promise<void> {
    if (this.#scenario.sources.includes('files')) return // a copied file is another file
    for (const { id, path } of await this.#checkpoints()) {
      if (this.#damaged.has(id)) continue
      const world = await this.#world.copy(this.#seed * 1_000 + id)
      const ledger = this.#ledger.copy()
      ledger.rewind()
      const drawn = world.random.between(1, 3)
      const plan = {
        parallelism: fixedParallelism(this.#scenario, this.#before) ?? drawn,
        backend: this.#backends.metRocksdb ? ('rocksdb' as const) : ('heap' as const),
        restore: path,
        keepsCopies: this.#scenario.copies !== undefined,
      }
      await runAside({ world, scenario: this.#scenario, ledger, plan, name: path })
      this.situations.reached('retained checkpoint restored aside')
    }
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
    const drawn = random.between(1, 3)
    const plan = {
      parallelism: fixedParallelism(this.#scenario, this.#before) ?? drawn,
      ...drawMaxParallelism(this.#scenario, random),
      backend: this.#backends.any(),
      restore: MOVED,
    }
    await runAside({ world, scenario: this.#scenario, ledger, plan, name: path })
    this.situations.reached('savepoint moved and restored aside')
    this.#noteSavepoint(path, plan.backend)
  }

  async #checkEnd({ life, stormy, stores, orders: { numRetained } }: LifeOutcome): Promise<void> {
    const world = this.#world
    const { disk } = world
    await life.settle()
    if (disk.openHandles > 0) throw new Error(`${disk.openHandles} files are still open after the end`)
    if (stores !== undefined && stores.held !== '') throw new Error(`still held after the end: ${stores.held}`)
    await checkPublished(this.#scenario, world, this.#ledger)
    await this.#checkSavepoints()
    // What former lives left behind in other places is no business of one in memory.
    if (this.#backends.current === 'memory') return
    const { length: retained } = await this.#checkpoints()
    if (!stormy && retained > numRetained) throw new Error(`${retained} checkpoints are kept where ${numRetained} should be`)
    const half = (await world.wait(savepointFolders(disk))).half.filter((path) => !this.#unnoted.has(path))
    if (!stormy && half.length > 0) throw new Error(`half-written savepoints are left: ${half.join(', ')}`)
    // What a failing disk would not remove is removed at the next start.
    if (!stormy && this.#damaged.size === 0)
      await (this.#scenario.objects === undefined ? world.wait(checkLeftovers(disk)) : checkObjects(world))
    // Attempts are counted anew where nothing outlives the process, and part files of former ones are known by their numbers.
    if (!stormy && this.#damaged.size === 0 && !this.#backends.metMemory) await world.wait(checkHidden(disk))
  }
}
