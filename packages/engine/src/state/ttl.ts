import { parseDuration, type Clock } from '@millrace/core'
import type { StateOptions } from '../api/state.ts'

/** A state's time to live, with its defaults filled in. */
export interface Ttl {
  readonly afterMs: number
  /** Reading begins the time anew. */
  readonly onRead: boolean
  /** What has expired is seen by the read that removes it. */
  readonly returnsExpired: boolean
}

/** @throws TypeError naming the problem */
export function ttlOf(option: StateOptions<unknown>['ttl']): Ttl | undefined {
  if (option === undefined) return undefined
  const { after, update = 'on-write', visibility = 'never-return-expired' } = typeof option === 'object' ? option : { after: option }
  const afterMs = parseDuration(after)
  if (afterMs === undefined || afterMs <= 0) throw new TypeError(`a ttl of ${String(after)}, which is no duration above 0`)
  if (update !== 'on-write' && update !== 'on-read-and-write') throw new TypeError(`the unknown ttl update ${String(update)}`)
  if (visibility !== 'never-return-expired' && visibility !== 'until-cleaned') {
    throw new TypeError(`the unknown ttl visibility ${String(visibility)}`)
  }
  return { afterMs, onRead: update === 'on-read-and-write', returnsExpired: visibility === 'until-cleaned' }
}

/** Tells what has expired by now. Times are those of the last update, milliseconds since 1970. */
export class Expiry {
  readonly ttl: Ttl
  readonly #clock: Pick<Clock, 'now'>

  constructor(ttl: Ttl, clock: Pick<Clock, 'now'>) {
    this.ttl = ttl
    this.#clock = clock
  }

  get now(): number {
    return this.#clock.now()
  }

  expired(time: number): boolean {
    return time + this.ttl.afterMs <= this.#clock.now()
  }

  /** The same, where nothing that has expired is ever seen. */
  strict(): Expiry {
    return this.ttl.returnsExpired ? new Expiry({ ...this.ttl, returnsExpired: false }, this.#clock) : this
  }
}
