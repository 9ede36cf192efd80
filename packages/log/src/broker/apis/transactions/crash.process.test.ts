// A broker that is killed again and again while producers write transactions: each of them is there wholly or not at all, as it was answered.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ERROR_CODE } from '../../../protocol/index.ts'
import { createTopic } from '../../testing/requests.ts'
import { WireClient } from '../../testing/wire-client.ts'
import { BrokerProcess } from './testing/broker-process.ts'
import { addPartition, end, readCommitted, write, type Producer } from './testing/transaction-client.ts'

const KILLS = Number(process.env['MILLRACE_KILLS'] ?? 4)
const PARTITIONS = 3
const RETRIABLE: readonly number[] = [
  ERROR_CODE.CONCURRENT_TRANSACTIONS,
  ERROR_CODE.COORDINATOR_LOAD_IN_PROGRESS,
  ERROR_CODE.COORDINATOR_NOT_AVAILABLE,
  ERROR_CODE.NOT_COORDINATOR,
  ERROR_CODE.NOT_LEADER_OR_FOLLOWER,
  ERROR_CODE.NOT_ENOUGH_REPLICAS,
  ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION,
]

/** A producer that writes one transaction after the other, each to all partitions with an offset, and repeats what is not answered. */
class Writer {
  readonly name: string
  readonly outcomes = new Map<number, 'commit' | 'abort'>()
  readonly #broker: BrokerProcess
  readonly #version: 0 | 2
  #client: WireClient | undefined
  #producer: Producer | undefined
  #sequence = 0
  isStopping = false

  constructor(broker: BrokerProcess, name: string, version: 0 | 2) {
    this.#broker = broker
    this.name = name
    this.#version = version
  }

  async run(): Promise<void> {
    for (let number = 0; !this.isStopping; number++) {
      this.#producer ??= await this.#initialise()
      const isWritten = await this.#write(number)
      const isCommit = isWritten && number % 4 !== 3
      const isAnswered = await this.#end(isCommit)
      assert.ok(isAnswered || !isCommit, 'a commit is answered, sooner or later')
      this.outcomes.set(number, isCommit ? 'commit' : 'abort')
    }
    await this.#client?.close()
  }

  async #initialise(): Promise<Producer> {
    const asked = { transactionalId: this.name, transactionTimeoutMs: 60_000 }
    const { producerId, producerEpoch } = await this.#ask((client) => client.ask('InitProducerId', 5, asked))
    this.#sequence = 0
    return { transactionalId: this.name, producerId, producerEpoch }
  }

  /** Whether everything was acknowledged. */
  async #write(number: number): Promise<boolean> {
    const producer = this.#producer!
    try {
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const version = this.#version === 2 ? 12 : 11
        if (this.#version === 0) await this.#code((client) => addPartition(client, producer, 't', partition))
        const value = `${this.name} ${number}`
        await this.#code((client) => write(client, producer, 't', [value], { version, partition, sequence: this.#sequence }))
      }
      this.#sequence++
      await this.#commitOffset(producer, number)
      return true
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      return false
    }
  }

  async #commitOffset(producer: Producer, number: number): Promise<void> {
    const asked = { ...producer, groupId: this.name }
    if (this.#version === 0) await this.#ask((client) => client.ask('AddOffsetsToTxn', 3, asked))
    const topics = [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: number, committedMetadata: null }] }]
    await this.#code(async (client) => {
      const response = await client.ask('TxnOffsetCommit', this.#version === 2 ? 5 : 4, { ...asked, topics })
      return response.topics[0]!.partitions[0]!.errorCode
    })
  }

  /** Whether the end was answered; where it is refused, a new producer's first request ends it. */
  async #end(isCommit: boolean): Promise<boolean> {
    const producer = this.#producer!
    try {
      const ended = await this.#ask((client) => end(client, producer, isCommit, this.#version === 2 ? 5 : 4))
      if (this.#version === 2) {
        this.#producer = { ...producer, producerId: ended.producerId, producerEpoch: ended.producerEpoch }
        this.#sequence = 0
      } else if (!isCommit) this.#producer = undefined
      return true
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      this.#producer = undefined
      return false
    }
  }

  async #code(work: (client: WireClient) => Promise<number>): Promise<void> {
    await this.#ask(async (client) => ({ errorCode: await work(client) }))
  }

  async #ask<R extends { readonly errorCode: number }>(work: (client: WireClient) => Promise<R>): Promise<R> {
    for (;;) {
      try {
        this.#client ??= await WireClient.connect({ host: '127.0.0.1', port: this.#broker.port })
        const reply = await work(this.#client)
        if (reply.errorCode === ERROR_CODE.NONE) return reply
        if (!RETRIABLE.includes(reply.errorCode)) throw new Refused(`${reply.errorCode}`)
      } catch (error) {
        if (error instanceof Refused) throw error
        this.#client = undefined
      }
      await pause(10)
    }
  }
}

