/** A broker in a process of its own, to be killed. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

const PROGRAM = `
import { Log } from ${JSON.stringify(new URL('../../../log.ts', import.meta.url).href)}
const { dir, port, config } = JSON.parse(process.argv[1])
const log = await Log.start({ dir, port, config })
console.log(log.port)
`

export class BrokerProcess {
  readonly #dir: string
  readonly #config: Readonly<Record<string, string>>
  #child: ChildProcess | undefined
  /** The same from the first start on. */
  port = 0

  constructor(dir: string, config: Readonly<Record<string, string>> = {}) {
    this.#dir = dir
    this.#config = config
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const options = JSON.stringify({ dir: this.#dir, port: this.port, config: this.#config })
    const child = spawn(process.execPath, ['--conditions=@millrace/source', '--input-type=module', '-e', PROGRAM, options], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child = child
    const gone = once(child, 'exit').then(([code]) => {
      throw new Error(`the broker ended with ${code}`)
    })
    gone.catch(() => undefined)
    const [line] = (await Promise.race([once(child.stdout, 'data'), gone])) as [Buffer]
    this.port = Number(line.toString())
  }

  /** Ends it between two instructions. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
}
