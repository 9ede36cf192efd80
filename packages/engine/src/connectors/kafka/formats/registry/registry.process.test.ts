// The contract of a schema registry, held by the stand-in; by a real one too, where SCHEMA_REGISTRY_URL names it.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it, test } from 'node:test'
import { NotReady, nullable, type DeserializationContext, type Format } from '../format.ts'
import { avro } from './avro.ts'
import { jsonSchema } from './json-schema.ts'
import { protobuf } from './protobuf.ts'
import { optionalLibrary } from '../../../optional-library.ts'
import { SchemaRegistry, type RegisteredSchema } from './schema-registry.ts'
import { RegistryServer } from './testing/registry-server.ts'

const context: DeserializationContext = { topic: 't', partition: 0, offset: 0, timestampMs: -1, key: null, headers: [], isKey: false }

/** Does again what waited for a schema, as sources and sinks do. */
async function patiently<T>(work: () => T): Promise<T> {
  for (;;) {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof NotReady)) throw error
      await error.ready
    }
  }
}

async function written<T>(format: Format<T>, value: unknown, topic: string): Promise<Uint8Array> {
  await format.open?.({ isKey: false, topics: [] })
  return (await patiently(() => format.serialize(value as T, { topic, isKey: false })))!
}

async function readBack<T>(format: Format<T>, bytes: Uint8Array): Promise<T> {
  await format.open?.({ isKey: false, topics: [] })
  return await patiently(() => format.deserialize(bytes, context))
}

const order = JSON.stringify({
  type: 'record',
  name: 'Order',
  namespace: 'shop',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'amount', type: 'long' },
    { name: 'note', type: ['null', 'string'], default: null },
    { name: 'lines', type: { type: 'array', items: { type: 'record', name: 'Line', fields: [{ name: 'sku', type: 'string' }] } } },
  ],
})

/** Not every registry believes without it that a schema is one of JSON. */
const $schema = 'https://json-schema.org/draft/2020-12/schema'

let server: RegistryServer
let registry: SchemaRegistry
let run = ''
const subject = (name: string): string => `${name}-${run}`

before(async () => {
  run = randomUUID()
  server = await RegistryServer.start()
  registry = new SchemaRegistry({ url: process.env['SCHEMA_REGISTRY_URL'] ?? server.url })
})
after(async () => {
  await server.close()
})

const schemaOf = (schema: string, more: Partial<RegisteredSchema> = {}): RegisteredSchema => ({
  schema,
  type: 'AVRO',
  references: [],
  ...more,
})

describe('a schema registry', () => {
  it('gives a schema one id, in every subject', async () => {
    const id = await registry.register(subject('a'), schemaOf(order))
    assert.equal(await registry.register(subject('b'), schemaOf(order)), id)
    assert.equal(await registry.lookUp(subject('a'), schemaOf(order)), id)
    assert.deepEqual(JSON.parse((await registry.schemaById(id)).schema), JSON.parse(order))
    assert.equal((await registry.latest(subject('b'))).id, id)
  })

  it('counts versions, and says what is not there', async () => {
    await registry.register(subject('v'), schemaOf('"string"'))
    await registry.register(subject('v2'), schemaOf('"long"'))
    assert.match((await registry.schemaOf({ subject: subject('v'), version: 1 })).schema, /string/)
    const missing = { code: 'SCHEMA_REGISTRY_REFUSED', message: /status 404: .*40\d\d\d/ }
    await assert.rejects(registry.schemaById(999_999), missing)
    await assert.rejects(registry.schemaOf({ subject: subject('v'), version: 7 }), missing)
    await assert.rejects(registry.latest(subject('none')), missing)
    await assert.rejects(registry.lookUp(subject('v'), schemaOf('"double"')), missing)
    await assert.rejects(registry.register(subject('bad'), schemaOf('{')), { code: 'SCHEMA_REGISTRY_REFUSED', message: /status 422/ })
  })
})

