import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { SampleStretches } from './sample-stretches.ts'

interface Sample {
  readonly poll: number
  /** In its poll, from 0. */
  readonly index: number
  readonly records: number
}

/** As a source head asks, before each record; a record takes `recordMs`, and before each poll is a pause. */
function samplesOf(polls: readonly number[], recordMs = 0.0004, pauseMs = 0): readonly Sample[] {
  const stretches = new SampleStretches()
  const samples: Sample[] = []
  let emitted = 0
  let nowMs = 0
  for (const [poll, records] of polls.entries()) {
    nowMs += pauseMs
    for (let index = 0; index < records; index++) {
      nowMs += recordMs
      if (++emitted < stretches.at) continue
      assert.equal(emitted, stretches.at, 'none is passed over')
      samples.push({ poll, index, records: stretches.records })
      stretches.take(nowMs)
    }
  }
  return samples
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0)
const polls = (count: number, records: number): readonly number[] => Array.from({ length: count }, () => records)

void test('samples stand for the records that were read, all but the stretch that is under way', () => {
  const property = fc.property(
    fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 60 }),
    fc.double({ min: 0, max: 20, noNaN: true }),
    fc.double({ min: 0, max: 1_000, noNaN: true }),
    (read, recordMs, pauseMs) => {
      const told = sum(samplesOf(read, recordMs, pauseMs).map(({ records }) => records))
      assert.ok(told <= sum(read) + 2_048 && told >= sum(read) - 2_048, `${told} of ${sum(read)}`)
    },
  )
  fc.assert(property)
})

void test('there are one to two hundred samples a second, however fast records come and however they are cut into polls', () => {
  const property = fc.property(fc.double({ min: 0.01, max: 3, noNaN: true }), fc.integer({ min: 1, max: 500 }), (recordMs, records) => {
    const readings = Math.ceil(5_000 / recordMs / records)
    const samples = samplesOf(polls(readings, records), recordMs).length
    const seconds = (readings * records * recordMs) / 1_000
    assert.ok(samples / seconds > 90 && samples / seconds < 250, `${samples / seconds} a second`)
  })
  fc.assert(property, { numRuns: 50 })
})

void test('of a source that reads millions a second no more than one record in two thousand is a sample', () => {
  const samples = samplesOf(polls(8_000, 256)).length
  assert.ok(samples > 900 && samples < 1_100, String(samples))
})

void test('a source that reads a record now and then has each of them told', () => {
  assert.equal(samplesOf(polls(200, 1), 0.001, 100).length, 200)
})

void test('one that has become slow has each record told again, within four times the longest stretch', () => {
  const samples = samplesOf([1_000_000, ...polls(4 * 2_048, 1)], 0.0004, 100)
  assert.deepEqual(
    samples.slice(-100).map(({ poll, records }) => ({ poll, records })),
    Array.from({ length: 100 }, (_, index) => ({ poll: 4 * 2_048 - 99 + index, records: 1 })),
  )
})

void test('what polls read in turns is sampled evenly: records that come again with each poll keep no step with the samples', () => {
  for (const period of [8, 64, 100, 512]) {
    const seen = Array.from({ length: 8 }, () => 0)
    for (const { index, records } of samplesOf(polls(4_000, period), 5 / period)) seen[Math.floor((8 * index) / period)]! += records
    const all = sum(seen)
    for (const each of seen) assert.ok(Math.abs(each / all - 1 / 8) < 0.02, `${period}: ${seen.join(' ')}`)
  }
})

void test('a source that reads much and little in turns is told to have read so', () => {
  const read = Array.from({ length: 40_000 }, (_, poll) => (poll % 2 === 0 ? 300 : 10))
  const samples = samplesOf(read, 0.02, 1)
  const little = sum(samples.filter(({ poll }) => poll % 2 === 1).map(({ records }) => records))
  const share = little / sum(samples.map(({ records }) => records))
  assert.ok(Math.abs(share - 10 / 310) < 0.01, String(share))
})
