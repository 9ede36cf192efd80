import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { decodeValue, encodeValue, ValueReader, ValueWriter } from './value.ts'
import { anyValue } from './fixtures/values.ts'

const again = (value: unknown): unknown => decodeValue(encodeValue(value))

test('any value arrives as it was sent, key order and prototypes included', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const back = again(value)
      assert.deepStrictEqual(back, value)
      assert.deepStrictEqual(keyOrder(back), keyOrder(value))
    }),
    { numRuns: 400 },
  )
})

test('the same value gives the same bytes, whatever the writer has seen', () => {
  const used = new ValueWriter()
  fc.assert(
    fc.property(fc.array(anyValue, { maxLength: 4 }), anyValue, (before, value) => {
      for (const other of before) used.value(other)
      used.reset()
      used.value(value)
      const fresh = new ValueWriter()
      fresh.value(value)
      assert.deepStrictEqual(used.take(), fresh.take())
    }),
    { numRuns: 100 },
  )
})

test('values written one behind the other are read one after the other', () => {
  fc.assert(
    fc.property(fc.array(anyValue, { maxLength: 12 }), (values) => {
      const writer = new ValueWriter({ sizeBytes: 1 })
      for (const value of values) writer.value(value)
      const reader = new ValueReader(writer.take())
      assert.deepStrictEqual(
        values.map(() => reader.value()),
        values,
      )
      assert.equal(reader.remaining, 0)
    }),
    { numRuns: 100 },
  )
})

test('objects with many fields and hostile names arrive, also once code is generated for them', () => {
  const name = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('__proto__', 'constructor', 'toString', '"];throw 1//', '\u2028', '7', ''),
  )
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 150 }), (names) => {
      const value = Object.fromEntries(names.map((field, index) => [field, index]))
      const writer = new ValueWriter()
      for (let i = 0; i < 12; i++) writer.value(value)
      const reader = new ValueReader(writer.take())
      for (let i = 0; i < 12; i++) {
        const back = reader.value()
        assert.deepStrictEqual(back, value)
        assert.deepStrictEqual(Object.keys(back as object), Object.keys(value))
        assert.equal(Object.getPrototypeOf(back), Object.prototype)
      }
    }),
    { numRuns: 50 },
  )
})

test('damaged bytes are an error or another value, never a crash, a hang or a large allocation', () => {
  fc.assert(
    fc.property(anyValue, fc.nat(), fc.nat({ max: 255 }), fc.nat(), (value, at, byte, cut) => {
      const bytes = encodeValue(value)
      bytes[at % bytes.length] = byte
      const damaged = bytes.subarray(0, bytes.length - (cut % bytes.length))
      try {
        decodeValue(damaged)
      } catch (error) {
        assert.match((error as { code?: string }).code ?? String(error), /^VALUE_(CORRUPT|VERSION_UNKNOWN)$/)
      }
    }),
    { numRuns: 500 },
  )
})

function keyOrder(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return undefined
  if (value instanceof Map || value instanceof Set) return [...value].map(keyOrder)
  if (ArrayBuffer.isView(value)) return undefined
  return Object.entries(value).map(([key, field]) => [key, keyOrder(field)])
}
