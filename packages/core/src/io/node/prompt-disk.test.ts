import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { DiskError, type Disk, type OpenMode } from '../disk.ts'
import { nodeDisk } from './disk.ts'
import { createPromptDisk } from './prompt-disk.ts'

async function withFolder(work: (root: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'millrace-prompt-disk-'))
  try {
    await work(root)
  } finally {
    await rm(root, { recursive: true })
  }
}

/** Whether it settles without a turn of the event loop: nothing was handed to a thread. */
async function isPrompt(work: Promise<unknown>): Promise<boolean> {
  let isSettled = false
  const settled = work.then(() => (isSettled = true))
  for (let microtask = 0; microtask < 20; microtask++) await Promise.resolve()
  const wasPrompt = isSettled
  await settled
  return wasPrompt
}

const chunk = fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.constantFrom(new Uint8Array(70_000).fill(7), new Uint8Array(40_000).fill(9)))
const step = fc.record({ chunks: fc.array(chunk, { maxLength: 3 }), position: fc.nat(100_000), lengthBytes: fc.nat(100_000) })

async function lived(
  disk: Disk,
  path: string,
  mode: OpenMode,
  steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[],
): Promise<string> {
  const file = await disk.open(path, mode)
  const seen: string[] = []
  for (const { chunks, position, lengthBytes } of steps) {
    await file.writeAll(chunks, position)
    const into = new Uint8Array(lengthBytes)
    const count = mode === 'append' ? 0 : await file.read(into, position)
    seen.push(`${count} ${Buffer.from(into).toString('base64')}`)
  }
  await file.close()
  seen.push(Buffer.from(await disk.readFile(path)).toString('base64'))
  return seen.join('\n')
}

void test('reads and writes as the other disk does, whatever the size', async () => {
  await withFolder(async (root) => {
    let count = 0
    const property = fc.asyncProperty(
      fc.constantFrom<OpenMode>('update', 'append'),
      fc.array(step, { maxLength: 4 }),
      async (mode, steps) => {
        count++
        const expected = await lived(nodeDisk, join(root, `${count}-node`), mode, steps)
        assert.equal(await lived(createPromptDisk(), join(root, `${count}-prompt`), mode, steps), expected)
      },
    )
    await fc.assert(property, { numRuns: 40 })
  })
})

void test('small reads and writes are done at once, large ones by a thread', async () => {
  await withFolder(async (root) => {
    const file = await createPromptDisk(() => 0).open(join(root, 'a'), 'update')
    assert.equal(await isPrompt(file.write(new Uint8Array(64 * 1024), 0)), true)
    assert.equal(await isPrompt(file.read(new Uint8Array(64 * 1024), 0)), true)
    assert.equal(await isPrompt(file.writeAll([new Uint8Array(64 * 1024), new Uint8Array(1)], 0)), false)
    assert.equal(await isPrompt(file.read(new Uint8Array(64 * 1024 + 1), 0)), false)
    await file.close()
  })
})

void test('slow operations send what follows to the threads once they have taken 100 ms, until 5 % of the time since has made up for it', async () => {
  await withFolder(async (root) => {
    let nowMs = 0
    let tookMs = 0
    const disk = createPromptDisk(() => {
      const startedMs = nowMs
      nowMs += tookMs
      return startedMs
    })
    const file = await disk.open(join(root, 'a'), 'update')
    const other = await disk.open(join(root, 'b'), 'update')
    const write = (takesMs: number): Promise<boolean> => {
      tookMs = takesMs
      return isPrompt(file.write(new Uint8Array(10), 0)).finally(() => (tookMs = 0))
    }
    for (let quick = 0; quick < 100; quick++) assert.equal(await write(1), true)
    assert.equal(await write(0), true)
    // Three that are slow within the allowance, and one that goes beyond it.
    for (const takesMs of [30, 30, 30]) assert.equal(await write(takesMs), true)
    assert.equal(await write(100), true)
    assert.equal(await write(0), false)
    assert.equal(await isPrompt(other.read(new Uint8Array(10), 0)), false)
    nowMs += 1_000
    assert.equal(await write(0), false)
    nowMs += 1_000
    assert.equal(await write(0), true)
    assert.equal(await write(50), true)
    assert.equal(await write(0), false)
    nowMs += 60_000
    assert.equal(await write(95), true)
    assert.equal(await write(0), true)
    await file.close()
    await other.close()
  })
})

void test('what fails is a disk error with the path, as with a thread', async () => {
  await withFolder(async (root) => {
    const path = join(root, 'a')
    await (await createPromptDisk().open(path, 'write')).close()
    const file = await createPromptDisk().open(path, 'read')
    await assert.rejects(file.write(new Uint8Array(1), 0), (error) => error instanceof DiskError && error.path === path)
    await file.close()
  })
})

void test('a file that was closed is not written to, nor the one that now has its number', async () => {
  await withFolder(async (root) => {
    const disk = createPromptDisk()
    const closed = await disk.open(join(root, 'a'), 'update')
    await closed.write(new Uint8Array([1]), 0)
    await closed.close()
    const others = await Promise.all(['b', 'c', 'd', 'e'].map((name) => disk.open(join(root, name), 'update')))
    await assert.rejects(closed.write(new Uint8Array([2]), 0), DiskError)
    await assert.rejects(closed.read(new Uint8Array(1), 0), DiskError)
    for (const other of others) {
      assert.equal((await other.stat()).size, 0)
      await other.close()
    }
  })
})
