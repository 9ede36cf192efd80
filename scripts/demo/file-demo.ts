// npm run demo:file: a web server's log grows, a job counts the requests per path, is killed with `kill -9`, comes back, and is right.
import { parseArgs, styleText } from 'node:util'
import { someSeed, switchOption, textOption, wholeNumber } from './command-line.ts'
import { drawsOf } from './draws.ts'
import type { JobProcess } from './job-process.ts'
import { stageScreen, type StageScreen } from './stage-screen.ts'
import { nginxLog, sleep, Stage, until } from './stage.ts'
import { formatNumber, judge, problemText, verdictTable } from './verdict.ts'
import { recount, total } from './counts.ts'
import { readLog } from './growing-log.ts'

const usage = `npm run demo:file -- [options]

  --kills N      how often the job is killed (3)
  --seconds N    how long the log grows (20)
  --rate N       lines a second (4000)
  -p N           parallelism of the job (2)
  --log PATH     another access log (${nginxLog})
  --seed N       draws the moments of the kills (at random)
  --keep         keep the folder with log, output and checkpoints`

interface DemoOptions {
  readonly kills: number
  readonly seconds: number
  readonly rate: number
  readonly parallelism: number
  readonly log: string
  readonly seed: number
  readonly keep: boolean
}

const checkpointInterval = '500ms'
const downMs = 400

function readOptions(): DemoOptions {
  const { values } = parseArgs({
    options: {
      kills: textOption('3'),
      seconds: textOption('20'),
      rate: textOption('4000'),
      p: { ...textOption('2'), short: 'p' },
      log: textOption(nginxLog),
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
    kills: wholeNumber('--kills', values.kills, 0, usage),
    seconds: wholeNumber('--seconds', values.seconds, 1, usage),
    rate: wholeNumber('--rate', values.rate, 1, usage),
    parallelism: wholeNumber('-p', values.p, 1, usage),
    log: values.log,
    seed: wholeNumber('--seed', values.seed, 0, usage),
    keep: values.keep,
  }
}

/** When to kill, in milliseconds: at random, one in each of as many equal parts of the time. */
function killMoments({ kills, seconds, seed }: DemoOptions): readonly number[] {
  const draw = drawsOf(seed)
  const spanMs = (seconds * 1_000 - 2_000) / Math.max(1, kills)
  return Array.from({ length: kills }, (_, index) => 1_500 + (index + draw()) * Math.max(0, spanMs))
}

/** Says when the job is up, and when it has published again. */
async function announceStart(job: JobProcess, screen: StageScreen, stage: Stage): Promise<void> {
  const linesBefore = stage.published.numLines
  await until(() => job.startedMs !== undefined || job.hasEnded, 20_000)
  if (job.startedMs === undefined) return
  const from = job.restoredFrom === undefined ? 'without state' : styleText('green', `from checkpoint ${job.restoredFrom}`)
  screen.say(`started in ${formatNumber(job.startedMs - job.spawnedMs)} ms, ${from} (pid ${job.pid})`)
  const published = await until(() => stage.published.numLines > linesBefore || job.hasEnded, 20_000)
  if (published && !job.hasEnded) screen.say(`publishes ${formatNumber(Date.now() - job.spawnedMs)} ms after its start`)
}

async function live(options: DemoOptions, stage: Stage, screen: StageScreen): Promise<JobProcess> {
  let job = stage.startJob(options.parallelism)
  void announceStart(job, screen, stage)
  stage.log.start()
  const startMs = performance.now()
  for (const momentMs of killMoments(options)) {
    await sleep(startMs + momentMs - performance.now())
    failIfEnded(job)
    await job.kill()
    screen.say(styleText('red', `kill -9 ${job.pid}`) + `, at checkpoint ${job.lastCheckpoint ?? 'none yet'}`)
    await sleep(downMs)
    job = stage.startJob(options.parallelism)
    void announceStart(job, screen, stage)
  }
  await sleep(startMs + options.seconds * 1_000 - performance.now())
  return job
}

function failIfEnded(job: JobProcess): void {
  if (job.hasEnded) throw new Error(`the job has ended by itself\n${[...job.troubles, job.stderr].join('\n')}`)
}

async function finish(job: JobProcess, stage: Stage, screen: StageScreen): Promise<number> {
  stage.log.stop()
  const requests = total(recount(await readLog(stage.folders.input)))
  screen.say(`the log is complete: ${formatNumber(stage.log.appended)} lines, ${formatNumber(requests)} of them requests`)
  await until(() => stage.published.numLines >= requests || job.hasEnded, 20_000)
  failIfEnded(job)
  const exitCode = await job.stop()
  screen.say(`SIGTERM: ${job.finalCheckpoint ? `final checkpoint ${job.lastCheckpoint}` : 'no final checkpoint'}, exit code ${exitCode}`)
  screen.close()
  const verdict = await judge(stage)
  const problems = [
    ...verdict.problems,
    ...job.troubles,
    ...(exitCode === 0 && job.finalCheckpoint ? [] : ['the job did not stop cleanly']),
  ]
  console.log(`\n${verdictTable(verdict, 10)}\n`)
  if (problems.length > 0) {
    console.log(`${problemText(problems)}\n`)
    return 1
  }
  console.log(styleText('green', `  Right: each of ${formatNumber(stage.published.numLines)} counts is there, each exactly once.\n`))
  return 0
}

async function demo(options: DemoOptions): Promise<number> {
  const stage = await Stage.set({ log: options.log, linesPerSecond: options.rate, checkpointInterval, keep: options.keep })
  const screen = stageScreen(stage)
  const { kills, seconds, rate, parallelism, seed } = options
  console.log(`
${styleText('bold', 'Millrace')}: requests per path of a web server, counted exactly once by a job that is killed ${kills} times

  log  ${formatNumber(rate)} lines a second for ${seconds} s, to ${stage.folders.input}
  job  millrace run examples/01-access-count.ts -p ${parallelism} --restore latest --checkpoint-interval ${checkpointInterval}
  seed ${seed}
`)
  screen.open()
  try {
    const job = await live(options, stage, screen)
    return await finish(job, stage, screen)
  } finally {
    screen.close()
    if (options.keep) console.log(`  kept: ${stage.folder}\n`)
  }
}

try {
  process.exit(await demo(readOptions()))
} catch (error) {
  console.error(`\n${styleText('red', (error as Error).message)}`)
  process.exit(1)
}
