// npm run kill-test -- --kills 20: the demo's job, killed with `kill -9` at random moments of every kind, and checked after each of its lives.
import { existsSync, readdirSync, watch } from 'node:fs'
import { join } from 'node:path'
import { parseArgs, styleText } from 'node:util'
import { someSeed, switchOption, textOption, wholeNumber } from './command-line.ts'
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
  --backend B    state backend of the job, heap or rocksdb (heap)
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
  const { values } = parseArgs({
    options: {
      kills: textOption('20'),
      rate: textOption('4000'),
      p: { ...textOption('2'), short: 'p' },
      log: textOption(nginxLog),
      seed: textOption(someSeed()),
      backend: textOption('heap'),
      rescale: switchOption,
      keep: switchOption,
      help: switchOption,
    },
  })
  if (values.help) {
    console.log(usage)
    process.exit(0)
  }
  // To every life of the job. A cache so small that most keys are on disk.
  process.env['MILLRACE_STATE_BACKEND'] = values.backend
  if (values.backend === 'rocksdb') process.env['MILLRACE_STATE_CACHE_SIZE'] ??= '4KiB'
  return {
    kills: wholeNumber('--kills', values.kills, 1, usage),
    rate: wholeNumber('--rate', values.rate, 1, usage),
    parallelism: wholeNumber('-p', values.p, 1, usage),
    rescale: values.rescale,
    log: values.log,
    seed: wholeNumber('--seed', values.seed, 0, usage),
    keep: values.keep,
  }
}

/** Waits for the moment at which this life is to end. */
async function moment(aim: Aim, draw: () => number, job: JobProcess, stage: Stage): Promise<void> {
  if (aim === 'any') return await sleep(draw() * 2_500)
  if (aim === 'start') return await sleep(draw() * 900)
  await until(() => job.startedMs !== undefined || job.hasEnded, aimTimeoutMs)
  // Not always the first of this life.
  await sleep(draw() * 1_200)
  // Checkpoints that are not in a folder of this machine cannot be watched.
  if (aim === 'checkpoint' && process.env['MILLRACE_CHECKPOINTING_DIR'] !== undefined) return await sleep(draw() * 500)
  if (aim === 'checkpoint') await somethingNew(join(stage.folders.state, 'access-count/checkpoints'), /^chk-\d+$/)
  else await somethingNew(stage.folders.output, /^[^.]/)
  // At once as often as not: what is to be hit takes a few milliseconds.
  const delayMs = draw() * 8 - 4
  if (delayMs > 0) await sleep(delayMs)
}

/** Waits until a name that matches is made in a folder. */
async function somethingNew(folder: string, name: RegExp): Promise<void> {
  await until(() => existsSync(folder), aimTimeoutMs)
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

function namesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}

interface Remains {
  readonly unpublished: number
  readonly unfinishedCheckpoints: number
}

/** What a crash has left half done, as far as it can be seen from outside. */
function remainsOf(stage: Stage): Remains {
  const checkpoints = join(stage.folders.state, 'access-count/checkpoints')
  const isUnfinished = (name: string): boolean => name.startsWith('chk-') && !namesIn(join(checkpoints, name)).includes('_metadata')
  return {
    unpublished: namesIn(stage.folders.output).filter((name) => name.startsWith('.')).length,
    unfinishedCheckpoints: namesIn(checkpoints).filter(isUnfinished).length,
  }
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
  const { unpublished, unfinishedCheckpoints } = remainsOf(stage)
  const columns = [
    `${mark} ${String(number).padStart(3)}`,
    `-p ${parallelism}`,
    aim.padEnd(10),
    `killed after ${formatNumber(livedMs).padStart(5)} ms`,
    started.padEnd(29),
    `checkpoint ${String(job.lastCheckpoint ?? '–').padEnd(4)}`,
    `published ${formatNumber(stage.published.numLines).padStart(9)}`,
    `left ${unpublished} hidden files${unfinishedCheckpoints > 0 ? ', half a checkpoint' : ''}`,
  ]
  console.log(`  ${columns.join('  ')}`)
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
  const remains = remainsOf(stage)
  return [
    ...(exitCode === 0 ? [] : [`exit code ${exitCode}: ${job.stderr}`]),
    ...job.troubles,
    ...verdict.problems,
    ...(remains.unpublished > 0 ? [`${remains.unpublished} hidden files were never removed`] : []),
    ...(remains.unfinishedCheckpoints > 0 ? [`${remains.unfinishedCheckpoints} unfinished checkpoints were never removed`] : []),
  ]
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
