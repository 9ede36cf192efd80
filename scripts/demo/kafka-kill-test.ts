// npm run kill-test:kafka -- --kills 50: the demo's job between two topics, killed with `kill -9` at named places of the sink, or the log while the job stands there.
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs, styleText } from 'node:util'
import type { Outcome } from '../../examples/05-orders-log-to-log.ts'
import { someSeed, switchOption, textOption, wholeNumber } from './command-line.ts'
import { drawsOf } from './draws.ts'
import type { JobProcess } from './job-process.ts'
import { LogStage } from './log/log-stage.ts'
import { OrderProducer } from './log/order-producer.ts'
import { problemsOf } from './log/orders.ts'
import { readCommitted } from './log/outside-reader.ts'
import { sleep, until } from './stage.ts'
import { formatNumber, problemText } from './verdict.ts'

const usage = `npm run kill-test:kafka -- [options]

  --bootstrap HOST:PORT  another cluster that speaks Kafka's protocol, Apache Kafka for example; only the job is killed then
  --kills N              lives that are ended (50)
  --rate N               events a second (3000)
  -p N                   parallelism of the job (2)
  --rescale              another parallelism from 1 to 3 in each life
  --seed N               draws orders, places and moments (at random)
  --keep                 keep the folder with log and checkpoints; it is kept in any case if something is wrong`

interface KillTestOptions {
  readonly bootstrap: string | undefined
  readonly kills: number
  readonly rate: number
  readonly parallelism: number
  readonly rescale: boolean
  readonly seed: number
  readonly keep: boolean
}

/** Places of the sink, as its failpoints name them. */
const places = [
  'before-prepare',
  'after-prepare',
  'handle-stored',
  'before-commit',
  'during-commit',
  'after-commit',
  'before-recovered-commit',
  'after-recovered-commit',
  'before-fence',
  'after-fence',
] as const

interface Aim {
  readonly victim: 'job' | 'log'
  readonly place: (typeof places)[number] | 'any'
}

const checkpointInterval = '500ms'
const reachTimeoutMs = 12_000
const livesPerCheck = 10

function readOptions(): KillTestOptions {
  const { values } = parseArgs({
    options: {
      bootstrap: { type: 'string' },
      kills: textOption('50'),
      rate: textOption('3000'),
      p: { ...textOption('2'), short: 'p' },
      seed: textOption(someSeed()),
      rescale: switchOption,
      keep: switchOption,
      help: switchOption,
    },
  })
  if (values.help) {
    console.log(usage)
    process.exit(0)
  }
  return {
    bootstrap: values.bootstrap,
    kills: wholeNumber('--kills', values.kills, 1, usage),
    rate: wholeNumber('--rate', values.rate, 1, usage),
    parallelism: wholeNumber('-p', values.p, 1, usage),
    rescale: values.rescale,
    seed: wholeNumber('--seed', values.seed, 0, usage),
    keep: values.keep,
  }
}

class KillTest {
  readonly #options: KillTestOptions
  readonly #stage: LogStage
  readonly #producer: OrderProducer
  readonly #draw: () => number
  readonly #aims: readonly Aim[]
  readonly #reached = new Map<string, number>()
  readonly #restarts: string[] = []

