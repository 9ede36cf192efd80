import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { raw, type OperatorStateDeclarations } from '../../api/operator-state.ts'
import { MemoryStateFiles } from '../../checkpoint/memory.ts'
import { OperatorState } from '../../state/operator/operator-state.ts'
import { RawSnapshot, restoreRaw } from './raw-files.ts'

const writer = { attempt: 1, task: 0, subtask: 0 }

interface Collected {
  readonly parts: Uint8Array[]
  longest: number
}

const states: OperatorStateDeclarations = {
  all: raw<Collected>({
    create: () => ({ parts: [], longest: 0 }),
    snapshot: () => {},
    async restore(state, bytes) {
      const pieces: Uint8Array[] = []
      for await (const piece of bytes) {
        state.longest = Math.max(state.longest, piece.length)
        pieces.push(piece)
      }
      state.parts.push(Buffer.concat(pieces))
    },
  }),
}

async function readBack(files: Parameters<typeof restoreRaw>[1], storage: MemoryStateFiles): Promise<Collected> {
  const state = new OperatorState({
    operator: 'test',
    states,
    keyGroups: { first: 0, end: 1 },
    currentGroup: () => 0,
    freeze: false,
    allowNonRestored: false,
  })
  await restoreRaw(storage, files, state)
  return (state.handles as { all: Collected }).all
}

test('each part comes back byte by byte, whatever the pieces were', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 }),
      async (parts) => {
        const storage = new MemoryStateFiles()
        const written = parts.map((pieces) => ({ state: 'all', keyGroup: -1, pieces }))
        const file = await new RawSnapshot(written, () => storage.createStateFile(writer, 1, 'raw')).finish()
        const { parts: read } = await readBack([file!], storage)
        assert.deepEqual(
          read.map((bytes) => Buffer.from(bytes).toString('hex')),
          parts.map((pieces) => Buffer.concat(pieces).toString('hex')),
        )
      },
    ),
    { numRuns: 40 },
  )
})

test('a large part is read in pieces of a megabyte', async () => {
  const storage = new MemoryStateFiles()
  const bytes = Uint8Array.from({ length: 3_000_000 }, (_, at) => at % 251)
  const file = await new RawSnapshot([{ state: 'all', keyGroup: -1, pieces: [bytes] }], () =>
    storage.createStateFile(writer, 1, 'raw'),
  ).finish()
  const { parts, longest } = await readBack([file!], storage)
  assert.ok(Buffer.from(parts[0]!).equals(bytes))
  assert.equal(longest, 1024 * 1024)
})

test('without parts there is no file; given up, none is left to finish', async () => {
  const storage = new MemoryStateFiles()
  assert.equal(await new RawSnapshot([], () => assert.fail('no file is needed')).finish(), undefined)
  const given = new RawSnapshot([{ state: 'all', keyGroup: -1, pieces: [new Uint8Array(9)] }], () =>
    storage.createStateFile(writer, 1, 'raw'),
  )
  await given.abort()
  await assert.rejects(given.finish(), /given up/)
})