describe('a client of a registry', () => {
  it('shows who it is', async () => {
    const guarded = await RegistryServer.start(`Basic ${Buffer.from('alice:secret').toString('base64')}`)
    const known = new SchemaRegistry({ url: guarded.url, auth: { username: 'alice', password: 'secret' } })
    assert.equal(await known.register('s', schemaOf('"string"')), 1)
    await assert.rejects(new SchemaRegistry({ url: guarded.url }).latest('s'), { code: 'SCHEMA_REGISTRY_REFUSED', message: /401/ })
    const token = new SchemaRegistry({ url: guarded.url, auth: { token: 'x' } })
    await assert.rejects(token.latest('s'), { message: /401/ })
    await guarded.close()
  })

  it('asks once for what never changes, again when it was not answered, and then the next', async () => {
    const own = await RegistryServer.start()
    const id = await new SchemaRegistry({ url: own.url }).register('s', schemaOf('"string"'))
    const client = new SchemaRegistry({ url: ['http://127.0.0.1:1', own.url] })
    const before = own.requests
    own.failures = 1
    await Promise.all([client.schemaById(id), client.schemaById(id)])
    await client.schemaById(id)
    assert.equal(own.requests, before + 1)
    const gone = new SchemaRegistry({ url: 'http://127.0.0.1:1', attempts: 1 })
    await assert.rejects(gone.schemaById(1), { code: 'SCHEMA_REGISTRY_UNAVAILABLE', retry: true })
    await own.close()
    assert.throws(() => new SchemaRegistry({ url: 'localhost:8081' }), { code: 'CONNECTOR_OPTION_INVALID' })
  })
})

describe('Avro', () => {
  const value = { id: 'a', amount: 12, note: null, lines: [{ sku: 'x' }] }

  it('comes back as plain objects, behind a zero byte and the id', async () => {
    const format = avro<typeof value>({ registry, schema: order })
    const bytes = await written(format, value, subject('orders'))
    const { id } = await registry.latest(`${subject('orders')}-value`)
    assert.deepEqual([bytes[0], Buffer.from(bytes).readInt32BE(1)], [0, id])
    const back = await readBack(avro<typeof value>({ registry }), bytes)
    assert.deepEqual(back, value)
    assert.equal(Object.getPrototypeOf(back), Object.prototype)
    assert.equal(Object.getPrototypeOf(back.lines[0]), Object.prototype)
    assert.equal(nullable(format).deserialize(null, context), null)
  })

  it('is read as a newer schema says', async () => {
    const bytes = await written(avro({ registry, schema: order }), value, subject('evolved'))
    const fields = [
      { name: 'id', type: 'string' },
      { name: 'currency', type: 'string', default: 'EUR' },
    ]
    const newer = avro({ registry, schema: { type: 'record', name: 'Order', namespace: 'shop', fields } })
    assert.deepEqual(await readBack(newer, bytes), { id: 'a', currency: 'EUR' })
  })

  it('has exact integers or bigints', async () => {
    const big = avro<bigint>({ registry, schema: '"long"', long: 'bigint' })
    const bytes = await written(big, 2n ** 62n, subject('long'))
    assert.equal(await readBack(big, bytes), 2n ** 62n)
    await assert.rejects(readBack(avro({ registry }), bytes), /precision|overflow|unsafe/i)
    const at = { type: 'long', logicalType: 'timestamp-nanos' }
    const fields = [
      { name: 'at', type: at },
      { name: 'until', type: ['null', at], default: null },
      { name: 'all', type: { type: 'array', items: at }, default: [] },
    ]
    const times = avro<unknown>({ registry, schema: { type: 'record', name: 'Times', fields }, long: 'bigint' })
    const given = { at: 1_700_000_000_000_000_001n, until: 2n ** 62n, all: [3n] }
    assert.deepEqual(await readBack(times, await written(times, given, subject('times'))), given)
  })

  it('knows the schemas that one refers to', async () => {
    const part = subject('line')
    await registry.register(part, schemaOf(JSON.stringify({ type: 'record', name: 'Line', fields: [{ name: 'sku', type: 'string' }] })))
    const schema = { type: 'record', name: 'Basket', fields: [{ name: 'first', type: 'Line' }] }
    const options = { registry, schema, references: [{ name: 'Line', subject: part, version: 1 }] }
    const bytes = await written(avro(options), { first: { sku: 'q' } }, subject('basket'))
    assert.deepEqual(await readBack(avro({ registry }), bytes), { first: { sku: 'q' } })
    // Values are read as the reader's schema says, whichever of the two refers to others.
    const count = { name: 'count', type: 'int', default: 1 }
    const evolved = { ...schema, fields: [...schema.fields, count] }
    const line = { type: 'record', name: 'Line', fields: [{ name: 'sku', type: 'string' }] }
    const whole = { ...schema, fields: [{ name: 'first', type: line }] }
    for (const reader of [
      { ...options, schema: evolved },
      { registry, schema: { ...whole, fields: [...whole.fields, count] } },
    ])
      for (const writer of [bytes, await written(avro({ registry, schema: whole }), { first: { sku: 'q' } }, subject('whole'))])
        assert.deepEqual(await readBack(avro(reader), writer), { first: { sku: 'q' }, count: 1 })
  })

  it('makes poison of what has another form, another kind of schema, an unknown id, or does not fit', async () => {
    const format = avro({ registry, schema: order })
    const problem = (bytes: Uint8Array): Promise<unknown> => readBack(format, bytes)
    await assert.rejects(problem(Buffer.from('{"a":1}')), /wire format/)
    await assert.rejects(problem(Buffer.from([0, 0, 15, 255, 255, 1])), { code: 'SCHEMA_REGISTRY_REFUSED' })
    const json = await written(jsonSchema({ registry, schema: { $schema, type: 'object' } }), {}, subject('json'))
    await assert.rejects(problem(json), { code: 'SCHEMA_UNUSABLE', message: /is JSON/ })
    const bytes = await written(format, value, subject('cut'))
    await assert.rejects(problem(bytes.subarray(0, bytes.length - 1)), Error)
    await assert.rejects(written(format, { ...value, amount: 'many' }, subject('cut')), /amount is "many", not "long"/)
    await assert.rejects(written(avro({ registry, schema: order, register: false }), value, subject('unregistered')), {
      code: 'SCHEMA_REGISTRY_REFUSED',
    })
  })
})