  constructor(options: KillTestOptions, stage: LogStage) {
    this.#options = options
    this.#stage = stage
    this.#draw = drawsOf(options.seed)
    this.#producer = new OrderProducer(stage.client, {
      topic: stage.topics.from,
      seed: options.seed,
      perSecond: options.rate,
      mayWrite: () => true,
    })
    const aimsAt = (victim: 'job' | 'log'): Aim[] => [...places, 'any' as const].map((place) => ({ victim, place }))
    this.#aims = stage.broker === undefined ? aimsAt('job') : [...aimsAt('job'), ...aimsAt('log')]
  }

  async run(): Promise<number> {
    this.#producer.start()
    let problems: readonly string[] = []
    for (let number = 1; number <= this.#options.kills && problems.length === 0; number++) {
      problems = await this.#life(number, this.#aims[(number - 1) % this.#aims.length]!)
      if (problems.length === 0 && number % livesPerCheck === 0) problems = await this.#check(false)
    }
    if (problems.length === 0) problems = await this.#lastLife()
    console.log(`\n  killed at: ${[...this.#reached].map(([aim, times]) => `${aim} ${times}`).join(', ')}`)
    if (this.#restarts.length > 0)
      console.log(`  the job restarted by itself ${this.#restarts.length} times, the last: ${this.#restarts.at(-1)}`)
    if (problems.length === 0) {
      console.log(styleText('green', `\n  Right: nothing lost, nothing twice.\n`))
      return 0
    }
    this.#stage.keep()
    console.log(`\n${problemText(problems)}\n\n  kept: ${this.#stage.folder}\n`)
    return 1
  }

  /** One life of the job: up to its place, or until it has stood there while the log died. */
  async #life(number: number, { victim, place }: Aim): Promise<readonly string[]> {
    const parallelism = this.#options.rescale ? 1 + Math.floor(this.#draw() * 3) : this.#options.parallelism
    const count = place.includes('commit') || place.includes('prepare') || place === 'handle-stored' ? 1 + Math.floor(this.#draw() * 3) : 1
    const times = place.includes('recovered') ? 1 : count
    const folder = join(this.#stage.folder, `stand-${number}`)
    mkdirSync(folder)
    const setting = `${place}@${times}${victim === 'log' ? `:${folder}` : ''}`
    const job = this.#stage.startJob(parallelism, place === 'any' ? {} : { KAFKA_SINK_FAILPOINT: setting })
    const isReached = victim === 'job' ? await this.#jobDies(job, place) : await this.#logDies(job, place, folder)
    this.#restarts.push(...job.troubles)
    const problems = job.hasExited ? [`the job ended by itself: ${[...job.troubles, job.stderr].join('\n')}`] : []
    await job.kill()
    rmSync(folder, { recursive: true })
    if (isReached) this.#reached.set(`${place} (${victim})`, (this.#reached.get(`${place} (${victim})`) ?? 0) + 1)
    const mark = isReached && problems.length === 0 ? styleText('green', '✓') : styleText('yellow', '–')
    const columns = [
      `${mark} ${String(number).padStart(3)}`,
      `-p ${parallelism}`,
      `${victim} ${place === 'any' ? 'at any moment' : `${place} ${times}`}`.padEnd(32),
      isReached ? '' : 'not reached, killed all the same',
      `from ${job.restoredFrom ?? '–'}, checkpoint ${job.lastCheckpoint ?? '–'}`,
    ]
    console.log(`  ${columns.join('  ')}`)
    return problems
  }

  async #jobDies(job: JobProcess, place: Aim['place']): Promise<boolean> {
    if (place !== 'any') return await until(() => job.hasEnded, reachTimeoutMs)
    await sleep(this.#draw() * 5_000)
    return true
  }

  async #logDies(job: JobProcess, place: Aim['place'], folder: string): Promise<boolean> {
    const broker = this.#stage.broker!
    const file = join(folder, place)
    if (place === 'any') await sleep(1_500 + this.#draw() * 3_000)
    else if (!(await until(() => existsSync(file) || job.hasEnded, reachTimeoutMs)) || job.hasEnded) return false
    await broker.kill()
    // Whatever waits for the log goes on into the void, or waits until it is back.
    const goesOnBefore = this.#draw() < 0.5
    if (goesOnBefore) rmSync(file, { force: true })
    await sleep(this.#draw() * 500)
    await broker.start()
    rmSync(file, { force: true })
    await sleep(this.#draw() * 3_000)
    return true
  }

  async #check(isComplete: boolean): Promise<readonly string[]> {
    const found = await readCommitted<Outcome>(this.#stage.bootstrap, this.#stage.topics.to)
    const { outcomes } = this.#producer.expected
    console.log(`      read with kafkajs: ${formatNumber(found.length)} outcomes of ${formatNumber(outcomes.size)}`)
    return problemsOf(found, outcomes, isComplete)
  }

  /** Nothing is killed any more: all that was written must come out, and nothing may be left open. */
  async #lastLife(): Promise<readonly string[]> {
    await this.#producer.end()
    const job = this.#stage.startJob(this.#options.parallelism)
    let isCaughtUp = false
    for (const startMs = performance.now(); !isCaughtUp && !job.hasEnded && performance.now() - startMs < 90_000; await sleep(200)) {
      isCaughtUp = (await this.#stage.lag()) === 0
    }
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

async function killTest(options: KillTestOptions): Promise<number> {
  const { bootstrap, keep, kills, seed } = options
  const stage = await LogStage.set({ bootstrap, checkpointInterval, keep })
  console.log(`\nkill -9, ${kills} times (seed ${seed}), log and checkpoints in ${stage.folder}\n`)
  try {
    return await new KillTest(options, stage).run()
  } finally {
    await stage.close()
  }
}

try {
  process.exit(await killTest(readOptions()))
} catch (error) {
  console.error(`\n${styleText('red', (error as Error).message)}`)
  process.exit(1)
}
