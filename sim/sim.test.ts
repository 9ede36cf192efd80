// A small share of what `npm run sim` does, which continuous integration runs with more seeds, after all that once failed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mutations } from './mutation/list.ts'
import { runSeed } from './seed.ts'
import { situations, SituationCounts } from './situations.ts'

/** Seeds that take little time and come to much. */
const SEEDS = [51, 57]

test('seeds pass, and meet many situations', async () => {
  const total = new SituationCounts()
  for (const seed of SEEDS) total.add(await runSeed(seed))
  const met = situations.length - total.missing(1).length
  assert.ok(met >= 35, `${met} situations of ${situations.length} were reached, without: ${total.missing(1).join(', ')}`)
})

test('a seed always takes the same way', async () => {
  const [first, again] = [await runSeed(22), await runSeed(22)]
  assert.deepEqual(
    situations.map((situation) => again.of(situation)),
    situations.map((situation) => first.of(situation)),
  )
})

test('an error on purpose is seen', async () => {
  const mutation = mutations.find(({ name }) => name === 'a sink forgets its handles')
  assert.ok(mutation)
  await assert.rejects(async () => {
    for (const seed of SEEDS) await runSeed(seed, { mutation: mutation.make })
  })
})
