/** An edge: TLS on this machine's network, by Node's own implementation. Connects only; nobody listens here. */
import { connect as tlsConnect, type TLSSocket } from 'node:tls'
import { NetworkError, type Connection, type Network } from '@millrace/core'
import type { Ssl } from './security.ts'

/** The network whose connections are TLS. */
export function tlsNetwork(ssl: Ssl): Network {
  return {
    listen: () => Promise.reject(new NetworkError('other', 'this network only connects')),
    connect: ({ host, port, timeoutMs }) =>
      new Promise((resolve, reject) => {
        const socket = tlsConnect({
          host,
          port,
          // RFC 6066 allows no addresses as server names.
          ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
          ...(ssl.ca === undefined ? {} : { ca: ssl.ca }),
          ...(ssl.cert === undefined ? {} : { cert: ssl.cert }),
          ...(ssl.key === undefined ? {} : { key: ssl.key }),
          ...(ssl.keyPassword === undefined ? {} : { passphrase: ssl.keyPassword }),
          ...(ssl.verifyHostname === false ? { checkServerIdentity: () => undefined } : {}),
        })
        socket.setNoDelay(true)
        socket.setTimeout(timeoutMs, () =>
          socket.destroy(new NetworkError('timeout', `no TLS session with ${host}:${port} within ${timeoutMs} ms`)),
        )
        const fail = (error: Error): void =>
          reject(error instanceof NetworkError ? error : new NetworkError('other', problemOf(error), error))
        socket.once('error', fail)
        socket.once('close', () => reject(new NetworkError('reset', 'it was closed during the TLS handshake')))
        socket.once('secureConnect', () => {
          socket.setTimeout(0)
          socket.removeAllListeners('timeout')
          socket.off('error', fail)
          resolve(new TlsConnection(socket))
        })
      }),
  }
}

/** What a server does that expects no TLS says nothing of it. */
function problemOf({ message }: Error): string {
  const isPlain = /before secure TLS connection was established|wrong version number|packet length too long/.test(message)
  return isPlain ? `${message} (does this port expect TLS?)` : message
}

class TlsConnection implements Connection {
  readonly remote: { readonly host: string; readonly port: number }
  readonly #socket: TLSSocket

  constructor(socket: TLSSocket) {
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
    this.#socket.on('error', (error: Error) => (failure = new NetworkError('reset', error.message, error)))
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
