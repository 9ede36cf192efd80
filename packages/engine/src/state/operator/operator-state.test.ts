import assert from 'node:assert/strict'
import { test } from 'node:test'
import { raw, rawKeyed, splitList, unionList, type OperatorStateDeclarations, type UnionListState } from '../../api/operator-state.ts'
import type { ListState } from '../../api/state.ts'
import { OperatorState } from './operator-state.ts'

interface Handles {
  list: ListState<unknown>
  union: UnionListState<unknown>
}

const declared = { list: splitList<unknown>(), union: unionList<unknown>() }

function create(
  states: OperatorStateDeclarations = declared,
  options: { freeze?: boolean; allowNonRestored?: boolean; group?: number } = {},
): OperatorState {
  const { freeze = false, allowNonRestored = false, group = 0 } = options
  return new OperatorState({
    operator: 'test',
    states,
    keyGroups: { first: 0, end: 2 },
    currentGroup: () => group,
    freeze,
    allowNonRestored,
  })
}

const of = (state: { readonly handles: unknown }): Handles => state.handles as Handles

test('lists: what was there comes back; a union tells what all had, and keeps its own share', () => {
  const state = create()
  of(state).list.addAll([1, { n: 2 }])
  of(state).union.set(['a'])
  const stored = state.snapshot()
  of(state).list.clear()
  assert.deepEqual(of(state).list.get(), [])
  assert.deepEqual(
    state.snapshot().map(({ name }) => name),
    ['union'],
  )
  const other = create()
  of(other).union.set(['b', 'c'])
  const unions = [...stored, ...other.snapshot()].filter(({ kind }) => kind === 'union-list')
  const restored = create()
  restored.restore(stored, unions)
  assert.deepEqual(of(restored).list.get(), [1, { n: 2 }])
  assert.deepEqual(of(restored).union.get(), ['a'])
  assert.deepEqual(of(restored).union.restored, ['a', 'b', 'c'])
  assert.throws(() => of(restored).list.add(undefined), { code: 'STATE_VALUE_UNDEFINED' })
})

test('an invocation sees its own writes, others see nothing of them before it succeeds', () => {
  const state = create()
  of(state).list.add({ n: 1 })
  const one = state.invocation()
  const two = state.invocation()
  const failed = state.invocation()
  of(one).list.add({ n: 2 })
  of(two).list.add({ n: 3 })
  of(failed).list.clear()
  ;(of(one).list.get()[0] as { n: number }).n = 99
  assert.deepEqual(of(one).list.get(), [{ n: 1 }, { n: 2 }])
  assert.deepEqual(of(failed).list.get(), [])
  assert.deepEqual(of(state).list.get(), [{ n: 1 }])
  two.commit()
  one.commit()
  failed.discard()
  assert.deepEqual(of(state).list.get(), [{ n: 1 }, { n: 3 }, { n: 2 }])
  const replacing = state.invocation()
  of(replacing).list.set([{ n: 4 }])
  of(replacing).list.add({ n: 5 })
  assert.deepEqual(of(replacing).list.get(), [{ n: 4 }, { n: 5 }])
  replacing.commit()
  assert.deepEqual(of(state).list.get(), [{ n: 4 }, { n: 5 }])
  for (const use of [() => of(one).list.get(), () => of(failed).list.add(1), () => of(two).union.restored]) {
    assert.throws(use, { code: 'STATE_INVOCATION_OVER' })
  }
})

test('an invocation may add very many elements', () => {
  const state = create()
  of(state).list.add(0)
  const invocation = state.invocation()
  of(invocation).list.addAll(Array.from({ length: 300_000 }, (_, n) => n))
  invocation.commit()
  assert.equal(of(state).list.get().length, 300_001)
})

test('in development elements cannot be changed in place', () => {
  const state = create(declared, { freeze: true })
  of(state).list.add({ n: 1 })
  assert.throws(() => ((of(state).list.get()[0] as { n: number }).n = 2), TypeError)
})

