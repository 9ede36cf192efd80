/**
 * A client of a schema registry with Confluent's REST interface. Schemas never change under their id, so what was asked once is kept.
 */
import { messageOf, nodeClock, type Clock } from '@millrace/core'
import { engineError } from '../../../../errors.ts'
import { checkNestedNames, checkOptionNames, numberOption, wholeNumberOption, type OptionNames } from '../../../options.ts'

/** Confluent's names of the kinds of schemas. */
export type SchemaType = 'AVRO' | 'PROTOBUF' | 'JSON'

/** Another schema that one refers to by name: an import, a named type, a `$ref`. */
export interface SchemaReference {
  readonly name: string
  readonly subject: string
  readonly version: number
}

/** A schema as the registry has it: `schema` is its text. */
export interface RegisteredSchema {
  readonly schema: string
  readonly type: SchemaType
  readonly references: readonly SchemaReference[]
}

/** Where a schema registry is, how to log in there, and how patient to be. */
export interface SchemaRegistryOptions {
  /** Where it is reached; of several each is tried in turn. */
  readonly url: string | readonly string[]
  /** A user with a password, or a token (`Authorization: Bearer`). */
  readonly auth?: { readonly username: string; readonly password: string } | { readonly token: string | (() => string | Promise<string>) }
  /** Sent with every request; none by default. */
  readonly headers?: Readonly<Record<string, string>>
  /** Of one request; 10,000 by default. */
  readonly timeoutMs?: number
  /** How often a request is tried before it fails; 5 by default, the pauses between them double from 100 ms on. */
  readonly attempts?: number
  /** What is used in the place of the global `fetch`. */
  readonly fetch?: typeof fetch
  /** Time for the pauses between tries; this machine's by default. */
  readonly clock?: Clock
}

const optionNames: OptionNames<SchemaRegistryOptions> = {
  url: true,
  auth: true,
  headers: true,
  timeoutMs: true,
  attempts: true,
  fetch: true,
  clock: true,
}

const CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json'
const FIRST_PAUSE_MS = 100
/** What a registry may answer. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024

interface SchemaAnswer {
  readonly id?: number
  readonly schema?: string
  readonly schemaType?: SchemaType
  readonly references?: readonly SchemaReference[]
}

/** A client of a schema registry with Confluent's REST interface. What never changes is asked for once and kept, for as long as the client is. */
export class SchemaRegistry {
  readonly #options: SchemaRegistryOptions
  readonly #urls: readonly string[]
  readonly #known = new Map<string, Promise<SchemaAnswer>>()
  /** The one that answered last. */
  #preferred = 0

  constructor(options: SchemaRegistryOptions) {
    checkRegistryOptions(options)
    this.#options = options
    this.#urls = (typeof options.url === 'string' ? [options.url] : options.url).map((url) => url.replace(/\/+$/, ''))
    if (this.#urls.length === 0 || this.#urls.some((url) => !/^https?:\/\//.test(url))) {
      const problem = `is ${this.#urls.join(', ')}, and must begin with http:// or https://`
      throw engineError('CONNECTOR_OPTION_INVALID', { connector: 'SchemaRegistry', option: 'url', problem })
    }
  }

