// By hand with kafkajs: consume, transform, produce and send offsets in a transaction a second. `parallelism` threads, each a member of the group.
import { parseArgs } from 'node:util'
import { isMainThread, Worker } from 'node:worker_threads'
import { Kafka, logLevel, type Transaction } from 'kafkajs'
import { outcomeOf, type Event } from './records.ts'

const { values: flags } = parseArgs({
  options: {
    bootstrap: { type: 'string', default: 'localhost:9092' },
    from: { type: 'string', default: 'from' },
    to: { type: 'string', default: 'to' },
    mode: { type: 'string', default: 'json' },
    parallelism: { type: 'string', default: '2' },
    'checkpoint-ms': { type: 'string', default: '1000' },
    partitions: { type: 'string', default: '4' },
    end: { type: 'string', default: '0' },
    member: { type: 'string' },
  },
})

const END_POLL_MS = 100

function transformed(value: Buffer): Buffer | string {
  return flags.mode === 'bytes' ? value : JSON.stringify(outcomeOf(JSON.parse(value.toString()) as Event))
}

async function loop(member: string): Promise<void> {
  const { bootstrap, from, to } = flags
  const kafka = new Kafka({ clientId: `loop-${member}`, brokers: [bootstrap], logLevel: logLevel.ERROR })
  const producer = kafka.producer({
    transactionalId: `${to}-${member}`,
    idempotent: true,
    maxInFlightRequests: 1,
    transactionTimeout: 60_000,
  })
  const consumer = kafka.consumer({ groupId: to, readUncommitted: false, maxWaitTimeInMs: 100 })
  await Promise.all([producer.connect(), consumer.connect()])
  await consumer.subscribe({ topic: from, fromBeginning: true })
  let transaction: Transaction | undefined
  let startedMs = 0
  const offsets = new Map<number, string>()
  const end = Number(flags.end)
  const commit = async (): Promise<void> => {
    const open = transaction
    if (open === undefined) return
    transaction = undefined
    const partitions = [...offsets].map(([partition, offset]) => ({ partition, offset }))
    offsets.clear()
    await open.sendOffsets({ consumerGroupId: to, topics: [{ topic: from, partitions }] })
    await open.commit()
  }
  await consumer.run({
    autoCommit: false,
    eachBatch: async (payload) => {
      const { batch } = payload
      const messages = end === 0 ? batch.messages : batch.messages.filter(({ offset }) => Number(offset) < end)
      const last = messages.at(-1)?.offset
      if (last !== undefined) {
        if (transaction === undefined) {
          transaction = await producer.transaction()
          startedMs = performance.now()
        }
        await transaction.send({ topic: to, messages: messages.map(({ value, timestamp }) => ({ value: transformed(value!), timestamp })) })
        offsets.set(batch.partition, String(Number(last) + 1))
        payload.resolveOffset(last)
      }
      // At the end nothing more may come that would see to this.
      const isLast = last !== undefined && end > 0 && Number(last) === end - 1
      if (transaction !== undefined && (isLast || performance.now() - startedMs >= Number(flags['checkpoint-ms']))) await commit()
      await payload.heartbeat()
    },
  })
}

/** Until the group has committed all that is asked for. */
async function ended(): Promise<void> {
  const { bootstrap, from, to } = flags
  const admin = new Kafka({ clientId: 'loop', brokers: [bootstrap], logLevel: logLevel.ERROR }).admin()
  await admin.connect()
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, END_POLL_MS))
    const [topic] = await admin.fetchOffsets({ groupId: to, topics: [from] })
    const done = topic?.partitions.filter(({ offset }) => Number(offset) >= Number(flags.end)) ?? []
    if (done.length === Number(flags.partitions)) return
  }
}

if (isMainThread) {
  for (let member = 0; member < Number(flags.parallelism); member++) {
    const worker = new Worker(new URL(import.meta.url), { argv: [...process.argv.slice(2), '--member', String(member)] })
    worker.once('error', (error) => {
      throw error
    })
  }
  if (flags.end !== '0') {
    await ended()
    process.exit(0)
  }
} else await loop(flags.member!)
