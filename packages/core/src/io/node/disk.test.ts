import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { nodeDisk } from './disk.ts'

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-disk-'))
  try {
    await work(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

void test('a folder is made with those above it, also by several at once, and may be there', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'a/b/c')
    await Promise.all([nodeDisk.makeDirectory(path), nodeDisk.makeDirectory(join(path, 'd')), nodeDisk.makeDirectory(path)])
    await nodeDisk.makeDirectory(path)
    assert.ok((await stat(join(path, 'd'))).isDirectory())
  }))

void test('a file in the way of a folder is told', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'file')
    await writeFile(file, '')
    await assert.rejects(nodeDisk.makeDirectory(file), { name: 'DiskError', reason: 'exists' })
    await assert.rejects(nodeDisk.makeDirectory(join(file, 'below')), { name: 'DiskError', reason: 'not-a-directory' })
  }))

void test('a file system that makes no folders is told', { skip: process.platform !== 'linux' && 'there is no /proc' }, async () => {
  await assert.rejects(nodeDisk.makeDirectory('/proc/millrace/below'), { name: 'DiskError' })
})

void test('a pipe, which waits to be opened, is told from a device', () =>
  inFolder(async (folder) => {
    const pipe = join(folder, 'pipe')
    execFileSync('sh', ['-c', 'mkfifo "$0"', pipe])
    assert.equal((await nodeDisk.stat(pipe)).kind, 'pipe')
    assert.equal((await nodeDisk.stat('/dev/null')).kind, 'other')
  }))

void test('files and folders are made durable also where the handles of the file system cannot do so', (context) =>
  inFolder(async (folder) => {
    // As those of Yarn's Plug'n'Play, which stand before Node's.
    const handle = await open(folder, 'r')
    const handles = Object.getPrototypeOf(handle) as { sync(): Promise<void>; datasync(): Promise<void> }
    await handle.close()
    for (const name of ['sync', 'datasync'] as const)
      context.mock.method(handles, name, () => {
        throw new Error('Method not implemented.')
      })
    const file = await nodeDisk.open(join(folder, 'file'), 'write')
    await file.write(Buffer.from('a'), 0)
    await file.sync()
    await nodeDisk.syncDirectory(folder)
    await file.close()
  }))

void test('a file that is closed while it is made durable is closed afterwards', () =>
  inFolder(async (folder) => {
    for (let each = 0; each < 20; each++) {
      const file = await nodeDisk.open(join(folder, 'file'), 'write')
      await file.write(Buffer.from('a'), 0)
      const order: string[] = []
      const synced = file.sync().then(() => order.push('synced'))
      await Promise.all([synced, file.close().then(() => order.push('closed'))])
      assert.deepEqual(order, ['synced', 'closed'])
      await assert.rejects(file.sync(), { name: 'DiskError' })
    }
  }))
