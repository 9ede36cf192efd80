import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'

/** A broker in a process of its own. */
export class BrokerChild {
  readonly #child: ChildProcess
  /** Resolves when it serves; rejects if it ends before. */
  readonly ready: Promise<void>
  readonly ended: Promise<number | null>
  #said = ''

  constructor(dir: string, port: number) {
    const flags = ['--conditions=@millrace/source', '--disable-warning=ExperimentalWarning']
    this.#child = spawn(process.execPath, [...flags, join(import.meta.dirname, 'broker-process.ts'), dir, String(port)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#said = (this.#said + text).slice(-3_000)))
    this.ended = new Promise((resolve) => this.#child.on('close', resolve))
    this.ready = new Promise((resolve, reject) => {
      this.#child.stdout!.once('data', () => resolve())
      void this.ended.then((code) => reject(new Error(`the broker ended by itself (${code}): ${this.#said}`)))
    })
    this.ready.catch(() => undefined)
  }

  /** What it complained of. */
  get said(): string {
    return this.#said
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
  }

  /** @throws if it does not end well */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    const code = await this.ended
    if (code !== 0) throw new Error(`the broker was to close and ended with ${code}: ${this.#said}`)
  }
}
