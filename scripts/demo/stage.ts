import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { recount, PublishedCounts, tooMany } from './counts.ts'
import { GrowingLog, readLog } from './growing-log.ts'
import { JobProcess } from './job-process.ts'

export const nginxLog: string = join(import.meta.dirname, '../../examples/data/access.log.gz')

interface JobFolders {
  readonly input: string
  readonly output: string
  readonly state: string
}

export interface StageOptions {
  readonly log: string
  readonly linesPerSecond: number
  readonly checkpointInterval: string
  readonly keep: boolean
}

/** A folder with a log that grows, the job that reads it, life after life, and what the job has published. Nothing of it outlives this process. */
export class Stage {
  readonly folder: string
  readonly folders: JobFolders
  readonly log: GrowingLog
  readonly published: PublishedCounts
  readonly #options: StageOptions
  #job: JobProcess | undefined
  #isKept: boolean

  static async set(options: StageOptions): Promise<Stage> {
    if (!existsSync(options.log)) throw new Error(`there is no log ${options.log}`)
    return new Stage(options, await readLog(options.log))
  }

  private constructor(options: StageOptions, lines: readonly string[]) {
    this.#options = options
    this.#isKept = options.keep
    this.folder = mkdtempSync(join(tmpdir(), 'millrace-demo-'))
    this.folders = { input: join(this.folder, 'access.log'), output: join(this.folder, 'counts'), state: join(this.folder, 'state') }
    mkdirSync(this.folders.state)
    this.log = new GrowingLog(this.folders.input, lines, options.linesPerSecond)
    this.published = new PublishedCounts(this.folders.output)
    process.once('exit', () => this.#clear())
    // Whoever read the output has gone: `| head`.
    process.stdout.on('error', () => process.exit(1))
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
  }

  startJob(parallelism: number, environment: Readonly<Record<string, string>> = {}): JobProcess {
    const { input, output, state } = this.folders
    this.#job = new JobProcess({
      file: 'examples/01-access-count.ts',
      parallelism,
      checkpointInterval: this.#options.checkpointInterval,
      stateDir: state,
      params: { input, output, follow: 'true' },
      environment,
    })
    return this.#job
  }

  /** The folder stays. */
  keep(): void {
    this.#isKept = true
  }

  /** What is wrong with what has been published so far; for a job that is not running. */
  async problemsSoFar(): Promise<readonly string[]> {
    this.published.refresh()
    const log = await readLog(this.folders.input)
    return [...this.published.problems(), ...tooMany(this.published.last(), recount(log))]
  }

  #clear(): void {
    if (this.#job !== undefined && !this.#job.hasEnded) process.kill(this.#job.pid, 'SIGKILL')
    if (!this.#isKept) rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

export async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
}

/** Waits until the condition holds; answers whether it did in time. */
export async function until(condition: () => boolean, limitMs: number): Promise<boolean> {
  for (const startMs = performance.now(); performance.now() - startMs < limitMs; await sleep(20)) if (condition()) return true
  return condition()
}
