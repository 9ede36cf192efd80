/**
 * How long a record takes through a job, and through the same broker alone: one open loop writes at a steady rate, one reader reads what was written, the other
 * what the job made of it. A record's time runs from when it was due: a stall is charged to every record that it delays. Both ways are measured on the same records.
 */
import type { FetchedRecords, Fetcher, LogClient } from '@millrace/log/client'
import { quantile } from '../../statistics.ts'
import { recordOf } from './records.ts'

export interface LatencySettings {
  readonly from: string
  readonly to: string
  readonly partitions: number
  readonly recordsPerSecond: number
  readonly seconds: number
  /** Whether what is not committed is waited for. */
  readonly readCommitted: boolean
}

export interface Latencies {
  readonly hopP50Ms: number
  readonly hopP99Ms: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** Seconds that are written before anything is judged, and how long the last records may take. */
const WARM_SECONDS = 10
const END_TIMEOUT_MS = 20_000
const WAIT_MS = 5

/** When each record came, by its id; each must come once. */
class Arrivals {
  readonly #fetcher: Fetcher
  readonly #atMs: Float64Array
  #count = 0
  #done: Promise<void> | undefined
  #isEnding = false

  constructor(fetcher: Fetcher, records: number) {
    this.#fetcher = fetcher
    this.#atMs = new Float64Array(records)
  }

  get count(): number {
    return this.#count
  }

  start(): void {
    this.#done = this.#read()
  }

  /** Of records from the given one on: from when they were due to when they came. */
  async latencies(dueMs: (n: number) => number, first: number): Promise<readonly number[]> {
    this.#isEnding = true
    await this.#done
    return Array.from(this.#atMs.subarray(first), (atMs, index) => atMs - dueMs(first + index))
  }

  async #read(): Promise<void> {
    while (!this.#isEnding) for (const fetched of await this.#fetcher.poll({ waitMs: WAIT_MS })) this.#note(fetched)
    this.#fetcher.close()
  }

  #note({ records }: FetchedRecords): void {
    const nowMs = performance.now()
    for (const { value } of records) {
      const n = idOf(value!)
      if (this.#atMs[n] !== 0) throw new Error(`record ${n} came twice, or is none of these`)
      this.#atMs[n] = nowMs
      this.#count++
    }
  }
}

const ID_AT = '{"id":'.length
const COMMA = 0x2c
const ZERO = 0x30

/** Of a record, or of what became of it: both begin alike. */
function idOf(value: Uint8Array): number {
  let id = 0
  for (let at = ID_AT; value[at] !== COMMA; at++) id = id * 10 + value[at]! - ZERO
  return id
}

/** The job runs already, and has no end. */
export async function measureLatency(client: LogClient, settings: LatencySettings): Promise<Latencies> {
  const { from, to, partitions, recordsPerSecond, seconds, readCommitted } = settings
  const records = Math.round(recordsPerSecond * (WARM_SECONDS + seconds))
  const arrivals = [from, to].map((topic) => {
    const fetcher = client.fetcher({ isolation: readCommitted ? 'read_committed' : 'read_uncommitted' })
    fetcher.assign(Array.from({ length: partitions }, (_, partition) => ({ topic, partition, start: 'earliest' as const })))
    const made = new Arrivals(fetcher, records)
    made.start()
    return made
  })
  const producer = client.producer({ lingerMs: 1 })
  const startMs = performance.now()
  const dueMs = (n: number): number => startMs + (n * 1_000) / recordsPerSecond
  for (let n = 0; n < records;) {
    for (const nowMs = performance.now(); n < records && dueMs(n) <= nowMs; n++) {
      if (!producer.append({ topic: from, partition: n % partitions, value: recordOf(n) })) await producer.ready()
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await producer.close()
  for (const endMs = performance.now() + END_TIMEOUT_MS; arrivals.some(({ count }) => count < records);) {
    if (performance.now() > endMs) throw new Error(`${arrivals.map(({ count }) => count).join(' and ')} of ${records} records came`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const [hop, job] = await Promise.all(arrivals.map((each) => each.latencies(dueMs, recordsPerSecond * WARM_SECONDS)))
  return {
    hopP50Ms: quantile(hop!, 0.5),
    hopP99Ms: quantile(hop!, 0.99),
    p50Ms: quantile(job!, 0.5),
    p99Ms: quantile(job!, 0.99),
    maxMs: job!.reduce((max, each) => Math.max(max, each), 0),
  }
}
