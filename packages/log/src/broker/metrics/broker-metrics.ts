/**
 * What a broker counts, under the names that Kafka's metrics have behind the JMX exporter of Prometheus.
 *
 * 1. Counting is adding to a number: names and labels are put together when somebody looks.
 * 2. A topic is counted for as long as it is there.
 */
import type { MetricSnapshot } from '@millrace/core'
import { MetricRegistry, type Counter, type Histogram } from '@millrace/core'
import type { ApiName } from '../../protocol/index.ts'
import { counterSnapshot, gaugeSnapshot } from './snapshots.ts'

/** Of one topic, or of all. */
class TopicCounts {
  messagesIn = 0
  bytesIn = 0
  bytesOut = 0
  produceRequests = 0
  fetchRequests = 0
  failedProduceRequests = 0
  failedFetchRequests = 0
}

const TOPIC_COUNTERS: readonly (readonly [name: string, field: keyof TopicCounts, help: string])[] = [
  ['messagesin', 'messagesIn', 'Records appended.'],
  ['bytesin', 'bytesIn', 'Bytes of records appended.'],
  ['bytesout', 'bytesOut', 'Bytes of records given to consumers.'],
  ['totalproducerequests', 'produceRequests', 'Produce requests, counted for each partition.'],
  ['totalfetchrequests', 'fetchRequests', 'Fetch requests, counted for each partition.'],
  ['failedproducerequests', 'failedProduceRequests', 'Produce requests that were refused, counted for each partition.'],
  ['failedfetchrequests', 'failedFetchRequests', 'Fetch requests that were refused, counted for each partition.'],
]

interface ApiMeters {
  readonly requests: Counter
  readonly totalTimeMs: Histogram
}

/** What is looked at, rather than counted, when the metrics are read. */
export interface ObservedBroker {
  readonly gauges: () => readonly MetricSnapshot[]
  /** Whether there is such a topic. */
  readonly hasTopic: (name: string) => boolean
}

export class BrokerMetrics {
  readonly #registry = new MetricRegistry()
  readonly #all = new TopicCounts()
  readonly #topics = new Map<string, TopicCounts>()
  readonly #apis = new Map<string, ApiMeters>()
  #observed: ObservedBroker = { gauges: () => [], hasTopic: () => true }

  /** For what other parts count by themselves. */
  get registry(): MetricRegistry {
    return this.#registry
  }

  observe(broker: ObservedBroker): void {
    this.#observed = broker
  }

  /** An append that was acknowledged, and was no repetition. */
  produced(topic: string, bytes: number, records: number): void {
    for (const counts of [this.#all, this.#of(topic)]) {
      counts.messagesIn += records
      counts.bytesIn += bytes
    }
  }

  /** What a produce request came to in the partitions of one topic. */
  produceAnswered(topic: string, results: readonly { readonly errorCode: number }[]): void {
    const failed = results.reduce((count, { errorCode }) => (errorCode === 0 ? count : count + 1), 0)
    for (const counts of [this.#all, this.#of(topic)]) {
      counts.produceRequests += results.length
      counts.failedProduceRequests += failed
    }
  }

  /** What a fetch request came to in one partition. */
  fetchAnswered(topic: string, bytes: number, isRefused: boolean): void {
    for (const counts of [this.#all, this.#of(topic)]) {
      counts.fetchRequests++
      counts.bytesOut += bytes
      if (isRefused) counts.failedFetchRequests++
    }
  }

  /** A request that was answered, or closed its connection. */
  requestAnswered(api: ApiName, version: number, durationMs: number): void {
    const meters = this.#metersOf(api, version)
    meters.requests.add()
    meters.totalTimeMs.record(durationMs)
  }

  /** Everything as it stands. */
  snapshot(): readonly MetricSnapshot[] {
    const { gauges, hasTopic } = this.#observed
    for (const topic of this.#topics.keys()) if (!hasTopic(topic)) this.#topics.delete(topic)
    const counted = TOPIC_COUNTERS.flatMap(([name, field, help]) => {
      const full = `kafka_server_brokertopicmetrics_${name}`
      const ofTopics = [...this.#topics].map(([topic, counts]) => counterSnapshot(full, help, counts[field], { topic }))
      return [counterSnapshot(full, help, this.#all[field]), ...ofTopics]
    })
    const { rss } = process.memoryUsage()
    const memory = gaugeSnapshot('process_resident_memory_bytes', 'Memory of this process.', rss)
    return [...counted, ...this.#registry.snapshot(), ...gauges(), memory]
  }

  #of(topic: string): TopicCounts {
    let counts = this.#topics.get(topic)
    if (counts === undefined) {
      counts = new TopicCounts()
      this.#topics.set(topic, counts)
    }
    return counts
  }

  #metersOf(api: ApiName, version: number): ApiMeters {
    const key = `${api} ${version}`
    let meters = this.#apis.get(key)
    if (meters === undefined) {
      const labels = { request: api, version: String(version) }
      meters = {
        requests: this.#registry.counter('kafka_network_requestmetrics_requests', { help: 'Requests answered.', labels }),
        totalTimeMs: this.#registry.histogram('kafka_network_requestmetrics_totaltimems', {
          help: 'From the arrival of a request to its answer.',
          labels: { request: api },
        }),
      }
      this.#apis.set(key, meters)
    }
    return meters
  }
}
