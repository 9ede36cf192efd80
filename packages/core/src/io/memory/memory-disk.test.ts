import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { DiskError, type Disk } from '../disk.ts'
import { nodeDisk } from '../node/disk.ts'
import { createMemoryDisk } from './memory-disk.ts'

const name = fc.constantFrom('a', 'b', 'a/x', 'a/y', 'b/x', 'missing/z')
const operation = fc.oneof(
  fc.record({ kind: fc.constant('open' as const), path: name, mode: fc.constantFrom('read', 'write', 'create', 'update', 'append') }),
  fc.record({ kind: fc.constant('write' as const), path: name, bytes: fc.uint8Array({ maxLength: 20 }), at: fc.nat(200_000) }),
  fc.record({ kind: fc.constant('truncate' as const), path: name, at: fc.nat(200_000) }),
  fc.record({ kind: fc.constantFrom('rename' as const, 'link' as const), path: name, to: name }),
  fc.record({ kind: fc.constantFrom('remove' as const, 'removeTree' as const, 'makeDirectory' as const, 'list' as const), path: name }),
)
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

async function perform(disk: Disk, root: string, each: Operation): Promise<unknown> {
  const path = join(root, each.path)
  switch (each.kind) {
    case 'open':
      // Whether a folder can be opened to read is not said.
      if ((await disk.list(path).catch(() => undefined)) !== undefined) return undefined
      await (await disk.open(path, each.mode)).close()
      return (await disk.stat(path)).size
    case 'write': {
      const file = await disk.open(path, 'update')
      await file.writeAll([each.bytes, each.bytes], each.at)
      await file.close()
      return hash(await disk.readFile(path))
    }
    case 'truncate': {
      const file = await disk.open(path, 'update')
      await file.truncate(each.at)
      const into = new Uint8Array(300_000)
      const count = await file.read(into, 0)
      await file.close()
      return count
    }
    case 'rename':
    case 'link':
      return await disk[each.kind](path, join(root, each.to))
    case 'list':
      return await disk.list(path)
    case 'remove':
    case 'removeTree':
    case 'makeDirectory':
      return await disk[each.kind](path)
  }
}

function hash(bytes: Uint8Array): string {
  return `${bytes.length}:${Buffer.from(bytes).toString('latin1').replaceAll('\0', '')}`
}

async function outcome(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work
  } catch (error) {
    assert.ok(error instanceof DiskError)
    return 'failed'
  }
}

void test('a disk in memory does what the real one does', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 12 }), async (operations) => {
      const root = await mkdtemp(join(tmpdir(), 'millrace-memory-disk-'))
      const memory = createMemoryDisk(() => 0)
      await memory.makeDirectory(root)
      try {
        for (const each of operations) {
          assert.deepEqual(await outcome(perform(memory, root, each)), await outcome(perform(nodeDisk, root, each)), JSON.stringify(each))
        }
      } finally {
        await rm(root, { recursive: true })
      }
    }),
    { numRuns: 60 },
  )
})

void test('a removed file lives on for who has it open', async () => {
  const disk = createMemoryDisk()
  await disk.makeDirectory('/a')
  const file = await disk.open('/a/f', 'create')
  await file.write(Buffer.from('hello'), 0)
  await disk.removeTree('/a')
  const into = Buffer.alloc(5)
  assert.equal(await file.read(into, 0), 5)
  assert.equal(into.toString(), 'hello')
  await assert.rejects(disk.open('/a/f', 'read'), { reason: 'not-found' })
})
