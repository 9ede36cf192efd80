// Which records of the batches of a task are samples of its chain's keys.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { VirtualClock } from '@millrace/testkit'
import type { RecordBatch } from '../../exchange/elements.ts'
import { KeyLoad } from '../../keys/load/key-load.ts'
import { Chain } from '../../operators/chain.ts'
import type { Operator } from '../../operators/operator.ts'
import { ChainCursor, nowhere } from '../../operators/receiver.ts'
import { WorkSlice } from '../work-slice.ts'
import { BatchFeed } from './batch-feed.ts'

interface Sample {
  readonly batch: number
  readonly index: number
  readonly records: number
}

/** A chain of one operator with keys, or of one without. */
class Feeding {
  readonly handed: number[] = []
  readonly samples: Sample[] = []
  /** The record after which it asks for a stop, counted over all. */
  stopAfter: ReadonlySet<number> = new Set()
  readonly #cursor: ChainCursor = new ChainCursor()
  readonly #feed: BatchFeed
  #batch = 0
  #told = 0

  constructor(keyed: boolean, sliceRecords: number | undefined) {
    const keyLoad = keyed ? new KeyLoad() : undefined
    const operator = { keyLoad, sampleKey: (records: number) => (this.#told += records) } as unknown as Operator
    const chain = new Chain(this.#cursor, [operator], [nowhere, nowhere])
    this.#feed = new BatchFeed(chain, new WorkSlice(new VirtualClock(), sliceRecords), () => {})
  }

  take(count: number, rests: boolean): void {
    const values = Array.from({ length: count }, (_, index) => index)
    const batch: RecordBatch = { kind: 'records', count, values, timestamps: undefined, hashes: values }
    const origin = { channel: 0, label: 'numbers', operator: 0, input: 0 } as const
    this.#feed.take(batch, origin, { receive: (value) => this.#receive(value as number), watermark: () => {} })
    while (this.#feed.holds) {
      if (rests) this.#feed.rest()
      this.#cursor.interrupted = false
      this.#feed.goOn()
    }
    this.#cursor.interrupted = false
    this.#batch++
  }

  #receive(index: number): void {
    if (this.stopAfter.has(this.handed.length)) this.#cursor.interrupted = true
    this.handed.push(index)
    if (this.#told > 0) this.samples.push({ batch: this.#batch, index, records: this.#told })
    this.#told = 0
  }
}

const counts = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 20 })

void test('each batch has one sample, which stands for all of it, however it is cut by slices, stops and checkpoints', () => {
  const slices = fc.option(fc.integer({ min: 1, max: 300 }), { nil: undefined })
  const property = fc.property(counts, slices, fc.boolean(), fc.array(fc.nat(2_000)), (batches, sliceRecords, rests, stops) => {
    const whole = new Feeding(true, 10_000)
    const cut = new Feeding(true, sliceRecords)
    cut.stopAfter = new Set(stops)
    for (const count of batches) {
      whole.take(count, false)
      cut.take(count, rests)
    }
    assert.deepEqual(
      cut.samples.map(({ batch, records }) => ({ batch, records })),
      batches.map((records, batch) => ({ batch, records })),
    )
    assert.deepEqual(cut.samples, whole.samples)
    assert.deepEqual(
      cut.handed,
      batches.flatMap((count) => Array.from({ length: count }, (_, index) => index)),
    )
  })
  fc.assert(property)
})

void test('the sample is anywhere in a batch', () => {
  const feeding = new Feeding(true, undefined)
  for (let batch = 0; batch < 1_000; batch++) feeding.take(64, false)
  const quarters = Map.groupBy(feeding.samples, ({ index }) => index >> 4)
  for (const quarter of [0, 1, 2, 3]) assert.ok(Math.abs(quarters.get(quarter)!.length - 250) < 60, String(quarters.get(quarter)!.length))
})

void test('a chain without keys is asked for none', () => {
  const feeding = new Feeding(false, undefined)
  feeding.take(100, false)
  assert.deepEqual([feeding.handed.length, feeding.samples], [100, []])
})
