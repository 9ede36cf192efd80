// npm run demo: orders go from one topic to another through a job that is killed with `kill -9`, and so is the log. What comes out is right.
import { parseArgs, styleText } from 'node:util'
import type { Outcome } from '../../examples/05-orders-log-to-log.ts'
import { someSeed, switchOption, textOption, wholeNumber } from './command-line.ts'
import { drawsOf } from './draws.ts'
import type { JobProcess } from './job-process.ts'
import { LogStage } from './log/log-stage.ts'
import { OrderProducer } from './log/order-producer.ts'
import { problemsOf } from './log/orders.ts'
import { readCommitted } from './log/outside-reader.ts'
import { Screen } from './screen.ts'
import { sleep, until } from './stage.ts'
import { formatNumber, problemText } from './verdict.ts'

const usage = `npm run demo -- [options]

  --bootstrap HOST:PORT  another cluster that speaks Kafka's protocol, Apache Kafka for example; it is not killed
  --kills N              how often the job is killed (3)
  --seconds N            how long orders are placed (20)
  --rate N               events a second, at most (full speed)
  -p N                   parallelism of the job (2)
  --seed N               draws orders and the moments of the kills (at random)
  --keep                 keep the folder with log and checkpoints`

interface DemoOptions {
  readonly bootstrap: string | undefined
  readonly kills: number
  readonly seconds: number
  readonly rate: number
  readonly parallelism: number
  readonly seed: number
  readonly keep: boolean
}

const checkpointInterval = '1s'
const downMs = 400
/** So far behind the job may fall before no more orders are placed. */
const lagMax = 300_000

