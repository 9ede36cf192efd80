/**
 * A broker that dies again and again, on a disk that loses, tears and reorders what was not synced, while clients go on as if nothing was.
 *
 * After each death: 1. nothing acknowledged is lost, and it is where it was said to be; 2. nothing of an idempotent producer is there twice or out
 * of order; 3. a group's offset never goes back; 4. the last value of each key is there; and at the end: 5. transactions are atomic, with their offsets.
 */
import assert from 'node:assert/strict'
import type { Disk, LogRecord } from '@millrace/core'
import { LogClient, type Fetcher } from '@millrace/log/client'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import { SimulatedNetwork } from '../../packages/log/src/client/testing/simulated-network.ts'
import { Ledger, type Found } from './ledger.ts'
import { brokerPort, Life } from './life.ts'
import { DiskObserver } from './observed-disk.ts'
import { noSituations, type Situation, type SituationCounts } from './situations.ts'
import { groups, topics, Work } from './work.ts'

export interface SeedOptions {
  /** Stands between the broker and its disk, to err on purpose. */
  readonly disk?: (disk: Disk) => Disk
}

/** Where a life is to end: at any moment, or when this is under way. */
const aims = ['any', 'any', 'roll', 'swap', 'end', 'commit', 'append'] as const
type Aim = (typeof aims)[number]

const networkDelayMs = 3
const lives = 4

class World {
  readonly random: SeededRandom
  readonly clock = new VirtualClock()
  readonly disk: SimulatedDisk
  readonly network: SimulatedNetwork
  readonly observer = new DiskObserver()
  readonly ledger = new Ledger()
  readonly counts: SituationCounts = noSituations()
  readonly #options: SeedOptions
  /** Records are durable when they are acknowledged; otherwise only processes die, never the power. */
  readonly #isDurable: boolean
  readonly #config: Record<string, string>
  readonly #clients: LogClient[] = []
  readonly #said: string[] = []
  #life: Life | undefined
  #work: Work | undefined

