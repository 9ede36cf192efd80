import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { ProtocolError } from '../errors.ts'
import * as declarations from './apis/index.ts'
import { APIS, isFlexible, requestCodec, responseCodec, type ApiName } from './apis.ts'
import type { MessageCodec } from './codec.ts'
import { includesVersion, type ApiDeclaration, type Field, type Fields, type PrimitiveType } from './declaration.ts'
import { ByteReader } from './reader.ts'
import { ByteWriter } from './writer.ts'

/** Times as many inputs for a long run. */
const FUZZ_FACTOR = Number(process.env['MILLRACE_FUZZ_FACTOR'] ?? 1)

type Message = { readonly [name: string]: unknown }

interface Case {
  readonly title: string
  readonly codec: MessageCodec<Message, Message>
  readonly messages: fc.Arbitrary<Message>
  readonly minimal: Message
}

const PRIMITIVES: { readonly [T in PrimitiveType]: fc.Arbitrary<unknown> } = {
  int8: fc.integer({ min: -0x80, max: 0x7f }),
  int16: fc.integer({ min: -0x8000, max: 0x7fff }),
  uint16: fc.integer({ min: 0, max: 0xffff }),
  int32: fc.integer(),
  uint32: fc.integer({ min: 0, max: 0xffff_ffff }),
  int64: fc.maxSafeInteger(),
  float64: fc.double({ noNaN: true }),
  bool: fc.boolean(),
  string: fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'grapheme', maxLength: 40 })),
  uuid: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  bytes: fc.uint8Array({ maxLength: 40 }),
  records: fc.oneof(
    { weight: 9, arbitrary: fc.uint8Array({ maxLength: 40 }) },
    { weight: 1, arbitrary: fc.constant(new Uint8Array(1500).fill(7)) },
  ),
}

const DEFAULTS: { readonly [T in PrimitiveType]?: unknown } = {
  bool: false,
  string: '',
  uuid: new Uint8Array(16),
  bytes: new Uint8Array(0),
  records: new Uint8Array(0),
}

function defaultOf(field: Field): unknown {
  if (typeof field === 'string') return DEFAULTS[field] ?? 0
  if (field.default !== undefined) return field.default
  if (field.type === 'array') return []
  if (field.type === 'struct') return Object.fromEntries(Object.entries(field.fields).map(([name, inner]) => [name, defaultOf(inner)]))
  return DEFAULTS[field.type] ?? 0
}

/** Messages of a declaration at a version: what the version lacks has its default. */
function arbitrary(fields: Fields, version: number): fc.Arbitrary<Message> {
  return fc.record(Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, fieldArbitrary(field, version)])))
}

function fieldArbitrary(field: Field, version: number): fc.Arbitrary<unknown> {
  if (typeof field === 'string') return PRIMITIVES[field]
  if (!includesVersion(field.versions, version)) return fc.constant(defaultOf(field))
  const value = valueArbitrary(field, version)
  const isNullable = field.nullable !== undefined && includesVersion(field.nullable, version)
  const candidates = isNullable ? [value, fc.constant(null)] : [value]
  // A tagged field goes unwritten when it has its default: that must come up too.
  return fc.oneof(...candidates, ...(field.tag === undefined ? [] : [fc.constant(defaultOf(field))]))
}

function valueArbitrary(field: Exclude<Field, string>, version: number): fc.Arbitrary<unknown> {
  if (field.type === 'struct') return arbitrary(field.fields, version)
  if (field.type !== 'array') return PRIMITIVES[field.type]
  const element = typeof field.of === 'string' ? PRIMITIVES[field.of] : arbitrary(field.of, version)
  return fc.array(element, { maxLength: 3 })
}

const table: { readonly [N in ApiName]: ApiDeclaration } = declarations

const cases: Case[] = APIS.flatMap(({ name, minVersion, maxVersion }) =>
  Array.from({ length: maxVersion - minVersion + 1 }, (_, index) => minVersion + index).flatMap((version) =>
    (['request', 'response'] as const).map((direction) => ({
      title: `${name} ${direction} ${version}`,
      codec: (direction === 'request' ? requestCodec(name, version) : responseCodec(name, version)) as unknown as MessageCodec<
        Message,
        Message
      >,
      messages: arbitrary(table[name][direction], version),
      minimal: {},
    })),
  ),
)