describe('Avro that is broken, or odd', () => {
  const nulls = { type: 'record', name: 'Odd', fields: [{ name: 'items', type: { type: 'array', items: 'null' } }] }

  it('takes no more memory or time than its bytes say', async () => {
    const format = avro<unknown>({ registry, schema: nulls })
    const bytes = Buffer.from(await written(format, { items: [null, null] }, subject('bounded')))
    assert.deepEqual(await readBack(format, bytes), { items: [null, null] })
    // A block of 2^31 - 1 items that take no bytes; and the same to be passed over by a reader that does not want them.
    const claimed = Buffer.concat([bytes.subarray(0, 5), Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x0f, 0])])
    await assert.rejects(readBack(format, claimed), /2147483647 items cannot be in 6 bytes/)
    const other = avro<unknown>({ registry, schema: { type: 'record', name: 'Odd', fields: [{ name: 'a', type: 'int', default: 1 }] } })
    assert.deepEqual(await readBack(other, bytes), { a: 1 })
    await assert.rejects(readBack(other, claimed), /2147483647 items cannot be in 6 bytes/)
    const texts = { type: 'record', name: 'Texts', fields: [{ name: 'm', type: { type: 'map', values: 'string' } }] }
    const map = avro<unknown>({ registry, schema: texts })
    const entries = Buffer.from(await written(map, { m: { a: 'b' } }, subject('bounded-map')))
    const cut = Buffer.concat([entries.subarray(0, 5), Buffer.from([0xfe, 0xff, 0x07]), entries.subarray(6)])
    await assert.rejects(readBack(map, cut), /the bytes end within an array or a map/)
  })

  it('can be written as it was read: bytes, and maps with any name', async () => {
    const fields = [
      { name: 'b', type: 'bytes' },
      { name: 'f', type: ['null', { type: 'fixed', name: 'Two', size: 2 }] },
      { name: 'm', type: { type: 'map', values: 'int' } },
    ]
    const format = avro<Record<string, unknown>>({ registry, schema: { type: 'record', name: 'Bytes', fields } })
    const given = { b: new Uint8Array([1, 2]), f: new Uint8Array([3, 4]), m: JSON.parse('{"__proto__":1,"a":2}') as unknown }
    const back = await readBack(format, await written(format, given, subject('bytes')))
    assert.deepEqual(back, given)
    assert.deepEqual(Object.keys(back['m'] as object), ['__proto__', 'a'])
    assert.deepEqual(await readBack(format, await written(format, back, subject('bytes'))), given)
    // An object without keys, to the library.
    await assert.rejects(written(format, { ...given, m: new Map([['a', 1]]) }, subject('bytes')), /m is a Map, not/)
  })
})

