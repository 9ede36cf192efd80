/**
 * Byte streams between processes, as protocol code sees them.
 *
 * Promises only: bytes of one connection arrive in order, without gaps or duplicates, for as long as it lives.
 * Does not promise: that bytes arrive at all, when, or in the pieces they were sent in; that the far end notices a close;
 * that it can do TLS (it then refuses, and never sends in the clear what was to be encrypted).
 */
export interface Network {
  /** Accepts connections on `host` and `port` (0: any free one); resolves once it listens. With `tls` a connection is accepted once its handshake is over. */
  listen(options: ListenOptions, accept: (connection: Connection) => void): Promise<Listener>
  /** Resolves once connected, with `tls` once the handshake is over; rejects with a `NetworkError`. */
  connect(options: ConnectOptions): Promise<Connection>
}

/** Where to listen. */
export interface ListenOptions {
  /** Name or address of this machine. */
  readonly host: string
  /** 0 takes any free one; `Listener.port` says which. */
  readonly port: number
  /** Without it connections are not encrypted. */
  readonly tls?: TlsServerOptions
}

/** Where to connect to, and how long that may take. */
export interface ConnectOptions {
  /** Name or address. */
  readonly host: string
  /** From 1 to 65,535. */
  readonly port: number
  /** For the connection and its handshake together; then it is a `NetworkError` with `timeout`. */
  readonly timeoutMs: number
  /** Without it the connection is not encrypted. */
  readonly tls?: TlsClientOptions
}

/** Versions of TLS that are spoken; older ones are not safe. */
export type TlsVersion = 'TLSv1.2' | 'TLSv1.3'

/** Key and certificates as PEM text. */
export interface TlsIdentity {
  /** The private key. */
  readonly key: string
  /** Of the key, if it is encrypted. */
  readonly keyPassword?: string
  /** The certificate, then those that lead from it to a root. */
  readonly certificateChain: string
}

/** What a server shows of itself, and what it asks of its clients. */
export interface TlsServerOptions extends TlsIdentity {
  /** Roots that certificates of clients must lead to; those that Node trusts where left out. */
  readonly trusted?: string
  /** Whether clients show a certificate: one that is asked for and shown must be valid in any case. */
  readonly clientAuth: 'none' | 'requested' | 'required'
  /** The lowest and the highest version spoken. */
  readonly minVersion?: TlsVersion
  /** The newest by default. */
  readonly maxVersion?: TlsVersion
  /** Handshakes under way at a time, 1000 by default: further clients are turned away. */
  readonly handshakesMax?: number
  /** A handshake that failed: no connection comes of it. */
  readonly onRefused?: (remote: Connection['remote'], error: Error) => void
}

/** How the server's certificate is checked, and what this client shows of its own. */
export interface TlsClientOptions {
  /** Roots that the server's certificate must lead to; those that Node trusts where left out. */
  readonly trusted?: string
  /** Shown to a server that asks for a certificate. */
  readonly identity?: TlsIdentity
  /** The name that the server's certificate must have; the host by default. */
  readonly serverName?: string
  /** Whether the certificate must have that name; true by default. It must lead to a trusted root in any case. */
  readonly verifyHostname?: boolean
}

/** A port that is listened on, with the host and port that were really taken. */
export interface Listener {
  readonly host: string
  readonly port: number
  /** Accepts no more; connections already accepted live on. */
  close(): Promise<void>
}

/** One end of an established connection; sizes are bytes. */
export interface Connection {
  /** Address and port of the far side. */
  readonly remote: { readonly host: string; readonly port: number }
  /** The subject of the certificate that the far side has proven, as RFC 2253 writes it: 'CN=orders,O=Shop'. */
  readonly peerSubject?: string
  /** Called with what arrives; the bytes are only valid during the call (they may be a slice of a pooled buffer). */
  onData(handler: (bytes: Uint8Array) => void): void
  /** Called once: without an error after an orderly end of the far side or our own close, with one otherwise. */
  onClose(handler: (error?: Error) => void): void
  /** Queues bytes, which must not change until `queuedBytes` is 0. Returns false when more than the high-water mark is queued. */
  send(bytes: Uint8Array): boolean
  /** Called when the queue has drained after `send` returned false. */
  onDrain(handler: () => void): void
  /** Stops and resumes reading; back-pressure reaches the far end. */
  pause(): void
  /** Goes on after `pause`. */
  resume(): void
  /** Bytes queued and not yet handed to the system. */
  readonly queuedBytes: number
  /** Sends what is queued, then closes. */
  end(): void
  /** Closes at once; queued bytes are lost. */
  destroy(): void
}

/** A connection or a listener that failed. The system's own error is the `cause`. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError'
  readonly reason: 'refused' | 'timeout' | 'address-in-use' | 'reset' | 'tls' | 'other'

  constructor(reason: NetworkError['reason'], message: string, cause?: unknown) {
    super(message, { cause })
    this.reason = reason
  }
}
