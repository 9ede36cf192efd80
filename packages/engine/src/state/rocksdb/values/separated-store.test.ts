import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it, test } from 'node:test'
import { nodeDisk } from '@millrace/core'
import { immediateClock as clock } from '../../fixtures/immediate-clock.ts'
import { MemoryStores } from '../memory-stores.ts'
import type { OrderedStore, StoredFile, StoreFile } from '../ordered-store.ts'
import { readThrough } from '../read-through.ts'
import { MemoryValueFiles } from './memory-value-files.ts'
import { NodeValueFiles } from './node-value-files.ts'
import { SeparatedStores, type ValueLimits } from './separated-store.ts'
import { isValueFile, type ValueFiles } from './value-files.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-values-'))
after(() => rmSync(folder, { recursive: true }))

const small: ValueLimits = { apartBytesMin: 20, segmentBytes: 1000, sampledBytes: 1 }

const keyOf = (key: number): Uint8Array => Uint8Array.of(0x72, key >> 8, key & 0xff)
const textOf = (value: Uint8Array | undefined): string | undefined => (value === undefined ? undefined : Buffer.from(value).toString())

let folders = 0
const kinds: { readonly [kind: string]: () => ValueFiles } = {
  'in memory': () => new MemoryValueFiles(),
  'on disk': () => new NodeValueFiles(nodeDisk, join(folder, String(++folders))),
}

function storesOver(files: () => ValueFiles, limits: ValueLimits = small): SeparatedStores {
  return new SeparatedStores(new MemoryStores(), { clock, limits, files })
}

async function contentOf(file: StoredFile): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of file.read()) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function filesOf(store: OrderedStore): Promise<readonly StoreFile[]> {
  const checkpoint = await store.checkpoint()
  const files = await checkpoint.files()
  // Read before they may go.
  const kept = await Promise.all(files.map(async (file) => ({ file, content: await contentOf(file) })))
  await checkpoint.release()
  return kept.map(({ file: { name, length, shared }, content }) => ({
    name,
    length,
    shared,
    read: async function* () {
      yield content
    },
  }))
}

for (const [kind, files] of Object.entries(kinds)) {
  describe(`long values, in files ${kind}`, () => {
    it('come back from memory, from files and from a checkpoint, whatever their length', async () => {
      const stores = storesOver(files, { ...small, segmentBytes: 100_000 })
      const store = stores.create('one')
      const lengths = [0, 19, 20, 5_000, 300_000, 1_500_000, 30]
      const valueOf = (key: number): string => `${key}`.repeat(lengths[key]!).slice(0, lengths[key])
      for (const key of lengths.keys()) store.put(keyOf(key), Buffer.from(valueOf(key)))
      const check = async (checked: OrderedStore): Promise<void> => {
        for (const key of lengths.keys()) assert.equal(textOf(checked.get(keyOf(key))), valueOf(key))
        const many = await checked.getMany([...lengths.keys()].map(keyOf))
        assert.deepEqual(many.map(textOf), [...lengths.keys()].map(valueOf))
      }
      await check(store)
      const restored = await stores.restore('two', await filesOf(store))
      await check(store)
      await check(restored)
      await readThrough(restored, clock)
      await store.close()
      await restored.close()
    })

    it('lie in few files, however often checkpoints are taken, and in no file of a number that was used before', async () => {
      const stores = storesOver(files, { ...small, segmentBytes: 10_000 })
      let store = stores.create('one')
      const names = new Set<string>()
      let last: readonly StoreFile[] = []
      for (let round = 0; round < 120; round++) {
        store.put(keyOf(round), Buffer.from('x'.repeat(100)))
        last = (await filesOf(store)).filter(({ name }) => isValueFile(name))
        const fresh = last.filter(({ name }) => !names.has(name))
        assert.ok(fresh.length > 0, 'what is new is in a new file')
        for (const { name } of fresh) names.add(name)
        if (round % 30 !== 29) continue
        const restored = await stores.restore('one', await filesOf(store))
        await store.close()
        store = restored
      }
      assert.ok(last.length <= 30, String(last.length))
      for (let round = 0; round < 120; round++) assert.equal(store.get(keyOf(round))?.length, 100)
      await store.close()
    })

    it('are damaged where a byte is another, or the end is missing: looking through says so, and so do look-ups', async () => {
      const stores = storesOver(files)
      const store = stores.create('one')
      for (let key = 0; key < 30; key++) store.put(keyOf(key), Buffer.from(`the value of ${key}`.padEnd(60)))
      const kept = await filesOf(store)
      await store.close()
      const values = kept.filter(({ name }) => isValueFile(name))
      assert.ok(values.length > 1)
      for (const file of values) {
        const content = await contentOf(file)
        const damages: (() => Buffer)[] = [() => content.subarray(0, content.length - 1), () => Buffer.alloc(0)]
        for (let at = 0; at < content.length; at += 7) {
          damages.push(() => {
            const other = Buffer.from(content)
            other[at]! ^= 1 << (at % 8)
            return other
          })
        }
        for (const damage of damages) {
          const damaged = {
            ...file,
            read: async function* () {
              yield damage()
            },
          }
          const restored = await stores.restore(
            'two',
            kept.map((each) => (each === file ? damaged : each)),
          )
          await assert.rejects(readThrough(restored, clock), TypeError)
          assert.throws(() => {
            for (let key = 0; key < 30; key++) restored.get(keyOf(key))
          }, TypeError)
          await assert.rejects(restored.getMany(Array.from({ length: 30 }, (_, key) => keyOf(key))), TypeError)
          await restored.close()
        }
        const without = await stores.restore(
          'two',
          kept.filter((each) => each !== file),
        )
        await assert.rejects(readThrough(without, clock), TypeError)
        await without.close()
      }
    })

    it('cannot be had where the database does not know of them', async () => {
      const stores = storesOver(files)
      const store = stores.create('one')
      store.put(keyOf(1), Buffer.from('x'.repeat(100)))
      const values = (await filesOf(store)).filter(({ name }) => isValueFile(name))
      const other = stores.create('two')
      other.put(keyOf(1), Buffer.from('short'))
      const others = await filesOf(other)
      await assert.rejects(stores.restore('three', [...others, ...values]), TypeError)
      await store.close()
      await other.close()
    })
  })
}

