import { types } from 'node:util'
import type { Type } from 'avsc'
import { optionalLibrary } from '../../../optional-library.ts'
import { makesFormats, type Format } from '../format.ts'
import {
  checkRegistryFormat,
  RegistryFormat,
  registryFormatOptionNames,
  type NamedSchema,
  type RegistryFormatOptions,
  type SchemaCodec,
  type SchemaKind,
} from './registry-format.ts'
import { boundingHook } from './avro-bounds.ts'
import { isKeyed, plainCopy } from './plain-copy.ts'
import type { RegisteredSchema } from './schema-registry.ts'

/** How `avro` finds its schemas and reads its numbers. */
export interface AvroOptions extends RegistryFormatOptions {
  /** What a `long` is: a number (the default; one that is not exact makes a poison record), or a bigint. */
  readonly long?: 'number' | 'bigint'
}

/**
 * Avro with a schema registry. Records are plain objects. With `schema` values are read as that schema says, whatever (compatible) schema they were written with.
 * Needs the package `avsc`.
 */
export function avro<T = unknown>(options: AvroOptions): Format<T> {
  checkRegistryFormat<AvroOptions>('avro', options, { ...registryFormatOptionNames, long: true })
  return new RegistryFormat<T>(new Avro(options), options)
}

type Library = Pick<typeof import('avsc'), 'Type' | 'types'>

makesFormats(avro)

class Avro implements SchemaKind {
  readonly type = 'AVRO'
  readonly format = 'avro'
  readonly readsAsOwn = true
  readonly #options: AvroOptions
  #library: Library | undefined
  #readAs: Type | undefined

  constructor(options: AvroOptions) {
    this.#options = options
  }

  async load(): Promise<void> {
    this.#library ??= (await optionalLibrary('avro', 'avsc', () => import('avsc'))).default
  }

  codec({ schema }: RegisteredSchema, named: readonly NamedSchema[], isOwn: boolean, namedByOwn: readonly NamedSchema[] = []): SchemaCodec {
    const written = this.#typeOf(schema, named)
    const read = isOwn || this.#options.schema === undefined ? written : this.#readAsOwn(named, namedByOwn)
    const resolver = read === written ? undefined : read.createResolver(written)
    const hasBytes = /"(?:bytes|fixed)"|^bytes$/.test(schema + named.map((each) => each.schema).join(''))
    return {
      decode: (payload) => plainCopy(read.fromBuffer(Buffer.from(payload.buffer, payload.byteOffset, payload.length), resolver)),
      encode: (given) => {
        const value = hasBytes ? withBuffers(given) : given
        if (!written.isValid(value)) throw new TypeError(`this is not what the schema describes: ${invalidPath(written, value)}`)
        return written.toBuffer(value)
      },
    }
  }

  /** Where the references of the reader's schema are not given, they may be those of the writer's. */
  #readAsOwn(named: readonly NamedSchema[], namedByOwn: readonly NamedSchema[]): Type {
    const { schema } = this.#options
    const own = typeof schema === 'string' ? schema : JSON.stringify(schema)
    try {
      return (this.#readAs ??= this.#typeOf(own, namedByOwn))
    } catch (error) {
      if (namedByOwn.length > 0 || named.length === 0) throw error
      return this.#typeOf(own, named)
    }
  }

  #typeOf(schema: string, named: readonly NamedSchema[]): Type {
    const { Type: types } = this.#library!
    const bound = boundingHook(this.#library!)
    const long = this.#options.long === 'bigint' ? this.#bigLong() : undefined
    const typeHook: typeof bound = (given, more) => (long !== undefined && isLong(given) ? long : bound(given, more))
    const options = { registry: {}, omitRecordMethods: true, typeHook } as Parameters<typeof types.forSchema>[1]
    for (const reference of named) types.forSchema(parsed(reference.schema), options)
    return types.forSchema(parsed(schema), options)
  }

  #bigLong(): Type {
    return this.#library!.types.LongType.__with({
      fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
      toBuffer: (value: bigint) => {
        const buffer = Buffer.alloc(8)
        buffer.writeBigInt64LE(value)
        return buffer
      },
      fromJSON: BigInt,
      toJSON: Number,
      isValid: (value: unknown) => typeof value === 'bigint',
      compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
    })
  }
}

/** By its name, or as an object: with a logical type, or other things that are said of it. */
function isLong(schema: unknown): boolean {
  return schema === 'long' || (schema as { readonly type?: unknown } | null)?.type === 'long'
}

type AvroSchema = Parameters<typeof Type.forSchema>[0]

/** A schema is JSON; a primitive may stand for itself. */
function parsed(schema: string): AvroSchema {
  try {
    return JSON.parse(schema) as AvroSchema
  } catch {
    return schema
  }
}

function invalidPath(type: Type, value: unknown): string {
  let problem = ''
  type.isValid(value, {
    errorHook: (path: string[], found: unknown, expected: Type) => {
      problem ||= `${path.join('.') || 'the value'} is ${shown(found)}, not ${expected.toString()}`
    },
  })
  return problem
}

function shown(found: unknown): string {
  if (found === undefined) return 'missing'
  return types.isMap(found) || types.isSet(found) ? `a ${found.constructor.name}` : JSON.stringify(found, bigints)
}

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

/** The library takes bytes as Buffers alone, and gives none here: what was read could not be written. */
function withBuffers(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.length)
  if (Array.isArray(value)) return value.map(withBuffers)
  if (!isKeyed(value)) return value
  return Object.fromEntries(Object.entries(value as object).map(([name, each]) => [name, withBuffers(each)]))
}
