import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { InFlightFile, RawStateFile } from '../../checkpoint/handles.ts'
import type { SubtaskState } from '../../checkpoint/metadata/metadata.ts'
import { keyGroupOf, keyGroupRange, subtaskOfKeyGroup } from '../../keys/key-group.ts'
import { evenSplit, inFlightOf, listsOf, rawOf } from './deal-out.ts'

const MAX_PARALLELISM = 8
const parallelisms = fc.integer({ min: 1, max: 6 })
const subtasks = (parallelism: number): number[] => Array.from({ length: parallelism }, (_, subtask) => subtask)

test('items are dealt out once each, in their order, in runs of equal length', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.nat(), { maxLength: 9 }), { minLength: 1, maxLength: 6 }), parallelisms, (former, parallelism) => {
      const dealt = subtasks(parallelism).map((subtask) => evenSplit(former, subtask, parallelism))
      assert.deepEqual(dealt.flat(), former.flat())
      if (former.length === parallelism) return assert.deepEqual(dealt, former)
      const lengths = dealt.map(({ length }) => length)
      assert.ok(Math.max(...lengths) - Math.min(...lengths) <= 1)
    }),
    { numRuns: 60 },
  )
})

const list = fc.record({
  name: fc.constantFrom('a', 'b'),
  version: fc.integer({ min: 1, max: 2 }),
  elements: fc.array(fc.uint8Array({ maxLength: 3 }), { maxLength: 5 }),
})

test('each element of a list keeps its name, version and bytes', () => {
  fc.assert(
    fc.property(fc.array(fc.array(list, { maxLength: 2 }), { minLength: 1, maxLength: 5 }), parallelisms, (stored, parallelism) => {
      const former = stored.map((lists): SubtaskState => ({
        keyed: [],
        lists: lists.map((each) => ({ ...each, kind: 'split-list', coded: false })),
      }))
      const told = (lists: readonly { name: string; version: number; elements: readonly Uint8Array[] }[]): string[] =>
        lists.flatMap(({ name, version, elements }) => elements.map((bytes) => `${name} ${version} ${bytes.join()}`)).toSorted()
      const dealt = subtasks(parallelism).flatMap((subtask) => listsOf(former, subtask, parallelism))
      assert.deepEqual(told(dealt), told(stored.flat()))
    }),
    { numRuns: 60 },
  )
})

const part = fc.record({ state: fc.constantFrom('x', 'y'), keyGroup: fc.integer({ min: -1, max: MAX_PARALLELISM - 1 }), offset: fc.nat() })

test('keyed raw parts go to the subtask of their key group, others to one subtask each', () => {
  fc.assert(
    fc.property(fc.array(fc.array(part, { maxLength: 6 }), { minLength: 1, maxLength: 5 }), parallelisms, (stored, parallelism) => {
      const former = stored.map((parts, at): SubtaskState => {
        const own = parts.map(({ state, keyGroup, offset }) => ({ state, keyGroup, runs: [{ offset, length: 1, crc32: 0 }] }))
        return { keyed: [], ...(own.length === 0 ? {} : { raw: { path: `shared/${at}`, length: 0, crc32: 0, parts: own } }) }
      })
      const told = (files: readonly RawStateFile[]): string[] =>
        files.flatMap(({ path, parts }) => parts.map(({ state, keyGroup, runs }) => `${path} ${state} ${keyGroup} ${runs[0]!.offset}`))
      const dealt = subtasks(parallelism).map((subtask) => {
        const range = keyGroupRange(subtask, parallelism, MAX_PARALLELISM)
        const files = rawOf(former, subtask, parallelism, range)
        for (const { keyGroup } of files.flatMap(({ parts }) => parts))
          assert.ok(keyGroup < 0 || (keyGroup >= range.first && keyGroup < range.end))
        return told(files)
      })
      assert.deepEqual(dealt.flat().toSorted(), told(former.flatMap(({ raw }) => raw ?? [])).toSorted())
    }),
    { numRuns: 60 },
  )
})

test('records in flight by key go, with their file, to the subtask that has their key, and all others to one subtask', () => {
  const scale = fc.record({ parallelism: parallelisms, maxParallelism: fc.constantFrom(MAX_PARALLELISM, 7, 16, 33) })
  const hash = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
  fc.assert(
    fc.property(scale, scale, fc.array(hash, { minLength: 1, maxLength: 30 }), (then, now, hashes) => {
      const keyed = (place: string): InFlightFile => inFlightFile(place, true)
      const former = (hashed: number): number => {
        const group = keyGroupOf(hashed, then.maxParallelism)
        return subtaskOfKeyGroup(group, then.maxParallelism, then.parallelism)
      }
      const stored = { ...then, subtasks: subtasks(then.parallelism).map((at): SubtaskState => ({ keyed: [], inFlight: keyed(`${at}`) })) }
      for (const each of hashes) {
        const owner = subtaskOfKeyGroup(keyGroupOf(each, now.maxParallelism), now.maxParallelism, now.parallelism)
        const dealt = inFlightOf(stored, owner, now)
        assert.ok(dealt.some(({ path }) => path === `${former(each)}`))
      }
      const plain = {
        ...then,
        subtasks: stored.subtasks.map((_, at): SubtaskState => ({ keyed: [], inFlight: inFlightFile(`${at}`, false) })),
      }
      const all = subtasks(now.parallelism).flatMap((subtask) => inFlightOf(plain, subtask, now).map(({ path }) => path))
      assert.deepEqual(all.toSorted(), subtasks(then.parallelism).map(String).toSorted())
    }),
    { numRuns: 100 },
  )
})

function inFlightFile(path: string, keyed: boolean): InFlightFile {
  return { path, length: 0, crc32: 0, parts: [{ input: 0, keyed, records: 1, runs: [] }] }
}
