import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { compile } from '../compile.ts'
import { copyString } from '../copy-string.ts'
import { ColumnDecoder } from './decoder.ts'
import { ColumnEncoder } from './encoder.ts'

// Collecting garbage and looking at hidden classes takes flags of V8, which stay set: so this file has a process of its own.
setFlagsFromString('--expose-gc')
setFlagsFromString('--allow-natives-syntax')
const collectGarbage = runInNewContext('gc') as () => void
const haveSameMap = compile('return (a, b) => %HaveSameMap(a, b)') as (a: object, b: object) => boolean

const encoder = new ColumnEncoder({ keyed: false })
const decoder = new ColumnDecoder()

function send(values: readonly unknown[]): readonly unknown[] {
  for (const value of values) encoder.append(value, 0, 0)
  return decoder.decode(encoder.finish()).values
}

/** Bytes of heap that a key of 16 characters costs when its record has 200 more. */
function bytesPerKey(count: number, keep: (key: string) => string): number {
  const padding = 'p'.repeat(200)
  const keys: string[] = []
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  for (let first = 0; first < count; first += 1_000) {
    const records = Array.from({ length: 1_000 }, (_, index) => ({ key: `key-${String(first + index).padStart(12, '0')}`, padding }))
    for (const record of send(records) as { key: string }[]) keys.push(keep(record.key))
  }
  collectGarbage()
  const bytes = (process.memoryUsage().heapUsed - before) / count
  assert.equal(keys[count - 1], `key-${String(count - 1).padStart(12, '0')}`)
  return bytes
}

test('a million keys of 16 characters, copied, do not keep the batches they came in', () => {
  const copied = bytesPerKey(1_000_000, copyString)
  assert.ok(copied < 60, `${copied} bytes a key`)
  // The control: a test that cannot fail proves nothing.
  const sliced = bytesPerKey(50_000, (key) => key)
  assert.ok(sliced > 200, `${sliced} bytes a key`)
})

test('wide texts are copied too', () => {
  const text = 'ключ-'.repeat(10)
  const slice = `${text}${'x'.repeat(1_000)}`.slice(0, 45)
  assert.equal(copyString(slice), slice)
})

test('all records of a shape have one hidden class', () => {
  const back = send(Array.from({ length: 50 }, (_, n) => ({ a: n, b: `${n}`, c: { d: n }, e: n / 2 }))) as { c: object }[]
  for (const record of back.slice(4)) {
    assert.ok(haveSameMap(record, back[3]!))
    assert.ok(haveSameMap(record.c, back[3]!.c))
  }
})
