import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger } from '@millrace/core'
import { VirtualClock } from '@millrace/testkit'
import { Waits } from './waits.ts'

function told(): { readonly clock: VirtualClock; readonly waits: Waits; readonly lines: readonly string[] } {
  const clock = new VirtualClock()
  const lines: string[] = []
  const write = ({ message }: { readonly message: string }): void => void lines.push(`${clock.monotonic() / 1_000} ${message}`)
  return { clock, waits: new Waits(clock, createLogger({ clock, level: 'warn', write })), lines }
}

void test('what lacks is told after a second, and then ever more rarely, with what the last attempt came to', async () => {
  const { clock, waits, lines } = told()
  const wait = waits.begin('topic', 'orders', 'it is not known')
  await clock.advance(5_000)
  wait.says('nobody has it')
  await clock.advance(200_000)
  wait.end(true)
  await clock.advance(600_000)
  assert.deepEqual(lines, [
    '1 still no topic orders after 1s: it is not known',
    '11 still no topic orders after 11s: nobody has it',
    '41 still no topic orders after 41s: nobody has it',
    '101 still no topic orders after 101s: nobody has it',
    '161 still no topic orders after 161s: nobody has it',
  ])
  assert.equal(clock.pending, 0)
})

void test('what is there within a second is never told', async () => {
  const { clock, waits, lines } = told()
  const wait = waits.begin('connection to broker', 'h:1', 'it does not answer')
  await clock.advance(900)
  wait.end(true)
  waits.failed('leader of', 't-0', 'p')
  await clock.advance(900)
  waits.over('leader of', 't-0')
  await clock.advance(100_000)
  assert.deepEqual([lines, clock.pending], [[], 0])
})

void test('what is not tried any more is not told again', async () => {
  const { clock, waits, lines } = told()
  const first = waits.begin('connection to broker', 'h:1', 'it does not answer')
  first.says('refused')
  first.end(false)
  await clock.advance(100_000)
  assert.deepEqual(lines, ['1 still no connection to broker h:1 after 1s: refused'])
  waits.begin('connection to broker', 'h:1', 'it does not answer')
  await clock.advance(1_000)
  assert.equal(lines.length, 2, 'a new attempt is a new wait')
})

void test('what failed once, and is not tried itself since, is not told', async () => {
  const { clock, waits, lines } = told()
  waits.failed('records of', 't-0', 'the connection ended')
  await clock.advance(60_000)
  assert.deepEqual([lines, clock.pending], [[], 0])
})

void test('what lacks at one time is one line', async () => {
  const { clock, waits, lines } = told()
  for (let partition = 0; partition < 5; partition++) {
    for (const _ of ['once', 'again']) waits.failed('leader of', `t-${partition}`, `problem ${partition}`)
    await clock.advance(20)
  }
  for (const _ of ['once', 'again']) waits.failed('topic', 'other', 'unknown')
  await clock.advance(2_000)
  assert.deepEqual(lines, ['1 still no leader of t-0, t-1, t-2 and 2 more after 1s: problem 0', '1 still no topic other after 1s: unknown'])
})

void test('several who wait for one thing are one line, until the last has it', async () => {
  const { clock, waits, lines } = told()
  const [one, other] = [waits.begin('connection to broker', 'h:1', 'a'), waits.begin('connection to broker', 'h:1', 'b')]
  one.says('refused')
  one.end(false)
  await clock.advance(1_000)
  await clock.advance(10_000)
  assert.equal(lines.length, 2)
  other.end(true)
  await clock.advance(100_000)
  assert.equal(lines.length, 2)
  waits.close()
  assert.equal(clock.pending, 0)
})

void test('a client that is closed tells nothing', async () => {
  const { clock, waits, lines } = told()
  waits.failed('topic', 'a', 'b')
  waits.close()
  waits.failed('topic', 'a', 'b')
  await clock.advance(5_000)
  assert.deepEqual([lines, clock.pending], [[], 0])
})
