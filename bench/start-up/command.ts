/** The `millrace` command in a process of its own, seen from outside. */
import { spawn, type ChildProcess } from 'node:child_process'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

const root = join(import.meta.dirname, '../..')

/** As published, compiled, or the TypeScript sources as they are. */
export type Build = 'compiled' | 'source'

/** A process that runs a job; lines that the job prints are handed on as they come. */
export class JobCommand {
  readonly child: ChildProcess
  readonly closed: Promise<void>
  readonly #spawnedMs: number = performance.now()
  #stderr = ''

  constructor(build: Build, job: string, flags: readonly string[], onLine: (line: string, sinceSpawnMs: number) => void) {
    const main = build === 'compiled' ? 'packages/millrace/dist/bin.js' : 'packages/millrace/src/bin.ts'
    const node = build === 'compiled' ? [] : ['--conditions=@millrace/source']
    this.child = spawn(process.execPath, [...node, join(root, main), 'run', resolve(import.meta.dirname, job), ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: root,
    })
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#stderr = (this.#stderr + text).slice(-4_000)))
    createInterface({ input: this.child.stdout! }).on('line', (line) => onLine(line, performance.now() - this.#spawnedMs))
    this.closed = new Promise((resolve, reject) => this.child.on('error', reject).on('close', () => resolve()))
  }

  get stderr(): string {
    return this.#stderr
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.closed
  }
}

/** Milliseconds from the start of the process to the first line that the job prints, and that line. The process is then killed. */
export async function firstOutput(
  build: Build,
  job: string,
  flags: readonly string[],
): Promise<{ readonly ms: number; readonly line: string }> {
  let command: JobCommand | undefined
  const first = new Promise<{ ms: number; line: string }>((resolve) => {
    command = new JobCommand(build, job, flags, (line, ms) => resolve({ ms, line }))
  })
  const ended = command!.closed.then(() => undefined)
  const outcome = await Promise.race([first, ended])
  await command!.kill()
  if (outcome === undefined) throw new Error(`${job}: ended without output\n${command!.stderr}`)
  return outcome
}
