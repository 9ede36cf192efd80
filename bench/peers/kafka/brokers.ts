/** The brokers that are measured: ours, and Apache Kafka, each a process of its own with a folder of its own. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { usageOf } from '../process-usage.ts'
import { firstProduce } from './first-produce.ts'
import { lastLine, run } from './processes.ts'

export interface RunningBroker {
  readonly name: string
  readonly bootstrap: string
  readonly tlsBootstrap: string
  readonly pid: number
  /** Where its metrics are, if they can be read over HTTP. */
  readonly metricsUrl: string | undefined
  /** From the start of its process to the first acknowledged record. */
  readonly startToProduceMs: number
  /** Resident, three seconds later. */
  readonly idleMb: number
  stop(): Promise<void>
}

export interface BrokerPlace {
  /** The first of five. */
  readonly port: number
  readonly cores: string | undefined
  /** Key and certificate in PEM. */
  readonly keyStore: string
}

const START_TIMEOUT_MS = 120_000
const SETTLE_MS = 3000
const TLS_OFFSET = 3
const METRICS_OFFSET = 4

/** Apache Kafka at its defaults for production, as `start.sh` starts it. */
export async function startKafka(name: string, { port, cores, keyStore }: BrokerPlace): Promise<RunningBroker> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-bench-kafka-'))
  const pinned = cores === undefined ? [] : ['--cores', cores]
  const script = (file: string): string => join(import.meta.dirname, file)
  const [plain, controller, tls] = [port, port + 1, port + TLS_OFFSET].map((each) => `127.0.0.1:${each}`)
  const settings = [
    `listeners=PLAINTEXT://${plain},CONTROLLER://${controller},SSL://${tls}`,
    `advertised.listeners=PLAINTEXT://${plain},SSL://${tls}`,
    'listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL',
    'ssl.keystore.type=PEM',
    `ssl.keystore.location=${keyStore}`,
  ]
  const args = ['--port', String(port), '--dir', dir, ...pinned, ...settings.flatMap((setting) => ['--set', setting])]
  const firstProduced = firstProduce({ host: '127.0.0.1', port }, START_TIMEOUT_MS)
  const line = await lastLine(run(script('start.sh'), args, { timeoutMs: START_TIMEOUT_MS }))
  const { bootstrap, pid, rssMb } = JSON.parse(line) as { bootstrap: string; pid: number; rssMb: number }
  const stop = async (): Promise<void> => void (await run(script('stop.sh'), ['--dir', dir, '--purge'], { timeoutMs: START_TIMEOUT_MS }))
  const startToProduceMs = (await firstProduced) - startedMs(pid)
  return {
    name,
    bootstrap,
    tlsBootstrap: `localhost:${port + TLS_OFFSET}`,
    pid,
    metricsUrl: undefined,
    startToProduceMs,
    idleMb: rssMb,
    stop,
  }
}

const root = join(import.meta.dirname, '../../..')
const sourceFlags = ['--conditions=@millrace/source', '--disable-warning=ExperimentalWarning', join(root, 'packages/millrace/src/bin.ts')]
const builtFlags = [join(root, 'packages/millrace/dist/bin.js')]

/** `millrace broker` at its defaults: what `npm run build` has made, or the sources, which take longer to start. */
export async function startMillrace(name: string, { port, cores, keyStore }: BrokerPlace, isBuilt: boolean): Promise<RunningBroker> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-bench-log-'))
  const [plain, tls] = [port, port + TLS_OFFSET].map((each) => `127.0.0.1:${each}`)
  const settings = [
    `listeners=PLAINTEXT://${plain},SSL://${tls}`,
    `advertised.listeners=PLAINTEXT://${plain},SSL://localhost:${port + TLS_OFFSET}`,
    'ssl.keystore.type=PEM',
    `ssl.keystore.location=${keyStore}`,
    // As Kafka's: it is not measured, but a consumer's machine that idles meanwhile is warmer when the measuring begins.
    'group.initial.rebalance.delay.ms=3000',
  ]
  const metricsPort = port + METRICS_OFFSET
  const node = [process.execPath, ...(isBuilt ? builtFlags : sourceFlags)]
  const flags = ['broker', '--dir', dir, '--broker-metrics-port', String(metricsPort), ...settings.flatMap((each) => ['--config', each])]
  const [program = '', ...args] = [...(cores === undefined ? [] : ['taskset', '-c', cores]), ...node, ...flags]
  const firstProduced = firstProduce({ host: '127.0.0.1', port }, START_TIMEOUT_MS)
  const beganMs = Date.now()
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve())
    child.once('exit', (code) => reject(new Error(`the broker ended with ${code}`)))
  })
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await gone
    await rm(dir, { recursive: true, force: true })
  }
  const startToProduceMs = (await firstProduced) - beganMs
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  const idleMb = usageOf(child.pid!)?.rssMb ?? Number.NaN
  return {
    name,
    bootstrap: plain!,
    tlsBootstrap: `localhost:${port + TLS_OFFSET}`,
    pid: child.pid!,
    metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
    startToProduceMs,
    idleMb,
    stop,
  }
}

/** When a process began, in milliseconds since 1970. */
function startedMs(pid: number): number {
  const ticks = Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[19])
  const bootSeconds = Number(/^btime (\d+)/m.exec(readFileSync('/proc/stat', 'utf8'))![1])
  return bootSeconds * 1000 + ticks * 10
}
