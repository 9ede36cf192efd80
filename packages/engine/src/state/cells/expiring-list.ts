import type { ListState } from '../../api/state.ts'
import { detach } from '../values/detach.ts'
import { freezeDeep } from '../values/freeze.ts'
import type { TimedCell } from './timed-cell.ts'
import type { Expiry } from '../ttl.ts'

const emptyList: readonly never[] = Object.freeze([])

/** A list whose elements expire each on their own. */
export class ExpiringListHandle implements ListState<unknown> {
  readonly #cell: TimedCell
  readonly #expiry: Expiry
  readonly #freeze: boolean
  readonly #checkElement: (value: unknown) => void

  constructor(cell: TimedCell, expiry: Expiry, freeze: boolean, checkElement: (value: unknown) => void) {
    this.#cell = cell
    this.#expiry = expiry
    this.#freeze = freeze
    this.#checkElement = checkElement
  }

  get(): readonly unknown[] {
    const stored = this.#cell.read() as unknown[] | undefined
    if (stored === undefined) return emptyList
    const list = this.#removeExpired(stored)
    return this.#freeze ? freezeDeep([...list]) : list
  }

  add(value: unknown): void {
    this.#checkElement(value)
    this.#cell.append(detach(value), this.#expiry.now)
  }

  addAll(values: Iterable<unknown>): void {
    for (const value of Array.from(values)) this.add(value)
  }

  set(values: Iterable<unknown>): void {
    const list = Array.from(values, (value) => {
      this.#checkElement(value)
      return detach(value)
    })
    const { now } = this.#expiry
    if (list.length === 0) this.#cell.clear()
    else
      this.#cell.write(
        list,
        list.map(() => now),
      )
  }

  clear(): void {
    this.#cell.clear()
  }

  /** What is to be seen; what has expired is gone afterwards. */
  #removeExpired(list: unknown[]): readonly unknown[] {
    const { ttl, now } = this.#expiry
    const { values, times } = liveElements(list, this.#cell.time() as number[], now - ttl.afterMs)
    if (values.length === 0) this.#cell.clear()
    else if (ttl.onRead) {
      this.#cell.write(
        values,
        values.map(() => now),
      )
    } else if (values.length < list.length) this.#cell.write(values, times)
    else this.#cell.touch()
    return ttl.returnsExpired ? list : values
  }
}

/** The elements updated after `deadline`, with their times; the very arrays if those are all. */
export function liveElements(list: unknown[], times: number[], deadline: number): { readonly values: unknown[]; readonly times: number[] } {
  if (!times.some((time) => time <= deadline)) return { values: list, times }
  return { values: list.filter((_, at) => times[at]! > deadline), times: times.filter((time) => time > deadline) }
}