function encode(codec: MessageCodec<Message, Message>, message: Message): Uint8Array {
  const writer = new ByteWriter()
  codec.encode(writer, message)
  const bytes = Buffer.concat(writer.chunks())
  return bytes
}

/** Byte arrays compare as bytes, whatever class they are; empty arrays as such, frozen or not. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) return value.map(plain)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]))
}

function decodeOrProtocolError(codec: MessageCodec<Message, Message>, bytes: Uint8Array): void {
  const reader = new ByteReader(bytes)
  try {
    codec.decode(reader)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
  }
  assert.ok(reader.position <= bytes.length)
}

describe('message codecs', () => {
  it('cover every declared API in both directions', () => {
    assert.equal(Object.keys(declarations).length, APIS.length)
    assert.ok(cases.length > 480)
  })

  it('decode what they encode, at every version', () => {
    for (const { title, codec, messages } of cases) {
      fc.assert(
        fc.property(messages, (message) => {
          const bytes = encode(codec, message)
          const reader = new ByteReader(bytes)
          assert.deepEqual(plain(codec.decode(reader)), plain(message), title)
          assert.equal(reader.remaining, 0, title)
        }),
        { numRuns: 4 * FUZZ_FACTOR },
      )
    }
  })

  it('write defaults for what is left out, and decode them', () => {
    for (const { title, codec, minimal } of cases) {
      const name = title.split(' ')[0] as ApiName
      const direction = title.split(' ')[1] as 'request' | 'response'
      const expected = Object.fromEntries(Object.entries(table[name][direction]).map(([key, field]) => [key, defaultOf(field)]))
      // A default of null that the version cannot carry is refused, never written.
      try {
        assert.deepEqual(plain(codec.decode(new ByteReader(encode(codec, minimal)))), plain(expected), title)
      } catch (error) {
        if (!(error instanceof ProtocolError) || error.code !== 'PROTOCOL_UNENCODABLE') throw error
      }
    }
  })

  it('answer truncations and bit flips with a ProtocolError or another message, never anything else', () => {
    for (const { codec, messages } of cases) {
      fc.assert(
        fc.property(messages, fc.nat(), fc.nat(), fc.nat(7), (message, cut, flip, bit) => {
          const bytes = encode(codec, message)
          decodeOrProtocolError(codec, bytes.subarray(0, cut % (bytes.length + 1)))
          if (bytes.length > 0) bytes[flip % bytes.length]! ^= 1 << bit
          decodeOrProtocolError(codec, bytes)
        }),
        { numRuns: 4 * FUZZ_FACTOR },
      )
    }
  })

  it('answer random bytes with a ProtocolError or a message', () => {
    // Many zero and 0xff bytes: lengths of null, zero and the largest there are.
    const hostile = fc
      .uint8Array({ maxLength: 60 })
      .map((bytes) => bytes.map((byte) => (byte % 3 === 0 ? byte : byte % 3 === 1 ? 0 : 0xff)))
    for (const { codec } of cases) {
      fc.assert(
        fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), hostile), (bytes) => decodeOrProtocolError(codec, bytes)),
        { numRuns: 8 * FUZZ_FACTOR },
      )
    }
  })

  it('refuse a truncation of a message by every byte, where nothing optional follows', () => {
    const codec = requestCodec('Metadata', 12)
    const writer = new ByteWriter()
    codec.encode(writer, { topics: [{ name: 'a' }, { name: 'b' }] })
    const bytes = Buffer.concat(writer.chunks())
    for (let size = 0; size < bytes.length; size++)
      assert.throws(() => codec.decode(new ByteReader(bytes.subarray(0, size))), ProtocolError)
  })

  it('know compact forms by version', () => {
    assert.equal(isFlexible('Fetch', 11), false)
    assert.equal(isFlexible('Fetch', 12), true)
    assert.equal(isFlexible('SaslHandshake', 1), false)
    assert.equal(isFlexible('ApiVersions', 99), true)
  })
})
