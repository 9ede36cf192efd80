import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32, zstdCompressSync } from 'node:zlib'
import { map, value, type MapState, type ValueState } from '../../api/state.ts'
import { at, createState, finish, restore, type Written } from '../fixtures/operator-state.ts'
import type { SegmentBytes } from '../state-types.ts'

interface Handles {
  text: ValueState<string>
  entries: MapState<number, string>
}

const states = { text: value<string>(), entries: map<number, string>() }
const keys = Array.from({ length: 300 }, (_, key) => key)
const textOf = (key: number): string => `${key}: something that is said of every key alike`

function filled(compression: 'none' | 'zstd'): ReturnType<typeof createState> {
  const state = createState(states, { compression })
  for (const key of keys) at<Handles>(state, key).text.set(textOf(key))
  return state
}

const segmentsOf = ({ groups }: Written): readonly SegmentBytes[] => [...groups.values()].flat()
const isCompressed = ({ bytes }: SegmentBytes): boolean => bytes[2] === 5

test('a chain of compressed and plain segments is restored, whatever the state that takes it compresses itself', () => {
  const state = filled('zstd')
  const full = finish(state.beginSnapshot(1, { full: 'all' }))
  state.checkpointCompleted(1)
  assert.ok(segmentsOf(full).every(isCompressed))
  assert.ok(full.index.sizeBytes < finish(filled('none').beginSnapshot(1, { full: 'all' })).index.sizeBytes / 3)
  assert.equal(full.index.sizeBytes, full.index.fullBytes)

  at<Handles>(state, 7).text.set('other')
  for (let entry = 0; entry < 1_000; entry++) at<Handles>(state, 3).entries.set(entry, textOf(entry))
  const delta = finish(state.beginSnapshot(2, { full: 'share' }))
  const kinds = segmentsOf(delta).map(isCompressed)
  assert.ok(kinds.includes(true) && kinds.includes(false), 'one is too small')

  for (const compression of ['none', 'zstd'] as const) {
    const restored = restore(createState(states, { compression }), full, delta)
    for (const key of keys) assert.equal(at<Handles>(restored, key).text.get(), key === 7 ? 'other' : textOf(key))
    assert.equal(at<Handles>(restored, 3).entries.size, 1_000)
    assert.equal(at<Handles>(restored, 3).entries.get(999), textOf(999))
  }
})

test('what gets no smaller is stored as it is', () => {
  const state = createState(states, { compression: 'zstd' })
  let word = 1
  const noise = Array.from({ length: 400 }, () => String.fromCharCode((word = Math.imul(word, 0x5deece6d) + 11) >>> 24)).join('')
  at<Handles>(state, 1).text.set(noise)
  assert.deepEqual(segmentsOf(finish(state.beginSnapshot(1, { full: 'all' }))).map(isCompressed), [false])
})

test('the bytes are the header of version 5, the way of compressing, the length, and a frame', () => {
  const compressed = segmentsOf(finish(filled('zstd').beginSnapshot(1, { full: 'all' })))[0]!.bytes
  const plain = segmentsOf(finish(filled('none').beginSnapshot(1, { full: 'all' })))[0]!.bytes
  const length = plain.length
  const expected = [0x4d, 0x53, 5, 1, (length & 0x7f) | 0x80, length >> 7, 0x28, 0xb5, 0x2f, 0xfd]
  assert.deepEqual([...compressed.subarray(0, expected.length)], expected)
})

test('a compressed segment that makes no sense is corrupt', () => {
  const full = finish(filled('zstd').beginSnapshot(1, { full: 'all' }))
  const { bytes } = segmentsOf(full)[0]!
  const [group] = full.groups.keys()
  const load = (changed: Uint8Array): void =>
    createState(states).restoreGroup(group!, [{ bytes: Buffer.from(changed), crc32: crc32(changed), rows: 1 }])
  const set = (index: number, byte: number): Uint8Array => bytes.map((before, at) => (at === index ? byte : before))
  const corrupt = (problem: RegExp): object => ({ code: 'STATE_CORRUPT', message: problem })
  load(bytes)
  assert.throws(() => load(set(3, 2)), corrupt(/compressed in a way that is not known: 2/))
  assert.throws(() => load(set(4, bytes[4]! ^ 1)), corrupt(/./), 'another length')
  assert.throws(() => load(set(20, bytes[20]! ^ 0xff)), corrupt(/./), 'damage within')
  assert.throws(() => load(bytes.subarray(0, bytes.length - 10)), corrupt(/./), 'cut off')
  const twice = Buffer.concat([Buffer.from([0x4d, 0x53, 5, 1, (bytes.length & 0x7f) | 0x80, bytes.length >> 7]), zstdCompressSync(bytes)])
  assert.throws(() => load(twice), corrupt(/compressed twice/))
})
