import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '@millrace/testkit'
import { WaitingRoom } from './waiting-room.ts'

const window = { windows: 11, windowMs: 1000 }

/** A broker with so many places. */
function roomFor(places: { free: number }, options: { rateMax?: number; sizeMax?: number } = {}) {
  const clock = new VirtualClock()
  const entered: string[] = []
  const room = new WaitingRoom({
    clock,
    hasRoom: () => places.free > 0,
    rateMax: () => options.rateMax ?? Infinity,
    window,
    sizeMax: options.sizeMax ?? 3,
  })
  const come = (name: string): ReturnType<WaitingRoom['come']> =>
    room.come(() => {
      entered.push(name)
      places.free--
    })
  return { clock, room, come, entered }
}

void test('who finds a place enters at once; the others in their order, as places come free', () => {
  const places = { free: 1 }
  const { room, come, entered } = roomFor(places)
  assert.equal(come('a'), 'entered')
  for (const name of ['b', 'c']) assert.equal(typeof come(name), 'function')
  assert.deepEqual(entered, ['a'])
  places.free = 1
  room.proceed()
  assert.deepEqual([entered, room.size], [['a', 'b'], 1])
})

void test('a full room turns away; who gives up makes room', () => {
  const { room, come, entered } = roomFor({ free: 0 }, { sizeMax: 2 })
  const leave = come('a') as () => void
  come('b')
  assert.equal(come('c'), 'full')
  leave()
  assert.equal(typeof come('d'), 'function')
  assert.deepEqual([entered, room.size], [[], 2])
})

void test('who waits for a place at his own listener holds nobody up, and enters when there is one', async () => {
  const { clock, room, entered } = roomFor({ free: 10 })
  let hasRoomAtA = false
  const come = (name: string, hasRoom?: () => boolean): unknown => room.come(() => entered.push(name), hasRoom)
  assert.equal(typeof come('a', () => hasRoomAtA), 'function')
  assert.equal(come('b'), 'entered')
  hasRoomAtA = true
  await clock.advance(1000)
  assert.deepEqual([entered, room.size], [['b', 'a'], 0])
})

void test('places that come by a change of the configuration are seen', async () => {
  const places = { free: 0 }
  const { clock, come, entered } = roomFor(places)
  come('a')
  await clock.advance(900)
  places.free = 1
  assert.deepEqual(entered, [])
  await clock.advance(200)
  assert.deepEqual(entered, ['a'])
})

void test('connections enter at the rate that is allowed, whatever rate they come at', async () => {
  const { clock, come, entered } = roomFor({ free: 1000 }, { rateMax: 2, sizeMax: 1000 })
  for (let index = 0; index < 100; index++) come(`${index}`)
  assert.equal(entered.length, 20, 'what the windows leave at once')
  await clock.advance(20_000)
  assert.ok(entered.length >= 40 && entered.length <= 60, `${entered.length}`)
  await clock.advance(40_000)
  assert.equal(entered.length, 100)
})
