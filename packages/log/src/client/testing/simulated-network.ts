/**
 * A network of one process on a virtual clock: bytes take time, connections break, sometimes between a request and its answer.
 *
 * Bytes of one connection arrive in order, cut anywhere, until it breaks; then both ends hear of it, and what was under way is lost.
 */
import type { Clock, Connection, Listener, Network } from '@millrace/core'
import { NetworkError } from '@millrace/core'
import type { SeededRandom } from '@millrace/testkit'

export interface Weather {
  readonly delayMsMax: number
  /** That a piece of data breaks its connection instead of arriving. */
  readonly breakChance: number
  /** That a connection is refused. */
  readonly refuseChance: number
}

export class SimulatedNetwork implements Network {
  readonly #clock: Clock
  readonly #random: SeededRandom
  readonly #listeners = new Map<number, (connection: Connection) => void>()
  readonly #connections = new Set<SimulatedConnection>()
  weather: Weather
  breaks = 0

  constructor(clock: Clock, random: SeededRandom, weather: Weather) {
    this.#clock = clock
    this.#random = random
    this.weather = weather
  }

  listen(options: { readonly host: string; readonly port: number }, accept: (connection: Connection) => void): Promise<Listener> {
    this.#listeners.set(options.port, accept)
    return Promise.resolve({ ...options, close: () => Promise.resolve(void this.#listeners.delete(options.port)) })
  }

  connect({ host, port }: { readonly host: string; readonly port: number; readonly timeoutMs: number }): Promise<Connection> {
    return new Promise((resolve, reject) => {
      this.#clock.after(this.delayMs(), () => {
        const accept = this.#listeners.get(port)
        if (accept === undefined || this.#random.chance(this.weather.refuseChance)) {
          return reject(new NetworkError('refused', `${host}:${port} refuses`))
        }
        const [near, far] = [new SimulatedConnection(this, this.#clock, port), new SimulatedConnection(this, this.#clock, 1)]
        near.peer = far
        far.peer = near
        this.#connections.add(near)
        accept(far)
        resolve(near)
      })
    })
  }

  delayMs(): number {
    return this.#random.between(0, this.weather.delayMsMax)
  }

  breaksNow(): boolean {
    const isBroken = this.#random.chance(this.weather.breakChance)
    if (isBroken) this.breaks++
    return isBroken
  }

  /** Where to cut a piece of data. */
  cut(length: number): number {
    return this.#random.chance(0.3) ? this.#random.between(1, length) : length
  }
}

class SimulatedConnection implements Connection {
  readonly remote: { readonly host: string; readonly port: number }
  readonly queuedBytes = 0
  readonly #network: SimulatedNetwork
  readonly #clock: Clock
  peer: SimulatedConnection | undefined
  #onData: ((bytes: Uint8Array) => void) | undefined
  #onClose: ((error?: Error) => void) | undefined
  #isClosed = false
  #arrivesAtMs = 0

  constructor(network: SimulatedNetwork, clock: Clock, port: number) {
    this.#network = network
    this.#clock = clock
    this.remote = { host: 'simulated', port }
  }

  onData(handler: (bytes: Uint8Array) => void): void {
    this.#onData = handler
  }

  onClose(handler: (error?: Error) => void): void {
    this.#onClose = handler
  }

  onDrain(): void {}

  pause(): void {}

  resume(): void {}

  send(bytes: Uint8Array): boolean {
    const copy = Buffer.from(bytes)
    const at = this.#network.cut(copy.length)
    for (const piece of [copy.subarray(0, at), copy.subarray(at)]) if (piece.length > 0) this.#deliver(piece)
    return true
  }

  #deliver(piece: Uint8Array): void {
    const now = this.#clock.monotonic()
    this.#arrivesAtMs = Math.max(this.#arrivesAtMs, now + this.#network.delayMs())
    this.#clock.after(this.#arrivesAtMs - now, () => {
      if (this.#isClosed) return
      if (this.#network.breaksNow()) return this.destroy()
      // Whoever keeps these bytes without a copy finds them overwritten.
      const pooled = Buffer.from(piece)
      this.peer?.receive(pooled)
      pooled.fill(0xa5)
    })
  }

  receive(bytes: Uint8Array): void {
    if (!this.#isClosed) this.#onData?.(bytes)
  }

  end(): void {
    this.destroy()
  }

  destroy(): void {
    for (const side of [this, this.peer]) side?.close()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#clock.soon(() => this.#onClose?.())
  }
}
