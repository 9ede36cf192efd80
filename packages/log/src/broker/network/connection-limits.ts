/** How many connections a broker takes: `max.connections`, `max.connections.per.ip` and its overrides. */

export interface ConnectionLimitsOptions {
  readonly connectionsMax: number
  readonly connectionsPerHostMax: number
  /** `max.connections.per.ip.overrides`, by host */
  readonly overrides?: ReadonlyMap<string, number>
}

export class ConnectionLimits {
  readonly #options: ConnectionLimitsOptions
  readonly #byHost = new Map<string, number>()
  #count = 0

  constructor(options: ConnectionLimitsOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#count
  }

  /** Counts a connection from `host`; gives why it is refused instead, if it is. */
  admit(host: string): 'max.connections' | 'max.connections.per.ip' | undefined {
    const { connectionsMax, connectionsPerHostMax, overrides } = this.#options
    if (this.#count >= connectionsMax) return 'max.connections'
    const fromHost = this.#byHost.get(host) ?? 0
    if (fromHost >= (overrides?.get(host) ?? connectionsPerHostMax)) return 'max.connections.per.ip'
    this.#count++
    this.#byHost.set(host, fromHost + 1)
    return undefined
  }

  /** An admitted connection has gone. */
  leave(host: string): void {
    const fromHost = this.#byHost.get(host) ?? 0
    if (fromHost === 0) return
    this.#count--
    if (fromHost === 1) this.#byHost.delete(host)
    else this.#byHost.set(host, fromHost - 1)
  }
}
