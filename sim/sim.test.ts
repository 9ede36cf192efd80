import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mutations } from './mutation/list.ts'
import { regressions } from './regressions.ts'
import { runSeed } from './seed.ts'
import { situations, SituationCounts } from './situations.ts'

const SEEDS = 44

test('seeds pass, and meet most situations', async () => {
  const total = new SituationCounts()
  for (let seed = 1; seed <= SEEDS; seed++) total.add(await runSeed(seed))
  const missing = total.missing(1)
  assert.ok(missing.length <= 4, `${SEEDS} seeds never reached: ${missing.join(', ')}`)
})

test('what once failed passes', async () => {
  for (const { seed, scenario } of regressions) await runSeed(seed, { scenario })
})

test('a seed always takes the same way', async () => {
  const [first, again] = [await runSeed(7), await runSeed(7)]
  assert.deepEqual(
    situations.map((situation) => again.of(situation)),
    situations.map((situation) => first.of(situation)),
  )
})

test('an error on purpose is seen', async () => {
  const mutation = mutations.find(({ name }) => name === 'a sink forgets its handles')
  assert.ok(mutation)
  await assert.rejects(async () => {
    for (let seed = 1; seed <= SEEDS; seed++) await runSeed(seed, { mutation: mutation.make })
  })
})
