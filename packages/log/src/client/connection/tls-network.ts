/** An edge: TLS on this machine's network, by Node's own implementation. Connects only; nobody listens here. */
import { X509Certificate } from 'node:crypto'
import { connect as tlsConnect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import { NetworkError, type Connection, type Network } from '@millrace/core'
import { clientError } from '../errors.ts'
import type { Ssl } from './security.ts'

/** The network whose connections are TLS. @throws `CLIENT_OPTION` for keys and certificates that cannot be used */
export function tlsNetwork(ssl: Ssl): Network {
  const secureContext = contextOf(ssl)
  return {
    listen: () => Promise.reject(new NetworkError('other', 'this network only connects')),
    connect: ({ host, port, timeoutMs }) =>
      new Promise((resolve, reject) => {
        const socket = tlsConnect({
          host,
          port,
          // RFC 6066 allows no addresses as server names.
          ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
          secureContext,
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

function contextOf({ ca, cert, key, keyPassword }: Ssl): SecureContext {
  try {
    // Node takes what is no certificate for none, and an authority that is none for those that it trusts itself.
    for (const pem of [ca, cert]) if (pem !== undefined) void new X509Certificate(pem)
    return createSecureContext({
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(keyPassword === undefined ? {} : { passphrase: keyPassword }),
    })
  } catch (error) {
    const expected = 'have keys and certificates that go together, as PEM'
    throw clientError('CLIENT_OPTION', { option: 'security.ssl', expected, value: (error as Error).message }, error)
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
