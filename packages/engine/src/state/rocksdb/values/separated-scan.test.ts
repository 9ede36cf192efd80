import assert from 'node:assert/strict'
import { test } from 'node:test'
import { immediateClock } from '../../fixtures/immediate-clock.ts'
import { MemoryStores } from '../memory-stores.ts'
import type { OrderedStore } from '../ordered-store.ts'
import { MemoryValueFiles } from './memory-value-files.ts'
import { SeparatedStores } from './separated-store.ts'
import type { ValueFiles } from './value-files.ts'

const keyOf = (key: number): Uint8Array => Uint8Array.of(0x72, key >> 8, key & 0xff)
const textOf = (value: Uint8Array): string => Buffer.from(value).toString()

function storeOver(files: ValueFiles, segmentBytes: number): OrderedStore {
  const limits = { apartBytesMin: 20, segmentBytes, sampledBytes: 1 }
  return new SeparatedStores(new MemoryStores(), { clock: immediateClock, limits, files: () => files }).create('one')
}

/** Counts what is read while the thread waits. */
function counting(counts: { readNow: number }): ValueFiles {
  const files = new MemoryValueFiles()
  return {
    create: (name) => {
      const file = files.create(name)
      const readNow = file.readNow.bind(file)
      file.readNow = (into, position) => {
        counts.readNow++
        readNow(into, position)
      }
      return file
    },
    restore: (file) => files.restore(file),
    removeAll: () => files.removeAll(),
  }
}

void test('a scan whose owner goes away and comes back has the next values read meanwhile; one that runs through reads them itself', async () => {
  const counts = { readNow: 0 }
  const store = storeOver(counting(counts), 1_000)
  for (let key = 0; key < 1_000; key++) store.put(keyOf(key), Buffer.from(`the value of ${key}`.padEnd(60)))
  for (const [pause, readNowMax] of [
    [true, 150],
    [false, 1_000],
  ] as const) {
    counts.readNow = 0
    const scan = store.scan(keyOf(0), undefined)
    let key = 0
    for (; scan.next() && scan.key[0] === 0x72; key++) {
      assert.equal(textOf(scan.value).trim(), `the value of ${key}`)
      if (pause && key % 50 === 0) await new Promise<void>((resolve) => setImmediate(resolve))
    }
    assert.equal(key, 1_000)
    const now = counts.readNow
    assert.ok(now <= readNowMax && now > readNowMax / 4, `${now} were read while the thread waited`)
    scan.close()
  }
  await store.close()
})

/** Sees what is read while others go on. */
function watching(reads: number[]): ValueFiles {
  const files = new MemoryValueFiles()
  return {
    create: (name) => {
      const file = files.create(name)
      const read = file.read.bind(file)
      file.read = (into, position) => (reads.push(into.length), read(into, position))
      return file
    },
    restore: (file) => files.restore(file),
    removeAll: () => files.removeAll(),
  }
}

const bytesOf = (reads: readonly number[]): number => reads.reduce((sum, length) => sum + length, 0)

void test('a scan reads no more ahead than a little, however long values are', async () => {
  const reads: number[] = []
  const store = storeOver(watching(reads), 1e9)
  for (let key = 0; key < 100; key++) store.put(keyOf(key), Buffer.alloc(60_000, 'x'))
  const scan = store.scan(keyOf(0), undefined)
  assert.ok(scan.next() && scan.value.length === 60_000)
  await new Promise<void>((resolve) => setImmediate(resolve))
  const bytes = bytesOf(reads)
  assert.ok(bytes > 60_000 && bytes < 2_000_000, `${bytes} bytes were read ahead`)
  scan.close()
  await store.close()
})

void test('a scan whose owner asks for what comes next reads that in large pieces, as far as it fits into memory', async () => {
  const reads: number[] = []
  const store = storeOver(watching(reads), 1e9)
  // Some lie in the order of their keys, some are far from each other.
  const order = Array.from({ length: 600 }, (_, key) => (key < 300 ? key : 300 + ((key * 7) % 300)))
  for (const key of order) store.put(keyOf(key), Buffer.alloc(40_000, `${key} `))
  await (await store.checkpoint()).release()
  const scan = store.scan(keyOf(0), keyOf(600))
  let rounds = 0
  let key = 0
  for (; ; key++) {
    reads.length = 0
    const ahead = scan.readAhead!()
    const bytes = bytesOf(reads)
    assert.equal(bytes > 0, ahead !== undefined)
    if (ahead !== undefined) {
      rounds++
      await ahead
      assert.ok(bytesOf(reads) < 9e6, `${bytesOf(reads)} bytes were read at once`)
      if (key < 100) assert.ok(reads.length < 20, `${reads.length} reads`)
    }
    reads.length = 0
    if (!scan.next()) break
    assert.equal(textOf(scan.value), Buffer.alloc(40_000, `${key} `).toString())
    await new Promise<void>((resolve) => void Promise.resolve().then(resolve))
    assert.deepEqual(reads, [], 'nothing else is read')
  }
  assert.equal(key, 600)
  assert.ok(rounds >= 3 && rounds < 8, String(rounds))
  scan.close()
  await store.close()
})

void test('what a scan reads ahead is not lost with the file, though the store lets go of it meanwhile', async () => {
  const store = storeOver(new MemoryValueFiles(), 1_000)
  const valueOf = (key: number, round: number): string => `${key} ${round}`.padEnd(100)
  for (let key = 0; key < 200; key++) store.put(keyOf(key), Buffer.from(valueOf(key, 0)))
  const scan = store.scan(keyOf(0), keyOf(200))
  for (let key = 0; key < 200; key++) {
    await scan.readAhead!()
    assert.ok(scan.next())
    assert.equal(textOf(scan.value), valueOf(key, 0))
    for (let round = 0; round < 5; round++) {
      store.put(keyOf((key * 5 + round) % 200), Buffer.from(valueOf(key, 1)))
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }
  assert.equal(await scan.readAhead!(), undefined)
  assert.equal(scan.next(), false)
  scan.close()
  await store.close()
})
