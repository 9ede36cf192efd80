import { createServer, connect, type Socket } from 'node:net'
import { NetworkError, type Connection, type Network } from '../network.ts'

function classify(error: NodeJS.ErrnoException): NetworkError {
  const reason =
    error.code === 'ECONNREFUSED'
      ? 'refused'
      : error.code === 'EADDRINUSE'
        ? 'address-in-use'
        : error.code === 'ECONNRESET' || error.code === 'EPIPE'
          ? 'reset'
          : 'other'
  return new NetworkError(reason, error.message, error)
}

/** TCP on this machine's interfaces. */
export const nodeNetwork: Network = {
  listen: ({ host, port }, accept) =>
    new Promise((resolve, reject) => {
      const server = createServer({ noDelay: true }, (socket) => accept(new TcpConnection(socket)))
      server.once('error', (error) => reject(classify(error)))
      server.listen({ host, port }, () => {
        const address = server.address()
        if (address === null || typeof address === 'string') return reject(new NetworkError('other', 'the listener has no port'))
        resolve({ host, port: address.port, close: () => new Promise((done) => server.close(() => done())) })
      })
    }),
  connect: ({ host, port, timeoutMs }) =>
    new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true })
      const timer = setTimeout(
        () => socket.destroy(new NetworkError('timeout', `no connection to ${host}:${port} within ${timeoutMs} ms`)),
        timeoutMs,
      )
      const fail = (error: Error): void => {
        clearTimeout(timer)
        reject(error instanceof NetworkError ? error : classify(error))
      }
      socket.once('error', fail)
      socket.once('connect', () => {
        clearTimeout(timer)
        socket.off('error', fail)
        resolve(new TcpConnection(socket))
      })
    }),
}

class TcpConnection implements Connection {
  readonly remote: { readonly host: string; readonly port: number }
  readonly #socket: Socket

  constructor(socket: Socket) {
    this.#socket = socket
    this.remote = { host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
    socket.on('error', () => {}) // reported by 'close'
  }

  get queuedBytes(): number {
    return this.#socket.writableLength
  }

  onData(handler: (bytes: Uint8Array) => void): void {
    this.#socket.on('data', handler)
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
    return this.#socket.write(bytes)
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
