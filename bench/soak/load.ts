/** What the broker is to bear: all of it at once, until the signal. A part that fails ends the run. */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LogClient } from '@millrace/log/client'
import { fetchRequest, produceRequest, Wire, type Place } from './wire.ts'

export interface Topics {
  /** Kept by size. */
  readonly kept: string
  readonly keptPartitions: number
  readonly compacted: string
  readonly compactedPartitions: number
  readonly probe: string
}

export interface Counts {
  producedBytes: number
  consumedRecords: number
  connections: number
  stalled: number
  groupGenerations: number
}

export interface Load {
  readonly client: LogClient
  readonly place: Place
  readonly topics: Topics
  readonly counts: Counts
  readonly signal: AbortSignal
}

const VALUE_BYTES = 1000
const KEYS = 50
/** Of the turns to write, one in so many is the compacted topic's. */
const COMPACTED_EVERY = 10
const UNACKNOWLEDGED_BYTES_MAX = 32 * 1024 * 1024
const TURN_MS = 20

/** Writes at a rate, over all partitions in turn; a tenth goes to the compacted topic, under few keys. */
export async function produceSteadily({ client, topics, counts, signal }: Load, bytesPerSecond: number): Promise<void> {
  const producer = client.producer({ lingerMs: 20, batchBytes: 65_536, bufferBytes: 64 * 1024 * 1024 })
  const value = Buffer.alloc(VALUE_BYTES, 'soak ')
  const beganMs = performance.now()
  const failures: unknown[] = []
  let sentBytes = 0
  for (let turn = 0; !signal.aborted && failures.length === 0;) {
    const dueBytes = ((performance.now() - beganMs) / 1000) * bytesPerSecond
    // Some records in a row go to one partition, so that batches are batches.
    for (; sentBytes < dueBytes && sentBytes - counts.producedBytes < UNACKNOWLEDGED_BYTES_MAX && failures.length === 0; turn++) {
      const isCompacted = turn % COMPACTED_EVERY === 0
      const compactedTurns = Math.ceil(turn / COMPACTED_EVERY)
      const partition = isCompacted ? compactedTurns % topics.compactedPartitions : (turn - compactedTurns) % topics.keptPartitions
      const topic = isCompacted ? topics.compacted : topics.kept
      for (let index = 0; index < 16; index++) {
        sentBytes += VALUE_BYTES
        producer.send({ topic, partition, key: isCompacted ? `key-${(turn + index) % KEYS}` : null, value }).then(
          () => (counts.producedBytes += VALUE_BYTES),
          (error: unknown) => failures.push(error),
        )
      }
    }
    await sleep(TURN_MS)
  }
  if (failures.length > 0) throw failures[0]
  await producer.flush()
}

/** Follows some partitions from their beginnings. */
export async function consumeSteadily({ client, topics, counts, signal }: Load, partitionsMax: number): Promise<void> {
  const fetcher = client.fetcher({ offsetReset: 'earliest' })
  const count = Math.min(partitionsMax, topics.keptPartitions)
  fetcher.assign(Array.from({ length: count }, (_, partition) => ({ topic: topics.kept, partition, start: 'earliest' as const })))
  while (!signal.aborted) {
    for (const { records } of await fetcher.poll({ waitMs: 200 })) counts.consumedRecords += records.length
  }
  fetcher.close()
}

/** Members of one group come, read, commit and go. */
export async function rebalanceSteadily({ client, topics, counts, signal }: Load): Promise<void> {
  while (!signal.aborted) {
    const consumer = client.groupConsumer({ groupId: 'soak', topics: [topics.probe], offsetReset: 'earliest' })
    const untilMs = performance.now() + 3000
    while (performance.now() < untilMs && !signal.aborted) await consumer.poll({ waitMs: 200 })
    await consumer.commit()
    await consumer.close()
    counts.groupGenerations++
  }
}

/** So many connections at a time: each writes a few records, some seconds apart, goes, and another one comes. */
export async function comeAndGo({ place, topics, counts, signal }: Load, connections: number): Promise<void> {
  const live = async (index: number): Promise<void> => {
    await sleep((index * 10_000) / connections)
    while (!signal.aborted) {
      const wire = await Wire.connect(place)
      counts.connections++
      const partition = (index * 7) % topics.keptPartitions
      for (let request = 0; request < 3 && !signal.aborted; request++) {
        await wire.produce(produceRequest(topics.kept, partition, Buffer.alloc(100, 'x')))
        await sleep(500 + 4000 * Math.random())
      }
      wire.close()
    }
  }
  await Promise.all(Array.from({ length: connections }, (_, index) => live(index)))
}

/** So many consumers that ask for much and take nothing. One whose connection the broker ends comes again. */
export async function stall({ place, topics, counts, signal }: Load, consumers: number): Promise<void> {
  const sockets = new Set<Socket>()
  const open = (index: number): void => {
    const partitions = Array.from({ length: Math.min(20, topics.keptPartitions) }, (_, at) => (index + at * 13) % topics.keptPartitions)
    const socket = connect(place)
    sockets.add(socket)
    socket.pause()
    socket.write(fetchRequest(topics.kept, [...new Set(partitions)], 50_000_000))
    counts.stalled++
    socket.on('error', () => undefined)
    socket.on('close', () => {
      sockets.delete(socket)
      counts.stalled--
      if (!signal.aborted) setTimeout(open, 1000, index).unref()
    })
  }
  for (let index = 0; index < consumers && !signal.aborted; index++) {
    open(index)
    await sleep(2)
  }
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  for (const socket of sockets) socket.destroy()
}

/** One record every so often on a connection of its own; `took` hears how long each took. */
export async function probe({ place, topics, signal }: Load, intervalMs: number, took: (milliseconds: number) => void): Promise<void> {
  const wire = await Wire.connect(place)
  while (!signal.aborted) {
    const request = produceRequest(topics.probe, 0, Buffer.alloc(100, 'p'))
    const sentMs = performance.now()
    await wire.produce(request)
    took(performance.now() - sentMs)
    await sleep(intervalMs)
  }
  wire.close()
}
