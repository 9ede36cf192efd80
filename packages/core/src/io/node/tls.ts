/** TLS over this machine's TCP sockets. */
import type { X509Certificate } from 'node:crypto'
import { isIP, type Server, type Socket } from 'node:net'
import type { TLSSocket, TlsOptions } from 'node:tls'
import { NetworkError, type ConnectOptions, type TlsIdentity, type TlsServerOptions } from '../network.ts'

/** Loaded when it is first used: it takes three megabytes of every thread. */
function tlsOfNode(): typeof import('node:tls') {
  return process.getBuiltinModule('node:tls')
}

/** How long a client has for the handshake. */
const HANDSHAKE_TIMEOUT_MS = 30_000
/** Clients that nothing is known of take memory as well. */
const HANDSHAKES_MAX = 1000

/** A listener whose handshakes are over before a connection is accepted, and how those that are not are ended. */
export interface TlsServer {
  readonly server: Server
  readonly abandonHandshakes: () => void
}

/** @throws NetworkError for keys and certificates that cannot be used */
export function createTlsServer(tls: TlsServerOptions, accept: (socket: TLSSocket, peerSubject: string | undefined) => void): TlsServer {
  const server = usable(() => tlsOfNode().createServer(serverOptions(tls)))
  /** Sockets in their handshake, by where they come from: that is unique on one listener. */
  const pending = new Map<string, Socket>()
  const refuse = (socket: TLSSocket, problem: Error): void => {
    tls.onRefused?.({ host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }, problem)
    socket.destroy()
  }
  server.on('connection', (socket: Socket) => {
    if (pending.size >= (tls.handshakesMax ?? HANDSHAKES_MAX)) return void socket.destroy()
    const origin = originOf(socket)
    pending.set(origin, socket)
    socket.once('close', () => {
      if (pending.get(origin) === socket) pending.delete(origin)
    })
  })
  server.on('tlsClientError', (error, socket) => refuse(socket, error))
  server.on('secureConnection', (socket) => {
    pending.delete(originOf(socket))
    // Those who have gone already, or break off later, are told of by 'close'.
    socket.on('error', () => {})
    const certificate = socket.getPeerX509Certificate()
    const problem = problemOf(socket, certificate, tls.clientAuth)
    if (problem === undefined) accept(socket, certificate === undefined ? undefined : subjectOf(certificate))
    else refuse(socket, problem)
  })
  const abandonHandshakes = (): void => {
    for (const socket of pending.values()) socket.destroy()
  }
  return { server, abandonHandshakes }
}

/** Begins a connection. @throws NetworkError for keys and certificates that cannot be used */
export function connectTls({ host, port, tls = {} }: ConnectOptions): TLSSocket {
  const name = tls.serverName ?? host
  const identity = tls.identity === undefined ? {} : identityOptions(tls.identity)
  return usable(() =>
    tlsOfNode().connect({
      host,
      port,
      ...identity,
      ...(tls.trusted === undefined ? {} : { ca: tls.trusted }),
      // An address is no name that a server could be asked for.
      servername: isIP(name) === 0 ? name : '',
      checkServerIdentity: (_, certificate) =>
        tls.verifyHostname === false ? undefined : tlsOfNode().checkServerIdentity(name, certificate),
    }),
  )
}

/** The subject as RFC 2253 writes it: the most specific part first. */
export function subjectOf(certificate: X509Certificate): string {
  return certificate.subject.split('\n').toReversed().join(',')
}

function originOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

function serverOptions(tls: TlsServerOptions): TlsOptions & { noDelay: boolean } {
  return {
    ...identityOptions(tls),
    ...(tls.trusted === undefined ? {} : { ca: tls.trusted }),
    ...(tls.minVersion === undefined ? {} : { minVersion: tls.minVersion }),
    ...(tls.maxVersion === undefined ? {} : { maxVersion: tls.maxVersion }),
    requestCert: tls.clientAuth !== 'none',
    // Judged in 'secureConnection', where the reason is known.
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    noDelay: true,
  }
}

function identityOptions({ key, keyPassword, certificateChain }: TlsIdentity): { key: string; cert: string; passphrase?: string } {
  return { key, cert: certificateChain, ...(keyPassword === undefined ? {} : { passphrase: keyPassword }) }
}

function problemOf(
  socket: TLSSocket,
  certificate: X509Certificate | undefined,
  clientAuth: TlsServerOptions['clientAuth'],
): Error | undefined {
  if (clientAuth === 'none') return undefined
  if (certificate === undefined) {
    return clientAuth === 'required' ? new NetworkError('tls', 'the client shows no certificate') : undefined
  }
  return socket.authorized
    ? undefined
    : new NetworkError('tls', `the client's certificate is not valid: ${String(socket.authorizationError)}`)
}

function usable<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw new NetworkError(
      'tls',
      `the key or the certificates cannot be used: ${error instanceof Error ? error.message : String(error)}`,
      error,
    )
  }
}