describe('JSON Schema', () => {
  const schema = {
    $schema,
    type: 'object',
    properties: { n: { type: 'integer' } },
    required: ['n'],
  }

  it('is checked both ways', async () => {
    const format = jsonSchema<{ n: number }>({ registry, schema })
    const bytes = await written(format, { n: 1 }, subject('checked'))
    assert.deepEqual(await readBack(jsonSchema({ registry }), bytes), { n: 1 })
    await assert.rejects(written(format, { n: 'x' }, subject('checked')), /\/n must be integer/)
    const wrong = Buffer.concat([bytes.subarray(0, 5), Buffer.from('{"n":"x"}')])
    await assert.rejects(readBack(jsonSchema({ registry }), wrong), /\/n must be integer/)
    assert.deepEqual(await readBack(jsonSchema({ registry, validate: false }), wrong), { n: 'x' })
  })

  it('that would be checked later is refused', async () => {
    const later = jsonSchema<object>({ registry, schema: { ...schema, $async: true } })
    await assert.rejects(written(later, { n: 'x' }, subject('later')), { code: 'SCHEMA_UNUSABLE', message: /its \$async/ })
  })

  it('knows the schemas that one refers to', async () => {
    const part = subject('amount')
    await registry.register(part, schemaOf(JSON.stringify({ $schema, type: 'integer' }), { type: 'JSON' }))
    const referring = { $schema, type: 'object', properties: { n: { $ref: 'amount.json' } } }
    const format = jsonSchema({ registry, schema: referring, references: [{ name: 'amount.json', subject: part, version: 1 }] })
    const bytes = await written(format, { n: 3 }, subject('referring'))
    assert.deepEqual(await readBack(jsonSchema({ registry }), bytes), { n: 3 })
    await assert.rejects(written(format, { n: 'x' }, subject('referring')), /must be integer/)
  })
})

