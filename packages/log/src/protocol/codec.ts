/**
 * Turns the declaration of a message, at one version, into the functions that read and write it.
 *
 * The functions are generated source: straight-line code without a look at the declaration, objects of one shape for all versions of a message.
 * Nothing but declarations goes into the source, and of these field names only as quoted strings.
 *
 * 1. Decoding yields every field: one that the version lacks has its default.
 * 2. Encoding takes the default for what is undefined, and refuses a value that the version would lose unless the field is ignorable.
 */
import { ProtocolError } from '../errors.ts'
import { includesVersion, type Field, type Fields, type PrimitiveType } from './declaration.ts'
import type { ByteReader } from './reader.ts'
import type { ByteWriter } from './writer.ts'
import { ByteWriter as Writer } from './writer.ts'

/** Reads and writes one message at one version: `D` is what comes out, `E` what may be given. */
export interface MessageCodec<D, E> {
  /** Reads one message from the reader's position. @throws ProtocolError */
  decode(reader: ByteReader): D
  /** Appends one message to the writer. @throws ProtocolError `PROTOCOL_UNENCODABLE` */
  encode(writer: ByteWriter, message: E): void
}

/** Where a structure is generated: the version, and whether it uses compact types and tagged fields. */
interface Target {
  readonly version: number
  readonly flexible: boolean
}

interface NormalField {
  readonly name: string
  readonly type: PrimitiveType | 'array' | 'struct'
  /** Elements of an array, fields of a structure. */
  readonly of: PrimitiveType | Fields | undefined
  readonly isPresent: boolean
  readonly tag: number | undefined
  readonly isNullable: boolean
  readonly ignorable: boolean
  readonly default: number | boolean | string | null | undefined
}

/** Wire forms of the primitives: reader and writer method, for plain and flexible versions, and for values that may be null. */
const METHODS: { readonly [T in PrimitiveType]: readonly [read: string, write: string] | undefined } = {
  int8: ['int8', 'int8'],
  int16: ['int16', 'int16'],
  uint16: ['uint16', 'uint16'],
  int32: ['int32', 'int32'],
  uint32: ['uint32', 'uint32'],
  int64: ['int64', 'int64'],
  float64: ['float64', 'float64'],
  bool: ['boolean', 'bool'],
  uuid: ['uuid', 'uuid'],
  string: undefined,
  bytes: undefined,
  records: undefined,
}

const FIXED_BYTES: { readonly [T in PrimitiveType]?: number } = {
  int8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  float64: 8,
  bool: 1,
  uuid: 16,
}

/** Defaults that are not the number zero, as source. */
const ZERO_VALUES: { readonly [type: string]: string } = {
  array: 'EMPTY_ARRAY',
  string: "''",
  bool: 'false',
  uuid: 'ZERO_UUID',
  bytes: 'EMPTY_BYTES',
  records: 'EMPTY_BYTES',
}

const EMPTY_ARRAY: readonly never[] = Object.freeze([])
const EMPTY_BYTES = new Uint8Array(0)
const ZERO_UUID = new Uint8Array(16)

/** The codec of a message at one version. Generate once and keep. */
export function messageCodec<D, E>(fields: Fields, version: number, flexible: boolean): MessageCodec<D, E> {
  const generator = new Generator({ version, flexible })
  const decode = generator.decoder(fields)
  const encode = generator.encoder(fields)
  const source = `'use strict'\n${generator.functions.join('\n')}\nreturn { decode: ${decode}, encode: ${encode} }`
  // oxlint-disable-next-line no-new-func, typescript/no-implied-eval -- the source holds declarations of this package alone
  const make = new Function('EMPTY_ARRAY', 'EMPTY_BYTES', 'ZERO_UUID', 'Writer', 'lost', 'isZero', source) as (
    ...constants: readonly unknown[]
  ) => MessageCodec<D, E>
  return make(EMPTY_ARRAY, EMPTY_BYTES, ZERO_UUID, Writer, lost, isZero)
}

function lost(field: string, version: number): ProtocolError {
  return new ProtocolError('PROTOCOL_UNENCODABLE', { field, problem: `version ${version} has no such field` })
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}

/** Collects the source of the functions that one message needs; structures become functions of their own. */
class Generator {
  readonly functions: string[] = []
  readonly #target: Target
  readonly #made = new Map<Fields, Map<string, string>>()
  #serial = 0

  constructor(target: Target) {
    this.#target = target
  }

