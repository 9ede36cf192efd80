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

type EnumeratorContext = Parameters<ReturnType<typeof files>['createEnumerator']>[0]

function contextOf(disk: Disk, more: Partial<EnumeratorContext> = {}): EnumeratorContext {
  return {
    clock: nodeClock,
    network: nodeNetwork,
    random: nodeRandom,
    disk,
    parallelism: 1,
    assign: () => {},
    noMoreSplits: () => {},
    fail: (error) => assert.fail(String(error)),
    ...more,
  }
}

void test('a folder may have more files than a call takes arguments', async () => {
  const count = 130_000
  let splits: readonly Split[] = []
  const assign = (_subtask: number, assigned: readonly Split[]): void => void (splits = assigned)
  const enumerator = files({ path: '/in' }).createEnumerator(contextOf(fullFolder(count), { assign }))
  await enumerator.start(undefined)
  enumerator.addReader(0)
  assert.equal(splits.length, count)
  await enumerator.close()
})

void test('a folder without files, and a pattern that matches none, are told of, unless files are waited for there', async () => {
  const disk = createMemoryDisk(() => 0)
  await disk.makeDirectory('/in')
  for (const follow of [false, true]) {
    const notices: string[] = []
    const context = contextOf(disk, { report: ({ code, message }) => notices.push(`${code} ${message}`) })
    const enumerator = files({ path: ['/in', '/in/*.lgo'], follow }).createEnumerator(context)
    await enumerator.start(undefined)
    await enumerator.close()
    assert.deepEqual(
      notices.map((notice) => /^FILES_NONE files: there is no file in (\S+),/.exec(notice)?.[1]),
      follow ? [] : ['/in', '/in/*.lgo'],
    )
  }
})
