import assert from 'node:assert/strict'
import { it } from 'node:test'
import { VirtualClock } from '@millrace/testkit'
import { RegexTopics } from './regex-topics.ts'
import { TopicsAtHand } from './testing/topics-at-hand.ts'

/** A clock on which every look at it takes a while: slices end after a few names. */
function slowClock(): { clock: ConstructorParameters<typeof RegexTopics>[1]; turns: (() => void)[] } {
  let now = 0
  const turns: (() => void)[] = []
  const clock = {
    now: () => now,
    monotonic: () => (now += 0.4),
    after: () => () => undefined,
    soon: (callback: () => void) => {
      turns.push(callback)
      return () => undefined
    },
  }
  return { clock, turns }
}

const MANY = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`orders-${index}`, 1]))

it('lets others have their turn while it looks, and tells of whole results alone', async () => {
  const { clock, turns } = slowClock()
  const topics = new TopicsAtHand(MANY)
  const regexes = new RegexTopics(topics, clock)
  let isReady = false
  const ready = regexes.ready('orders-1.*').then(() => (isReady = true))
  assert.equal(regexes.matching('orders-1.*'), undefined)
  let count = 0
  for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) {
    count++
    turn()
  }
  await ready
  assert.ok(isReady && count > 3)
  assert.equal(regexes.matching('orders-1.*')?.topics.length, 11)
})

it('tells of what it knew while it looks anew, with the version that it was found in', () => {
  const { clock, turns } = slowClock()
  const topics = new TopicsAtHand({ 'orders-1': 1 })
  const regexes = new RegexTopics(topics, clock)
  const before = regexes.matching('orders-.*')
  assert.deepEqual(before, { topics: ['orders-1'], version: topics.version })
  for (const name of Object.keys(MANY)) topics.put(name, 1)
  assert.deepEqual(regexes.matching('orders-.*'), before)
  while (turns.length > 0) turns.shift()!()
  assert.equal(regexes.matching('orders-.*')?.topics.length, 20)
  assert.equal(regexes.matching('orders-.*')?.version, topics.version)
})

it('stops looking when it is closed', async () => {
  const { clock, turns } = slowClock()
  const regexes = new RegexTopics(new TopicsAtHand(MANY), clock)
  const ready = regexes.ready('.*')
  regexes.close()
  while (turns.length > 0) turns.shift()!()
  await ready
  assert.equal(regexes.matching('.*'), undefined)
})

it('takes any number of expressions, one after the other', () => {
  const topics = new TopicsAtHand({ a: 1 })
  const regexes = new RegexTopics(topics, new VirtualClock())
  for (let index = 0; index < 3000; index++) assert.deepEqual(regexes.matching(`a|x${index}`)?.topics, ['a'])
  assert.ok(regexes.isValid('a|x0'))
  assert.ok(!regexes.isValid('('))
})
