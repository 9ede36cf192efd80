/**
 * A broker that dies again and again, on a disk that loses, tears and reorders what was not synced, while clients go on as if nothing was.
 *
 * After each death: 1. nothing acknowledged is lost, and it is where it was said to be; 2. nothing of an idempotent producer is there twice or out
 * of order; 3. a group's offset never goes back; 4. the last value of each key is there; and at the end: 5. transactions are atomic, with their offsets.
 */
import { createLogger, type Disk } from '@millrace/core'
import { LogClient } from '@millrace/log/client'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import { WireClient } from '../../packages/log/src/broker/testing/wire-client.ts'
import { SimulatedNetwork } from '../../packages/log/src/client/testing/simulated-network.ts'
import { Ledger } from './ledger.ts'
import { brokerPort, Life } from './life.ts'
import { Looks } from './looks.ts'
import { DiskObserver } from './observed-disk.ts'
import { logFolders, remainsOf } from './remains.ts'
import { noSituations, type Situation, type SituationCounts } from './situations.ts'
import { topics, Work } from './work.ts'

export interface SeedOptions {
  /** Stands between the broker and its disk, to err on purpose. */
  readonly disk?: (disk: Disk) => Disk
}

/** Where a life is to end: at any moment, or when this is under way. */
const aims = ['any', 'any', 'roll', 'swap', 'end', 'commit', 'append'] as const
/** Where logs are moved between directories. */
const aimsOfMoves = [...aims, 'any', 'any', 'move', 'move'] as const
type Aim = (typeof aimsOfMoves)[number]

/** Names that are lost alone, or kept alone, show best which of them must be durable before another. */
const nameLosses = ['none', 'all', 'later', 'any', 'one', 'one', 'all-but-one', 'all-but-one'] as const

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
  readonly #dirs: readonly string[]
  readonly #clients: LogClient[] = []
  #life: Life | undefined
  #work: Work | undefined

  constructor(seed: number, options: SeedOptions) {
    this.random = new SeededRandom(seed)
    this.#options = options
    this.disk = new SimulatedDisk({ random: this.random.fork(), clock: this.clock, latencyMs: [0, 2], nameLosses })
    this.network = new SimulatedNetwork(this.clock, this.random.fork(), { delayMsMax: networkDelayMs, breakChance: 0, refuseChance: 0 })
    this.#isDurable = this.random.chance(0.8)
    this.#dirs = seed % 3 === 0 ? ['/log', '/other-log'] : ['/log']
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
    // A copy takes longer than most lives.
    if (this.#isMoving) this.#config['replica.alter.log.dirs.io.max.bytes.per.second'] = String(this.random.pick([3_000, 20_000, 200_000]))
  }

  get #isMoving(): boolean {
    return this.#dirs.length > 1
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
      dirs: this.#dirs,
      durable: this.#isDurable,
      config: this.#config,
      logger: createLogger({ clock, level: 'info', write: ({ message, fields }) => this.#hear(message, fields) }),
    })
  }

  #hear(message: string, fields: Readonly<Record<string, unknown>>): void {
    this.hit('a move that went on', message === 'a move to another log directory goes on' && Number(fields['goesOnAt']) > 0)
    this.hit('a move that ended', message === 'a log has been moved to another directory')
  }

  /** Some logs are to go to another directory, as long as this life lasts. */
  async #moveLogs(): Promise<void> {
    const { random, network } = this
    const life = this.#life
    while (life === this.#life) {
      await this.sleep(random.between(0, 300))
      const [orders, accounts, offsets] = [topics.orders, topics.accounts, '__consumer_offsets']
      const place = random.pick([
        { name: orders, partitions: [0] },
        { name: orders, partitions: [1] },
        { name: accounts, partitions: [0] },
        { name: offsets, partitions: [0, 1] },
      ])
      const dirs = [{ path: random.pick(this.#dirs), topics: [place] }]
      try {
        const client = await WireClient.connect({ host: '127.0.0.1', port: brokerPort }, network)
        await client.ask('AlterReplicaLogDirs', 2, { dirs })
        await client.close()
      } catch {
        // It has died.
      }
    }
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
    if (this.#isMoving) void this.#moveLogs()
    await this.clock.advance(this.random.between(20, 600))
    const aim = this.random.pick(this.#isMoving ? aimsOfMoves : aims)
    for (let step = 0; step < 3_000 && !this.#isAt(aim); step++) await this.clock.step()
    await this.#steps(this.random.between(0, 6))
    this.hit('crash in a roll', this.observer.isRolling)
    this.hit('crash in a compaction swap', this.observer.isSwapping)
    this.hit('crash between the last two steps of a move', this.observer.isPromoting)
    this.hit("crash in a transaction's end", this.#isUnderWay(this.#work.endingSinceMs))
    this.hit('crash in a commit of offsets', this.#isUnderWay(this.#work.committingSinceMs))
    this.#end()
  }

  #isAt(aim: Aim): boolean {
    if (aim === 'roll') return this.observer.isRolling
    if (aim === 'swap') return this.observer.isSwapping
    if (aim === 'move') return this.observer.isPromoting
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
    await this.#count()
    // What the clients do meanwhile is acknowledged by a broker that lives on.
    await this.start()
    await this.clock.run(new Looks(this.client(), this.ledger).live())
  }

  /** What the last death has left. */
  async #count(): Promise<void> {
    const unacknowledged = this.ledger.sent.flat().filter(({ offset }) => offset === undefined)
    const folders = this.#dirs.flatMap((dir) => [0, 1].map((partition) => `${dir}/${topics.orders}-${partition}`))
    if (this.#isMoving) await this.clock.run(this.#countCopies(this.disk.attach()))
    const { values, isTorn } = await this.clock.run(remainsOf(this.disk.attach(), folders))
    this.hit('torn batch', isTorn)
    this.hit('lost index', await this.#hasLostIndex())
    const isAppended = unacknowledged.some(({ value }) => values.has(value))
    this.hit('crash between append and acknowledgement', isAppended)
  }

  async #countCopies(disk: Disk): Promise<void> {
    const found = await logFolders(disk, this.#dirs)
    this.hit(
      'crash in a move between directories',
      found.some(({ isCopy }) => isCopy),
    )
  }

  async #hasLostIndex(): Promise<boolean> {
    const disk = this.disk.attach()
    const sizes = [...this.observer.indexes].map(async ([path, size]) => {
      const found = await disk.stat(path).catch(() => undefined)
      return found === undefined || found.size < size
    })
    return (await this.clock.run(Promise.all(sizes))).some(Boolean)
  }

  /** The clients finish what they have begun, and everything is decided. */
  async finish(): Promise<void> {
    this.#work!.finish()
    await this.clock.run(this.#work!.done, 3_000_000)
    await this.clock.run(new Looks(this.client(), this.ledger).atEnd())
  }

  close(): void {
    for (const client of this.#clients) client.close()
    this.#life?.end()
  }
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