test('elements evolve as values do, and what does not fit is refused by name', () => {
  const before = create()
  of(before).list.add(1)
  const stored = before.snapshot()
  const restored = (options: Parameters<typeof splitList>[0]): readonly unknown[] => {
    const state = create({ list: splitList(options) })
    state.restore(stored, [])
    return of(state).list.get()
  }
  assert.deepEqual(restored({ version: 2, migrate: (old, from) => `${from}:${String(old)}` }), ['1:1'])
  assert.throws(() => restored({ version: 2 }), { code: 'STATE_MIGRATION_MISSING', message: /"list" of test/ })
  const codec = { encode: (n: unknown) => Uint8Array.of(n as number), decode: ([n]: Uint8Array) => n }
  const coded = create({ list: splitList({ codec }) })
  of(coded).list.add(7)
  const again = create({ list: splitList({ codec }) })
  again.restore(coded.snapshot(), [])
  assert.deepEqual(of(again).list.get(), [7])
  assert.throws(() => create().restore(coded.snapshot(), []), { code: 'STATE_CODEC_MISSING' })
  assert.throws(() => create({}).restore(stored, []), { code: 'STATE_UNMAPPED', message: /"list" of test/ })
  create({}, { allowNonRestored: true }).restore(stored, [])
  of(before).list.add(() => 1)
  assert.throws(() => before.snapshot(), { code: 'STATE_UNENCODABLE', message: /"list" of test/ })
})

const text = raw<{ text: string }>({
  create: () => ({ text: '' }),
  snapshot: (state, out) => {
    for (const word of state.text.split(' ')) {
      out.beginPart()
      out.write(Buffer.from(word))
    }
  },
  async restore(state, bytes) {
    for await (const piece of bytes) state.text += Buffer.from(piece).toString()
  },
})

async function* pieces(...of: string[]): AsyncIterable<Uint8Array> {
  for (const piece of of) yield Buffer.from(piece)
}

test('raw state: one object a subtask, as parts of bytes, and refused in invocations', async () => {
  const state = create({ text })
  const handles = state.handles as { text: { text: string } }
  handles.text.text = 'two words'
  assert.deepEqual(
    state.snapshotRaw().map(({ state: name, keyGroup, pieces: bytes }) => [name, keyGroup, Buffer.concat(bytes).toString()]),
    [
      ['text', -1, 'two'],
      ['text', -1, 'words'],
    ],
  )
  const restored = create({ text })
  await restored.restoreRaw('text', -1, pieces('a', 'b'))
  await restored.restoreRaw('text', -1, pieces('c'))
  assert.equal((restored.handles as typeof handles).text.text, 'abc')
  await assert.rejects(restored.restoreRaw('gone', -1, pieces()), { code: 'STATE_UNMAPPED' })
  await assert.rejects(restored.restoreRaw('text', 1, pieces()), { code: 'STATE_RAW_FAILED' })
  assert.throws(() => (state.invocation().handles as typeof handles).text, { code: 'STATE_RAW_BUFFERED' })
})

test('keyed raw state: one object a key group in use, each one part', async () => {
  const states = {
    group: rawKeyed<{ n: number }>({
      create: () => ({ n: 0 }),
      snapshot: (state, out) => state.n > 0 && out.write(Uint8Array.of(state.n)),
      async restore(state, bytes) {
        for await (const [n] of bytes) state.n = n!
      },
    }),
  }
  const state = create(states, { group: 1 })
  ;(state.handles as { group: { n: number } }).group.n = 7
  assert.deepEqual(state.snapshotRaw(), [{ state: 'group', keyGroup: 1, pieces: [Uint8Array.of(7)] }])
  const restored = create(states, { group: 1 })
  await restored.restoreRaw('group', 1, pieces('\u0005'))
  assert.equal((restored.handles as { group: { n: number } }).group.n, 5)
  // Of a group that is another subtask's.
  await restored.restoreRaw('group', 5, pieces('\u0009'))
  assert.equal(restored.snapshotRaw().length, 1)
})
