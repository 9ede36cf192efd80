import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { immediateClock as clock } from '../../fixtures/immediate-clock.ts'
import { MemoryStores } from '../memory-stores.ts'
import type { OrderedScan, OrderedStore, StoreCheckpoint } from '../ordered-store.ts'
import { readThrough } from '../read-through.ts'
import { MemoryValueFiles } from './memory-value-files.ts'
import { SeparatedStores } from './separated-store.ts'
import { isValueFile } from './value-files.ts'

const KEYS = 40
const SEGMENT_BYTES = 600
const limits = { apartBytesMin: 20, segmentBytes: SEGMENT_BYTES, sampledBytes: 1 }

const keyOf = (key: number): Uint8Array => Uint8Array.of(0x72, key)

interface Held {
  readonly checkpoint: StoreCheckpoint
  readonly model: ReadonlyMap<number, string>
}

interface Scanned {
  readonly scan: OrderedScan
  readonly expected: readonly (readonly [number, string])[]
  at: number
}

/** What the store is to do, beside what it must hold. */
class Subject {
  readonly misuses: string[] = []
  files: MemoryValueFiles = this.#newFiles()
  readonly stores = new SeparatedStores(new MemoryStores(), { clock, limits, files: () => this.files })
  store: OrderedStore = this.stores.create('store')
  model = new Map<number, string>()
  readonly held: Held[] = []
  scans: Scanned[] = []
  readonly looking: Promise<void>[] = []
  changes = 0

  put(key: number, length: number): void {
    const text = `${key}.${++this.changes}.`.padEnd(length, 'x')
    this.store.put(keyOf(key), Buffer.from(text))
    this.model.set(key, text)
  }

  delete(key: number): void {
    this.store.delete(keyOf(key))
    this.model.delete(key)
  }

  check(key: number): void {
    assert.equal(textOf(this.store.get(keyOf(key))), this.model.get(key))
  }

  /** Answers what was there at the call, or has come since; the model says which versions those may be. */
  lookUp(keys: readonly number[]): void {
    const before = keys.map((key) => this.model.get(key))
    const { model, changes } = this
    const look = async (): Promise<void> => {
      const values = await this.store.getMany(keys.map(keyOf))
      for (const [at, value] of values.entries()) {
        const text = textOf(value)
        if (text === before[at] || text === model.get(keys[at]!)) continue
        assert.ok(text === undefined || Number(text.split('.')[1]) > changes, `${text} is neither what was there nor newer`)
      }
    }
    this.looking.push(look())
  }

  async checkpoint(): Promise<void> {
    await Promise.all(this.looking.splice(0))
    this.held.push({ checkpoint: await this.store.checkpoint(), model: new Map(this.model) })
  }

  async release(): Promise<void> {
    await this.held.shift()?.checkpoint.release()
  }

  async restore(): Promise<void> {
    const from = this.held.pop()
    if (from === undefined) return
    this.step()
    this.endScans()
    await Promise.all(this.looking.splice(0))
    const files = await from.checkpoint.files()
    const former = { store: this.store, files: this.files }
    this.files = this.#newFiles()
    this.store = await this.stores.restore('store', files)
    await readThrough(this.store, clock)
    this.model = new Map(from.model)
    await former.store.close()
    for (const file of files) for await (const _ of file.read()); // for as long as a checkpoint needs them, also beyond the end of the store
    for (const { checkpoint } of [from, ...this.held.splice(0)]) await checkpoint.release()
    assert.deepEqual(former.files.names, [])
  }

  scan(): void {
    const expected = [...this.model].toSorted(([a], [b]) => a - b)
    this.scans.push({ scan: this.store.scan(Uint8Array.of(0x72), Uint8Array.of(0x73)), expected, at: 0 })
  }

  /** Each scan goes on, and sees nothing that has come since it began. */
  step(count: number = Infinity): void {
    for (const each of this.scans) {
      for (let steps = 0; steps < count && each.at < each.expected.length; steps++) {
        assert.ok(each.scan.next())
        const [key, text] = each.expected[each.at++]!
        assert.deepEqual([each.scan.key[1], textOf(each.scan.value)], [key, text])
      }
    }
  }

