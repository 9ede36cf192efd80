/**
 * The metrics of one thread. Recording is a few machine instructions; names, labels and texts are only touched by `snapshot`.
 *
 * Invariants: 1. A name and its labels stand for one metric for ever: asking again answers the same. 2. A name has one kind.
 * 3. There are at most `limit` metrics.
 */
import { metricError } from './errors.ts'
import type { MetricLabels, MetricSnapshot } from './snapshot.ts'

/** Counts what happened. */
export interface Counter {
  /** Adds `count`, by default 1. What is negative or not a number adds nothing. */
  add(count?: number): void
  readonly value: number
}

/** Records how values are distributed. */
export interface Histogram {
  /** What is not a number is not recorded. */
  record(value: number): void
}

/** What tells a metric apart from others, and tells people what it is. */
export interface MetricOptions {
  /** One sentence for people; empty by default. */
  readonly help?: string
  /** Added to the registry's own. */
  readonly labels?: MetricLabels
}

interface Entry {
  readonly kind: MetricSnapshot['kind']
  readonly metric: Counter | Histogram | Gauge
  snapshot(): MetricSnapshot
}

interface Gauge {
  /** Anybody's. */
  read: () => unknown
}

const nameLimit = 128

/** The metrics of one thread, at most 10,000 unless `limit` says otherwise. */
export class MetricRegistry {
  readonly #labels: MetricLabels
  readonly #limit: number
  readonly #entries = new Map<string, Entry>()
  readonly #kinds = new Map<string, MetricSnapshot['kind']>()

  constructor(options: { readonly labels?: MetricLabels; readonly limit?: number } = {}) {
    this.#labels = options.labels ?? {}
    this.#limit = options.limit ?? 10_000
  }

  /** @throws METRIC_NAME, METRIC_KIND, METRIC_LIMIT */
  counter(name: string, options: MetricOptions = {}): Counter {
    return this.#metric(name, 'counter', options, (identity) => {
      const counter = new PlainCounter()
      return { kind: 'counter', metric: counter, snapshot: () => ({ kind: 'counter', ...identity, value: counter.value }) }
    }) as Counter
  }

  /**
   * `read` is called for each snapshot; asking again replaces it. If it throws, the value is NaN.
   *
   * @throws METRIC_NAME, METRIC_KIND, METRIC_LIMIT
   */
  gauge(name: string, read: () => number, options: MetricOptions = {}): void {
    const metric = this.#metric(name, 'gauge', options, (identity) => {
      const gauge: Gauge = { read }
      return { kind: 'gauge', metric: gauge, snapshot: () => ({ kind: 'gauge', ...identity, value: readSafely(gauge) }) }
    }) as Gauge
    metric.read = read
  }

  /**
   * `bounds`: upper ends of the buckets, ascending; by default 1, 2, 5, 10 … 1,000,000, for values in milliseconds, bytes or records.
   *
   * @throws METRIC_NAME, METRIC_KIND, METRIC_LIMIT
   */
  histogram(name: string, options: MetricOptions & { readonly bounds?: readonly number[] } = {}): Histogram {
    return this.#metric(name, 'histogram', options, (identity) => {
      const histogram = new BucketHistogram(options.bounds ?? defaultBounds)
      return { kind: 'histogram', metric: histogram, snapshot: () => ({ kind: 'histogram', ...identity, ...histogram.read() }) }
    }) as Histogram
  }

  /** Every metric as it stands, in the order of declaration. */
  snapshot(): readonly MetricSnapshot[] {
    return Array.from(this.#entries.values(), (entry) => entry.snapshot())
  }

  #metric(name: string, kind: Entry['kind'], options: MetricOptions, create: (identity: Identity) => Entry): Entry['metric'] {
    if (name.length > nameLimit || !/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name))
      throw metricError('METRIC_NAME', { name: name.slice(0, nameLimit), limit: nameLimit })
    const known = this.#kinds.get(name)
    if (known !== undefined && known !== kind) throw metricError('METRIC_KIND', { name, is: known, asked: kind })
    const labels = { ...this.#labels, ...options.labels }
    const id = JSON.stringify([name, Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1))])
    let entry = this.#entries.get(id)
    if (entry === undefined) {
      if (this.#entries.size >= this.#limit) throw metricError('METRIC_LIMIT', { limit: this.#limit })
      entry = create({ name, labels, help: options.help ?? '' })
      this.#entries.set(id, entry)
      this.#kinds.set(name, kind)
    }
    return entry.metric
  }
}

interface Identity {
  readonly name: string
  readonly labels: MetricLabels
  readonly help: string
}

class PlainCounter implements Counter {
  value = 0

  add(count = 1): void {
    if (count > 0) this.value += count
  }
}

const defaultBounds: readonly number[] = [1, 10, 100, 1_000, 10_000, 100_000]
  .flatMap((decade) => [decade, 2 * decade, 5 * decade])
  .concat(1_000_000)

class BucketHistogram implements Histogram {
  readonly #bounds: Float64Array
  /** One more than bounds: the last is for values above all of them. */
  readonly #counts: Float64Array
  #sum = 0
  #max = 0

  constructor(bounds: readonly number[]) {
    this.#bounds = Float64Array.from(new Set(bounds)).toSorted()
    this.#counts = new Float64Array(this.#bounds.length + 1)
  }

  record(value: number): void {
    if (Number.isNaN(value)) return
    let low = 0
    let high = this.#bounds.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#bounds[middle]! < value) low = middle + 1
      else high = middle
    }
    this.#counts[low]!++
    this.#sum += value
    if (value > this.#max) this.#max = value
  }

  read(): { readonly count: number; readonly sum: number; readonly max: number; readonly buckets: { upTo: number; count: number }[] } {
    const buckets = Array.from(this.#bounds, (upTo, index) => ({ upTo, count: this.#counts[index]! }))
    return { count: this.#counts.reduce((sum, count) => sum + count, 0), sum: this.#sum, max: this.#max, buckets }
  }
}

/** What is no number, such as a promise, could not go to another thread. */
function readSafely(gauge: Gauge): number {
  try {
    return Number(gauge.read())
  } catch {
    return Number.NaN
  }
}
