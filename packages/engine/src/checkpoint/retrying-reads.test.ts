import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMemoryDisk, DiskError, type Clock, type Disk, type DiskErrorReason } from '@millrace/core'
import { retryingReads } from './retrying-reads.ts'

/** A clock on which every delay is over at once. */
function hastyClock(): { readonly clock: Clock; readonly delaysMs: number[] } {
  const delaysMs: number[] = []
  const after = (delayMs: number, callback: () => void): (() => void) => {
    delaysMs.push(delayMs)
    queueMicrotask(callback)
    return () => {}
  }
  return { clock: { now: () => 0, monotonic: () => 0, after, soon: (callback) => after(0, callback) }, delaysMs }
}

interface Trouble {
  /** Reads that fail from now on. */
  times: number
  reason: DiskErrorReason
}

async function troubled(): Promise<{ readonly disk: Disk; readonly delaysMs: number[]; readonly trouble: Trouble }> {
  const memory = createMemoryDisk(() => 0)
  await memory.makeDirectory('/a')
  const file = await memory.open('/a/file', 'create')
  await file.write(Buffer.from('content'), 0)
  await file.close()
  const trouble: Trouble = { times: 0, reason: 'input-output' }
  const read = <T>(work: () => Promise<T>): Promise<T> => {
    if (trouble.times === 0) return work()
    trouble.times--
    return Promise.reject(new DiskError(trouble.reason, 'read', '/a/file'))
  }
  const { clock, delaysMs } = hastyClock()
  const inner: Disk = {
    open: async (path, mode) => {
      const opened = await read(() => memory.open(path, mode))
      return {
        read: (into, position) => read(() => opened.read(into, position)),
        stat: () => read(() => opened.stat()),
        write: (bytes, position) => read(() => opened.write(bytes, position)),
        writeAll: (chunks, position) => opened.writeAll(chunks, position),
        truncate: (length) => opened.truncate(length),
        sync: () => read(() => opened.sync()),
        close: () => opened.close(),
      }
    },
    readFile: (path) => read(() => memory.readFile(path)),
    list: (path) => read(() => memory.list(path)),
    stat: (path) => memory.stat(path),
    makeDirectory: (path) => memory.makeDirectory(path),
    rename: (from, to) => memory.rename(from, to),
    link: (from, to) => memory.link(from, to),
    remove: (path) => memory.remove(path),
    removeTree: (path) => memory.removeTree(path),
    syncDirectory: (path) => memory.syncDirectory(path),
  }
  return { disk: retryingReads(inner, clock), delaysMs, trouble }
}

describe('a disk whose reads are made again', () => {
  it('gives what is there once the trouble is over, whatever is read', async () => {
    const { disk, trouble, delaysMs } = await troubled()
    const file = await disk.open('/a/file', 'read')
    const reads: (() => Promise<unknown>)[] = [
      () => disk.readFile('/a/file'),
      () => disk.list('/a'),
      async () => await (await disk.open('/a/file', 'read')).close(),
      () => file.read(new Uint8Array(7), 0),
      () => file.stat(),
    ]
    for (const read of reads) {
      for (const reason of ['input-output', 'too-many-open', 'other'] as const) {
        Object.assign(trouble, { times: 3, reason })
        await read()
        assert.equal(trouble.times, 0)
      }
    }
    assert.equal(delaysMs.length, reads.length * 9)
  })

  it('gives up in the end, after a few seconds', async () => {
    const { disk, trouble, delaysMs } = await troubled()
    trouble.times = Infinity
    await assert.rejects(disk.readFile('/a/file'), { reason: 'input-output' })
    const waitedMs = delaysMs.reduce((sum, delayMs) => sum + delayMs, 0)
    assert.ok(delaysMs.length === 3 && waitedMs > 3_000 && waitedMs < 10_000, delaysMs.join())
  })

  it('takes what will not pass for an answer, and writes once', async () => {
    const { disk, trouble, delaysMs } = await troubled()
    await assert.rejects(disk.readFile('/a/missing'), { reason: 'not-found' })
    Object.assign(trouble, { times: 1, reason: 'not-permitted' })
    await assert.rejects(disk.readFile('/a/file'), { reason: 'not-permitted' })
    const file = await disk.open('/a/file', 'update')
    for (const write of [() => file.write(new Uint8Array(1), 0), () => file.sync()]) {
      Object.assign(trouble, { times: 1, reason: 'input-output' })
      await assert.rejects(write(), { reason: 'input-output' })
    }
    trouble.times = 1
    await assert.rejects(disk.open('/a/file', 'write'), { reason: 'input-output' })
    assert.deepEqual(delaysMs, [])
  })
})
