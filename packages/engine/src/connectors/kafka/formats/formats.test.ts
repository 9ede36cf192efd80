import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assert as checkProperty, constantFrom, jsonValue, property, record, string as anyString } from 'fast-check'
import type { StandardSchema } from '../../../api/state.ts'
import { csv } from './csv.ts'
import { debezium } from './debezium.ts'
import { isKeepingNothing, nullable, viewing, type DeserializationContext, type Format } from './format.ts'
import { bytes, json, string } from './plain.ts'
import { withSchema } from './schema.ts'

const context: DeserializationContext = { topic: 't', partition: 0, offset: 0, timestampMs: -1, key: null, headers: [], isKey: false }

function read<T>(format: Format<T>, text: string | Uint8Array | null): T {
  return format.deserialize(typeof text === 'string' ? Buffer.from(text) : text, context)
}

function both<T>(format: Format<T>, value: T): T {
  return format.deserialize(format.serialize(value, { topic: 't', isKey: false }), context)
}

const positive: StandardSchema<{ n: number }> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => {
      const { n } = value as { n: unknown }
      return Number(n) > 0 ? { value: { n: Number(n) } } : { issues: [{ message: 'must be positive', path: ['n'] }] }
    },
  },
}

describe('formats', () => {
  it('take text and JSON both ways, and no tombstones', () => {
    checkProperty(
      property(anyString({ unit: 'grapheme' }), (text) => assert.equal(both(string(), text), text)),
      { numRuns: 50 },
    )
    checkProperty(
      property(jsonValue(), (value) => assert.deepEqual(both(json(), value), JSON.parse(JSON.stringify(value)))),
      { numRuns: 50 },
    )
    for (const format of [string(), json(), bytes(), csv({ columns: ['a'] })] as Format<unknown>[]) {
      assert.throws(() => read(format, null), /tombstone/)
      assert.equal(read(nullable(format), null), null)
    }
    assert.equal(nullable(json()).serialize(null, { topic: 't', isKey: false }), null)
    assert.throws(() => both(json(), undefined), /undefined has no form in JSON/)
  })

  it('refuse text that is no UTF-8, and keep what is U+FFFD', () => {
    assert.throws(() => read(string(), Uint8Array.of(0xff)), TypeError)
    assert.equal(read(string(), '\uFFFD'), '\uFFFD')
  })

  it('keep nothing of the bytes they are handed, and say so; what a user wrote may', () => {
    const formats: readonly Format<unknown>[] = [
      string(),
      bytes(),
      json(),
      json(positive),
      nullable(json()),
      withSchema(json(), positive),
      csv({ columns: ['n'] }),
    ] as Format<unknown>[]
    for (const format of formats) {
      assert.ok(isKeepingNothing(format, 'deserialize'))
      const lent = Buffer.from('{"n":1}')
      const made = format.deserialize(lent, context)
      const before = structuredClone(made)
      lent.fill(0xff)
      assert.deepEqual(made, before)
    }
    for (const format of [string(), bytes(), json(), nullable(json()), csv({ columns: ['n'] })]) {
      assert.ok(isKeepingNothing(format, 'serialize'))
    }
    const own: Format<Uint8Array> = { ...bytes(), deserialize: (value) => value!, serialize: (value) => value }
    for (const format of [own, nullable(own)]) assert.ok(!isKeepingNothing(format, 'deserialize') && !isKeepingNothing(format, 'serialize'))
    assert.ok(!isKeepingNothing(withSchema(own, positive), 'deserialize'))
  })

  it('are without copies where they may be', () => {
    const lent = Buffer.from('abc')
    const view = viewing(bytes()).deserialize(lent, context)
    assert.equal(view, lent)
    assert.notEqual(bytes().deserialize(lent, context).buffer, lent.buffer)
    assert.equal(viewing(string()).deserialize(lent, context), 'abc')
  })

  it('copy bytes out of the fetched buffer', () => {
    const buffer = Buffer.from('abc')
    const copy = bytes().deserialize(buffer.subarray(1), context)
    buffer.fill(0)
    assert.deepEqual([...copy], [98, 99])
  })

  it('check and change values by a Standard Schema', () => {
    assert.deepEqual(read(json(positive), '{"n":"5"}'), { n: 5 })
    assert.throws(() => read(json(positive), '{"n":0}'), /^TypeError: n: must be positive$/)
    assert.deepEqual(read(withSchema(csv({ columns: ['n'] }), positive), '7'), { n: 7 })
    assert.throws(() => json(positive).serialize({ n: -1 }, { topic: 't', isKey: false }), /must be positive/)
    const late: StandardSchema<string> = { '~standard': { version: 1, vendor: 'late', validate: (value) => Promise.resolve({ value }) } }
    assert.throws(() => read(json(late), '1'), /asynchronously/)
  })

  it('write and read rows of CSV', () => {
    const format = csv({ columns: ['a', 'b', 'c'] })
    const field = anyString({ unit: constantFrom('a', '"', ',', '\n', '\r', ' ', ';', 'é') })
    checkProperty(
      property(record({ a: field, b: field, c: field }, { noNullPrototype: true }), (row) => assert.deepEqual(both(format, row), row)),
      { numRuns: 200 },
    )
    assert.deepEqual(read(format, '1,"a ""b""",\r\n'), { a: '1', b: 'a "b"', c: '' })
    assert.deepEqual(read(csv({ columns: ['a', 'b'], delimiter: ';' }), '1,5;2'), { a: '1,5', b: '2' })
    assert.throws(() => read(format, '1,2'), /a row of 2 fields where 3 were expected/)
    assert.throws(() => read(format, '1,"2,3'), /no end/)
    assert.throws(() => read(format, '1,"2"x,3'), /something follows the quote/)
    assert.throws(() => read(format, '1,2,3\n4,5,6'), /a second row/)
    const written = (row: unknown): string => Buffer.from(format.serialize(row as never, { topic: 't', isKey: false })!).toString()
    assert.equal(written({ a: new Date(0), b: 1n, c: false }), '1970-01-01T00:00:00.000Z,1,false')
    assert.throws(() => written({ a: { x: 1 } }), /the field a is object, which has no form in CSV/)
    assert.throws(() => written(null), /a row is an object, and this is null/)
  })

  it('read the envelope of Debezium, with its schema beside it and without', () => {
    const format = debezium<{ id: number }>(json())
    const payload = { op: 'u', before: { id: 1 }, after: { id: 2 }, source: { table: 't' }, ts_ms: 5 }
    const change = { operation: 'update', before: { id: 1 }, after: { id: 2 }, source: { table: 't' }, timestampMs: 5 } as const
    assert.deepEqual(read(format, JSON.stringify(payload)), change)
    assert.deepEqual(read(format, JSON.stringify({ schema: {}, payload })), change)
    assert.deepEqual(both(format, change), change)
    assert.deepEqual(read(format, '{"op":"d","before":{"id":1}}'), {
      operation: 'delete',
      before: { id: 1 },
      after: null,
      source: {},
      timestampMs: -1,
    })
    const unknown = { ...change, operation: 'nope' as 'update' }
    assert.throws(() => both(format, unknown), /nope is no operation of Debezium: create/)
    for (const wrong of ['null', '5', '{}', '{"op":"x"}', '{"op":"constructor"}', '{"schema":{},"payload":null}'])
      assert.throws(() => read(format, wrong), /no change of Debezium/)
    assert.equal(read(nullable(format), null), null)
  })
})
