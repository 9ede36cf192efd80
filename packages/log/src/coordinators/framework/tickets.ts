/** The replies that are owed, each settled exactly once. */
import type { Ticket } from './decision.ts'

interface Claim {
  readonly resolve: (reply: unknown) => void
  readonly reject: (error: unknown) => void
}

export class Tickets {
  readonly #claims = new Map<number, Claim>()
  #serial = 0

  /** Replies that are still owed. */
  get size(): number {
    return this.#claims.size
  }

  open<T>(): { readonly ticket: Ticket<T>; readonly reply: Promise<T> } {
    const id = ++this.#serial
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.#claims.set(id, { resolve: resolve as (reply: unknown) => void, reject })
    return { ticket: { id }, reply: promise }
  }

  resolve({ id }: Ticket<never>, reply: unknown): void {
    this.#claims.get(id)?.resolve(reply)
    this.#claims.delete(id)
  }

  reject({ id }: Ticket<never>, error: unknown): void {
    this.#claims.get(id)?.reject(error)
    this.#claims.delete(id)
  }

  rejectAll(error: unknown): void {
    const claims = [...this.#claims.values()]
    this.#claims.clear()
    for (const { reject } of claims) reject(error)
  }
}
