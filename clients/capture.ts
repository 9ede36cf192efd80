/** A proxy between the clients and the broker, which keeps a few frames of every API and version: real traffic for the fuzzing of the decoders. */
import { writeFileSync } from 'node:fs'
import { createServer, connect, type Server, type Socket } from 'node:net'
import { protocol } from '@millrace/log'

/** Frames kept of each direction, API, version and size class. */
const keptMax = 2
const frameBytesMax = 1_500

interface Sent {
  readonly api: protocol.Api
  readonly version: number
}

export class Capture {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #kept = new Map<string, string[]>()
  #target: { readonly host: string; readonly port: number } | undefined

  private constructor(server: Server) {
    this.#server = server
  }

  static async listen(): Promise<Capture> {
    const server = createServer()
    const capture = new Capture(server)
    server.on('connection', (client) => capture.#join(client))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return capture
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  /** The broker behind it. */
  aim(bootstrap: string): void {
    const [host, port] = bootstrap.split(':') as [string, string]
    this.#target = { host, port: Number(port) }
  }

  #join(client: Socket): void {
    const broker = connect(this.#target!)
    const sent = new Map<number, Sent>()
    for (const socket of [client, broker]) this.#sockets.add(socket)
    this.#pipe(client, broker, (frame) => this.#request(frame, sent))
    this.#pipe(broker, client, (frame) => this.#response(frame, sent))
  }

  #pipe(from: Socket, to: Socket, onFrame: (frame: Uint8Array) => void): void {
    const splitter = new protocol.FrameSplitter(200_000_000)
    from.on('data', (chunk) => {
      to.write(chunk)
      splitter.push(chunk)
      for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) onFrame(frame)
    })
    from.on('error', () => to.destroy())
    from.on('close', () => {
      this.#sockets.delete(from)
      to.end()
    })
  }

  #request(frame: Uint8Array, sent: Map<number, Sent>): void {
    const { api, version, correlationId } = protocol.readRequest(frame)
    sent.set(correlationId, { api, version })
    this.#keep('request', { api, version }, frame)
  }

  #response(frame: Uint8Array, sent: Map<number, Sent>): void {
    const correlationId = protocol.readCorrelationId(frame)
    const asked = sent.get(correlationId)
    sent.delete(correlationId)
    if (asked !== undefined) this.#keep('response', asked, frame)
  }

  #keep(direction: 'request' | 'response', { api, version }: Sent, frame: Uint8Array): void {
    if (frame.length > frameBytesMax || version > api.maxVersion || version < api.minVersion) return
    const key = `${direction} ${String(api.key).padStart(3)} ${String(version).padStart(2)} ${Math.floor(Math.log2(frame.length) / 2)}`
    const kept = this.#kept.get(key) ?? []
    if (kept.length >= keptMax) return
    kept.push(JSON.stringify({ direction, api: api.name, version, frame: Buffer.from(frame).toString('base64') }))
    this.#kept.set(key, kept)
  }

  /** Writes what was kept, one frame a line. */
  save(path: string): void {
    const keys = [...this.#kept.keys()].toSorted()
    writeFileSync(path, keys.flatMap((key) => this.#kept.get(key)!).join('\n') + '\n')
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }
}
