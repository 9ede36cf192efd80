import type { NamespaceBase, Root } from 'protobufjs'
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
import { checkMessage } from './protobuf-check.ts'
import { plainCopy } from './plain-copy.ts'
import type { RegisteredSchema } from './schema-registry.ts'

/** How `protobuf` finds its schemas and messages, and reads its numbers. */
export interface ProtobufOptions extends RegistryFormatOptions {
  /** The message of `schema` that is written, with its package: `shop.Order`; the first of the file by default. */
  readonly message?: string
  /** What 64-bit integers are: numbers (the default; one that is not exact makes a poison record), or bigints. */
  readonly long?: 'number' | 'bigint'
}

/**
 * Protocol Buffers with a schema registry. Messages are plain objects: names as in the schema, enums by name, fields that are not there with their defaults.
 * What is written is converted to the fields' types (`5` to `'5'` in a string field) where nothing is lost by it.
 * Needs the package `protobufjs`.
 */
export function protobuf<T = unknown>(options: ProtobufOptions): Format<T> {
  checkRegistryFormat<ProtobufOptions>('protobuf', options, { ...registryFormatOptionNames, message: true, long: true })
  return new RegistryFormat<T>(new Protobuf(options), options)
}

type Library = typeof import('protobufjs')

makesFormats(protobuf)

class Protobuf implements SchemaKind {
  readonly type = 'PROTOBUF'
  readonly format = 'protobuf'
  readonly #options: ProtobufOptions
  #library: Library | undefined

  constructor(options: ProtobufOptions) {
    this.#options = options
  }

  async load(): Promise<void> {
    this.#library ??= (await optionalLibrary('protobuf', 'protobufjs', () => import('protobufjs'))).default
  }

  codec({ schema }: RegisteredSchema, references: readonly NamedSchema[], isOwn: boolean): SchemaCodec {
    const library = this.#library!
    const root = new library.Root()
    for (const text of [...references.map((reference) => reference.schema), schema]) addFile(library, root, text)
    root.resolveAll()
    const paths = messagePaths(library, schema)
    const name = this.#options.message ?? paths.keys().next().value ?? ''
    const own = isOwn ? root.lookupType(name) : undefined
    const ownPath = paths.get(name)
    if (own !== undefined && ownPath === undefined) throw new TypeError(`the schema itself has no message ${name}`)
    const names = new Map([...paths].map(([each, path]) => [path.join('.'), each]))
    const options = { longs: BigInt, enums: String, defaults: true, arrays: true, objects: true }
    const isBig = this.#options.long === 'bigint'
    return {
      decode: (payload) => {
        const { path, end } = readPath(payload)
        const found = names.get(path.join('.'))
        if (found === undefined) throw new TypeError(`the schema has no message number ${path.join('.')}`)
        const type = root.lookupType(found)
        return plainCopy(type.toObject(type.decode(payload.subarray(end)), options), isBig ? undefined : exactNumber)
      },
      encode: (value) => {
        checkMessage(own!, value)
        const message = own!.fromObject(value as Record<string, unknown>)
        const problem = own!.verify(message)
        if (problem !== null) throw new TypeError(`this is not what the schema describes: ${problem}`)
        return Buffer.concat([writePath(ownPath!), own!.encode(message).finish()])
      },
    }
  }
}

/** Adds what a file declares, and what it imports of Google's own files. */
function addFile(library: Library, root: Root, text: string): void {
  const { imports, weakImports } = library.parse(text, root, { keepCase: true })
  for (const path of [...(imports ?? []), ...(weakImports ?? [])]) {
    const known = (library.common as unknown as { get(file: string): { nested?: Parameters<Root['addJSON']>[0] } | null }).get(path)
    if (known?.nested !== undefined && !root.files.includes(path)) {
      root.files.push(path)
      root.addJSON(known.nested)
    }
  }
}

/** The messages that a file itself declares by their whole names, each with the numbers that lead to it, in the order of the file. */
function messagePaths(library: Library, text: string): ReadonlyMap<string, readonly number[]> {
  const { root, package: name } = library.parse(text, new library.Root(), { keepCase: true })
  const paths = new Map<string, readonly number[]>()
  const add = (space: NamespaceBase, prefix: readonly number[]): void => {
    const types = space.nestedArray.filter((nested) => nested instanceof library.Type)
    for (const [index, type] of types.entries()) {
      paths.set(type.fullName.replace(/^\./, ''), [...prefix, index])
      add(type, [...prefix, index])
    }
  }
  const top = name === undefined ? root : root.lookup(name)
  if (top instanceof library.Namespace) add(top, [])
  return paths
}

/** Which message follows: how many numbers, then those, as zigzag varints; a single 0 says: the first. */
function readPath(payload: Uint8Array): { readonly path: readonly number[]; readonly end: number } {
  let at = 0
  const next = (): number => {
    let value = 0
    for (let shift = 0; shift < 32; shift += 7) {
      const byte = payload[at++]
      if (byte === undefined) break
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
    throw new TypeError('the numbers of the message are cut off')
  }
  const count = next()
  if (count < 0 || count > payload.length) throw new TypeError(`${count} numbers are said to name the message`)
  const path = Array.from({ length: count }, next)
  return { path: count === 0 ? [0] : path, end: at }
}

function writePath(path: readonly number[]): Uint8Array {
  if (path.length === 1 && path[0] === 0) return Uint8Array.of(0)
  return Uint8Array.from([path.length, ...path].flatMap((number) => varint(number * 2)))
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]
}

/** Integers are numbers where they are to be, as long as that is exact. */
function exactNumber(value: unknown): unknown {
  if (typeof value !== 'bigint') return value
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw new RangeError(`the integer ${value} is no exact number: read it with long: 'bigint'`)
  return number
}