  constructor(seed: number, options: SeedOptions) {
    this.random = new SeededRandom(seed)
    this.#options = options
    this.disk = new SimulatedDisk({ random: this.random.fork(), clock: this.clock, latencyMs: [0, 2] })
    this.network = new SimulatedNetwork(this.clock, this.random.fork(), { delayMsMax: networkDelayMs, breakChance: 0, refuseChance: 0 })
    this.#isDurable = this.random.chance(0.8)
    this.#config = {
      'log.segment.bytes': String(this.random.pick([900, 2_500, 8_000])),
      'log.index.interval.bytes': '200',
      'log.cleaner.backoff.ms': '20',
      'log.cleaner.min.cleanable.ratio': '0',
      'log.segment.delete.delay.ms': String(this.random.pick([0, 50])),
      'log.flush.offset.checkpoint.interval.ms': '100',
      'log.retention.check.interval.ms': '200',
      'offsets.topic.num.partitions': '2',
      'transaction.state.log.num.partitions': '2',
      'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200',
    }
  }

  client(): LogClient {
    const { clock, network, random } = this
    const bootstrap = `127.0.0.1:${brokerPort}`
    const client = new LogClient({
      bootstrap,
      requestTimeoutMs: 2_000,
      apiTimeoutMs: 60_000,
      ports: { clock, network, random: random.fork() },
    })
    this.#clients.push(client)
    return client
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.after(ms, resolve))
  }

  hit(situation: Situation, is = true): void {
    if (is) this.counts[situation]++
  }

  /** A new life, perhaps after some that end before they serve. */
  async start(): Promise<void> {
    for (let attempt = 0; attempt < 2 && this.#life !== undefined && this.random.chance(0.25); attempt++) {
      this.#begin()
      const isBusy = await this.#steps(this.random.between(1, 150))
      if (isBusy) this.hit('crash in recovery')
      this.#end()
    }
    this.#begin()
    await this.clock.run(this.#life!.started)
  }

  #begin(): void {
    const { clock, network, random } = this
    const disk = this.observer.observe(this.disk.attach())
    this.#life = new Life({
      disk: this.#options.disk?.(disk) ?? disk,
      network,
      clock,
      random,
      durable: this.#isDurable,
      config: this.#config,
      onLog: (record) => this.#hear(record),
    })
  }

  #hear({ message, fields }: LogRecord): void {
    if (message.startsWith('storage: ')) this.#said.push(`${message} ${String(fields['path'])} ${String(fields['problem'])}`)
  }

  /** The process dies, mostly with the power. */
  #end(): void {
    this.#life!.end()
    this.observer.forgetActivity()
    if (this.#isDurable && this.random.chance(0.8)) {
      this.disk.crash()
      this.hit('power failure')
    } else {
      this.disk.kill()
      this.hit('kill')
    }
  }

  async #steps(count: number): Promise<boolean> {
    for (let step = 0; step < count; step++) if (!(await this.clock.step())) return false
    return true
  }

  async makeTopics(): Promise<void> {
    const compact = { 'cleanup.policy': 'compact', 'segment.ms': '60' }
    await this.clock.run(
      this.client().admin.createTopics([
        { name: topics.orders, partitions: 2 },
        { name: topics.accounts, partitions: 1, configs: compact },
      ]),
    )
  }

  /** Lets the clients work on, then ends this life at a moment that is worth it. */
  async live(): Promise<void> {
    const { ledger } = this
    this.#work ??= new Work({
      client: () => this.client(),
      random: this.random.fork(),
      ledger,
      sleep: (ms) => this.sleep(ms),
      now: () => this.clock.monotonic(),
    })
    await this.clock.advance(this.random.between(20, 600))
    const aim = this.random.pick(aims)
    for (let step = 0; step < 3_000 && !this.#isAt(aim); step++) await this.clock.step()
    await this.#steps(this.random.between(0, 6))
    this.hit('crash in a roll', this.observer.isRolling)
    this.hit('crash in a compaction swap', this.observer.isSwapping)
    this.hit("crash in a transaction's end", this.#isUnderWay(this.#work.endingSinceMs))
    this.hit('crash in a commit of offsets', this.#isUnderWay(this.#work.committingSinceMs))
    this.#end()
  }

  #isAt(aim: Aim): boolean {
    if (aim === 'roll') return this.observer.isRolling
    if (aim === 'swap') return this.observer.isSwapping
    if (aim === 'end') return this.#isUnderWay(this.#work!.endingSinceMs)
    if (aim === 'commit') return this.#isUnderWay(this.#work!.committingSinceMs)
    return aim === 'any' || this.#work!.numUnacknowledged > 2
  }

  /** Whether a request has been on its way long enough to have arrived. */
  #isUnderWay(sinceMs: number | undefined): boolean {
    return sinceMs !== undefined && this.clock.monotonic() - sinceMs > networkDelayMs
  }

  /** Restarts, and looks at everything. */
  async look(): Promise<void> {
    const unacknowledged = this.ledger.sent.flat().filter(({ offset }) => offset === undefined)
    const acknowledged = this.ledger.acknowledged()
    const isIndexLost = await this.#hasLostIndex()
    this.#said.length = 0
    // What the clients do meanwhile is acknowledged by a broker that lives on.
    await this.start()
    const orders = await this.clock.run(this.#read(topics.orders, 2, 'read_uncommitted'))
    const values = new Set(orders.map(({ value }) => value))
    this.hit('lost index', isIndexLost || this.#said.some((line) => line.includes('index-rebuilt')))
    this.hit(
      'torn batch',
      this.#said.some((line) => line.includes('truncated')),
    )
    this.hit(
      'crash between append and acknowledgement',
      unacknowledged.some(({ value }) => values.has(value)),
    )
    this.ledger.checkProduced(orders, acknowledged)
    await this.#checkGroup()
    await this.#checkAccounts()
  }

  async #hasLostIndex(): Promise<boolean> {
    const disk = this.disk.attach()
    const sizes = [...this.observer.indexes].map(async ([path, size]) => {
      const found = await disk.stat(path).catch(() => undefined)
      return found === undefined || found.size < size
    })
    return (await this.clock.run(Promise.all(sizes))).some(Boolean)
  }

  async #checkGroup(): Promise<void> {
    // Whatever is committed later than this moment is larger: the first answer may be compared with what was known before it.
    const known = this.ledger.commits.known
    const [entry] = await this.clock.run(this.client().admin.groups.offsets(groups.plain))
    const offset = entry?.offset ?? 0
    assert.ok(offset >= known, `the group's offset went back to ${offset} from ${known}`)
    this.ledger.checkCommit(Math.max(offset, this.ledger.commits.known))
  }

  async #checkAccounts(): Promise<void> {
    const acknowledged = new Map([...this.ledger.keys].map(([key, entry]) => [key, entry.acknowledged]))
    const found = await this.clock.run(this.#read(topics.accounts, 1, 'read_uncommitted'))
    const values = new Map<string, number>()
    for (const { key, value } of found) values.set(key, Number(value))
    for (const [key, least] of acknowledged)
      assert.ok((values.get(key) ?? 0) >= least, `${key} went back to ${values.get(key)} from ${least}`)
  }

  async #read(
    topic: string,
    partitions: number,
    isolation: 'read_committed' | 'read_uncommitted',
  ): Promise<readonly (Found & { readonly key: string })[]> {
    const client = this.client()
    const fetcher = client.fetcher({ isolation, maxWaitMs: 5 })
    const places = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
    const at = (
      await client.admin.listOffsets(
        places.map((place) => ({ ...place, spec: 'latest' as const })),
        isolation,
      )
    ).map(({ offset }) => offset)
    fetcher.assign(places.map((place) => ({ ...place, start: 'earliest' })))
    const found: (Found & { readonly key: string })[] = []
    while (!isReadTo(fetcher, places, at)) {
      for (const { partition, records } of await fetcher.poll({ waitMs: 50 })) {
        for (const { offset, key, value } of records) found.push({ partition, offset, key: text(key), value: text(value) })
      }
    }
    fetcher.close()
    return found
  }

  /** The clients finish what they have begun, and everything is decided. */
  async finish(): Promise<void> {
    this.#work!.finish()
    await this.clock.run(this.#work!.done, 3_000_000)
    const all = await this.clock.run(this.#read(topics.orders, 2, 'read_uncommitted'))
    this.ledger.checkProduced(all, this.ledger.acknowledged())
    const values = new Set(all.map(({ value }) => value))
    for (const { value } of this.ledger.sent.flat()) assert.ok(values.has(value), `${value} was acknowledged and is lost`)
    const committed = this.ledger.checkCommitted(await this.clock.run(this.#read(topics.orders, 2, 'read_committed')))
    const [entry] = await this.clock.run(this.client().admin.groups.offsets(groups.transactional, { requireStable: true }))
    assert.equal(entry?.offset ?? 0, (committed.at(-1) ?? -1) + 1, 'the offset that the last visible transaction committed')
    await this.#checkAccounts()
    await this.#checkGroup()
  }

  close(): void {
    for (const client of this.#clients) client.close()
    this.#life?.end()
  }
}

function text(bytes: Uint8Array | null): string {
  return bytes === null ? '' : Buffer.from(bytes).toString()
}

function isReadTo(fetcher: Fetcher, places: readonly { topic: string; partition: number }[], ends: readonly number[]): boolean {
  return places.every((place, index) => (fetcher.position(place)?.offset ?? 0) >= ends[index]!)
}

/** @returns the situations that were met. @throws what is wrong with the log */
export async function runSeed(seed: number, options: SeedOptions = {}): Promise<SituationCounts> {
  const world = new World(seed, options)
  try {
    await world.start()
    await world.makeTopics()
    for (let life = 0; life < lives; life++) {
      await world.live()
      await world.look()
    }
    await world.finish()
    return world.counts
  } finally {
    world.close()
  }
}
