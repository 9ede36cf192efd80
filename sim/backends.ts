/** Which state backend each life of a job has: users change it where their state lets them. */
import { randomBelow } from '@millrace/core'
import type { SeededRandom } from '@millrace/testkit'

/** `filesystem` and `memory` are the heap, with checkpoints where their names say. */
const backends = ['heap', 'rocksdb', 'memory', 'filesystem'] as const
export type Backend = (typeof backends)[number]

export interface BackendPlan {
  readonly first: Backend
  /** Of `rocksdb`: what rows in front of the store may take. */
  readonly cacheBytes: number
  /** Whether some lives have another one. */
  readonly changes: boolean
}

/** Apart from the rest, so that a seed's job is the same with and without. */
export function drawBackends(random: SeededRandom): BackendPlan | undefined {
  if (random.chance(0.35)) return undefined
  return {
    first: random.pick(['rocksdb', 'rocksdb', 'rocksdb', 'rocksdb', 'heap', 'memory', 'memory', 'filesystem']),
    cacheBytes: random.pick([0, 400, 8_000, 8_000]),
    changes: random.chance(0.7),
  }
}

/**
 * 1. A savepoint is restored by any backend.
 * 2. What `rocksdb` has stored in checkpoints only `rocksdb` restores; another backend is refused.
 * 3. What `memory` has stored is gone with its process: it comes in only with the first life, or from a savepoint on which the job was stopped. Not where a life since
 *    may have left a checkpoint on the disk: one in memory does not see it, writes the same output, and removes what that checkpoint has staged.
 */
export class Backends {
  readonly #plan: BackendPlan | undefined
  readonly #random: SeededRandom
  #current: Backend | undefined
  #metRocksdb = false
  #metMemory = false

  constructor(plan: BackendPlan | undefined, random: SeededRandom) {
    this.#plan = plan
    this.#random = random
  }

  /** Whether some life's checkpoints were in memory alone. */
  get metMemory(): boolean {
    return this.#metMemory
  }

  /** Of the life that was chosen last. */
  get current(): Backend {
    return this.#current ?? 'heap'
  }

  /** Whether some checkpoint may be one that only `rocksdb` restores. */
  get metRocksdb(): boolean {
    return this.#metRocksdb
  }

  get cacheBytes(): number {
    return this.#plan?.cacheBytes ?? 0
  }

  /** Chooses for the next life. `wentOn`: a life has gone on from the same savepoint already. */
  choose(restore: 'latest' | (string & {}), wasRefused: boolean, wentOn: boolean): Backend {
    const next = this.#next(restore, wasRefused)
    this.#current = wentOn && next === 'memory' ? this.current : next
    if (this.#current === 'rocksdb') this.#metRocksdb = true
    if (this.#current === 'memory') this.#metMemory = true
    return this.#current
  }

  /** For a look at a savepoint, in another world. */
  any(): Backend {
    return this.#plan === undefined ? 'heap' : this.#random.pick(backends)
  }

  #next(restore: 'latest' | (string & {}), wasRefused: boolean): Backend {
    const current = this.#current
    if (this.#plan === undefined || wasRefused) return wasRefused ? 'rocksdb' : 'heap'
    if (current === undefined) return this.#plan.first
    if (!this.#plan.changes) return current
    if (restore !== 'latest') return this.#random.pick(backends)
    switch (current) {
      case 'memory':
        return this.#random.pick(['memory', 'memory', 'heap', 'rocksdb'])
      case 'rocksdb':
        return randomBelow(this.#random, 5) === 0 ? 'heap' : 'rocksdb'
      case 'heap':
      case 'filesystem':
        return this.#random.pick(['heap', 'heap', 'filesystem', 'rocksdb'])
    }
  }
}
