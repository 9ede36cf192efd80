// npm run kill-test -- --kills 20: the demo's job, killed with `kill -9` at random moments of every kind, and checked after each of its lives.
import { readdirSync, watch } from 'node:fs'
import { join } from 'node:path'
import { parseArgs, styleText } from 'node:util'
import { recount, total } from './counts.ts'
import { drawsOf } from './draws.ts'
import { readLog } from './growing-log.ts'
import type { JobProcess } from './job-process.ts'
import { nginxLog, sleep, Stage, until } from './stage.ts'
import { formatNumber, judge, problemText } from './verdict.ts'

const usage = `npm run kill-test -- [options]

  --kills N      how often the job is killed (20)
  --rate N       lines a second that the log grows by (4000)
  -p N           parallelism of the job (2)
  --rescale      another parallelism from 1 to 4 in each life
  --log PATH     another access log (${nginxLog})
  --seed N       draws kinds and moments of the kills (at random)
  --keep         keep the folder with log, output and checkpoints; it is kept in any case if something is wrong`

interface KillTestOptions {
  readonly kills: number
  readonly rate: number
  readonly parallelism: number
  readonly rescale: boolean
  readonly log: string
  readonly seed: number
  readonly keep: boolean
}

/** When a life ends: at any moment, while the job starts, while a checkpoint is written, while output is published. */
const aims = ['any', 'start', 'checkpoint', 'publish'] as const
type Aim = (typeof aims)[number]

const aimTimeoutMs = 10_000

function readOptions(): KillTestOptions {
  const text = (value: string): { readonly type: 'string'; readonly default: string } => ({ type: 'string', default: value })
  const flag = { type: 'boolean', default: false } as const
  const { values } = parseArgs({
    options: {
      kills: text('20'),
      rate: text('4000'),
      p: { ...text('2'), short: 'p' },
      log: text(nginxLog),
      seed: text(String(Date.now() % 1_000_000)),
      rescale: flag,
      keep: flag,
      help: flag,
    },
  })
  if (values.help) {
    console.log(usage)
    process.exit(0)
  }
  const whole = (name: 'kills' | 'rate' | 'p' | 'seed', least: number): number => {
    const value = Number(values[name])
    if (!Number.isInteger(value) || value < least) throw new Error(`--${name} must be a whole number, at least ${least}\n\n${usage}`)
    return value
  }
  const { rescale, log, keep } = values
  return { kills: whole('kills', 1), rate: whole('rate', 1), parallelism: whole('p', 1), seed: whole('seed', 0), rescale, log, keep }
}

/** Waits for the moment at which this life is to end. */
async function moment(aim: Aim, draw: () => number, job: JobProcess, stage: Stage): Promise<void> {
  if (aim === 'any') return await sleep(draw() * 2_500)
  if (aim === 'start') return await sleep(draw() * 900)
  await until(() => job.startedMs !== undefined || job.hasEnded, aimTimeoutMs)
  // Not always the first of this life.
  await sleep(draw() * 1_200)
  if (aim === 'checkpoint') await somethingNew(join(stage.folders.state, 'access-count/checkpoints'), /^chk-\d+$/)
  else await somethingNew(stage.folders.output, /^[^.]/)
  // At once as often as not: what is to be hit takes a few milliseconds.
  const delayMs = draw() * 8 - 4
  if (delayMs > 0) await sleep(delayMs)
}

/** Waits until a name that matches is made in a folder. */
async function somethingNew(folder: string, name: RegExp): Promise<void> {
  await until(() => exists(folder), aimTimeoutMs)
  const before = new Set(readdirSync(folder))
  await new Promise<void>((resolve) => {
    const watcher = watch(folder, (_, changed) => {
      if (changed !== null && name.test(changed) && !before.has(changed)) end()
    })
    const timer = setTimeout(end, aimTimeoutMs)
    function end(): void {
      clearTimeout(timer)
      watcher.close()
      resolve()
    }
  })
}

function exists(folder: string): boolean {
  try {
    readdirSync(folder)
    return true
  } catch {
    return false
  }
}

