import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawsOf } from '../draws.ts'
import { aimsOf, Deck, Hits, standingOf } from './aims.ts'

void test('400 lives aim at each failpoint more than 20 times, whatever can be killed', () => {
  for (const killable of [
    { log: true, coordinator: false },
    { log: false, coordinator: false },
    { log: false, coordinator: true },
  ]) {
    const aims = aimsOf(killable)
    const deck = new Deck(aims)
    const hits = new Hits()
    for (let life = 0; life < 400; life++) hits.add(deck.next())
    assert.deepEqual(hits.rare(aims, 20), [])
    assert.notDeepEqual(hits.rare(aims, 80), [])
  }
})

void test('what was missed comes again, after another', () => {
  const [first, second, third] = aimsOf({ log: false, coordinator: false })
  const deck = new Deck([first!, second!, third!])
  deck.missed(deck.next())
  assert.deepEqual([deck.next(), deck.next(), deck.next()], [first, second, third])
  deck.missed(first!)
  deck.missed(second!)
  assert.deepEqual([deck.next(), deck.next(), deck.next(), deck.next()], [first, first, second, second])
})

void test('places follow from aims', () => {
  const draw = drawsOf(1)
  for (const aim of aimsOf({ log: true, coordinator: true })) {
    const standing = standingOf(aim, draw)
    assert.equal(standing === undefined, aim.failpoint === 'any-moment')
    if (aim.failpoint.includes('-prepare')) assert.equal(standing?.place, aim.failpoint)
  }
})

void test('the table has a line for each failpoint', () => {
  const aims = aimsOf({ log: false, coordinator: true })
  const hits = new Hits()
  hits.add({ failpoint: 'coordinator-moved', victim: 'coordinator-killed' })
  const table = hits.table(aims)
  assert.equal(table.length, 14)
  assert.match(table.at(-1)!, /^coordinator-moved +· +· +1 +1$/)
})
