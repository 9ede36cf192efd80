/**
 * Formats whose schemas are in a registry, in Confluent's wire format: a zero byte, the schema's id (int32, big endian), then what the schema describes.
 *
 * 1. Each schema is fetched once; records wait for theirs (`NotReady`). An id that the registry does not know makes poison records; a registry that does not
 *    answer fails the task.
 */
import type { MillraceError } from '@millrace/core'
import { engineError } from '../../../../errors.ts'
import { checkNestedNames, checkOptionNames, type OptionNames } from '../../../options.ts'
import { NotReady, present, type Format, type SerializationContext } from '../format.ts'
import {
  SchemaRegistry,
  type RegisteredSchema,
  type SchemaReference,
  type SchemaRegistryOptions,
  type SchemaType,
} from './schema-registry.ts'

/** What all formats with a schema registry take. */
export interface RegistryFormatOptions {
  /** The registry, or where it is. One `SchemaRegistry` for several formats asks for each schema once. */
  readonly registry: SchemaRegistry | SchemaRegistryOptions
  /** For writing; for reading, what the values are read as where the format can (Avro). */
  readonly schema?: string | object
  /** Other schemas of the registry that `schema` refers to. */
  readonly references?: readonly SchemaReference[]
  /** The subject of `schema` for writing: `<topic>-value` or `<topic>-key` by default (TopicNameStrategy). */
  readonly subject?: string | ((context: SerializationContext) => string)
  /** Whether a schema is registered that is not there yet; true by default. Otherwise it must be. `auto.register.schemas` */
  readonly register?: boolean
}

export const registryFormatOptionNames: OptionNames<RegistryFormatOptions> = {
  registry: true,
  schema: true,
  references: true,
  subject: true,
  register: true,
}

/** @throws `CONNECTOR_OPTION_INVALID`, `ARGUMENT_INVALID` */
export function checkRegistryFormat<O extends RegistryFormatOptions>(format: string, options: O, names: OptionNames<O>): void {
  checkOptionNames<O>(format, options, names)
  if (options.registry === undefined) {
    const problem = "is missing: new SchemaRegistry({ url }), or { url: 'http://registry:8081' }"
    throw engineError('CONNECTOR_OPTION_INVALID', { connector: format, option: 'registry', problem })
  }
  for (const [index, reference] of (options.references ?? []).entries())
    checkNestedNames<SchemaReference>(format, `references[${index}]`, reference, { name: true, subject: true, version: true })
}

/** A schema made ready for use. */
export interface SchemaCodec {
  decode(payload: Uint8Array): unknown
  encode(value: unknown): Uint8Array
}

/** What a kind of schema needs. */
export interface SchemaKind {
  readonly type: SchemaType
  readonly format: string
  /** Values are read as the schema of the options says, whatever they were written with. */
  readonly readsAsOwn?: boolean
  /** Loads the library. */
  load(): Promise<void>
  /** `isOwn`: it is the schema of the options. Else `referencesOfOwn` is what that one refers to, if there is any. */
  codec(schema: RegisteredSchema, references: readonly NamedSchema[], isOwn: boolean, referencesOfOwn?: readonly NamedSchema[]): SchemaCodec
}

/** What a schema refers to, in an order in which each comes after what it refers to itself. */
export interface NamedSchema {
  readonly name: string
  readonly schema: string
}

const HEADER_BYTES = 5

export class RegistryFormat<T> implements Format<T> {
  readonly #kind: SchemaKind
  readonly #options: RegistryFormatOptions
  readonly #registry: SchemaRegistry
  /** Of readers: by id. An error is what the id comes to for ever. */
  readonly #readers = new Map<number, SchemaCodec | Error>()
  /** Of writers: by subject. */
  readonly #writers = new Map<string, { readonly id: number; readonly codec: SchemaCodec }>()
  readonly #loading = new Map<string, Promise<void>>()

  constructor(kind: SchemaKind, options: RegistryFormatOptions) {
    this.#kind = kind
    this.#options = options
    this.#registry = options.registry instanceof SchemaRegistry ? options.registry : new SchemaRegistry(options.registry)
  }