class Refused extends Error {}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

test('a broker killed under load leaves every transaction as it was answered', { timeout: 60_000 + KILLS * 3000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-transactions-crash-'))
  const broker = new BrokerProcess(dir, {
    'transaction.state.log.num.partitions': '4',
    'offsets.topic.num.partitions': '4',
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200',
  })
  try {
    await broker.start()
    const client = await WireClient.connect({ host: '127.0.0.1', port: broker.port })
    await createTopic(client, 't', {}, PARTITIONS)
    await client.ask('FindCoordinator', 1, { key: 'g', keyType: 0 })
    await client.close()
    const writers = ([0, 2, 2, 2] as const).map((version, index) => new Writer(broker, `writer-${index}`, version))
    const runs = writers.map((writer) => writer.run())
    for (let kill = 0; kill < KILLS; kill++) {
      await pause(100 + Math.random() * 300)
      await broker.kill()
      await broker.start()
    }
    // However slow the machine is: it is only worth a look where there is something to be seen.
    while (committedOf(writers).length <= 20) await pause(50)
    for (const writer of writers) writer.isStopping = true
    await Promise.all(runs)
    await check(broker, writers)
  } finally {
    await broker.kill()
    rmSync(dir, { recursive: true })
  }
})

function committedOf(writers: readonly Writer[]): readonly string[] {
  return writers.flatMap(({ name, outcomes }) =>
    [...outcomes].filter(([, outcome]) => outcome === 'commit').map(([number]) => `${name} ${number}`),
  )
}

async function check(broker: BrokerProcess, writers: readonly Writer[]): Promise<void> {
  const client = await WireClient.connect({ host: '127.0.0.1', port: broker.port })
  const expected = committedOf(writers)
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const { values } = await stable(client, partition)
    assert.deepEqual([...values].toSorted(byText), expected.toSorted(byText), `partition ${partition}`)
  }
  for (const { name, outcomes } of writers) {
    const asked = { groups: [{ groupId: name, topics: [{ name: 't', partitionIndexes: [0] }] }], requireStable: true }
    const { groups } = await client.ask('OffsetFetch', 8, asked)
    const committed = [...outcomes].filter(([, outcome]) => outcome === 'commit').map(([number]) => number)
    assert.equal(groups[0]!.topics[0]!.partitions[0]!.committedOffset, committed.at(-1), name)
  }
  await client.close()
}

/** What is committed, once no transaction is open any more. */
async function stable(client: WireClient, partition: number): Promise<{ readonly values: readonly string[] }> {
  for (let turns = 0; ; turns++) {
    const read = await readCommitted(client, 't', partition)
    if (read.lastStableOffset === read.highWatermark) return read
    assert.ok(turns < 200, 'a transaction stays open')
    await pause(20)
  }
}

function byText(left: string, right: string): number {
  return left.localeCompare(right)
}