  /** @throws `SCHEMA_REGISTRY_REFUSED` where there is none, `SCHEMA_REGISTRY_UNAVAILABLE` */
  async schemaById(id: number): Promise<RegisteredSchema> {
    return registered(await this.#once('GET', `/schemas/ids/${id}`))
  }

  async schemaOf({ subject, version }: Pick<SchemaReference, 'subject' | 'version'>): Promise<RegisteredSchema> {
    return registered(await this.#once('GET', `/subjects/${encodeURIComponent(subject)}/versions/${version}`))
  }

  /** The newest version of a subject. It is asked for each time. */
  async latest(subject: string): Promise<RegisteredSchema & { readonly id: number }> {
    const answer = await this.#ask('GET', `/subjects/${encodeURIComponent(subject)}/versions/latest`)
    return { ...registered(answer), id: idOf(answer) }
  }

  /** The id of a schema in a subject, which it is registered for if need be. */
  async register(subject: string, schema: RegisteredSchema): Promise<number> {
    return idOf(await this.#once('POST', `/subjects/${encodeURIComponent(subject)}/versions`, bodyOf(schema)))
  }

  /** The id of a schema that is registered. @throws `SCHEMA_REGISTRY_REFUSED` where it is not */
  async lookUp(subject: string, schema: RegisteredSchema): Promise<number> {
    return idOf(await this.#once('POST', `/subjects/${encodeURIComponent(subject)}`, bodyOf(schema)))
  }

  /** What never changes is asked once; failures are not kept. */
  #once(method: string, path: string, body?: string): Promise<SchemaAnswer> {
    const key = `${path} ${body ?? ''}`
    let answer = this.#known.get(key)
    if (answer === undefined) {
      answer = this.#ask(method, path, body)
      this.#known.set(key, answer)
      answer.catch(() => this.#known.delete(key))
    }
    return answer
  }

  async #ask(method: string, path: string, body?: string): Promise<SchemaAnswer> {
    const { attempts = 5, clock = nodeClock } = this.#options
    let problem: unknown
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (attempt >= this.#urls.length) {
        const pauseMs = FIRST_PAUSE_MS * 2 ** (attempt - this.#urls.length)
        await new Promise<void>((resolve) => void clock.after(pauseMs, resolve))
      }
      const index = (this.#preferred + attempt) % this.#urls.length
      try {
        const answer = await this.#request(`${this.#urls[index]!}${path}`, method, body)
        this.#preferred = index
        return answer
      } catch (error) {
        if ((error as { code?: string }).code === 'SCHEMA_REGISTRY_REFUSED') throw error
        problem = error
      }
    }
    throw engineError('SCHEMA_REGISTRY_UNAVAILABLE', { url: this.#urls.join(', '), path, problem: problemOfRequest(problem) }, problem)
  }

  async #request(url: string, method: string, body: string | undefined): Promise<SchemaAnswer> {
    const { fetch: request = fetch, timeoutMs = 10_000, headers } = this.#options
    const response = await request(url, {
      method,
      headers: {
        accept: CONTENT_TYPE,
        ...(body === undefined ? {} : { 'content-type': CONTENT_TYPE }),
        ...(await this.#authorization()),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(timeoutMs),
    })
    if (Number(response.headers.get('content-length') ?? 0) > ANSWER_BYTES_MAX) throw new Error('the answer is too large')
    const text = await response.text()
    if (response.status >= 500 || response.status === 429) throw new Error(`status ${response.status}: ${text.slice(0, 200)}`)
    if (!response.ok) throw engineError('SCHEMA_REGISTRY_REFUSED', { url, status: response.status, problem: problemOf(text) })
    return JSON.parse(text) as SchemaAnswer
  }

  async #authorization(): Promise<Record<string, string>> {
    const { auth } = this.#options
    if (auth === undefined) return {}
    if ('token' in auth) return { authorization: `Bearer ${typeof auth.token === 'string' ? auth.token : await auth.token()}` }
    return { authorization: `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}` }
  }
}

function checkRegistryOptions(options: SchemaRegistryOptions): void {
  const connector = 'SchemaRegistry'
  checkOptionNames(connector, options, optionNames)
  const { url, auth, timeoutMs, attempts } = options
  if (typeof url !== 'string' && !Array.isArray(url))
    throw engineError('CONNECTOR_OPTION_INVALID', {
      connector,
      option: 'url',
      problem: 'is missing, and must begin with http:// or https://',
    })
  if (auth !== undefined) {
    const isToken = typeof auth === 'object' && auth !== null && 'token' in auth
    checkNestedNames<object>(connector, 'auth', auth, isToken ? { token: true } : { username: true, password: true })
    const missing = (isToken ? ['token'] : ['username', 'password']).find((name) => (auth as Record<string, unknown>)[name] === undefined)
    if (missing !== undefined)
      throw engineError('CONNECTOR_OPTION_INVALID', { connector, option: `auth.${missing}`, problem: 'is missing' })
  }
  if (timeoutMs !== undefined) numberOption(connector, 'timeoutMs', timeoutMs, 1, 0x7fff_ffff)
  if (attempts !== undefined) wholeNumberOption(connector, 'attempts', attempts, 1)
}

function bodyOf({ schema, type, references }: RegisteredSchema): string {
  return JSON.stringify({ schema, ...(type === 'AVRO' ? {} : { schemaType: type }), ...(references.length === 0 ? {} : { references }) })
}

function registered({ schema, schemaType = 'AVRO', references = [] }: SchemaAnswer): RegisteredSchema {
  if (typeof schema !== 'string') throw new TypeError('the registry answered no schema')
  return { schema, type: schemaType, references }
}

function idOf({ id }: SchemaAnswer): number {
  if (typeof id !== 'number') throw new TypeError('the registry answered no id')
  return id
}

/** `fetch failed` says nothing; its cause does. */
function problemOfRequest(error: unknown): string {
  const { cause } = error as Error
  return cause instanceof Error && cause.message !== '' ? cause.message : messageOf(error)
}

function problemOf(text: string): string {
  try {
    const { message, error_code: code } = JSON.parse(text) as { message?: string; error_code?: number }
    return `${message ?? text} (${code ?? 'no code'})`
  } catch {
    return text.slice(0, 200)
  }
}