  async open({ isKey, topics }: { readonly isKey: boolean; readonly topics: readonly string[] }): Promise<void> {
    await this.#kind.load()
    if (this.#options.schema === undefined) return
    await Promise.all(topics.map((topic) => this.#loadWriter(this.#subject({ topic, isKey }))))
  }

  deserialize(bytes: Uint8Array | null): T {
    const whole = present(bytes)
    if (whole.length < HEADER_BYTES || whole[0] !== 0)
      throw new TypeError('this is not in the wire format of a schema registry: a zero byte and a schema id come first')
    const id = new DataView(whole.buffer, whole.byteOffset).getInt32(1)
    const codec = this.#readers.get(id)
    if (codec === undefined) throw new NotReady(this.#once(`reader ${id}`, () => this.#loadReader(id)))
    if (codec instanceof Error) throw codec
    return codec.decode(whole.subarray(HEADER_BYTES)) as T
  }

  serialize(value: T, context: SerializationContext): Uint8Array {
    const subject = this.#subject(context)
    const writer = this.#writers.get(subject)
    if (writer === undefined) throw new NotReady(this.#once(`writer ${subject}`, () => this.#loadWriter(subject)))
    const payload = writer.codec.encode(value)
    const whole = Buffer.allocUnsafe(HEADER_BYTES + payload.length)
    whole[0] = 0
    whole.writeInt32BE(writer.id, 1)
    whole.set(payload, HEADER_BYTES)
    return whole
  }

  #subject(context: SerializationContext): string {
    const { subject } = this.#options
    if (subject === undefined) return `${context.topic}-${context.isKey ? 'key' : 'value'}`
    return typeof subject === 'string' ? subject : subject(context)
  }

  /** Several records wait for the same. */
  #once(what: string, load: () => Promise<void>): Promise<void> {
    let loading = this.#loading.get(what)
    if (loading === undefined) {
      loading = this.#kind
        .load()
        .then(load)
        .finally(() => this.#loading.delete(what))
      this.#loading.set(what, loading)
    }
    return loading
  }

  async #loadReader(id: number): Promise<void> {
    const { references: given = [] } = this.#kind.readsAsOwn === true ? this.#options : {}
    // What is wrong with the options makes no record poison.
    const ofOwn = await this.#referencesOf({ references: given })
    try {
      const schema = await this.#registry.schemaById(id)
      if (schema.type !== this.#kind.type) throw unusable(`schema ${id} is ${schema.type}, and the format ${this.#kind.format}`)
      const references = await this.#referencesOf(schema)
      this.#readers.set(
        id,
        compiled(`schema ${id}`, () => this.#kind.codec(schema, references, false, ofOwn)),
      )
    } catch (error) {
      const { code } = error as Partial<MillraceError>
      if (code !== 'SCHEMA_REGISTRY_REFUSED' && code !== 'SCHEMA_UNUSABLE') throw error
      if (code === 'SCHEMA_REGISTRY_REFUSED' && (error as MillraceError).details['status'] !== 404) throw error
      this.#readers.set(id, error as Error)
    }
  }

  async #loadWriter(subject: string): Promise<void> {
    const { schema: own, references = [], register = true } = this.#options
    if (own === undefined) throw unusable('nothing can be written without the option schema')
    const schema = { schema: typeof own === 'string' ? own : JSON.stringify(own), type: this.#kind.type, references }
    const named = await this.#referencesOf(schema)
    const codec = compiled('the schema given', () => this.#kind.codec(schema, named, true))
    const id = register ? await this.#registry.register(subject, schema) : await this.#registry.lookUp(subject, schema)
    this.#writers.set(subject, { id, codec })
  }

  async #referencesOf({ references }: Pick<RegisteredSchema, 'references'>, seen = new Set<string>()): Promise<readonly NamedSchema[]> {
    const named: NamedSchema[] = []
    for (const reference of references) {
      if (seen.has(reference.name)) continue
      seen.add(reference.name)
      const schema = await this.#registry.schemaOf(reference)
      named.push(...(await this.#referencesOf(schema, seen)), { name: reference.name, schema: schema.schema })
    }
    return named
  }
}

function compiled(what: string, compile: () => SchemaCodec): SchemaCodec {
  try {
    return compile()
  } catch (error) {
    throw engineError('SCHEMA_UNUSABLE', { problem: `${what}: ${(error as Error).message}` }, error)
  }
}

function unusable(problem: string): MillraceError {
  return engineError('SCHEMA_UNUSABLE', { problem })
}
