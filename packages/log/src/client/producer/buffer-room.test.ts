import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '@millrace/testkit'
import { BufferRoom } from './buffer-room.ts'

void test('who waits gets a turn in order, and the bound holds', async () => {
  const clock = new VirtualClock()
  const state = { bufferedBytes: 0, isClosed: false }
  const room = new BufferRoom(clock, { bufferBytes: 10, maxBlockMs: 1000 }, state)
  const order: number[] = []
  const all = Array.from({ length: 9 }, (_, number) =>
    room.inTurn(() => {
      order.push(number)
      state.bufferedBytes += 4
    }),
  )
  while (order.length < 9) {
    await clock.advance(1)
    assert.ok(state.bufferedBytes < 14, `${state.bufferedBytes}`)
    state.bufferedBytes -= 4
    room.changed()
  }
  await Promise.all(all)
  assert.deepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7, 8])
  await clock.runUntilIdle()
})

void test('who waits too long is told so, the next one is not', async () => {
  const clock = new VirtualClock()
  const state = { bufferedBytes: 10, isClosed: false }
  const room = new BufferRoom(clock, { bufferBytes: 10, maxBlockMs: 1000 }, state)
  const late = assert.rejects(
    room.inTurn(() => assert.fail('it has no room')),
    { code: 'CLIENT_BUFFER_FULL' },
  )
  await clock.advance(500)
  let isDone = false
  const next = room.inTurn(() => void (isDone = true))
  await clock.advance(600)
  await late
  assert.equal(isDone, false)
  state.bufferedBytes = 0
  room.changed()
  await next
  assert.ok(isDone)
  await clock.runUntilIdle()
})
