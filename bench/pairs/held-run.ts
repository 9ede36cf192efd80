/** `bench/run.ts` of some folder, which stands still (SIGSTOP) whenever nobody waits for its next run. */
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'
import type { ResultLine } from '../run.ts'

export class HeldRun {
  readonly #folder: string
  readonly #child: ChildProcess
  readonly #lines: Interface
  readonly #results: AsyncIterator<string>
  #failure: Error | undefined

  /** `settings`: the query and its flags. */
  constructor(folder: string, settings: readonly string[], repeat: number) {
    this.#folder = folder
    const main = ['--conditions=@millrace/source', '--disable-warning=ExperimentalWarning', 'bench/run.ts']
    this.#child = spawn(process.execPath, [...main, ...settings, `--repeat=${repeat}`, '--json'], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child.on('error', (error) => (this.#failure = new Error(`nothing runs in ${folder}: ${error.message}`)))
    process.once('exit', () => this.close())
    this.#lines = createInterface({ input: this.#child.stdout! })
    this.#results = this.#lines[Symbol.asyncIterator]()
  }

  /** Lets it go on for one run. */
  async next(): Promise<ResultLine> {
    this.#child.kill('SIGCONT')
    const { done, value } = await this.#results.next()
    if (done === true)
      throw this.#failure ?? new Error(`the runs of ${this.#folder} have ended before their number; what they said is above`)
    this.#child.kill('SIGSTOP')
    return JSON.parse(value) as ResultLine
  }

  close(): void {
    this.#lines.close()
    this.#child.kill('SIGKILL')
  }
}