  decoder(fields: Fields): string {
    return this.#once(fields, 'decode', (name) => {
      const all = this.#normal(fields)
      const inline = all.filter((field) => field.isPresent && field.tag === undefined)
      const tagged = all.filter((field) => field.isPresent && field.tag !== undefined)
      const lines = [
        ...all.filter((field) => !inline.includes(field)).map((field) => `let ${local(all, field)} = ${this.#decodedDefault(field)}`),
        ...inline.map((field) => `const ${local(all, field)} = ${this.#readExpression(field)}`),
        ...(this.#target.flexible ? [this.#readTags(all, tagged)] : []),
        `return { ${all.map((field) => `${quoted(field.name)}: ${local(all, field)}`).join(', ')} }`,
      ]
      return `function ${name}(r) {\n${lines.join('\n')}\n}`
    })
  }

  encoder(fields: Fields): string {
    return this.#once(fields, 'encode', (name) => {
      const all = this.#normal(fields)
      const tagged = all.filter((field) => field.isPresent && field.tag !== undefined).sort((a, b) => a.tag! - b.tag!)
      const lines = all.map((field) => {
        const value = local(all, field)
        const load = `const ${value} = m[${quoted(field.name)}]`
        if (!field.isPresent) return field.ignorable ? '' : `${load}\n${this.#refuseLost(field, value)}`
        if (field.tag !== undefined) return load
        return `${load}\n${this.#writeStatement(field, `(${value} === undefined ? ${this.#encodedDefault(field)} : ${value})`)}`
      })
      if (this.#target.flexible) lines.push(this.#writeTags(all, tagged))
      return `function ${name}(w, m) {\n${lines.join('\n')}\n}`
    })
  }

  /** A function that tells whether every field of a structure to encode has its default. */
  #defaultTest(fields: Fields): string {
    return this.#once(fields, 'isDefault', (name) => {
      const tests = this.#normal(fields).map((field) => {
        const value = `m[${quoted(field.name)}]`
        return `(${value} === undefined || ${this.#isDefault(field, value)})`
      })
      return `function ${name}(m) {\nreturn ${tests.join(' && ') || 'true'}\n}`
    })
  }

  #once(fields: Fields, kind: string, make: (name: string) => string): string {
    const made = this.#made.get(fields) ?? new Map<string, string>()
    this.#made.set(fields, made)
    const known = made.get(kind)
    if (known !== undefined) return known
    const name = `${kind}${this.#serial++}`
    made.set(kind, name)
    this.functions.push(make(name))
    return name
  }

  #normal(fields: Fields): NormalField[] {
    const { version, flexible } = this.#target
    return Object.entries(fields).map(([name, field]) => normalise(name, field, version, flexible))
  }

  #readExpression(field: NormalField): string {
    if (field.type === 'array') return this.#readArray(field)
    if (field.type === 'struct') {
      const read = `${this.decoder(field.of as Fields)}(r)`
      if (!field.isNullable) return read
      return field.tag === undefined ? `(r.int8() < 0 ? null : ${read})` : `(r.varuint() === 0 ? null : ${read})`
    }
    return this.#readPrimitive(field.type, field.isNullable)
  }

  #readPrimitive(type: PrimitiveType, isNullable: boolean): string {
    const fixed = METHODS[type]
    if (fixed !== undefined) return `r.${fixed[0]}()`
    return `r.${sizedMethod(type, this.#target.flexible, isNullable)}()`
  }

  #readArray(field: NormalField): string {
    const element = field.of!
    const bytesMin = typeof element === 'string' ? this.#primitiveBytesMin(element) : this.#structBytesMin(element)
    const read = typeof element === 'string' ? this.#readPrimitive(element, false) : `${this.decoder(element)}(r)`
    const count = `r.${this.#target.flexible ? 'compactCount' : 'longCount'}(${Math.max(bytesMin, 1)})`
    const empty = field.isNullable ? 'return null' : `throw r.malformed(${quoted(`a null array ${field.name}`)})`
    const name = `array${this.#serial++}`
    this.functions.push(
      `function ${name}(r) {
  const count = ${count}
  if (count === 0) return EMPTY_ARRAY
  if (count < 0) ${empty}
  const list = []
  for (let index = 0; index < count; index++) list.push(${read})
  return list
}`,
    )
    return `${name}(r)`
  }

  #readTags(all: readonly NormalField[], tagged: readonly NormalField[]): string {
    if (tagged.length === 0) return 'r.skipTags()'
    const cases = tagged.map(
      (field) => `case ${field.tag}: ${local(all, field)} = ${this.#readExpression(field)}
      if (r.position !== end) throw r.malformed(${quoted(`the tagged field ${field.name} has another size than it claims`)})
      break`,
    )
    return `for (let left = r.tagCount(); left > 0; left--) {
  const tag = r.varuint(), size = r.varuint()
  const start = r.take(size), end = start + size
  r.position = start
  switch (tag) {
    ${cases.join('\n    ')}
    default: r.position = end
  }
}`
  }

  #writeStatement(field: NormalField, value: string): string {
    if (field.type === 'array') return this.#writeArray(field, value)
    if (field.type === 'struct') {
      const encode = this.encoder(field.of as Fields)
      if (!field.isNullable) return `${encode}(w, ${value})`
      // A tagged one is marked by an unsigned integer, as Kafka's generated code does.
      const mark = field.tag === undefined ? `w.int8(s === null ? -1 : 1, ${quoted(field.name)})` : 'w.varuint(s === null ? 0 : 1)'
      return `{ const s = ${value}; ${mark}; if (s !== null) ${encode}(w, s) }`
    }
    return this.#writePrimitive(field.type, field.isNullable, value, field.name)
  }

  #writePrimitive(type: PrimitiveType, isNullable: boolean, value: string, name: string): string {
    const fixed = METHODS[type]
    const method = fixed === undefined ? sizedMethod(type, this.#target.flexible, isNullable) : fixed[1]
    return `w.${method}(${value}, ${quoted(name)})`
  }

  #writeArray(field: NormalField, value: string): string {
    const element = field.of!
    const write =
      typeof element === 'string'
        ? this.#writePrimitive(element, false, 'list[index]', field.name)
        : `${this.encoder(element)}(w, list[index])`
    const { flexible } = this.#target
    const writeNull = field.isNullable ? (flexible ? 'w.varuint(0)' : `w.int32(-1, ${quoted(field.name)})`) : undefined
    const body = `w.${flexible ? 'compactCount' : 'longCount'}(list, ${quoted(field.name)})
for (let index = 0; index < list.length; index++) ${write}`
    return `{ const list = ${value}\n${writeNull === undefined ? body : `if (list === null) ${writeNull}; else { ${body} }`} }`
  }

  #writeTags(all: readonly NormalField[], tagged: readonly NormalField[]): string {
    if (tagged.length === 0) return 'w.varuint(0)'
    const differs = (field: NormalField): string => {
      const value = local(all, field)
      return `(${value} !== undefined && !${this.#isDefault(field, value)})`
    }
    const writes = tagged.map(
      (field) => `if (has${local(all, field)}) { const outer = w; { const w = new Writer()
${this.#writeStatement(field, local(all, field))}
outer.tagged(${field.tag}, w) } }`,
    )
    return [
      ...tagged.map((field) => `const has${local(all, field)} = ${differs(field)}`),
      `w.varuint(${tagged.map((field) => `(has${local(all, field)} ? 1 : 0)`).join(' + ')})`,
      ...writes,
    ].join('\n')
  }

  #refuseLost(field: NormalField, value: string): string {
    const { version } = this.#target
    return `if (${value} !== undefined && !${this.#isDefault(field, value)}) throw lost(${quoted(field.name)}, ${version})`
  }

  /** Whether a defined value is the field's default. */
  #isDefault(field: NormalField, value: string): string {
    if (field.default === null) return `(${value} === null)`
    if (field.type === 'array') return `(${value} !== null && ${value}.length === 0)`
    if (field.type === 'struct') return `(${value} !== null && ${this.#defaultTest(field.of as Fields)}(${value}))`
    if (field.type === 'uuid') return `isZero(${value})`
    if (field.type === 'bytes' || field.type === 'records') return `(${value} !== null && ${value}.length === 0)`
    return `(${value} === ${this.#encodedDefault(field)})`
  }

  #encodedDefault(field: NormalField): string {
    if (field.type === 'struct' && field.default !== null) return '{}'
    return this.#decodedDefault(field)
  }

  #decodedDefault(field: NormalField): string {
    if (field.default !== undefined) return JSON.stringify(field.default)
    if (field.type !== 'struct') return ZERO_VALUES[field.type] ?? '0'
    const inner = this.#normal(field.of as Fields).map((one) => `${quoted(one.name)}: ${this.#decodedDefault(one)}`)
    return `{ ${inner.join(', ')} }`
  }

  #primitiveBytesMin(type: PrimitiveType): number {
    const fixed = FIXED_BYTES[type]
    if (fixed !== undefined) return fixed
    if (this.#target.flexible) return 1
    return type === 'string' ? 2 : 4
  }

  #structBytesMin(fields: Fields): number {
    let bytes = this.#target.flexible ? 1 : 0
    for (const field of this.#normal(fields)) {
      if (!field.isPresent || field.tag !== undefined) continue
      if (field.type === 'array') bytes += this.#target.flexible ? 1 : 4
      else if (field.type === 'struct') bytes += field.isNullable ? 1 : this.#structBytesMin(field.of as Fields)
      else bytes += this.#primitiveBytesMin(field.type)
    }
    return bytes
  }
}

function normalise(name: string, declared: Field, version: number, flexible: boolean): NormalField {
  const field = typeof declared === 'string' ? { type: declared } : declared
  const isTagged = field.tag !== undefined && flexible && includesVersion(field.tagged, version)
  return {
    name,
    type: field.type,
    of: field.type === 'array' ? field.of : field.type === 'struct' ? field.fields : undefined,
    isPresent: includesVersion(field.versions, version),
    tag: isTagged ? field.tag : undefined,
    isNullable: field.nullable !== undefined && includesVersion(field.nullable, version),
    ignorable: field.ignorable === true,
    default: field.default,
  }
}

function sizedMethod(type: PrimitiveType, flexible: boolean, isNullable: boolean): string {
  const form = flexible ? 'compact' : type === 'string' ? 'short' : 'long'
  return `${form}${type === 'string' ? 'String' : 'Bytes'}${isNullable ? 'OrNull' : ''}`
}

function local(all: readonly NormalField[], field: NormalField): string {
  return `f${all.indexOf(field)}`
}

function quoted(text: string): string {
  return JSON.stringify(text)
}
