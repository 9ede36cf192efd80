import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { askJob } from '@millrace/engine/control'
import type { Outcome } from '../../../examples/05-orders-log-to-log.ts'
import { drawsOf } from '../draws.ts'
import type { JobProcess } from '../job-process.ts'
import type { LogStage } from '../log/log-stage.ts'
import { OrderProducer } from '../log/order-producer.ts'
import { problemsOf } from '../log/orders.ts'
import { readCommitted } from '../log/outside-reader.ts'
import { sleep, until } from '../stage.ts'
import { formatNumber, problemText } from '../verdict.ts'
import { aimsOf, Deck, Hits, isPassedAtStart, standingOf, type Aim, type Standing } from './aims.ts'
import type { KafkaCluster } from './kafka-cluster.ts'

export interface KillTestOptions {
  readonly kills: number
  readonly rate: number
  readonly parallelism: number
  readonly rescale: boolean
  readonly seed: number
  /** Each failpoint must have been hit so often. */
  readonly require: number
  /** Only failpoints and victims that match. */
  readonly only: RegExp
}

/** A machine with much else to do starts a process slowly; a place that is not reached is counted as missed, and so is not hidden. */
const startTimeoutMs = 300_000
const reachTimeoutMs = 60_000
const catchUpTimeoutMs = 90_000
const livesPerCheck = 25
/** Longer than a life: only savepoints, and what follows them, are prepared then. Not longer than the time-out of transactions allows. */
const savepointLifeInterval = '1m'
/** A coordinator that is gone is noticed after the session of its broker: 9 s by default. */
const goOnTimeoutMs = 60_000

interface Life {
  readonly aim: Aim
  readonly standing: Standing | undefined
  readonly job: JobProcess
  /** Where a file shows that the job stands, if it is not to die there. */
  readonly folder: string
}

/**
 * Lives of the demo's job between two topics, each ended with `kill -9` at a named place of the sink; or the log, or the coordinator's broker, while the job stands there.
 * kafkajs reads what came of it, in between and at the end.
 */
export class KillTest {
  readonly #options: KillTestOptions
  readonly #stage: LogStage
  readonly #cluster: KafkaCluster | undefined
  readonly #producer: OrderProducer
  readonly #draw: () => number
  readonly #aims: readonly Aim[]
  readonly #deck: Deck
  readonly #hits = new Hits()
  readonly #restarts: string[] = []

