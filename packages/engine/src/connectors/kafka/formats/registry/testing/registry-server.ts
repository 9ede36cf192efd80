// A schema registry for tests: as much of Confluent's REST interface as its clients use, in memory. The contract test says what it must do, and any other registry too.
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Stored {
  readonly schema: string
  readonly schemaType: string
  readonly references: readonly { readonly name: string; readonly subject: string; readonly version: number }[]
}

class Refusal extends Error {
  readonly status: number
  readonly code: number

  constructor(status: number, code: number, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

export class RegistryServer {
  /** Requests that were answered. */
  requests = 0
  /** Requests to come that fail with status 503. */
  failures = 0
  readonly #server: Server
  readonly #authorization: string | undefined
  readonly #schemas: Stored[] = []
  readonly #subjects = new Map<string, number[]>()

  private constructor(authorization: string | undefined) {
    this.#authorization = authorization
    this.#server = createServer((request, response) => {
      void this.#answer(request).then(({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' })
        response.end(JSON.stringify(body))
      })
    })
  }

  static async start(authorization?: string): Promise<RegistryServer> {
    const registry = new RegistryServer(authorization)
    await new Promise<void>((resolve) => void registry.#server.listen(0, '127.0.0.1', resolve))
    return registry
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()))
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
    const text = (await request.toArray()).join('')
    if (this.failures > 0) {
      this.failures--
      return { status: 503, body: { error_code: 50_001, message: 'not now' } }
    }
    this.requests++
    try {
      if (request.headers.authorization !== this.#authorization) throw new Refusal(401, 401, 'Unauthorized')
      const parts = request.url!.split('/').slice(1).map(decodeURIComponent)
      return { status: 200, body: this.#route(request.method!, parts, text === '' ? undefined : (JSON.parse(text) as Partial<Stored>)) }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { status: error.status, body: { error_code: error.code, message: error.message } }
    }
  }

  #route(method: string, parts: readonly string[], body: Partial<Stored> | undefined): unknown {
    const [first, second, third, fourth] = parts
    if (method === 'GET' && first === 'schemas' && second === 'ids') return shown(this.#byId(Number(third)))
    if (first !== 'subjects' || second === undefined) throw new Refusal(404, 404, 'HTTP 404 Not Found')
    if (method === 'POST' && third === 'versions') return { id: this.#register(second, stored(body!)) }
    if (method === 'POST' && third === undefined) return this.#lookUp(second, stored(body!))
    if (method === 'GET' && third === 'versions') return this.#version(second, fourth!)
    throw new Refusal(405, 405, 'HTTP 405 Method Not Allowed')
  }

  #byId(id: number): Stored {
    const found = this.#schemas[id - 1]
    if (found === undefined) throw new Refusal(404, 40_403, 'Schema not found')
    return found
  }

  #register(subject: string, schema: Stored): number {
    if (schema.schemaType !== 'PROTOBUF') {
      try {
        JSON.parse(schema.schema)
      } catch {
        throw new Refusal(422, 42_201, 'Invalid schema')
      }
    }
    const known = this.#schemas.findIndex((each) => JSON.stringify(each) === JSON.stringify(schema))
    const id = known < 0 ? this.#schemas.push(schema) : known + 1
    const versions = this.#subjects.get(subject) ?? []
    if (!versions.includes(id)) versions.push(id)
    this.#subjects.set(subject, versions)
    return id
  }

  #lookUp(subject: string, schema: Stored): unknown {
    const versions = this.#versions(subject)
    const index = versions.findIndex((id) => JSON.stringify(this.#byId(id)) === JSON.stringify(schema))
    if (index < 0) throw new Refusal(404, 40_403, 'Schema not found')
    return { subject, version: index + 1, id: versions[index], ...shown(schema) }
  }

  #version(subject: string, version: string): unknown {
    const versions = this.#versions(subject)
    const number = version === 'latest' ? versions.length : Number(version)
    const id = versions[number - 1]
    if (id === undefined) throw new Refusal(404, 40_402, `Version ${version} not found.`)
    return { subject, version: number, id, ...shown(this.#byId(id)) }
  }

  #versions(subject: string): readonly number[] {
    const versions = this.#subjects.get(subject)
    if (versions === undefined) throw new Refusal(404, 40_401, `Subject '${subject}' not found.`)
    return versions
  }
}

function stored({ schema = '', schemaType = 'AVRO', references = [] }: Partial<Stored>): Stored {
  return { schema, schemaType, references }
}

function shown({ schema, schemaType, references }: Stored): Record<string, unknown> {
  return { schema, ...(schemaType === 'AVRO' ? {} : { schemaType }), ...(references.length === 0 ? {} : { references }) }
}