  endScans(): void {
    for (const { scan } of this.scans.splice(0)) scan.close()
  }

  /** Those that are read while others go. */
  #newFiles(): MemoryValueFiles {
    const reading = async (): Promise<void> => {
      for (let turn = 0; turn < 20; turn++) await Promise.resolve()
    }
    return new MemoryValueFiles({ reading, misused: (problem) => this.misuses.push(problem) })
  }

  get liveBytes(): number {
    return [...this.model.values()].reduce((sum, { length }) => sum + (length < limits.apartBytesMin ? 0 : length + 14), 0)
  }
}

const key = fc.nat({ max: KEYS - 1 })
const step = fc.oneof(
  { weight: 20, arbitrary: fc.record({ op: fc.constant('put' as const), key, length: fc.constantFrom(10, 19, 20, 50, 100, 700) }) },
  { weight: 10, arbitrary: fc.record({ op: fc.constant('churn' as const), key, length: fc.constantFrom(30, 90) }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('delete' as const), key }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('check' as const), key }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('look up' as const), keys: fc.array(key, { minLength: 1, maxLength: 10 }) }) },
  { weight: 3, arbitrary: fc.constant({ op: 'wait' as const }) },
  { weight: 2, arbitrary: fc.constant({ op: 'scan' as const }) },
  { weight: 3, arbitrary: fc.constant({ op: 'step' as const }) },
  { weight: 1, arbitrary: fc.constant({ op: 'end scans' as const }) },
  { weight: 3, arbitrary: fc.constant({ op: 'checkpoint' as const }) },
  { weight: 2, arbitrary: fc.constant({ op: 'release' as const }) },
  { weight: 1, arbitrary: fc.constant({ op: 'restore' as const }) },
)

void test('a store with values apart is one without, whatever is cleaned, scanned, looked up and restored meanwhile; and its files do not grow', async () => {
  let cleaned = 0
  const property = fc.asyncProperty(fc.array(step, { minLength: 50, maxLength: 300 }), async (steps) => {
    const subject = new Subject()
    for (const next of steps) {
      if (next.op === 'put') subject.put(next.key, next.length)
      else if (next.op === 'churn') {
        for (let at = 0; at < 10; at++) {
          subject.put((next.key + at) % KEYS, next.length)
          await turns()
        }
      } else if (next.op === 'delete') subject.delete(next.key)
      else if (next.op === 'check') subject.check(next.key)
      else if (next.op === 'look up') subject.lookUp(next.keys)
      else if (next.op === 'wait') await turns()
      else if (next.op === 'scan') subject.scan()
      else if (next.op === 'step') subject.step(7)
      else if (next.op === 'end scans') subject.endScans()
      else if (next.op === 'checkpoint') await subject.checkpoint()
      else if (next.op === 'release') await subject.release()
      else await subject.restore()
    }
    for (let each = 0; each < KEYS; each++) subject.check(each)
    subject.step()
    subject.endScans()
    await Promise.all(subject.looking)
    while (subject.held.length > 0) await subject.release()
    for (let round = 0; round < 300; round++) {
      subject.put(round % 7, 60)
      await turns()
    }
    for (let each = 0; each < KEYS; each++) subject.check(each)
    await subject.checkpoint()
    const files = (await subject.held[0]!.checkpoint.files()).filter(({ name }) => isValueFile(name))
    const bytes = files.reduce((sum, { length }) => sum + length, 0)
    assert.ok(bytes <= 1.5 * subject.liveBytes + 4 * SEGMENT_BYTES, `${bytes} bytes for ${subject.liveBytes}`)
    assert.deepEqual(
      subject.files.names.toSorted(),
      files.map(({ name }) => name),
      'nothing is left of what was cleaned',
    )
    cleaned += Number(subject.files.names[0]!.slice(0, 6)) > 1 ? 1 : 0
    await subject.release()
    await subject.store.close()
    assert.deepEqual(subject.files.names, [])
    assert.deepEqual(subject.misuses, [])
  })
  await fc.assert(property, { numRuns: 60 })
  assert.ok(cleaned > 30, String(cleaned))
})

/** What has been asked of files is there. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 7; turn++) await Promise.resolve()
}

function textOf(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(value).toString()
}
