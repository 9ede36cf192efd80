/** A broker's topics over two log directories of a simulated disk, for tests that move logs between them and let it die. */
import { resolve } from 'node:path'
import { createLogger, type Disk, type Logger, type LogRecord } from '@millrace/core'
import { SeededRandom, SimulatedDisk, VirtualClock, type SimulatedDiskOptions } from '@millrace/testkit'
import { isTopicProblem } from '../../controller/index.ts'
import { BatchCursor, buildBatch, records } from '../../records/index.ts'
import { LogDirectories, LogDirectory, readRanges } from '../../storage/index.ts'
import { BrokerConfig } from '../config/index.ts'
import { Cluster } from '../metadata/cluster.ts'
import type { Partition } from '../topics/partition.ts'

export const DIRS: readonly string[] = ['/a', '/b']
export const PLACE: { readonly topic: string; readonly partition: number } = { topic: 't', partition: 0 }

export interface TwoDirectoriesOptions extends Partial<SimulatedDiskOptions> {
  readonly seed?: number
  /** Settings of the broker. */
  readonly config?: Readonly<Record<string, string>>
  /** Settings of the topic. */
  readonly topic?: Readonly<Record<string, string>>
  readonly durable?: boolean
}

export interface TwoDirectoriesLife {
  readonly cluster: Cluster
  readonly directories: LogDirectories
  readonly partition: Partition
}

export class TwoDirectories {
  readonly clock = new VirtualClock()
  readonly disk: SimulatedDisk
  /** What operators were told of. */
  readonly told: LogRecord[] = []
  readonly #logger: Logger
  readonly #options: TwoDirectoriesOptions
  readonly #random: SeededRandom

  constructor(options: TwoDirectoriesOptions = {}) {
    const { clock } = this
    this.#options = options
    this.#random = new SeededRandom(options.seed ?? 1)
    this.disk = new SimulatedDisk({ random: this.#random.fork(), clock, ...options })
    this.#logger = createLogger({ clock, level: 'info', write: (record) => void this.told.push(record) })
  }

  /** A new life, with the topic; nothing is moved before `moves.resume`. */
  async open(dirs: readonly string[] = DIRS): Promise<TwoDirectoriesLife> {
    return await this.clock.run(this.#open(this.disk.attach(), dirs))
  }

  async #open(disk: Disk, dirs: readonly string[]): Promise<TwoDirectoriesLife> {
    const { clock } = this
    const opened: LogDirectory[] = []
    for (const path of dirs)
      opened.push(await LogDirectory.open({ path, disk, clock, random: this.#random.fork(), clusterId: 'c', brokerId: 1 }))
    const directories = new LogDirectories(opened)
    const config = new BrokerConfig(this.#options.config)
    const { durable = true } = this.#options
    const cluster = await Cluster.open({
      directories,
      nodeId: 1,
      config,
      durable,
      disk,
      clock,
      random: this.#random.fork(),
      logger: this.#logger,
    })
    if (cluster.topics.named(PLACE.topic) === undefined) await this.makeTopic(cluster)
    return { cluster, directories, partition: cluster.topics.named(PLACE.topic)!.partitions[0]! }
  }

  async makeTopic(cluster: Cluster): Promise<void> {
    const made = await cluster.controller.create({ name: PLACE.topic, configs: { 'segment.bytes': '1000', ...this.#options.topic } })
    if (isTopicProblem(made)) throw new Error(JSON.stringify(made))
  }

  async close({ cluster, directories }: TwoDirectoriesLife): Promise<void> {
    await this.clock.run(cluster.topics.moves.close())
    await this.clock.run(cluster.close())
    await this.clock.run(directories.close(cluster.brokerEpoch))
  }

  /** Appends one record a batch. */
  async append({ partition }: TwoDirectoriesLife, values: readonly (string | null)[], key: string | null = null): Promise<void> {
    for (const value of values) {
      const record = { key: key === null ? null : Buffer.from(key), value: value === null ? null : Buffer.from(value.padEnd(60)) }
      await this.clock.run(partition.append(buildBatch([{ ...record, timestamp: this.clock.now() }]).whole))
    }
  }

  /** The other directory than the one it is in. */
  elsewhere({ directories }: TwoDirectoriesLife): string {
    return directories.opened.find((directory) => directory !== directories.directoryOf(PLACE))!.path
  }

  /** Begins the move to the other directory. Gives its path. */
  async beginMove(life: TwoDirectoriesLife): Promise<string> {
    const to = this.elsewhere(life)
    const errorCode = await this.clock.run(life.cluster.topics.moves.begin(PLACE, resolve(to)))
    if (errorCode !== 0) throw new Error(`the move is refused with ${errorCode}`)
    return to
  }

  /** Waits until nothing moves any more. */
  async settled({ cluster }: TwoDirectoriesLife): Promise<void> {
    while ([...cluster.topics.moves.all()].length > 0) await this.clock.advance(1)
  }

  /** Each record as 'offset:value'. */
  async contents({ partition: { log } }: TwoDirectoriesLife): Promise<readonly string[]> {
    const read = log.read({ startOffset: log.logStartOffset, maxBytes: 1 << 20, isolation: 'log-end', minOneBatch: true })
    const plan = await this.clock.run(read)
    const bytes = await this.clock.run(readRanges(plan).finally(() => plan.release()))
    const batches = [...new BatchCursor(bytes, { verifyCrc: true })]
    const found = batches.flatMap((batch) => [...records(batch)])
    return found.map(({ offset, value }) => `${offset}:${value === null ? 'null' : Buffer.from(value).toString().trimEnd()}`)
  }
}
