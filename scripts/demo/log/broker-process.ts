import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** Millrace's log in a process of its own, life after life on one folder and one port. */
export class BrokerProcess {
  readonly #folder: string
  readonly #isBuilt: boolean
  #child: ChildProcess | undefined
  #port = 0
  #stderr = ''

  constructor(folder: string, isBuilt = false) {
    this.#folder = folder
    this.#isBuilt = isBuilt
  }

  get bootstrap(): string {
    return `127.0.0.1:${this.#port}`
  }

  get pid(): number {
    return this.#child!.pid!
  }

  /** Answers after how many milliseconds it was ready. */
  async start(): Promise<number> {
    const startMs = performance.now()
    const source = this.#isBuilt ? [] : ['--conditions=@millrace/source']
    const command = [...source, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'broker.ts')]
    const child = spawn(process.execPath, [...command, this.#folder, String(this.#port)], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr = (this.#stderr + text).slice(-10_000)))
    const line = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).once('line', resolve)
      child.once('error', reject).once('exit', (code) => reject(new Error(`the log has ended with ${code}: ${this.#stderr}`)))
    })
    this.#port = Number(line.split(':').at(-1))
    return performance.now() - startMs
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await ended
  }

  /** For the end of the demo's own process. */
  killNow(): void {
    this.#child?.kill('SIGKILL')
  }
}
