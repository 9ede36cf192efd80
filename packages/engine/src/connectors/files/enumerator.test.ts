import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryDisk, type Disk, type FileHandle, type FileStat, nodeClock, nodeNetwork, nodeRandom } from '@millrace/core'
import type { Split } from '../source.ts'
import { files } from './files.ts'

/** A folder with so many empty files. */
function fullFolder(count: number): Disk {
  const names = Array.from({ length: count }, (_, n) => `${n}.log`)
  const stat = async (path: string): Promise<FileStat> => {
    const kind = path === '/in' ? 'directory' : 'file'
    return { kind, size: 0, inode: path, modifiedMs: 0 }
  }
  const open = async (path: string): Promise<FileHandle> => {
    const handle: Partial<FileHandle> = { read: async () => 0, stat: async () => await stat(path), close: async () => {} }
    return handle as FileHandle
  }
  return { ...createMemoryDisk(() => 0), stat, open, list: async () => names }
}

void test('a folder may have more files than a call takes arguments', async () => {
  const count = 130_000
  let splits: readonly Split[] = []
  const enumerator = files({ path: '/in' }).createEnumerator({
    clock: nodeClock,
    network: nodeNetwork,
    random: nodeRandom,
    disk: fullFolder(count),
    parallelism: 1,
    assign: (_subtask, assigned) => (splits = assigned),
    noMoreSplits: () => {},
    fail: (error) => assert.fail(String(error)),
  })
  await enumerator.start(undefined)
  enumerator.addReader(0)
  assert.equal(splits.length, count)
  await enumerator.close()
})
