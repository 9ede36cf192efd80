import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { list, map, value, type ListState, type MapState, type ValueState } from '../api/state.ts'
import { at, createState, finish, restore } from './fixtures/operator-state.ts'

interface Handles {
  v: ValueState<unknown>
  l: ListState<unknown>
  m: MapState<string, unknown>
}

const one = { maxParallelism: 1 }
const old = { v: value<unknown>(), l: list<unknown>(), m: map<string, unknown>() }

function stored(): ReturnType<typeof finish> {
  const state = createState(old, one)
  const handles = at<Handles>(state, 'k')
  handles.v.set(1)
  handles.l.set([1, 2])
  handles.m.set('a', 1)
  state.timers.register('event', 1234)
  return finish(state.beginSnapshot(1, { full: 'all' }))
}

test('the bytes of format version 1', () => {
  const written = stored()
  // On disk for ever: this may not change without a new version.
  assert.equal(
    Buffer.concat([...written.groups.values()].flat().map(({ bytes }) => bytes)).toString('hex'),
    '4d530101000005000102760101026c0201026d050100060100816b01ad020102f301816101a5d204f0',
  )
})

test('stored states are found by name; new ones are empty', () => {
  const state = restore(createState({ extra: value<number>(), m: old.m, l: old.l, v: old.v }, one), stored())
  const handles = at<Handles & { extra: ValueState<number> }>(state, 'k')
  assert.equal(handles.v.get(), 1)
  assert.deepEqual(handles.l.get(), [1, 2])
  assert.deepEqual([...handles.m.entries()], [['a', 1]])
  assert.equal(handles.extra.get(), undefined)
  assert.equal(state.timers.next('event'), 1234)
})

test('a newer version migrates values, elements and entries', () => {
  const options = { version: 3, migrate: (was: unknown, from: number) => `${from}:${String(was)}` }
  const handles = at<Handles>(
    restore(createState({ v: value(options), l: list(options), m: map<string, string>(options) }, one), stored()),
    'k',
  )
  assert.equal(handles.v.get(), '1:1')
  assert.deepEqual(handles.l.get(), ['1:1', '1:2'])
  assert.equal(handles.m.get('a'), '1:1')
})

test('what does not fit is refused by name', () => {
  const refused = (states: Parameters<typeof createState>[0], code: string, message: RegExp): void => {
    assert.throws(() => restore(createState(states, one), stored()), { code, message })
  }
  refused({ v: old.v, l: old.l }, 'STATE_UNMAPPED', /"m" of test/)
  refused({ ...old, l: value() }, 'STATE_KIND_CHANGED', /"l" of test is stored as list state and declared as value state/)
  refused({ ...old, v: value({ version: 2 }) }, 'STATE_MIGRATION_MISSING', /version 1 and declared in version 2/)
  refused({ ...old, v: value({ version: 2, migrate: () => JSON.parse('{') as unknown }) }, 'STATE_MIGRATION_FAILED', /"v"/)
  refused({ ...old, v: value({ version: 2, migrate: () => undefined }) }, 'STATE_MIGRATION_FAILED', /undefined/)
  refused({ ...old, v: value({ version: 2, migrate: () => Promise.resolve(1) }) }, 'STATE_MIGRATION_FAILED', /a promise/)
  const newer = createState({ v: value({ version: 5 }) }, one)
  at<Handles>(newer, 'k').v.set(1)
  const written = finish(newer.beginSnapshot(1, { full: 'all' }))
  assert.throws(() => restore(createState({ v: old.v }, one), written), { code: 'STATE_VERSION_NEWER' })
  assert.throws(() => createState({ v: value({ version: 0 }) }), { code: 'STATE_DECLARATION_INVALID' })
})

test('state that may be left out is, and the next checkpoint is a full one', () => {
  const state = restore(createState({ v: old.v }, { ...one, allowNonRestored: true }), stored())
  state.resumeFrom(1, new Map([[0, 1]]))
  assert.equal(at<Handles>(state, 'k').v.get(), 1)
  assert.equal(finish(state.beginSnapshot(2, { full: 'share' })).index.baseCheckpointId, undefined)
})

test('after resumeFrom the next checkpoint is a delta over the restored one', () => {
  const written = stored()
  const state = restore(createState(old, one), written)
  state.resumeFrom(1, new Map([[0, 1]]))
  at<Handles>(state, 'other').v.set('new')
  const delta = finish(state.beginSnapshot(2, { full: 'share' }))
  assert.equal(delta.index.baseCheckpointId, 1)
  assert.equal(delta.index.segments[0]!.rows, 1)
  assert.equal(restore(createState(old, one), written, delta).statistics().rows, 2)
})

test('damaged bytes are refused, never a crash or a hang', () => {
  const [segment] = [...stored().groups.values()].flat()
  const bytes = segment!.bytes
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (place, flip, cut) => {
      const damaged = cut ? bytes.slice(0, place) : Uint8Array.from(bytes, (byte, index) => (index === place ? byte ^ flip : byte))
      assert.throws(() => createState(old, one).restoreGroup(0, [{ ...segment!, bytes: damaged }]), { code: 'STATE_CORRUPT' })
      try {
        createState(old, one).restoreGroup(0, [{ bytes: damaged }])
      } catch (error) {
        assert.match(String((error as { code?: unknown }).code), /^STATE_/)
      }
    }),
    { numRuns: 300 },
  )
})

test('keys of a group outside the range, and of another max parallelism, are refused', () => {
  assert.throws(() => createState(old, { keyGroups: { first: 1, end: 2 } }).restoreGroup(0, []), { code: 'KEY_GROUP_FOREIGN' })
  const state = createState(old, { keyGroups: { first: 1, end: 2 } })
  assert.throws(
    () => {
      for (let key = 0; key < 20; key++) at<Handles>(state, key).v.set(1)
    },
    { code: 'KEY_GROUP_FOREIGN' },
  )
  const four = createState(old)
  for (let key = 0; key < 20; key++) at<Handles>(four, key).v.set(1)
  const written = finish(four.beginSnapshot(1, { full: 'all' }))
  assert.throws(() => restore(createState(old, { maxParallelism: 8 }), written), { code: 'STATE_CORRUPT', message: /max parallelism/ })
})
