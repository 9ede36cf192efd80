import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MillraceError, nodeDisk } from '@millrace/core'
import { immediateClock as clock } from '../fixtures/immediate-clock.ts'
import type { OrderedStore } from './ordered-store.ts'
import type { RocksdbBinding, RocksdbDatabase } from './rocksdb-binding.ts'
import { RocksdbStore } from './rocksdb-store.ts'

const key = Uint8Array.of(1)

/** A database whose every call fails, from when it is told to. */
function failing(message: string): { readonly store: OrderedStore; readonly fail: () => void; readonly open: () => OrderedStore } {
  let fails = false
  const check = (): undefined => {
    if (fails) throw new Error(message)
    return undefined
  }
  const rejecting = (reject: (error: unknown) => void): number => {
    reject(new Error(message))
    return 1
  }
  class Database implements RocksdbDatabase {
    open = check
    setDefaultKeyBuffer = (): void => {}
    setDefaultValueBuffer = (): void => {}
    setIteratorState = (): void => {}
    // What is only in memory is not there.
    getSync = (_key: unknown, flags: number): number | undefined => (flags === 0 ? check() : flags)
    get = (_key: unknown, _resolve: unknown, reject: (error: unknown) => void): number => rejecting(reject)
    putSync = check
    removeSync = check
    createCheckpoint = (_resolve: unknown, reject: (error: unknown) => void): void => void rejecting(reject)
    close = check
  }
  class Iterator {
    next(): number {
      check()
      return 0
    }
    return(): void {}
  }
  const binding: RocksdbBinding = { Database, Iterator, config: () => {} }
  const open = (): OrderedStore =>
    new RocksdbStore({ disk: nodeDisk, clock }, binding, '/state/job/rows', { blockCacheBytes: 1, writeBufferBytes: 1 })
  return { store: open(), fail: () => void (fails = true), open }
}

async function failuresOf(message: string): Promise<readonly unknown[]> {
  const { store, fail, open } = failing(message)
  const scan = store.scan(key, undefined)
  fail()
  const calls: readonly (() => unknown)[] = [
    () => store.get(key),
    () => store.getMany([key]),
    () => store.put(key, key),
    () => store.delete(key),
    () => store.checkpoint(),
    () => scan.next(),
    open,
  ]
  const failureOf = async (call: () => unknown): Promise<unknown> =>
    await new Promise((resolve) => resolve(call())).then(
      () => assert.fail('nothing was thrown'),
      (error: unknown) => error,
    )
  return await Promise.all(calls.map(failureOf))
}

function codeOf(error: unknown): string {
  return error instanceof MillraceError ? `${error.code} ${error.message}` : `${(error as Error).name} ${(error as Error).message}`
}

describe('what RocksDB fails with', () => {
  it('is a full disk, where it says so', async () => {
    for (const error of await failuresOf('IO error: No space left on device: While appending to file: 000012.sst'))
      assert.match(codeOf(error), /^STATE_DISK_FULL .*\/state\/job\/rows/)
  })

  it('is a failed disk, whatever else keeps a file from being read or written', async () => {
    for (const problem of ['IO error: Too many open files', 'Corruption: Can not access 12.sst: IO error: No such file or directory'])
      for (const error of await failuresOf(problem)) assert.match(codeOf(error), new RegExp(`^STATE_DISK_FAILED .*${problem}`))
  })

  it('is damage, where a file is not as it was written', async () => {
    for (const error of await failuresOf('Corruption: block checksum mismatch in 12.sst'))
      assert.match(codeOf(error), /^TypeError Corruption: block checksum mismatch/)
  })

  it('is nothing as it closes: what it could not write is not needed any more', async () => {
    const { store, fail } = failing('Failed to flush database during close: IO error: No space left on device')
    fail()
    await store.close()
  })

  it('and anything else is told as it is', async () => {
    for (const error of await failuresOf('Invalid argument: no')) assert.equal(codeOf(error), 'Error Invalid argument: no')
  })
})
