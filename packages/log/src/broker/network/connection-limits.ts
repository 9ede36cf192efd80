/** How many connections there are, and how many may come from one address: `max.connections.per.ip` and its overrides; asked anew for every connection. */

export interface ConnectionLimitsOptions {
  /** `max.connections` of one listener. */
  connectionsMaxOf(listener: string): number
  connectionsMaxFrom(host: string): number
}

export class ConnectionLimits {
  readonly #options: ConnectionLimitsOptions
  readonly #byHost = new Map<string, number>()
  readonly #byListener = new Map<string, number>()
  #count = 0

  constructor(options: ConnectionLimitsOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#count
  }

  /** Whether the listener may have another connection. */
  hasRoomAt(listener: string): boolean {
    return (this.#byListener.get(listener) ?? 0) < this.#options.connectionsMaxOf(listener)
  }

  /** Counts a connection from `host`; gives why it is refused instead, if it is. */
  admit(host: string, listener: string): 'max.connections.per.ip' | undefined {
    const fromHost = this.#byHost.get(host) ?? 0
    if (fromHost >= this.#options.connectionsMaxFrom(host)) return 'max.connections.per.ip'
    this.#count++
    this.#byListener.set(listener, (this.#byListener.get(listener) ?? 0) + 1)
    this.#byHost.set(host, fromHost + 1)
    return undefined
  }

  /** An admitted connection has gone. */
  leave(host: string, listener: string): void {
    const fromHost = this.#byHost.get(host) ?? 0
    if (fromHost === 0) return
    this.#count--
    this.#byListener.set(listener, this.#byListener.get(listener)! - 1)
    if (fromHost === 1) this.#byHost.delete(host)
    else this.#byHost.set(host, fromHost - 1)
  }
}

/** Reads `max.connections.per.ip.overrides`: 'address:number', separated by commas; an IPv6 address may hold colons itself. */
export function parseOverrides(text: string): ReadonlyMap<string, number> {
  const entries = text.split(',').flatMap((part): [string, number][] => {
    const at = part.lastIndexOf(':')
    const count = Number(part.slice(at + 1))
    return at > 0 && Number.isInteger(count) && count >= 0 ? [[part.slice(0, at).trim(), count]] : []
  })
  return new Map(entries)
}