  constructor(options: KillTestOptions, stage: LogStage, cluster: KafkaCluster | undefined) {
    this.#options = options
    this.#stage = stage
    this.#cluster = cluster
    this.#draw = drawsOf(options.seed)
    this.#producer = new OrderProducer(stage.client, {
      topic: stage.topics.from,
      seed: options.seed,
      perSecond: options.rate,
      mayWrite: () => true,
    })
    const killable = { log: stage.broker !== undefined, coordinator: (cluster?.size ?? 1) > 1 }
    this.#aims = aimsOf(killable).filter(({ failpoint, victim }) => options.only.test(`${failpoint} ${victim}`))
    if (this.#aims.length === 0) throw new Error('--only matches nothing that can be done here')
    this.#deck = new Deck(this.#aims)
  }

  async run(): Promise<number> {
    this.#producer.start()
    const startMs = performance.now()
    let problems: readonly string[] = []
    for (let number = 1; number <= this.#options.kills && problems.length === 0; number++) {
      problems = await this.#live(number, this.#deck.next())
      if (problems.length === 0 && number % livesPerCheck === 0) problems = await this.#check(false)
    }
    if (problems.length === 0) problems = await this.#lastLife()
    console.log(
      `\n${this.#hits
        .table(this.#aims)
        .map((line) => `  ${line}`)
        .join('\n')}\n\n  in ${Math.round((performance.now() - startMs) / 1_000)} s`,
    )
    if (this.#restarts.length > 0)
      console.log(`  the job restarted by itself ${this.#restarts.length} times, the last: ${this.#restarts.at(-1)}`)
    const rare = this.#hits.rare(this.#aims, this.#options.require)
    if (problems.length === 0 && rare.length > 0) problems = [`hit less than ${this.#options.require} times: ${rare.join(', ')}`]
    if (problems.length === 0) {
      console.log(styleText('green', `\n  Right: nothing lost, nothing twice.\n`))
      return 0
    }
    this.#stage.keep()
    console.log(`\n${problemText(problems)}\n\n  kept: ${this.#stage.folder}\n`)
    return 1
  }

  async #live(number: number, aim: Aim): Promise<readonly string[]> {
    const parallelism = this.#options.rescale ? 1 + Math.floor(this.#draw() * 3) : this.#options.parallelism
    const standing = standingOf(aim, this.#draw)
    const folder = join(this.#stage.folder, `stand-${number}`)
    mkdirSync(folder)
    const setting = standing === undefined ? '' : `${standing.place}@${standing.times}${aim.victim === 'job' ? '' : `:${folder}`}`
    const interval = aim.failpoint === 'in-savepoint' ? savepointLifeInterval : undefined
    const job = this.#stage.startJob(parallelism, { KAFKA_SINK_FAILPOINT: setting }, interval)
    const isReached = await this.#end({ aim, standing, job, folder })
    this.#restarts.push(...job.troubles)
    // A savepoint with which the job was to stop may have come to its end.
    const isStopped = job.hasExited && aim.failpoint === 'in-savepoint' && job.troubles.length === 0
    const problems = job.hasExited && !isStopped ? [`the job ended by itself: ${[...job.troubles, job.stderr].join('\n')}`] : []
    await job.kill()
    rmSync(folder, { recursive: true })
    if (isReached) this.#hits.add(aim)
    else this.#deck.missed(aim)
    this.#say(number, parallelism, { aim, standing, job, folder }, isReached && problems.length === 0)
    return problems
  }

  #say(number: number, parallelism: number, { aim, standing, job }: Life, isRight: boolean): void {
    const place = standing === undefined ? '' : ` ${standing.place} ${standing.times}`
    const where = aim.failpoint === standing?.place ? '' : ` ${aim.failpoint}`
    const columns = [
      `${isRight ? styleText('green', '✓') : styleText('yellow', '–')} ${String(number).padStart(3)}`,
      `-p ${parallelism}`,
      `${aim.victim}${where}${place}`.padEnd(48),
      `from ${job.restoredFrom ?? '–'}, checkpoint ${job.lastCheckpoint ?? '–'}${isRight ? '' : ', not reached, killed all the same'}`,
    ]
    console.log(`  ${columns.join('  ')}`)
  }

  /** One life up to its place, or until it has stood there while somebody else died. Answers whether it got there. */
  async #end(life: Life): Promise<boolean> {
    const { aim, job } = life
    if (aim.failpoint === 'in-savepoint') await this.#askForSavepoint(job)
    if (aim.victim === 'job') return await this.#jobDies(life)
    if (aim.victim === 'log') return await this.#logDies(life)
    return await this.#coordinatorMoves(life)
  }

  async #askForSavepoint(job: JobProcess): Promise<void> {
    await until(() => job.startedMs !== undefined || job.hasEnded, startTimeoutMs)
    // Some records first: no transaction is made without.
    await sleep(100 + this.#draw() * 200)
    const dir = join(this.#stage.folder, 'savepoints')
    const request = this.#draw() < 0.5 ? ({ do: 'savepoint', dir } as const) : ({ do: 'stop', savepoint: true, dir, drain: false } as const)
    askJob(this.#stage.controlSocket, request).catch(() => {}) // its process is to die meanwhile
  }

  async #jobDies({ job, standing }: Life): Promise<boolean> {
    if (standing !== undefined) return (await this.#waits(job, standing, () => job.hasEnded)) && !job.hasExited
    await sleep(this.#draw() * 2_000)
    return true
  }

  async #logDies(life: Life): Promise<boolean> {
    const broker = this.#stage.broker!
    const { job, standing } = life
    if (standing === undefined) await sleep(500 + this.#draw() * 1_500)
    else if (!(await this.#stands(life, standing))) return false
    await broker.kill()
    // Whatever waits for the log goes on into the void, or waits until it is back.
    if (this.#draw() < 0.5) this.#goOn(life)
    await sleep(this.#draw() * 300)
    await broker.start()
    this.#goOn(life)
    await sleep(this.#draw() * 1_000)
    return !job.hasExited || life.aim.failpoint === 'in-savepoint'
  }

  async #coordinatorMoves(life: Life): Promise<boolean> {
    const cluster = this.#cluster!
    const { aim, job, standing } = life
    if (!(await this.#stands(life, standing!))) return false
    const prefix = this.#stage.topics.to
    const { transactions } = this.#stage.client
    const open = await transactions.list({ prefix, states: ['Ongoing'] })
    const [{ transactionalId } = { transactionalId: undefined }] = open.length > 0 ? open : await transactions.list({ prefix })
    if (transactionalId === undefined) return false
    const before = job.lastCheckpoint
    if (aim.victim === 'coordinator-elected') {
      await cluster.moveCoordinator(transactionalId)
      this.#goOn(life)
    } else {
      const id = await cluster.coordinatorOf(transactionalId)
      await cluster.kill(id)
      if (this.#draw() < 0.5) await sleep(this.#draw() * 2_000)
      this.#goOn(life)
      // Half of the time it is gone until another one has taken over.
      if (this.#draw() < 0.5) await until(() => job.lastCheckpoint !== before || job.hasEnded, goOnTimeoutMs)
      await cluster.restart(id)
    }
    await until(() => job.lastCheckpoint !== before || job.hasEnded, goOnTimeoutMs)
    return job.lastCheckpoint !== before && !job.hasEnded
  }

  async #stands({ job, folder }: Life, standing: Standing): Promise<boolean> {
    const file = join(folder, standing.place)
    return (await this.#waits(job, standing, () => existsSync(file) || job.hasEnded)) && !job.hasEnded
  }

  #goOn({ folder, standing }: Life): void {
    if (standing !== undefined) rmSync(join(folder, standing.place), { force: true })
  }

  /** What is passed at the start is not passed any more once a checkpoint is complete. */
  async #waits(job: JobProcess, { place }: Standing, isThere: () => boolean): Promise<boolean> {
    const isPast = (): boolean => isPassedAtStart(place) && job.firstCheckpointMs !== undefined
    const isOver = (): boolean => isThere() || isPast() || job.hasEnded
    await until(() => isOver() || job.startedMs !== undefined, startTimeoutMs)
    await until(isOver, reachTimeoutMs)
    return isThere()
  }

  async #check(isComplete: boolean): Promise<readonly string[]> {
    const found = await readCommitted<Outcome>(this.#stage.bootstrap, this.#stage.topics.to)
    const { outcomes } = this.#producer.expected
    console.log(`      read with kafkajs: ${formatNumber(found.length)} outcomes of ${formatNumber(outcomes.size)}`)
    const { failure } = this.#producer
    return [
      ...(failure === undefined ? [] : [`no orders are written any more: ${failure.message}`]),
      ...problemsOf(found, outcomes, isComplete),
    ]
  }

  /** However far behind it is, as long as it comes nearer. */
  async #catchesUp(job: JobProcess): Promise<boolean> {
    let least = Infinity
    for (let sinceMs = performance.now(); !job.hasEnded && performance.now() - sinceMs < catchUpTimeoutMs; await sleep(200)) {
      const lag = await this.#stage.lag()
      if (lag === 0) return true
      if (lag < least) sinceMs = performance.now()
      least = Math.min(least, lag)
    }
    return false
  }

  /** Nothing is killed any more: all that was written must come out, and nothing may be left open. */
  async #lastLife(): Promise<readonly string[]> {
    await this.#producer.end()
    const job = this.#stage.startJob(this.#options.parallelism)
    const isCaughtUp = await this.#catchesUp(job)
    const exitCode = await job.stop()
    console.log(
      `\n  the last life ended with exit code ${exitCode}, from checkpoint ${job.restoredFrom}, at checkpoint ${job.lastCheckpoint}`,
    )
    const open = await this.#stage.client.transactions.list({ prefix: this.#stage.topics.to, states: ['Ongoing'] })
    return [
      ...(isCaughtUp ? [] : [`the last life did not catch up: ${job.troubles.at(-1) ?? job.stderr}`]),
      ...(exitCode === 0 ? [] : [`exit code ${exitCode}: ${job.stderr}`]),
      ...open.map(({ transactionalId }) => `the transaction of ${transactionalId} was left open`),
      ...(await this.#check(true)),
    ]
  }
}
