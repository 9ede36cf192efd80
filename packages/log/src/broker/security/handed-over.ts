/**
 * A connection that one owner gives to the next, with what it has read too much.
 *
 * 1. Handlers are the last owner's alone.
 * 2. Bytes reach an owner in their order: what was left over comes with `release`, and before anything newer.
 */
import type { Connection } from '@millrace/core'

export class HandedOver implements Connection {
  readonly #connection: Connection
  #onData: (bytes: Uint8Array) => void = () => undefined
  #onClose: (error?: Error) => void = () => undefined
  #onDrain: () => void = () => undefined

  constructor(connection: Connection) {
    this.#connection = connection
    connection.onData((bytes) => this.#onData(bytes))
    connection.onClose((error) => this.#onClose(error))
    connection.onDrain(() => this.#onDrain())
  }

  get remote(): Connection['remote'] {
    return this.#connection.remote
  }

  get queuedBytes(): number {
    return this.#connection.queuedBytes
  }

  onData(handler: (bytes: Uint8Array) => void): void {
    this.#onData = handler
  }

  onClose(handler: (error?: Error) => void): void {
    this.#onClose = handler
  }

  onDrain(handler: () => void): void {
    this.#onDrain = handler
  }

  /** Gives the owner what the one before has not used. */
  release(left: Uint8Array): void {
    if (left.length > 0) this.#onData(left)
  }

  send(bytes: Uint8Array): boolean {
    return this.#connection.send(bytes)
  }

  pause(): void {
    this.#connection.pause()
  }

  resume(): void {
    this.#connection.resume()
  }

  end(): void {
    this.#connection.end()
  }

  destroy(): void {
    this.#connection.destroy()
  }
}