/** What a crash has left half done, as far as it can be seen from outside. */
function remains(stage: Stage): string {
  const unpublished = exists(stage.folders.output) ? readdirSync(stage.folders.output).filter((name) => name.startsWith('.')).length : 0
  const checkpoints = join(stage.folders.state, 'access-count/checkpoints')
  const unfinished = exists(checkpoints)
    ? readdirSync(checkpoints).filter((name) => name.startsWith('chk-') && !readdirSync(join(checkpoints, name)).includes('_metadata'))
        .length
    : 0
  return `left ${unpublished} unpublished files${unfinished > 0 ? `, ${unfinished} unfinished checkpoint` : ''}`
}

async function oneLife(number: number, options: KillTestOptions, draw: () => number, stage: Stage): Promise<readonly string[]> {
  const parallelism = options.rescale ? 1 + Math.floor(draw() * 4) : options.parallelism
  const aim = aims[Math.floor(draw() * aims.length)]!
  const job = stage.startJob(parallelism)
  await moment(aim, draw, job, stage)
  const endedByItself = job.hasEnded
  const livedMs = Date.now() - job.spawnedMs
  await job.kill()
  const problems = [...(endedByItself ? [`it ended by itself: ${job.stderr}`] : []), ...job.troubles, ...(await stage.problemsSoFar())]
  const started =
    job.startedMs === undefined
      ? 'not started'
      : `started in ${formatNumber(job.startedMs - job.spawnedMs)} ms ${job.restoredFrom === undefined ? 'without state' : `from ${job.restoredFrom}`}`
  const mark = problems.length === 0 ? styleText('green', '✓') : styleText('red', '✗')
  console.log(
    `  ${mark} life ${String(number).padStart(2)}  -p ${parallelism}  killed after ${formatNumber(livedMs).padStart(5)} ms, aim: ${aim.padEnd(10)}  ${started.padEnd(32)}  at checkpoint ${String(job.lastCheckpoint ?? '–').padEnd(4)} ${formatNumber(stage.published.numLines).padStart(8)} published, ${remains(stage)}`,
  )
  return problems
}

/** The last life, which is stopped when it has read everything. */
async function lastLife(options: KillTestOptions, stage: Stage): Promise<readonly string[]> {
  stage.log.stop()
  const requests = total(recount(await readLog(stage.folders.input)))
  const job = stage.startJob(options.parallelism)
  await until(() => {
    stage.published.refresh()
    return stage.published.numLines >= requests || job.hasEnded
  }, 30_000)
  const exitCode = await job.stop()
  const verdict = await judge(stage)
  console.log(`\n  the last life ended with exit code ${exitCode}, from checkpoint ${job.restoredFrom}`)
  console.log(
    `  log ${formatNumber(stage.log.appended)} lines, ${formatNumber(requests)} requests; published ${formatNumber(stage.published.numLines)} counts in ${stage.published.numFiles} files`,
  )
  return [...(exitCode === 0 ? [] : [`exit code ${exitCode}: ${job.stderr}`]), ...job.troubles, ...verdict.problems]
}

async function killTest(options: KillTestOptions): Promise<number> {
  const stage = await Stage.set({ log: options.log, linesPerSecond: options.rate, checkpointInterval: '500ms', keep: options.keep })
  const draw = drawsOf(options.seed)
  console.log(`\nkill -9, ${options.kills} times (seed ${options.seed}), log, output and checkpoints in ${stage.folder}\n`)
  stage.log.start()
  const problems: string[] = []
  for (let number = 1; number <= options.kills && problems.length === 0; number++) {
    problems.push(...(await oneLife(number, options, draw, stage)))
  }
  if (problems.length === 0) problems.push(...(await lastLife(options, stage)))
  if (problems.length === 0) {
    console.log(styleText('green', `  Right: every request is counted once and written once.\n`))
    return 0
  }
  stage.keep()
  console.log(`\n${problemText(problems)}\n\n  kept: ${stage.folder}\n`)
  return 1
}

try {
  process.exit(await killTest(readOptions()))
} catch (error) {
  console.error(`\n${styleText('red', (error as Error).message)}`)
  process.exit(1)
}
