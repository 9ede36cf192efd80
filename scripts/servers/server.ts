import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A server that a script of this folder runs, on a port of its own, with its data in a folder of its own. */
export class TestServer {
  readonly port: number
  readonly folder: string
  readonly #script: string
  #child: ChildProcess | undefined

  /** Builds it; answers why it cannot be built where a tool is missing. */
  static async build(name: 's3' | 'hdfs' | 'postgres' | 'registry'): Promise<TestServer | string> {
    const script = join(import.meta.dirname, `${name}.sh`)
    const { status, stderr } = spawnSync(script, ['build'], { encoding: 'utf8' })
    if (status === 3) return stderr.trim()
    if (status !== 0) throw new Error(`${script} build: ${stderr}`)
    return new TestServer(script, await freePort())
  }

  private constructor(script: string, port: number) {
    this.#script = script
    this.port = port
    this.folder = mkdtempSync(join(tmpdir(), 'millrace-server-'))
    mkdirSync(join(this.folder, 'buckets/checkpoints'), { recursive: true })
  }

  async start(): Promise<void> {
    const child = spawn(this.#script, ['run', String(this.port), this.folder], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Who runs a mini cluster may do everything in it: not whom the tests pass themselves off as.
      env: { ...process.env, HADOOP_USER_NAME: 'hdfs' },
    })
    let stderr = ''
    // A name node answers before it has a data node.
    const ready = { is: !this.#script.endsWith('hdfs.sh') }
    child.stdout.setEncoding('utf8').on('data', (text: string) => (ready.is ||= text.includes('ready')))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4_000)))
    this.#child = child
    for (const startMs = Date.now(); !ready.is || !(await this.#answers()); await new Promise((resolve) => setTimeout(resolve, 100))) {
      if (child.exitCode !== null || Date.now() - startMs > 60_000) throw new Error(`${this.#script} does not answer: ${stderr}`)
    }
  }

  /** At once, as a power failure would. */
  async stop(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null) return
    const closed = new Promise((resolve) => void child.once('close', resolve))
    child.kill('SIGKILL')
    await closed
  }

  async remove(): Promise<void> {
    await this.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  #answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.port, '127.0.0.1')
      socket.once('connect', () => {
        socket.destroy()
        resolve(true)
      })
      socket.once('error', () => resolve(false))
    })
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { readonly port: number }
      server.close(() => resolve(port))
    })
  })
}
