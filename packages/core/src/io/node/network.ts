import { createServer, connect, type OnReadOpts, type Server, type Socket } from 'node:net'
import { discardBytes } from '../discard-bytes.ts'
import { NetworkError, type Connection, type ConnectOptions, type ListenOptions, type Network } from '../network.ts'
import { nodeClock } from './clock.ts'
import { connectTls, createTlsServer } from './tls.ts'

function classify(error: NodeJS.ErrnoException): NetworkError {
  if (error.code === 'ECONNREFUSED') return new NetworkError('refused', error.message, error)
  if (error.code === 'EADDRINUSE') return new NetworkError('address-in-use', error.message, error)
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return new NetworkError('reset', error.message, error)
  return new NetworkError(isOfTls(error.code) ? 'tls' : 'other', error.message, error)
}

/** OpenSSL's own codes, and those of certificates that are not accepted. */
function isOfTls(code: string | undefined): boolean {
  return code !== undefined && /^ERR_(SSL|TLS)_|CERT|^UNABLE_TO_/.test(code)
}

/** TCP, and TLS over it, on this machine's interfaces. */
export const nodeNetwork: Network = {
  listen: (options, accept) =>
    new Promise((resolve, reject) => {
      const { server, beforeClose } = serverOf(options, accept)
      server.once('error', (error) => reject(classify(error)))
      server.listen({ host: options.host, port: options.port }, () => {
        const address = server.address()
        if (address === null || typeof address === 'string') return reject(new NetworkError('other', 'the listener has no port'))
        const close = (): Promise<void> =>
          new Promise((done) => {
            server.close(() => done())
            beforeClose()
          })
        resolve({ host: options.host, port: address.port, close })
      })
    }),
  connect: (options) =>
    new Promise((resolve, reject) => {
      const { host, port, timeoutMs, tls } = options
      const { socket, inbox } = socketTo(options)
      const cancel = nodeClock.after(timeoutMs, () =>
        socket.destroy(new NetworkError('timeout', `no connection to ${host}:${port} within ${timeoutMs} ms`)),
      )
      const fail = (error: Error): void => {
        cancel()
        reject(error instanceof NetworkError ? error : classify(error))
      }
      socket.once('error', fail)
      socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
        cancel()
        socket.off('error', fail)
        resolve(new SocketConnection(socket, { inbox }))
      })
    }),
}

interface ServerToListen {
  readonly server: Server
  readonly beforeClose: () => void
}

function serverOf({ tls }: ListenOptions, accept: (connection: Connection) => void): ServerToListen {
  if (tls === undefined) {
    const server = createServer({ noDelay: true }, (socket) => accept(new SocketConnection(socket)))
    return { server, beforeClose: () => undefined }
  }
  const { server, abandonHandshakes } = createTlsServer(tls, (socket, subject) =>
    accept(new SocketConnection(socket, { peerSubject: subject })),
  )
  return { server, beforeClose: abandonHandshakes }
}

function socketTo(options: ConnectOptions): { readonly socket: Socket; readonly inbox?: Inbox } {
  if (options.tls !== undefined) return { socket: connectTls(options).setNoDelay(true) }
  const inbox = new Inbox()
  return { socket: connect({ host: options.host, port: options.port, noDelay: true, onread: inbox.onread }), inbox }
}

/** Read by one call to the system. */
const INBOX_BYTES = 128 * 1024

/** What a socket receives, always in the same memory, which stays in the processor's caches; as a stream each read would be memory of its own. */
class Inbox {
  readonly onread: OnReadOpts
  #handler: ((bytes: Uint8Array) => void) | undefined
  /** What came before anybody listened. */
  #early: Uint8Array[] = []

  constructor() {
    this.onread = {
      buffer: Buffer.allocUnsafeSlow(INBOX_BYTES),
      callback: (length, buffer) => {
        this.#received(buffer.subarray(0, length))
        return true
      },
    }
  }

  #received(bytes: Uint8Array): void {
    if (this.#handler === undefined) this.#early.push(Uint8Array.from(bytes))
    else this.#handler(bytes)
  }

  onData(handler: (bytes: Uint8Array) => void): void {
    this.#handler = handler
    for (const bytes of this.#early.splice(0)) handler(bytes)
  }
}

/** From this size on a call to the system is worth it, and what was sent can be told from what is queued at once. */
const DISCARDED_BYTES_MIN = 8 * 1024
const DIRECT_BYTES_MIN = 64 * 1024

class SocketConnection implements Connection {
  readonly remote: { readonly host: string; readonly port: number }
  readonly peerSubject?: string
  readonly #socket: Socket
  readonly #inbox: Inbox | undefined
  #isCorked = false

  constructor(
    socket: Socket,
    { peerSubject, inbox }: { readonly peerSubject?: string | undefined; readonly inbox?: Inbox | undefined } = {},
  ) {
    this.#socket = socket
    this.#inbox = inbox
    if (peerSubject !== undefined) this.peerSubject = peerSubject
    this.remote = { host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
    socket.on('error', () => {}) // reported by 'close'
  }

  get queuedBytes(): number {
    return this.#socket.writableLength
  }

  onData(handler: (bytes: Uint8Array) => void): void {
    if (this.#inbox !== undefined) return this.#inbox.onData(handler)
    this.#socket.on('data', (bytes: Uint8Array) => {
      handler(bytes)
      if (bytes.length >= DISCARDED_BYTES_MIN) discardBytes(bytes)
    })
  }

  onClose(handler: (error?: Error) => void): void {
    let failure: Error | undefined
    this.#socket.on('error', (error) => (failure = classify(error)))
    this.#socket.once('close', () => handler(failure))
  }

  onDrain(handler: () => void): void {
    this.#socket.on('drain', handler)
  }

  send(bytes: Uint8Array): boolean {
    if (bytes.length < DIRECT_BYTES_MIN) this.#cork()
    else if (this.#isCorked) this.#uncork()
    return this.#socket.write(bytes)
  }

  /** What is sent in one go of the event loop goes to the system in one call. */
  #cork(): void {
    if (this.#isCorked) return
    this.#isCorked = true
    this.#socket.cork()
    process.nextTick(() => this.#uncork())
  }

  #uncork(): void {
    if (!this.#isCorked) return
    this.#isCorked = false
    this.#socket.uncork()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}
