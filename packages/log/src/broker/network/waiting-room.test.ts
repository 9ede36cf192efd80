import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '@millrace/testkit'
import { WaitingRoom } from './waiting-room.ts'

const window = { windows: 11, windowMs: 1000 }

interface RoomOptions {
  readonly rateMax?: number
  readonly sizeMax?: number
  readonly hasRoomAt?: (listener: string) => boolean
  readonly rates?: Readonly<Record<string, number>>
}

/** A broker with so many places. */
function roomFor(places: { free: number }, options: RoomOptions = {}) {
  const clock = new VirtualClock()
  const entered: string[] = []
  const room = new WaitingRoom({
    clock,
    hasRoom: () => places.free > 0,
    hasRoomAt: options.hasRoomAt ?? (() => true),
    rateMax: () => options.rateMax ?? Infinity,
    rateMaxOf: (listener) => options.rates?.[listener],
    window,
    sizeMax: options.sizeMax ?? 3,
  })
  const come = (name: string, listener = 'L'): ReturnType<WaitingRoom['come']> =>
    room.come(listener, () => {
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
  let hasRoomAtA = false
  const { clock, room, come, entered } = roomFor({ free: 10 }, { hasRoomAt: (listener) => listener !== 'A' || hasRoomAtA })
  assert.equal(typeof come('a', 'A'), 'function')
  assert.equal(come('b', 'B'), 'entered')
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

void test('the rate of a listener holds up those alone who come to it; that of the broker counts them too', async () => {
  const { clock, come, entered } = roomFor({ free: 1000 }, { rateMax: 4, sizeMax: 1000, rates: { A: 1 } })
  for (let index = 0; index < 30; index++) {
    come(`a${index}`, 'A')
    come(`b${index}`, 'B')
  }
  const counts = (): readonly number[] => ['a', 'b'].map((letter) => entered.filter((name) => name.startsWith(letter)).length)
  assert.deepEqual(counts(), [10, 30], 'what the windows of both leave at once')
  await clock.advance(12_000)
  const [later] = counts()
  assert.ok(later! > 10 && later! < 25, `${later}`)
  await clock.advance(40_000)
  assert.deepEqual(counts(), [30, 30])
  assert.deepEqual(
    entered.filter((name) => name.startsWith('a')),
    Array.from({ length: 30 }, (_, index) => `a${index}`),
  )
})
