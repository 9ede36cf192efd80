import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const root = join(import.meta.dirname, '../..')

export interface JobStart {
  /** The job's file, from the root of the repository. */
  readonly file: string
  readonly parallelism: number
  readonly checkpointInterval: string
  /** Where its state is, and its working directory. */
  readonly stateDir: string
  readonly params: Readonly<Record<string, string>>
  readonly environment?: Readonly<Record<string, string>>
  /** What `npm run build` has made, which starts faster, instead of the sources. */
  readonly isBuilt?: boolean
}

/** What `millrace run --output json` says, as far as it is of use here. */
interface EventLine {
  readonly kind: string
  readonly timeMs: number
  readonly attempt?: number
  readonly restored?: { readonly id: number }
  readonly checkpoint?: { readonly id: number }
  readonly final?: boolean
  readonly message?: string
  readonly record?: { readonly message?: string }
  readonly failure?: { readonly error: { readonly message: string } }
  readonly result?: { readonly state: string; readonly failure?: { readonly error: { readonly message: string } } }
}

/** One life of a job: `millrace run` in a process of its own. */
export class JobProcess {
  readonly spawnedMs: number = Date.now()
  readonly closed: Promise<number | null>
  /** When it said that it had started, and from which checkpoint. */
  startedMs: number | undefined
  restoredFrom: number | undefined
  /** When its first checkpoint of this life was complete, and the last one. */
  firstCheckpointMs: number | undefined
  lastCheckpoint: number | undefined
  finalCheckpoint = false
  /** Restarts and failures that it reported: there should be none. */
  readonly troubles: string[] = []
  /** Warnings, and what else it noted. */
  readonly notes: string[] = []
  readonly #child: ChildProcess
  #stderr = ''

  constructor({ file, parallelism, checkpointInterval, stateDir, params, environment = {}, isBuilt = false }: JobStart) {
    const flags = [
      `--parallelism=${parallelism}`,
      '--restore=latest',
      `--checkpoint-interval=${checkpointInterval}`,
      `--state-dir=${stateDir}`,
      '--output=json',
      ...Object.entries(params).map(([name, text]) => `--param=${name}=${text}`),
    ]
    const program = isBuilt ? ['packages/millrace/dist/bin.js'] : ['--conditions=@millrace/source', 'packages/millrace/src/bin.ts']
    const command = [...program.slice(0, -1), join(root, program.at(-1)!), 'run', join(root, file), ...flags]
    const env = { ...process.env, ...environment }
    const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'], cwd: stateDir, env })
    this.#child = child
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr = (this.#stderr + text).slice(-10_000)))
    createInterface({ input: child.stdout }).on('line', (line) => this.#hear(line))
    this.closed = new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
  }

  get pid(): number {
    return this.#child.pid!
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** Whether it ended without having been killed. */
  get hasExited(): boolean {
    return this.#child.exitCode !== null
  }

  get stderr(): string {
    return this.#stderr
  }

  /** `kill -9`: the process has no chance to do anything any more. */
  async kill(): Promise<void> {
    if (!this.hasEnded) process.kill(this.pid, 'SIGKILL')
    await this.closed
  }

  /** Asks for a final checkpoint and the end; answers the exit code. */
  async stop(): Promise<number | null> {
    if (!this.hasEnded) process.kill(this.pid, 'SIGTERM')
    return await this.closed
  }

  #hear(line: string): void {
    const event = parseEvent(line)
    if (event === undefined) return
    if (event.record?.message !== undefined) this.notes.push(event.record.message)
    if (event.message !== undefined) this.notes.push(event.message)
    if (event.kind === 'started') {
      this.startedMs ??= event.timeMs
      this.restoredFrom ??= event.restored?.id
    } else if (event.kind === 'checkpoint-completed') {
      this.firstCheckpointMs ??= event.timeMs
      this.lastCheckpoint = event.checkpoint?.id
      this.finalCheckpoint ||= event.final === true
    } else if (event.kind === 'restarting' || event.kind === 'checkpoint-failed') {
      this.troubles.push(`${event.kind}: ${event.failure?.error.message ?? line}`)
    } else if (event.kind === 'ended' && event.result?.state === 'failed') {
      this.troubles.push(`failed: ${event.result.failure?.error.message}`)
    }
  }
}

/** The last line of a process that was killed may be half a line. */
function parseEvent(line: string): EventLine | undefined {
  try {
    return JSON.parse(line) as EventLine
  } catch {
    return undefined
  }
}
