/** The brokers that are measured: ours, and Apache Kafka, each a process of its own with a folder of its own. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lastLine, run } from './processes.ts'

export interface RunningBroker {
  readonly name: string
  readonly bootstrap: string
  readonly pid: number
  stop(): Promise<void>
}

export interface BrokerPlace {
  readonly port: number
  readonly cores: string | undefined
}

const START_TIMEOUT_MS = 120_000

/** Apache Kafka at its defaults for production, as `start.sh` starts it. */
export async function startKafka(name: string, { port, cores }: BrokerPlace): Promise<RunningBroker> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-bench-kafka-'))
  const pinned = cores === undefined ? [] : ['--cores', cores]
  const script = (file: string): string => join(import.meta.dirname, file)
  const line = await lastLine(run(script('start.sh'), ['--port', String(port), '--dir', dir, ...pinned], { timeoutMs: START_TIMEOUT_MS }))
  const { bootstrap, pid } = JSON.parse(line) as { bootstrap: string; pid: number }
  const stop = async (): Promise<void> => void (await run(script('stop.sh'), ['--dir', dir, '--purge'], { timeoutMs: START_TIMEOUT_MS }))
  return { name, bootstrap, pid, stop }
}

/** Ours, from the sources, at its defaults. */
export async function startMillrace(name: string, { port, cores }: BrokerPlace): Promise<RunningBroker> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-bench-log-'))
  const node = [process.execPath, '--conditions=@millrace/source', '--disable-warning=ExperimentalWarning']
  const [program = '', ...args] = [...(cores === undefined ? [] : ['taskset', '-c', cores]), ...node]
  const child = spawn(program, [...args, join(import.meta.dirname, 'broker.ts'), dir, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const bootstrap = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (bytes: Buffer) => resolve(bytes.toString().trim()))
    child.once('exit', (code) => reject(new Error(`the broker ended with ${code}`)))
  })
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await gone
    await rm(dir, { recursive: true, force: true })
  }
  return { name, bootstrap, pid: child.pid!, stop }
}
