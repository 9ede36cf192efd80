// npm run kill-test -- --kills 20: the demo's job, killed with `kill -9` at random moments of every kind, and checked after each of its lives.
import { existsSync, readdirSync, watch } from 'node:fs'
import { join } from 'node:path'
import { parseArgs, styleText } from 'node:util'
import { askJob, controlSocketOf } from '@millrace/engine/control'
import { hdfs, remoteCredentials, s3 } from '../servers/remote-kind.ts'
import { TestServer } from '../servers/server.ts'
import { someSeed, switchOption, textOption, wholeNumber } from './command-line.ts'
import { recount, total } from './counts.ts'
import { drawsOf } from './draws.ts'
import { readLog } from './growing-log.ts'
import { formatKillPoint, places, type Place } from './kill-points/places.ts'
import type { JobProcess } from './job-process.ts'
import { nginxLog, sleep, Stage, until } from './stage.ts'
import { formatNumber, judge, problemText } from './verdict.ts'

/** When a life ends: at any moment, while the job starts, while a checkpoint is written, while output is published; or at a named place. */
const aims = ['any', 'start', 'checkpoint', 'publish', ...places] as const
type Aim = (typeof aims)[number]

const usage = `npm run kill-test -- [options]

  --kills N      how often the job is killed (20)
  --rate N       lines a second that the log grows by (4000)
  -p N           parallelism of the job (2)
  --rescale      another parallelism from 1 to 4 in each life
  --log PATH     another access log (${nginxLog})
  --backend B    state backend of the job, heap or rocksdb (heap)
  --storage S    where its checkpoints are: folder, s3 or hdfs, which are started here (folder)
  --only REGEX   only moments that match: ${aims.join(', ')}
  --seed N       draws kinds and moments of the kills (at random)
  --keep         keep the folder with log, output and checkpoints; it is kept in any case if something is wrong

Options of the job come from the environment: MILLRACE_CHECKPOINTING_LOCAL_COPIES=true, MILLRACE_CHECKPOINTING_FILE_MERGING_ENABLED=true.`

interface KillTestOptions {
  readonly kills: number
  readonly rate: number
  readonly parallelism: number
  readonly rescale: boolean
  readonly log: string
  readonly backend: string
  readonly storage: string
  readonly aims: readonly Aim[]
  readonly seed: number
  readonly keep: boolean
}

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
      storage: textOption('folder'),
      only: textOption(''),
      rescale: switchOption,
      keep: switchOption,
      help: switchOption,
    },
  })
  if (values.help) {
    console.log(usage)
    process.exit(0)
  }
  const { backend, storage } = values
  if (!['heap', 'rocksdb'].includes(backend) || !['folder', 's3', 'hdfs'].includes(storage)) throw new Error(usage)
  const chosen = aims.filter((aim) => new RegExp(values.only).test(aim) && (storage === 'folder' || aim !== 'checkpoint'))
  if (chosen.length === 0) throw new Error(`--only matches no moment\n\n${usage}`)
  return {
    kills: wholeNumber('--kills', values.kills, 1, usage),
    rate: wholeNumber('--rate', values.rate, 1, usage),
    parallelism: wholeNumber('-p', values.p, 1, usage),
    rescale: values.rescale,
    log: values.log,
    backend,
    storage,
    aims: chosen,
    seed: wholeNumber('--seed', values.seed, 0, usage),
    keep: values.keep,
  }
}

