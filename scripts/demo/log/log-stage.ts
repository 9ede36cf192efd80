import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { controlSocketOf } from '@millrace/engine/control'
import { LogClient } from '@millrace/log/client'
import { JobProcess } from '../job-process.ts'
import { BrokerProcess } from './broker-process.ts'

export interface LogStageOptions {
  /** Another cluster than Millrace's log in a process of its own. */
  readonly bootstrap: string | undefined
  readonly checkpointInterval: string
  readonly keep: boolean
  /** Of the two topics; what the cluster has as its default where it is left out. */
  readonly replicas?: number
  /** Jobs and log as `npm run build` has made them. */
  readonly isBuilt?: boolean
}

const partitions = 4

/** A cluster with two topics, and the job between them, life after life. Nothing of it outlives this process; of a cluster of somebody else's the topics are deleted. */
export class LogStage {
  readonly folder: string
  readonly broker: BrokerProcess | undefined
  readonly topics: { readonly from: string; readonly to: string }
  readonly bootstrap: string
  readonly client: LogClient
  readonly #options: LogStageOptions
  readonly #stateDir: string
  #job: JobProcess | undefined
  #isKept: boolean

  static async set(options: LogStageOptions): Promise<LogStage> {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-demo-'))
    const broker = options.bootstrap === undefined ? new BrokerProcess(join(folder, 'log'), options.isBuilt) : undefined
    const clear = (): void => {
      broker?.killNow()
      if (!options.keep) rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    }
    process.once('exit', clear)
    await broker?.start()
    const stage = new LogStage(options, folder, broker)
    process.off('exit', clear)
    try {
      const { replicas: replicationFactor } = options
      const replicated =
        replicationFactor === undefined
          ? {}
          : { replicationFactor, configs: { 'min.insync.replicas': String(Math.ceil(replicationFactor / 2)) } }
      for (const name of Object.values(stage.topics)) await stage.client.admin.createTopics([{ name, partitions, ...replicated }])
    } catch (error) {
      stage.client.close()
      throw error
    }
    return stage
  }

  private constructor(options: LogStageOptions, folder: string, broker: BrokerProcess | undefined) {
    this.#options = options
    this.folder = folder
    this.broker = broker
    this.bootstrap = broker?.bootstrap ?? options.bootstrap!
    const run = `${process.pid}-${Date.now() % 1_000_000}`
    this.topics = { from: `millrace-demo-orders-${run}`, to: `millrace-demo-outcomes-${run}` }
    this.client = new LogClient({ bootstrap: this.bootstrap })
    this.#stateDir = join(folder, 'state')
    this.#isKept = options.keep
    mkdirSync(this.#stateDir)
    process.once('exit', () => this.#clear())
    // Whoever read the output has gone: `| head`.
    process.stdout.on('error', () => process.exit(1))
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
  }

  /** The socket on which the running job takes orders. */
  get controlSocket(): string {
    return controlSocketOf(this.#stateDir, 'orders-log-to-log')
  }

  startJob(
    parallelism: number,
    environment: Readonly<Record<string, string>> = {},
    checkpointInterval: string = this.#options.checkpointInterval,
  ): JobProcess {
    this.#job = new JobProcess({
      file: 'examples/05-orders-log-to-log.ts',
      parallelism,
      checkpointInterval,
      ...(this.#options.isBuilt === undefined ? {} : { isBuilt: this.#options.isBuilt }),
      stateDir: this.#stateDir,
      params: { brokers: this.bootstrap, ...this.topics },
      environment,
    })
    return this.#job
  }

  /** The folder stays. */
  keep(): void {
    this.#isKept = true
  }

  /** Records that were written to the input and are not yet part of a completed checkpoint. */
  async lag(): Promise<number> {
    const { from: topic, to: groupId } = this.topics
    const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
    const [ends, committed] = await Promise.all([
      this.client.admin.listOffsets(all.map((at) => ({ ...at, spec: 'latest' as const }))),
      this.client.admin.groups.offsets(groupId),
    ])
    const at = new Map(committed.map(({ partition, offset }) => [partition, offset]))
    return ends.reduce((sum, { partition, offset }) => sum + offset - (at.get(partition) ?? 0), 0)
  }

  /** Offsets of the output that a reader of what is committed can get to: markers count too. */
  async published(): Promise<number> {
    const all = Array.from({ length: partitions }, (_, partition) => ({ topic: this.topics.to, partition, spec: 'latest' as const }))
    return (await this.client.admin.listOffsets(all, 'read_committed')).reduce((sum, { offset }) => sum + offset, 0)
  }

  async close(): Promise<void> {
    if (this.broker === undefined) await this.client.admin.deleteTopics(Object.values(this.topics)).catch(() => {})
    this.client.close()
    await this.broker?.kill('SIGTERM')
  }

  #clear(): void {
    if (this.#job !== undefined && !this.#job.hasEnded) process.kill(this.#job.pid, 'SIGKILL')
    this.broker?.killNow()
    if (!this.#isKept) rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 })
  }
}
