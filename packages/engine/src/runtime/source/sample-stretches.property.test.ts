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

/** As a source head asks: before each record, and after each poll that read any. */
function samplesOf(polls: readonly number[]): readonly Sample[] {
  const stretches = new SampleStretches()
  const samples: Sample[] = []
  let emitted = 0
  for (const [poll, records] of polls.entries()) {
    for (let index = 0; index < records; index++) {
      if (++emitted < stretches.at) continue
      assert.equal(emitted, stretches.at, 'none is passed over')
      samples.push({ poll, index, records: stretches.records })
      stretches.take()
    }
    if (records > 0) stretches.polled()
  }
  return samples
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0)

void test('samples stand for the records that were read, all but the stretch that is under way', () => {
  const property = fc.property(fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 60 }), (polls) => {
    const read = sum(polls)
    const told = sum(samplesOf(polls).map(({ records }) => records))
    assert.ok(told <= read + 1_024 && told >= read - 1_024, `${told} of ${read}`)
  })
  fc.assert(property)
})

void test('there are about as many samples as polls, however much these read', () => {
  const property = fc.property(fc.integer({ min: 1, max: 1_000 }), (records) => {
    const samples = samplesOf(Array.from({ length: 300 }, () => records)).length
    assert.ok(samples > 100 && samples < 650, `${samples} of polls of ${records}`)
  })
  fc.assert(property, { numRuns: 50 })
})

void test('what polls read in turns is sampled evenly: records that come again with each poll keep no step with the samples', () => {
  for (const period of [8, 64, 100, 512]) {
    const seen = Array.from({ length: 8 }, () => 0)
    const samples = samplesOf(Array.from({ length: 4_000 }, () => period))
    for (const { index, records } of samples) seen[Math.floor((8 * index) / period)]! += records
    const all = sum(seen)
    for (const each of seen) assert.ok(Math.abs(each / all - 1 / 8) < 0.02, `${period}: ${seen.join(' ')}`)
  }
})

void test('a source that reads much and little in turns is told to have read so', () => {
  const samples = samplesOf(Array.from({ length: 40_000 }, (_, poll) => (poll % 2 === 0 ? 300 : 10)))
  const little = sum(samples.filter(({ poll }) => poll % 2 === 1).map(({ records }) => records))
  const share = little / sum(samples.map(({ records }) => records))
  assert.ok(Math.abs(share - 10 / 310) < 0.01, String(share))
})
