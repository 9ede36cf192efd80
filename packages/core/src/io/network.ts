/**
 * Byte streams between processes, as protocol code sees them.
 *
 * Promises only: bytes of one connection arrive in order, without gaps or duplicates, for as long as it lives.
 * Does not promise: that bytes arrive at all, when, or in the pieces they were sent in; that the far end notices a close.
 */
export interface Network {
  /** Accepts connections on `host` and `port` (0: any free one); resolves once it listens. */
  listen(options: { readonly host: string; readonly port: number }, accept: (connection: Connection) => void): Promise<Listener>
  /** Resolves once connected; rejects with a `NetworkError`. */
  connect(options: { readonly host: string; readonly port: number; readonly timeoutMs: number }): Promise<Connection>
}

export interface Listener {
  readonly host: string
  readonly port: number
  /** Accepts no more; connections already accepted live on. */
  close(): Promise<void>
}

export interface Connection {
  readonly remote: { readonly host: string; readonly port: number }
  /** Called with what arrives; the bytes are only valid during the call (they may be a slice of a pooled buffer). */
  onData(handler: (bytes: Uint8Array) => void): void
  /** Called once: without an error after an orderly end of the far side or our own close, with one otherwise. */
  onClose(handler: (error?: Error) => void): void
  /** Queues bytes, which must not change afterwards. Returns false when more than the high-water mark is queued. */
  send(bytes: Uint8Array): boolean
  /** Called when the queue has drained after `send` returned false. */
  onDrain(handler: () => void): void
  /** Stops and resumes reading; back-pressure reaches the far end. */
  pause(): void
  resume(): void
  /** Bytes queued and not yet handed to the system. */
  readonly queuedBytes: number
  /** Sends what is queued, then closes. */
  end(): void
  /** Closes at once; queued bytes are lost. */
  destroy(): void
}

export class NetworkError extends Error {
  override readonly name = 'NetworkError'
  readonly reason: 'refused' | 'timeout' | 'address-in-use' | 'reset' | 'other'

  constructor(reason: NetworkError['reason'], message: string, cause?: unknown) {
    super(message, { cause })
    this.reason = reason
  }
}
