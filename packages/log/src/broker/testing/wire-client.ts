/** A client of nothing but our own codec, for tests: sends what it is told, pipelined if so wished, and decodes the answers. */
import { nodeNetwork, type Connection, type Network } from '@millrace/core'
import {
  decodeResponse,
  encodeRequest,
  FrameSplitter,
  readCorrelationId,
  type ApiName,
  type ApiRequestToSend,
  type ApiResponse,
} from '../../protocol/index.ts'

interface Expected {
  readonly take: (frame: Uint8Array) => void
  readonly fail: (error: Error) => void
}

export class WireClient {
  readonly #connection: Connection
  readonly #splitter = new FrameSplitter(1 << 28)
  readonly #expected = new Map<number, Expected>()
  /** Correlation ids in the order of the responses. */
  readonly answered: number[] = []
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>
  #correlationId = 0
  #isClosed = false

  private constructor(connection: Connection) {
    this.#connection = connection
    const { promise, resolve } = Promise.withResolvers<void>()
    this.closed = promise
    connection.onClose(() => {
      this.#isClosed = true
      for (const { fail } of this.#expected.values()) fail(new Error('the connection was closed'))
      this.#expected.clear()
      resolve()
    })
    connection.onData((bytes) => this.#receive(bytes))
  }

  static async connect(at: { readonly host: string; readonly port: number }, network: Network = nodeNetwork): Promise<WireClient> {
    return new WireClient(await network.connect({ host: at.host, port: at.port, timeoutMs: 2000 }))
  }

  ask<N extends ApiName>(name: N, version: number, request: ApiRequestToSend<N>): Promise<ApiResponse<N>> {
    const correlationId = this.#correlationId++
    if (this.#isClosed) return Promise.reject(new Error('the connection was closed'))
    const { promise, resolve, reject } = Promise.withResolvers<ApiResponse<N>>()
    this.#expected.set(correlationId, { take: (frame) => resolve(decodeResponse(name, version, frame)), fail: reject })
    this.#send(encodeRequest(name, version, { correlationId, clientId: 'test' }, request))
    return promise
  }

  /** For a request without a response. */
  tell<N extends ApiName>(name: N, version: number, request: ApiRequestToSend<N>): void {
    this.#send(encodeRequest(name, version, { correlationId: this.#correlationId++, clientId: 'test' }, request))
  }

  /** Sends bytes as they are; the next response is given undecoded. */
  raw(bytes: Uint8Array, correlationId: number): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    this.#expected.set(correlationId, { take: resolve, fail: reject })
    this.#connection.send(bytes)
    return promise
  }

  /** The rest of what `raw` has begun. */
  continue(bytes: Uint8Array): void {
    this.#connection.send(bytes)
  }

  async close(): Promise<void> {
    this.#connection.end()
    await this.closed
  }

  #send(chunks: readonly Uint8Array[]): void {
    this.#connection.send(Buffer.concat(chunks))
  }

  #receive(bytes: Uint8Array): void {
    this.#splitter.push(Buffer.from(bytes))
    for (let frame = this.#splitter.next(); frame !== undefined; frame = this.#splitter.next()) {
      const correlationId = readCorrelationId(frame)
      this.answered.push(correlationId)
      this.#expected.get(correlationId)?.take(frame)
      this.#expected.delete(correlationId)
    }
  }
}