describe('Protocol Buffers', () => {
  const schema = `
    syntax = "proto3";
    package shop;
    import "google/protobuf/timestamp.proto";
    enum Kind { UNKNOWN = 0; NEW = 1; }
    message Address { string city = 1; }
    message Order {
      message Line { string sku = 1; repeated int64 counts = 2; }
      string order_id = 1;
      int64 amount = 2;
      Kind kind = 3;
      repeated Line lines = 4;
      bytes raw = 5;
      google.protobuf.Timestamp at = 6;
    }`
  const value = {
    order_id: 'a',
    amount: 12,
    kind: 'NEW',
    lines: [{ sku: 'x', counts: [1, 2] }],
    raw: Uint8Array.of(1, 2),
    at: { seconds: 5, nanos: 6 },
  }

  it('comes back as plain objects, behind the numbers of its message', async () => {
    const format = protobuf({ registry, schema, message: 'shop.Order' })
    const bytes = await written(format, value, subject('protobuf'))
    assert.deepEqual([...bytes.subarray(5, 7)], [2, 2])
    const back = await readBack(protobuf<typeof value>({ registry }), bytes)
    assert.deepEqual(back, value)
    assert.equal(Object.getPrototypeOf(back.lines[0]), Object.prototype)
  })

  it('takes the first message, and those inside of others', async () => {
    const first = await written(protobuf({ registry, schema }), { city: 'Oslo' }, subject('first'))
    assert.equal(first[5], 0)
    assert.deepEqual(await readBack(protobuf({ registry }), first), { city: 'Oslo' })
    const inner = await written(protobuf({ registry, schema, message: 'shop.Order.Line' }), { sku: 's', counts: [] }, subject('inner'))
    assert.deepEqual([...inner.subarray(5, 8)], [4, 2, 0])
    assert.deepEqual(await readBack(protobuf({ registry }), inner), { sku: 's', counts: [] })
  })

  it('has exact integers or bigints', async () => {
    const bytes = await written(protobuf({ registry, schema, message: 'shop.Order' }), { amount: 2n ** 60n }, subject('big'))
    await assert.rejects(readBack(protobuf({ registry }), bytes), /no exact number/)
    assert.equal((await readBack(protobuf<{ amount: bigint }>({ registry, long: 'bigint' }), bytes)).amount, 2n ** 60n)
  })

  it('knows the files that one imports', async () => {
    const part = subject('money')
    await registry.register(part, schemaOf('syntax = "proto3"; package shop; message Money { int32 cents = 1; }', { type: 'PROTOBUF' }))
    const importing = 'syntax = "proto3"; package shop; import "money.proto"; message Price { Money money = 1; }'
    const format = protobuf({ registry, schema: importing, references: [{ name: 'money.proto', subject: part, version: 1 }] })
    const bytes = await written(format, { money: { cents: 5 } }, subject('price'))
    assert.equal(bytes[5], 0)
    assert.deepEqual(await readBack(protobuf({ registry }), bytes), { money: { cents: 5 } })
  })

  it('refuses to write what would be read as something else', async () => {
    const text = `syntax = "proto2"; message M { optional string s = 10; optional int32 i = 1; optional K k = 2; required string r = 3; optional bool b = 4;
      repeated uint64 u = 5; map<string, int32> m = 6; optional M child = 7; optional double d = 8; optional bytes y = 9; enum K { A = 0; B = 1; } }`
    const format = protobuf<Record<string, unknown>>({ registry, schema: text, long: 'bigint' })
    const fits = { i: '5', k: 'B', r: 7, b: true, u: [1, 2n ** 64n - 1n], m: { a: 1 }, child: { r: '' }, d: '1.5', y: new Uint8Array([1]) }
    const back = await readBack(format, await written(format, fits, subject('fits')))
    assert.deepEqual([back['i'], back['k'], back['r'], back['u']], [5, 'B', '7', [1n, 2n ** 64n - 1n]])
    for (const [wrong, message] of [
      [{ i: 'abc' }, /: i is 'abc', and must be a whole number that fits int32/],
      [{ i: 2 ** 31 }, /: i is 2147483648/],
      [{ i: 1.5 }, /: i is 1.5/],
      [{ k: 'C' }, /: k is 'C', and must be one of A, B of M.K/],
      [{ r: undefined }, /: r is missing, and must be there: it is required/],
      [{ b: 'false' }, /: b is 'false', and must be true or false/],
      [{ u: [1, -1] }, /: u\[1\] is -1/],
      [{ m: { a: 'x' } }, /: m\.a is 'x'/],
      [{ m: new Map([['a', 1]]) }, /: m is Map\(1\) .*, and must be an object/],
      [{ child: new Map([['r', 'x']]) }, /: child is Map\(1\) .*, and must be a message M/],
      [{ s: 'a\ud800' }, /: s is .*, and must be text without half a pair/],
      [{ child: { r: 'x', i: NaN } }, /: child\.i is NaN/],
      [{ child: new Date(0) }, /: child is 1970-01-01T00:00:00\.000Z, and must be a message M/],
      [{ d: 'x' }, /: d is 'x', and must be a number/],
      [{ y: { a: 1 } }, /: y is \{ a: 1 \}, and must be bytes/],
    ] as const)
      await assert.rejects(written(format, { r: 'x', ...wrong }, subject('fits')), message)
    await assert.rejects(written(format as Format<unknown>, null, subject('fits')), /the value is null, and must be a message M/)
  })

  it('makes poison of what does not fit', async () => {
    const format = protobuf({ registry, schema, message: 'shop.Order' })
    await assert.rejects(written(format, { lines: 5 }, subject('wrong')), /lines is 5, and must be an array/)
    const bytes = await written(format, value, subject('wrong'))
    await assert.rejects(readBack(format, Buffer.concat([bytes.subarray(0, 5), Buffer.from([2, 18])])), /no message number 9/)
    await assert.rejects(readBack(format, bytes.subarray(0, 6)), /cut off/)
    assert.throws(() => protobuf({ registry: { url: '' } }), { code: 'CONNECTOR_OPTION_INVALID' })
  })
})

void test('a library that is not installed is named', async () => {
  const missing = optionalLibrary('avro', 'avsc', () => Promise.reject(Object.assign(new Error('none'), { code: 'ERR_MODULE_NOT_FOUND' })))
  await assert.rejects(missing, { code: 'LIBRARY_MISSING', message: /avro needs the package avsc: npm install avsc/ })
  await assert.rejects(
    optionalLibrary('avro', 'avsc', () => Promise.reject(new SyntaxError('broken'))),
    SyntaxError,
  )
})