function readOptions(): DemoOptions {
  const { values } = parseArgs({
    options: {
      bootstrap: { type: 'string' },
      kills: textOption('3'),
      seconds: textOption('20'),
      rate: textOption('1000000'),
      p: { ...textOption('2'), short: 'p' },
      seed: textOption(someSeed()),
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
    kills: wholeNumber('--kills', values.kills, 0, usage),
    seconds: wholeNumber('--seconds', values.seconds, 1, usage),
    rate: wholeNumber('--rate', values.rate, 1, usage),
    parallelism: wholeNumber('-p', values.p, 1, usage),
    seed: wholeNumber('--seed', values.seed, 0, usage),
    keep: values.keep,
  }
}

interface Victim {
  readonly atMs: number
  readonly what: 'job' | 'broker'
}

/** Who is killed when, in milliseconds: at random, one in each of as many equal parts of the time; the broker in the middle. */
function victims({ kills, seconds, seed, bootstrap }: DemoOptions): readonly Victim[] {
  const draw = drawsOf(seed)
  const numKills = kills + (bootstrap === undefined && kills > 0 ? 1 : 0)
  const spanMs = (seconds * 1_000 - 2_500) / Math.max(1, numKills)
  const brokerIndex = bootstrap === undefined ? Math.floor(numKills / 2) : -1
  return Array.from({ length: numKills }, (_, index) => ({
    atMs: 2_000 + (index + draw()) * Math.max(0, spanMs),
    what: index === brokerIndex ? 'broker' : 'job',
  }))
}

class Demo {
  readonly #options: DemoOptions
  readonly #stage: LogStage
  readonly #producer: OrderProducer
  readonly #screen: Screen<'written' | 'published'>
  readonly #jobs: JobProcess[] = []
  #lag = 0
  #published = 0
  #isWatching = true

  constructor(options: DemoOptions, stage: LogStage) {
    this.#options = options
    this.#stage = stage
    this.#producer = new OrderProducer(stage.client, {
      topic: stage.topics.from,
      seed: options.seed,
      perSecond: options.rate,
      mayWrite: () => this.#lag < lagMax,
    })
    this.#screen = new Screen({
      sample: () => ({ written: this.#producer.written, published: this.#published }),
      status: (figures, rates) => {
        const column = (name: 'written' | 'published'): string =>
          `${formatNumber(figures[name]).padStart(9)} ${formatNumber(rates[name]).padStart(7)}/s`
        const checkpoint = String(this.#jobs.at(-1)?.lastCheckpoint ?? '–')
        return `orders ${column('written')}  outcomes ${column('published')}  lag ${formatNumber(this.#lag).padStart(7)}  checkpoint ${checkpoint}  lives ${this.#jobs.length}`
      },
    })
  }

  async run(): Promise<number> {
    this.#screen.open()
    const watching = this.#watch()
    try {
      await this.#live()
      await this.#drain()
    } finally {
      this.#isWatching = false
      this.#screen.close()
      await watching
    }
    return await this.#judge()
  }

  async #live(): Promise<void> {
    this.#startJob()
    this.#producer.start()
    const startMs = performance.now()
    for (const { atMs, what } of victims(this.#options)) {
      await sleep(startMs + atMs - performance.now())
      if (what === 'broker') await this.#killBroker()
      else await this.#killJob()
    }
    await sleep(startMs + this.#options.seconds * 1_000 - performance.now())
  }

  async #killJob(): Promise<void> {
    const job = this.#jobs.at(-1)!
    failIfEnded(job)
    await job.kill()
    this.#screen.say(styleText('red', `kill -9 ${job.pid}, the job`) + `, at checkpoint ${job.lastCheckpoint ?? 'none yet'}`)
    await sleep(downMs)
    this.#startJob()
  }

  async #killBroker(): Promise<void> {
    const broker = this.#stage.broker!
    const { pid } = broker
    await broker.kill()
    this.#screen.say(styleText('red', `kill -9 ${pid}, the log`))
    await sleep(downMs)
    const startMs = await broker.start()
    this.#screen.say(`the log is back after ${formatNumber(startMs)} ms, on what it had written (pid ${broker.pid})`)
  }

  #startJob(): void {
    const job = this.#stage.startJob(this.#options.parallelism)
    this.#jobs.push(job)
    void until(() => job.startedMs !== undefined || job.hasEnded, 20_000).then(() => {
      if (job.startedMs === undefined) return
      const from = job.restoredFrom === undefined ? 'without state' : styleText('green', `from checkpoint ${job.restoredFrom}`)
      this.#screen.say(`the job started in ${formatNumber(job.startedMs - job.spawnedMs)} ms, ${from} (pid ${job.pid})`)
    })
  }

  /** No more orders; the job catches up, and is stopped. */
  async #drain(): Promise<void> {
    await this.#producer.end()
    const { written, expected } = this.#producer
    this.#screen.say(`all is written: ${formatNumber(written)} events of ${formatNumber(expected.outcomes.size)} orders`)
    const job = this.#jobs.at(-1)!
    let isCaughtUp = false
    for (const startMs = performance.now(); !isCaughtUp && performance.now() - startMs < 60_000; await sleep(100)) {
      failIfEnded(job)
      isCaughtUp = (await this.#stage.lag()) === 0
    }
    const exitCode = await job.stop()
    this.#screen.say(
      `SIGTERM: ${job.finalCheckpoint ? `final checkpoint ${job.lastCheckpoint}` : 'no final checkpoint'}, exit code ${exitCode}`,
    )
    if (!isCaughtUp) throw new Error('the job did not catch up')
    if (exitCode !== 0) throw new Error(`the job did not stop cleanly: ${job.stderr}`)
  }

  /** Keeps the figures of the screen up to date; while the log is down they stand still. */
  async #watch(): Promise<void> {
    while (this.#isWatching) {
      const [lag, published] = await Promise.allSettled([this.#stage.lag(), this.#stage.published()])
      if (lag.status === 'fulfilled') this.#lag = lag.value
      if (published.status === 'fulfilled') this.#published = published.value
      await sleep(200)
    }
  }

  async #judge(): Promise<number> {
    const startMs = performance.now()
    const found = await readCommitted<Outcome>(this.#stage.bootstrap, this.#stage.topics.to)
    const seconds = ((performance.now() - startMs) / 1_000).toFixed(1)
    const expected = this.#producer.expected.outcomes
    const troubles = this.#jobs.flatMap((job) => job.troubles)
    const problems = problemsOf(found, expected, true)
    console.log(`
  read with kafkajs, read committed, in ${seconds} s: ${formatNumber(found.length)} outcomes
  recomputed plainly from ${formatNumber(this.#producer.written)} events: ${formatNumber(expected.size)} outcomes
`)
    if (troubles.length > 0) console.log(`  the job restarted by itself ${troubles.length} times: ${troubles[0]}\n`)
    if (problems.length === 0) {
      console.log(
        styleText('green', `  Right: each of ${formatNumber(expected.size)} orders has its outcome there, once, and none is missing.\n`),
      )
      return 0
    }
    console.log(`${problemText(problems)}\n`)
    return 1
  }
}

function failIfEnded(job: JobProcess): void {
  if (job.hasEnded) throw new Error(`the job has ended by itself\n${[...job.troubles, job.stderr].join('\n')}`)
}

async function demo(options: DemoOptions): Promise<number> {
  const { kills, seconds, parallelism, seed, bootstrap, keep } = options
  const stage = await LogStage.set({ bootstrap, checkpointInterval, keep })
  console.log(`
${styleText('bold', 'Millrace')}: the outcome of each order, exactly once, from log to log

  log  ${bootstrap ?? `one process of its own, at ${stage.bootstrap}, killed ${kills > 0 ? 'once' : 'never'}`}
  job  millrace run examples/05-orders-log-to-log.ts -p ${parallelism} --restore latest --checkpoint-interval ${checkpointInterval}, killed ${kills} times
  in   orders for ${seconds} s, at full speed, seed ${seed}
`)
  try {
    return await new Demo(options, stage).run()
  } finally {
    if (keep) console.log(`  kept: ${stage.folder}\n`)
    await stage.close()
  }
}

try {
  process.exit(await demo(readOptions()))
} catch (error) {
  console.error(`\n${styleText('red', (error as Error).message)}`)
  process.exit(1)
}
