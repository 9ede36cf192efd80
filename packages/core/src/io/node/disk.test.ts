import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
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
