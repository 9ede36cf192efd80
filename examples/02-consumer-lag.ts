// How far each consumer of a log is behind its producer: a map without state, the same answer for the same record whenever it comes.
//
//   millrace run examples/02-consumer-lag.ts
import { defineJob, generator, print } from 'millrace'

/** Where everyone stood at one moment: offsets of the next record to write, and to read. */
export interface Offsets {
  readonly at: number
  readonly producer: number
  readonly consumers: { readonly [name: string]: number }
}

export interface Lag {
  readonly at: number
  readonly consumer: string
  /** Records written that the consumer has not read. */
  readonly lag: number
}

export function lags({ at, producer, consumers }: Offsets): Lag[] {
  return Object.entries(consumers).map(([consumer, offset]) => ({ at, consumer, lag: producer - offset }))
}

/** The producer writes 16 records a second; each consumer reads at a pace of its own and is never ahead. */
export function offsetsAt(second: number): Offsets {
  const producer = 16 * second
  const consumers = { fast: Math.max(0, producer - 3), steady: Math.floor(producer * 0.9), slow: 7 * second }
  return { at: second * 1_000, producer, consumers }
}

export default defineJob('consumer-lag', { params: { seconds: 60, ratePerSecond: 20 } }, (env, { seconds, ratePerSecond }) => {
  env
    .fromSource(generator({ count: seconds, ratePerSecond, generate: offsetsAt }), { uid: 'offsets' })
    .flatMap(lags)
    .name('lag of each consumer')
    .map(({ at, consumer, lag }) => `${at / 1_000} s: ${consumer} is ${lag} behind`)
    .sinkTo(print())
    .uid('lags')
})