/** Waits for the moment at which this life is to end. */
async function moment(aim: Exclude<Aim, Place>, draw: () => number, job: JobProcess, stage: Stage): Promise<void> {
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

/** Where a job is to kill itself. */
function killPoint(place: Place, draw: () => number, stage: Stage): Readonly<Record<string, string>> {
  const times = place.includes('savepoint') ? 1 : 1 + Math.floor(draw() * 4)
  return {
    NODE_OPTIONS: `--import=${new URL('kill-points/preload.ts', import.meta.url).href}`,
    KILL_POINT: formatKillPoint({ place, times }),
    KILL_POINT_OUTPUT: stage.folders.output,
  }
}

/** Waits until the job has killed itself there; answers whether it has. */
async function dies(place: Place, draw: () => number, job: JobProcess, stage: Stage): Promise<boolean> {
  await until(() => job.startedMs !== undefined || job.hasEnded, aimTimeoutMs)
  if (place.includes('savepoint')) {
    await sleep(draw() * 600)
    const dir = savepointsOf(stage)
    const request = draw() < 0.6 ? ({ do: 'savepoint', dir } as const) : ({ do: 'stop', savepoint: true, dir, drain: false } as const)
    // Its process is to die meanwhile.
    askJob(controlSocketOf(stage.folders.state, 'access-count'), request).catch(() => {})
  }
  await until(() => job.hasEnded, aimTimeoutMs)
  return job.hasEnded && !job.hasExited
}

function savepointsOf(stage: Stage): string {
  const place = process.env['MILLRACE_CHECKPOINTING_DIR']
  return place === undefined ? join(stage.folder, 'savepoints') : `${place}/savepoints`
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

/** Metadata, also of a checkpoint that a start has passed over. */
const whole = /^_metadata(\.given-up)?$/

interface Remains {
  readonly unpublished: number
  readonly unfinishedCheckpoints: number
  readonly unfinishedSavepoints: number
}

/** What a crash has left half done, as far as it can be seen from outside. */
function remainsOf(stage: Stage): Remains {
  const checkpoints = join(stage.folders.state, 'access-count/checkpoints')
  const isUnfinished = (name: string): boolean =>
    name.startsWith('chk-') && !namesIn(join(checkpoints, name)).some((file) => whole.test(file))
  const savepoints = join(stage.folder, 'savepoints')
  return {
    unpublished: namesIn(stage.folders.output).filter((name) => name.startsWith('.')).length,
    unfinishedCheckpoints: namesIn(checkpoints).filter(isUnfinished).length,
    unfinishedSavepoints: namesIn(savepoints).filter((name) => !namesIn(join(savepoints, name)).includes('_metadata')).length,
  }
}

async function oneLife(number: number, options: KillTestOptions, draw: () => number, stage: Stage, deck: Deck): Promise<readonly string[]> {
  const parallelism = options.rescale ? 1 + Math.floor(draw() * 4) : options.parallelism
  const aim = deck.next(draw)
  const place = places.find((name) => name === aim)
  const before = remainsOf(stage)
  const isHalf = before.unfinishedCheckpoints > 0 || deck.last === 'upload'
  const job = stage.startJob(parallelism, place === undefined ? {} : killPoint(place, draw, stage))
  if (place === undefined) await moment(aim as Exclude<Aim, Place>, draw, job, stage)
  const isThere = place === undefined || (await dies(place, draw, job, stage))
  deck.ended(aim, isThere)
  // Asked for a savepoint and the end, it may come to its end.
  const endedByItself = place === undefined ? job.hasEnded : job.hasExited && !(place.includes('savepoint') && job.troubles.length === 0)
  const livedMs = Date.now() - job.spawnedMs
  await job.kill()
  const silent = job.startedMs !== undefined && isHalf && !job.notes.some((note) => note.includes('left behind is removed'))
  const forgotten =
    job.startedMs !== undefined &&
    before.unfinishedSavepoints > 0 &&
    !job.notes.some((note) => note.includes('savepoint was not completed'))
  const problems = [
    ...(endedByItself ? [`it ended by itself: ${job.stderr}`] : []),
    ...(silent ? [`it said nothing of half a checkpoint that it found: ${job.notes.join('; ')}`] : []),
    ...(forgotten ? [`it said nothing of half a savepoint that it found: ${job.notes.join('; ')}`] : []),
    ...job.troubles,
    ...(await stage.problemsSoFar()),
  ]
  const started =
    job.startedMs === undefined
      ? 'not started'
      : `started in ${formatNumber(job.startedMs - job.spawnedMs)} ms ${job.restoredFrom === undefined ? 'without state' : `from ${job.restoredFrom}`}`
  const mark = problems.length === 0 ? styleText('green', '✓') : styleText('red', '✗')
  const { unpublished, unfinishedCheckpoints, unfinishedSavepoints } = remainsOf(stage)
  const columns = [
    `${mark} ${String(number).padStart(3)}`,
    `-p ${parallelism}`,
    `${aim}${isThere ? '' : ' (missed)'}`.padEnd(17),
    `killed after ${formatNumber(livedMs).padStart(5)} ms`,
    started.padEnd(29),
    `checkpoint ${String(job.lastCheckpoint ?? '–').padEnd(4)}`,
    `published ${formatNumber(stage.published.numLines).padStart(9)}`,
    `left ${unpublished} hidden files${unfinishedCheckpoints > 0 ? ', half a checkpoint' : ''}${unfinishedSavepoints > 0 ? ', half a savepoint' : ''}`,
  ]
  console.log(`  ${columns.join('  ')}`)
  return problems
}

/** The last life, which is stopped when it has read everything. */
async function lastLife(options: KillTestOptions, stage: Stage): Promise<readonly string[]> {
  stage.log.stop()
  const requests = total(recount(await readLog(stage.folders.input)))
  const job = stage.startJob(options.parallelism)
  // The log may be far ahead by now: as long as it takes, while anything is published.
  for (let before = -1; before < stage.published.numLines;) {
    before = stage.published.numLines
    await until(() => {
      stage.published.refresh()
      return stage.published.numLines > before || job.hasEnded
    }, 30_000)
    if (stage.published.numLines >= requests) break
  }
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
    ...(remains.unfinishedSavepoints > 0 ? [`${remains.unfinishedSavepoints} unfinished savepoints were never removed`] : []),
    ...(remains.unfinishedCheckpoints > 0 ? [`${remains.unfinishedCheckpoints} unfinished checkpoints were never removed`] : []),
  ]
}

/** Deals the moments out in turn, in another order each time; what was missed comes again soon. */
class Deck {
  readonly #aims: readonly Aim[]
  readonly #hits = new Map<Aim, number>()
  #left: Aim[] = []
  /** What the last life was ended by. */
  last: Aim | undefined

  constructor(chosen: readonly Aim[]) {
    this.#aims = chosen
  }

  next(draw: () => number): Aim {
    if (this.#left.length === 0) this.#left = [...this.#aims]
    return this.#left.splice(Math.floor(draw() * this.#left.length), 1)[0]!
  }

  ended(aim: Aim, isHit: boolean): void {
    this.last = isHit ? aim : undefined
    if (isHit) this.#hits.set(aim, (this.#hits.get(aim) ?? 0) + 1)
  }

  get told(): string {
    return this.#aims.map((aim) => `${aim} ${this.#hits.get(aim) ?? 0}`).join(', ')
  }
}

/** Starts the storage of checkpoints; answers how a job finds it, and what ends it. */
async function startStorage(name: string): Promise<TestServer | undefined> {
  if (name === 'folder') return undefined
  const kind = name === 's3' ? s3 : hdfs
  const server = await TestServer.build(kind.name)
  if (typeof server === 'string') throw new Error(server)
  await server.start()
  Object.assign(process.env, remoteCredentials, kind.environment(server), { MILLRACE_CHECKPOINTING_DIR: kind.url(server) })
  return server
}

async function killTest(options: KillTestOptions): Promise<number> {
  // To every life of the job. A cache so small that most keys are on disk.
  process.env['MILLRACE_STATE_BACKEND'] = options.backend
  if (options.backend === 'rocksdb') process.env['MILLRACE_STATE_CACHE_SIZE'] ??= '4KiB'
  const server = await startStorage(options.storage)
  try {
    return await killOften(options)
  } finally {
    await server?.remove()
  }
}

async function killOften(options: KillTestOptions): Promise<number> {
  const stage = await Stage.set({ log: options.log, linesPerSecond: options.rate, checkpointInterval: '500ms', keep: options.keep })
  const draw = drawsOf(options.seed)
  const deck = new Deck(options.aims)
  const { kills, backend, storage, seed } = options
  console.log(`\nkill -9, ${kills} times, ${backend}, ${storage} (seed ${seed}), log, output and checkpoints in ${stage.folder}\n`)
  stage.log.start()
  const problems: string[] = []
  for (let number = 1; number <= kills && problems.length === 0; number++) {
    problems.push(...(await oneLife(number, options, draw, stage, deck)))
  }
  if (problems.length === 0) problems.push(...(await lastLife(options, stage)))
  console.log(`\n  hit: ${deck.told}`)
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
