import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { DiskError, nodeDisk, type Disk } from '@millrace/core'
import * as fc from 'fast-check'
import { anyValue } from '../codec/fixtures/values.ts'
import { NO_TIMESTAMP, type Element } from './elements.ts'
import { SpillBuffer, type SpilledSequence } from './spill.ts'

const root = mkdtempSync(join(tmpdir(), 'millrace-spill-'))
after(() => rmSync(root, { recursive: true, force: true }))
let folders = 0

function buffer(memoryBytesMax: number, disk: Disk = nodeDisk): { spill: SpillBuffer; directory: string } {
  const directory = join(root, `${folders++}`)
  return { spill: new SpillBuffer({ disk, directory, memoryBytesMax }), directory }
}

function batch(values: readonly unknown[], keyed = false): Element {
  return { kind: 'records', count: values.length, values, timestamps: undefined, hashes: keyed ? values.map((_, n) => n * 7) : undefined }
}

/** What a sequence holds: records one by one. */
async function drain(sequence: SpilledSequence): Promise<unknown[]> {
  const all: unknown[] = []
  for (;;) {
    const next = await sequence.next()
    if (next === undefined) return all
    const { channel, element } = next
    if (element.kind !== 'records') all.push([channel, element])
    else
      for (let i = 0; i < element.count; i++)
        all.push([channel, element.values[i], element.timestamps?.[i] ?? NO_TIMESTAMP, element.hashes?.[i]])
  }
}

test('elements come back in order, wherever memory ends and whenever they are rolled over', async () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.tuple(fc.nat({ max: 2 }), fc.array(anyValue, { minLength: 1, maxLength: 5 })) },
    { weight: 1, arbitrary: fc.constant('event' as const) },
    { weight: 1, arbitrary: fc.constant('roll' as const) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.constantFrom(0, 300, 1_000_000), async (steps, memoryBytesMax) => {
      const { spill, directory } = buffer(memoryBytesMax)
      const sent: unknown[] = []
      const sequences: SpilledSequence[] = []
      const roll = async (): Promise<void> => {
        const sequence = await spill.rollOver()
        if (sequence !== undefined) sequences.push(sequence)
      }
      for (const step of steps) {
        if (step === 'roll') await roll()
        else if (step === 'event') {
          void spill.add(1, { kind: 'barrier', checkpointId: sent.length, triggeredMs: 1, completedId: 0 })
          sent.push([1, { kind: 'barrier', checkpointId: sent.length, triggeredMs: 1, completedId: 0 }])
        } else {
          const [channel, values] = step
          void spill.add(channel, batch(values, channel === 2))
          values.forEach((value, n) => sent.push([channel, value, NO_TIMESTAMP, channel === 2 ? n * 7 : undefined]))
        }
      }
      await roll()
      const back: unknown[] = []
      for (const sequence of sequences) {
        back.push(...(await drain(sequence)))
        await sequence.close()
      }
      assert.deepStrictEqual(back, sent)
      await spill.close()
      assert.deepEqual(filesOf(directory), [])
    }),
    { numRuns: 40 },
  )
})

function filesOf(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

test('memory is used up to its limit, then the disk; all counts', async () => {
  const { spill, directory } = buffer(2_000)
  await spill.add(0, batch(['x'.repeat(500)]))
  assert.deepEqual(filesOf(directory), [])
  for (let n = 0; n < 10; n++) await spill.add(0, batch(['x'.repeat(500)]))
  assert.deepEqual(filesOf(directory), ['spill-0'])
  assert.ok(spill.sizeBytes > 5_000 && spill.sizeBytes < 10_000, `${spill.sizeBytes}`)
  const sequence = await spill.rollOver()
  assert.equal(spill.sizeBytes, 0)
  assert.equal((await drain(sequence!)).length, 11)
  assert.equal(await spill.rollOver(), undefined)
  await spill.close()
  assert.deepEqual(filesOf(directory), [])
})

async function spilled(): Promise<{ sequence: SpilledSequence; spill: SpillBuffer; path: string }> {
  const { spill, directory } = buffer(0)
  for (let n = 0; n < 3; n++) await spill.add(n, batch([{ n, text: 'some text' }]))
  return { sequence: (await spill.rollOver())!, spill, path: join(directory, 'spill-0') }
}

test('a torn file is an error, not an end', async () => {
  const { sequence, spill, path } = await spilled()
  truncateSync(path, readFileSync(path).length - 5)
  assert.notEqual(await sequence.next(), undefined)
  assert.notEqual(await sequence.next(), undefined)
  await assert.rejects(() => sequence.next(), { code: 'SPILL_CORRUPT', message: /ends after/ })
  await spill.close()
})

test('any changed byte is an error', async () => {
  const { sequence, spill, path } = await spilled()
  await sequence.next()
  const good = readFileSync(path)
  const size = good.length / 3
  for (let at = size; at < 2 * size; at += 7) {
    const fresh = await spilled()
    const bad = Uint8Array.from(good)
    bad[at] = bad[at]! ^ 0x10
    writeFileSync(fresh.path, bad)
    await fresh.sequence.next()
    await assert.rejects(() => fresh.sequence.next(), { code: 'SPILL_CORRUPT' }, `byte ${at}`)
    await fresh.spill.close()
  }
  await spill.close()
})

test('a full disk is a named error, and closing still removes the file', async () => {
  const full: Disk = {
    ...nodeDisk,
    open: async (path, mode) => {
      const handle = await nodeDisk.open(path, mode)
      handle.writeAll = () => Promise.reject(new DiskError('no-space', 'write', path))
      return handle
    },
  }
  const { spill, directory } = buffer(0, full)
  await assert.rejects(() => spill.add(0, batch([1])), { code: 'SPILL_FAILED', message: /no-space/ })
  await spill.close()
  assert.deepEqual(filesOf(directory), [])
})

test('what the codec refuses is refused when it is added, and leaves nothing', async () => {
  const { spill } = buffer(0)
  assert.throws(() => void spill.add(0, batch([1, 2, () => {}])), { code: 'VALUE_UNSUPPORTED' })
  await spill.add(0, batch([3]))
  const sequence = await spill.rollOver()
  assert.deepEqual(await drain(sequence!), [[0, 3, NO_TIMESTAMP, undefined]])
  await spill.close()
})
