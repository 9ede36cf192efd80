// Brokers of Apache Kafka that somebody started as processes of this machine, as bench/peers/kafka/start.sh does: to be killed, and started again.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { LogClient } from '@millrace/log/client'
import { partitionFor } from '../../../packages/log/src/coordinators/framework/partition-for.ts'
import { sleep, until } from '../stage.ts'

interface Broker {
  pid: number
  /** The command that started it. */
  readonly command: readonly string[]
}

const backTimeoutMs = 90_000
const electionTimeoutMs = 20_000
const transactionsTopic = '__transaction_state'
const preferred = 0

export class KafkaCluster {
  readonly #folder: string
  readonly #brokers: ReadonlyMap<number, Broker>
  readonly #client: LogClient

  /** `folder`: with the file `pids` and a folder for each broker, named as its id. */
  constructor(folder: string, client: LogClient) {
    this.#folder = folder
    this.#client = client
    const pids = readFileSync(join(folder, 'pids'), 'utf8').trim().split('\n').map(Number)
    this.#brokers = new Map(
      pids.map((pid) => {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1)
        return [Number(basename(dirname(command.at(-1)!))), { pid, command }]
      }),
    )
  }

  get size(): number {
    return this.#brokers.size
  }

  /** The broker that coordinates the transactions of an id. */
  async coordinatorOf(transactionalId: string): Promise<number> {
    for (;;) {
      const { coordinators } = await this.#client.admin.ask('FindCoordinator', { keyType: 1, coordinatorKeys: [transactionalId] })
      const [found] = coordinators
      if (found?.errorCode === 0) return found.nodeId
      await sleep(100)
    }
  }

  async kill(id: number): Promise<void> {
    const broker = this.#brokers.get(id)
    if (broker === undefined) throw new Error(`the folder ${this.#folder} has no broker ${id}`)
    process.kill(broker.pid, 'SIGKILL')
    await until(() => !isRunning(broker.pid), 10_000)
  }

  /** Starts a broker again that was killed, and waits until it has all its replicas in sync. */
  async restart(id: number): Promise<void> {
    const broker = this.#brokers.get(id)!
    const [program = '', ...args] = broker.command
    const child = spawn(program, args, { stdio: 'ignore', detached: true })
    child.unref()
    broker.pid = child.pid!
    writeFileSync(join(this.#folder, 'pids'), [...this.#brokers.values()].map(({ pid }) => `${pid}\n`).join(''))
    for (const startMs = performance.now(); performance.now() - startMs < backTimeoutMs; await sleep(200)) {
      if (await this.#isWhole().catch(() => false)) return
    }
    throw new Error(`broker ${id} did not come back in ${backTimeoutMs / 1_000} s`)
  }

  /** Makes another broker the coordinator of an id: its partition of the transactions gets another preferred leader, who is elected. */
  async moveCoordinator(transactionalId: string): Promise<void> {
    const before = await this.coordinatorOf(transactionalId)
    const { partitions } = await this.#client.admin.describeTopic(transactionsTopic)
    const partitionIndex = partitionFor(transactionalId, partitions.length)
    const { replicas } = partitions[partitionIndex]!
    const others = replicas.filter((replica) => replica !== before)
    if (others.length === 0) throw new Error(`${transactionsTopic} has one replica: its coordinator cannot move`)
    const moved = { partitionIndex, replicas: [...others, before] }
    await this.#client.admin.ask('AlterPartitionReassignments', { topics: [{ name: transactionsTopic, partitions: [moved] }] })
    const election = {
      electionType: preferred,
      topicPartitions: [{ topic: transactionsTopic, partitions: [partitionIndex] }],
      timeoutMs: electionTimeoutMs,
    }
    for (const startMs = performance.now(); performance.now() - startMs < electionTimeoutMs; await sleep(100)) {
      await this.#client.admin.ask('ElectLeaders', election)
      if ((await this.coordinatorOf(transactionalId)) !== before) return
    }
    throw new Error(`broker ${before} still coordinates ${transactionalId}`)
  }

  async #isWhole(): Promise<boolean> {
    const { brokers } = await this.#client.admin.describeCluster()
    if (brokers.length < this.size) return false
    const topics = await this.#client.admin.listTopics()
    return topics.every(({ partitions }) => partitions.every(({ replicas, isr }) => isr.length === replicas.length))
  }
}

/** A process that is dead and not yet waited for does not run. */
function isRunning(pid: number): boolean {
  const file = `/proc/${pid}/stat`
  try {
    return existsSync(file) && !/\) [ZX] /.test(readFileSync(file, 'utf8'))
  } catch {
    return false
  }
}
