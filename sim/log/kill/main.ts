// npm run kill-test:log -- --kills 200 --seed S [--directories 2]: a broker killed with `kill -9` under load, and what its clients find after each of its lives.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { LogClient } from '@millrace/log/client'
import { SeededRandom } from '@millrace/testkit'
import { WireClient } from '../../../packages/log/src/broker/testing/wire-client.ts'
import { Ledger } from '../ledger.ts'
import { Looks } from '../looks.ts'
import { topics, Work } from '../work.ts'
import { BrokerChild } from './broker-child.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    directories: { type: 'string', default: '1' },
    keep: { type: 'boolean', default: false },
  },
})
const [kills, seed, directories] = [Number(values.kills), Number(values.seed), Number(values.directories)]

/** When a life ends: at any moment, while it starts, while records or an end of a transaction or a commit are on their way, or by closing it. */
const aims = ['any', 'start', 'append', 'end', 'commit', 'close'] as const
type Aim = (typeof aims)[number]

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

class KillTest {
  readonly #dir = mkdtempSync(join(tmpdir(), 'millrace-kill-'))
  readonly #dirs = Array.from({ length: directories }, (_, index) => join(this.#dir, `log-${index}`))
  readonly #random = new SeededRandom(seed)
  readonly #ledger = new Ledger()
  readonly #port: number
  readonly #clients: LogClient[] = []
  readonly #hits = new Map<Aim, number>()
  #moves = 0
  #broker: BrokerChild
  #work: Work | undefined

  constructor(port: number) {
    this.#port = port
    this.#broker = new BrokerChild(this.#dirs.join(','), port)
  }

  #client(): LogClient {
    const client = new LogClient({ bootstrap: `127.0.0.1:${this.#port}`, requestTimeoutMs: 5_000, reconnectBackoffMaxMs: 200 })
    this.#clients.push(client)
    return client
  }

  async run(): Promise<void> {
    await this.#broker.ready
    const { admin } = this.#client()
    const compact = { 'cleanup.policy': 'compact', 'segment.ms': '500' }
    await admin.createTopics([
      { name: topics.orders, partitions: 2 },
      { name: topics.accounts, partitions: 1, configs: compact },
    ])
    this.#work = new Work({
      client: () => this.#client(),
      random: this.#random.fork(),
      ledger: this.#ledger,
      sleep: (ms) => sleep(ms),
      now: () => performance.now(),
    })
    for (let number = 1; number <= kills; number++) await this.#life(number)
    this.#work.finish()
    await this.#work.done
    await new Looks(this.#client(), this.#ledger).atEnd()
    await this.#broker.stop()
    const ended = [...this.#hits].map(([aim, count]) => `${aim} ${count}`).join(', ')
    const { sent, transactions, commits } = this.#ledger
    console.log(`nothing is wrong after ${kills} lives (${ended})`)
    if (directories > 1) console.log(`${this.#moves} times a log was to be in a directory`)
    console.log(`${sent.flat().length} records, ${transactions.length} transactions, ${commits.asked} commits of offsets`)
    if (!values.keep) rmSync(this.#dir, { recursive: true })
  }

  async #life(number: number): Promise<void> {
    const aim = this.#random.pick(aims)
    this.#hits.set(aim, (this.#hits.get(aim) ?? 0) + 1)
    const begin = performance.now()
    const moving = this.#moveLogs()
    await this.#until(aim)
    if (aim === 'close') await this.#broker.stop()
    else await this.#broker.kill()
    await moving
    const livedMs = Math.round(performance.now() - begin)
    const restart = performance.now()
    this.#broker = new BrokerChild(this.#dirs.join(','), this.#port)
    // A life that is to end while it starts is looked at in the next one.
    if (this.#random.chance(0.2)) {
      await sleep(this.#random.between(0, 400))
      await this.#broker.kill()
      this.#broker = new BrokerChild(this.#dirs.join(','), this.#port)
      this.#hits.set('start', (this.#hits.get('start') ?? 0) + 1)
    }
    await this.#broker.ready
    const startMs = Math.round(performance.now() - restart)
    const looks = new LogClient({ bootstrap: `127.0.0.1:${this.#port}` })
    const found = await new Looks(looks, this.#ledger).live()
    looks.close()
    console.log(
      `${String(number).padStart(4)}  ${aim.padEnd(6)} after ${String(livedMs).padStart(5)} ms, back in ${String(startMs).padStart(5)} ms, ${found.length} records`,
    )
  }

  /** Where there is more than one directory: some logs are to go to another one. The broker may die over it. */
  async #moveLogs(): Promise<void> {
    if (directories === 1) return
    await sleep(this.#random.between(0, 300))
    const partitions = [
      { name: topics.orders, partitions: [this.#random.between(0, 1)] },
      { name: topics.accounts, partitions: [0] },
      { name: '__consumer_offsets', partitions: [0, 1, 2, 3] },
    ]
    const dirs = partitions.map((topic) => ({ path: this.#random.pick(this.#dirs), topics: [topic] }))
    try {
      const client = await WireClient.connect({ host: '127.0.0.1', port: this.#port })
      const { results } = await client.ask('AlterReplicaLogDirs', 2, { dirs })
      this.#moves += results.flatMap((result) => result.partitions).filter(({ errorCode }) => errorCode === 0).length
      await client.close()
    } catch {
      // It has died.
    }
  }

  /** Waits for the moment at which this life is to end. */
  async #until(aim: Aim): Promise<void> {
    await sleep(this.#random.between(0, aim === 'start' ? 30 : 600))
    const work = this.#work!
    const isAt = (): boolean => {
      if (aim === 'append') return work.numUnacknowledged > 3
      if (aim === 'end') return work.endingSinceMs !== undefined
      if (aim === 'commit') return work.committingSinceMs !== undefined
      return true
    }
    const end = performance.now() + 2_000
    while (!isAt() && performance.now() < end) await new Promise((resolve) => setImmediate(resolve))
    const delayMs = this.#random.pick([0, 0, 1, 2, 5])
    if (delayMs > 0) await sleep(delayMs)
  }

  async fail(error: unknown): Promise<void> {
    console.error(error)
    console.error(`the broker said: ${this.#broker.said}`)
    console.error(`the log directory is kept: ${this.#dir}`)
    console.error(`repeat it with: npm run kill-test:log -- --kills ${kills} --seed ${seed}`)
    await this.#broker.kill()
    process.exit(1)
  }
}

console.log(`kill -9 of a broker, ${kills} times (seed ${seed})`)
const test = new KillTest(await freePort())
try {
  await test.run()
  process.exit(0)
} catch (error) {
  await test.fail(error)
}