/** Counts what is appended to files. */
function counting(counts: { appendedBytes: number }): ValueFiles {
  const files = new MemoryValueFiles()
  return {
    create: (name) => {
      const file = files.create(name)
      const appendNow = file.appendNow.bind(file)
      file.appendNow = (bytes) => {
        counts.appendedBytes += bytes.length
        appendNow(bytes)
      }
      return file
    },
    restore: (file) => files.restore(file),
    removeAll: () => files.removeAll(),
  }
}

void test('cleaning moves at most two bytes for each that is written, and leaves alone what never changes', async () => {
  for (const [what, sampledBytes, changing, movedMax] of [
    ['all change', 1, 200, 2],
    ['all change, not all are looked at', 2_000, 200, 2],
    ['few change', 2_000, 10, 0.5],
  ] as const) {
    const counts = { appendedBytes: 0 }
    const store = storesOver(() => counting(counts), { apartBytesMin: 20, segmentBytes: 10_000, sampledBytes }).create('one')
    const value = Buffer.from('x'.repeat(985))
    let writtenBytes = 0
    const put = (key: number): void => {
      store.put(keyOf(key), value)
      writtenBytes += 1_000
    }
    for (let key = 0; key < 200; key++) put(key)
    for (let round = 0; round < 3_000; round++) {
      put((round * 7) % changing)
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    const moved = (counts.appendedBytes - writtenBytes) / writtenBytes
    assert.ok(moved <= movedMax, `${what}: ${moved} times what was written was moved`)
    const checkpoint = await store.checkpoint()
    const keptBytes = (await checkpoint.files()).filter(({ name }) => isValueFile(name)).reduce((sum, { length }) => sum + length, 0)
    assert.ok(keptBytes < 2 * 200_000, `${what}: ${keptBytes} bytes are kept of 200,000`)
    await checkpoint.release()
    await store.close()
  }
})

void test('whatever number comes next, what is noted of files is taken for nothing else', async () => {
  const stores = storesOver(() => new MemoryValueFiles(), { ...small, segmentBytes: 1 })
  const store = stores.create('one')
  for (let number = 1; number <= 260; number++) {
    store.put(keyOf(1), Buffer.from('x'.repeat(30)))
    if (number < 240) continue
    const restored = await stores.restore('two', await filesOf(store))
    await readThrough(restored, clock)
    await restored.close()
  }
  await store.close()
})

void test('values are not read through to their end once that is not wanted any more', async () => {
  const files = new MemoryValueFiles()
  const stopping = new AbortController()
  let reads = 0
  const watched: ValueFiles = {
    create: (name) => {
      const file = files.create(name)
      const read = file.read.bind(file)
      file.read = (into, position) => {
        if (++reads === 3) stopping.abort(new Error('stopped'))
        return read(into, position)
      }
      return file
    },
    restore: (file) => files.restore(file),
    removeAll: () => files.removeAll(),
  }
  const store = storesOver(() => watched).create('one')
  for (let key = 0; key < 1000; key++) store.put(keyOf(key), Buffer.alloc(100, 'x'))
  await assert.rejects(readThrough(store, clock, stopping.signal), /stopped/)
  assert.equal(reads, 3)
  await store.close()
})

describe('files with values on disk', () => {
  it('are another name of those in the checkpoint where that can be, and go without these', async () => {
    const dir = join(folder, 'linked')
    const checkpoint = join(folder, '000007.values')
    writeFileSync(checkpoint, 'what was kept')
    const valueFiles = new NodeValueFiles(nodeDisk, dir)
    const file = await valueFiles.restore({
      name: '000007.values',
      link: async (path) => (await nodeDisk.link(checkpoint, path), true),
      read: () => assert.fail('it is read'),
    })
    const into = Buffer.alloc(4)
    file.readNow(into, 9)
    assert.equal(into.toString(), 'kept')
    assert.throws(() => file.readNow(into, 10), { name: 'TypeError', message: /000007\.values ends at byte 13, where there should be 14/ })
    await assert.rejects(file.read(into, 10), TypeError)
    await file.remove()
    assert.deepEqual(readdirSync(dir), [])
    assert.throws(() => file.readNow(into, 0), /000007\.values is closed/)
    const own = valueFiles.create('000008.values')
    own.appendNow(Buffer.from('one'))
    own.appendNow(Buffer.from('two'))
    await own.read(into, 2)
    assert.equal(into.toString(), 'etwo')
    await valueFiles.removeAll()
    assert.equal((await nodeDisk.stat(checkpoint)).size, 13)
    assert.throws(() => readdirSync(dir), { code: 'ENOENT' })
  })
})
