/** One connection that asks and waits, without a client library around it. */
import { nodeNetwork, type Connection } from '@millrace/core'
import { protocol, records } from '@millrace/log'

export interface Place {
  readonly host: string
  readonly port: number
}

const PRODUCE_VERSION = 9
const FETCH_VERSION = 12
const CONNECT_TIMEOUT_MS = 30_000

export function placeOf(bootstrap: string): Place {
  const at = bootstrap.lastIndexOf(':')
  return { host: bootstrap.slice(0, at), port: Number(bootstrap.slice(at + 1)) }
}

export function produceRequest(topic: string, partition: number, value: Uint8Array): Uint8Array {
  const batch = records.buildBatch([{ key: null, value, timestamp: Date.now() }]).whole
  const topicData = [{ name: topic, partitionData: [{ index: partition, records: batch }] }]
  const header = { correlationId: 0, clientId: 'soak' }
  return Buffer.concat(protocol.encodeRequest('Produce', PRODUCE_VERSION, header, { acks: -1, timeoutMs: 30_000, topicData }))
}

export function fetchRequest(topic: string, partitions: readonly number[], maxBytes: number): Uint8Array {
  const asked = partitions.map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: maxBytes }))
  const header = { correlationId: 0, clientId: 'soak' }
  const body = { maxWaitMs: 500, minBytes: 1, maxBytes, isolationLevel: 0, sessionId: 0, topics: [{ topic, partitions: asked }] }
  return Buffer.concat(protocol.encodeRequest('Fetch', FETCH_VERSION, header, { ...body, forgottenTopicsData: [], rackId: '' }))
}

/** Sends one request at a time; `ask` gives the bytes of the answer. */
export class Wire {
  readonly #connection: Connection
  readonly #splitter = new protocol.FrameSplitter(1 << 24, { lent: true })
  #waiting: PromiseWithResolvers<Uint8Array> | undefined

  private constructor(connection: Connection) {
    this.#connection = connection
    connection.onData((bytes) => {
      this.#splitter.push(bytes)
      const frame = this.#splitter.next()
      if (frame === undefined) return
      const waiting = this.#waiting
      this.#waiting = undefined
      waiting?.resolve(frame)
    })
    connection.onClose((error) => this.#waiting?.reject(error ?? new Error('the broker closed a connection')))
  }

  static async connect({ host, port }: Place): Promise<Wire> {
    return new Wire(await nodeNetwork.connect({ host, port, timeoutMs: CONNECT_TIMEOUT_MS }))
  }

  async ask(request: Uint8Array): Promise<Uint8Array> {
    this.#waiting = Promise.withResolvers()
    this.#connection.send(request)
    return await this.#waiting.promise
  }

  /** @throws where the broker refuses the record */
  async produce(request: Uint8Array): Promise<void> {
    const { responses } = protocol.decodeResponse('Produce', PRODUCE_VERSION, await this.ask(request))
    const { errorCode } = responses[0]!.partitionResponses[0]!
    if (errorCode !== 0) throw new Error(`Produce: error ${errorCode}`)
  }

  close(): void {
    this.#connection.destroy()
  }
}
