/**
 * What the master says to a task and is not yet acted on.
 *
 * 1. Nothing is taken before what came before it.
 * 2. The trigger of an aligned checkpoint waits also behind one of an unaligned, which does not: only the latter's snapshot has a place for what is in flight.
 */
import type { SourceHead } from '../source/source-head.ts'
import type { Trigger } from '../gate/trigger.ts'

/** Something from the enumerator to its reader. */
export interface Telling {
  readonly kind: 'tell'
  readonly tell: (source: SourceHead) => void
}

export class TaskOrders {
  #waiting: (Trigger | Telling)[] = []

  get any(): boolean {
    return this.#waiting.length > 0
  }

  add(order: Trigger | Telling): void {
    this.#waiting.push(order)
  }

  /** All of them, once. `held`: something is to be processed or sent before, and only snapshots that overtake it are due, with what was said before them. */
  take(held: boolean): readonly (Trigger | Telling)[] {
    if (!held) return this.#waiting.splice(0)
    const aligned = this.#waiting.findIndex((order) => order.kind === 'trigger' && order.unaligned !== true)
    const free = aligned === -1 ? this.#waiting : this.#waiting.slice(0, aligned)
    return this.#waiting.splice(0, free.findLastIndex(({ kind }) => kind === 'trigger') + 1)
  }

  /** The trigger of a checkpoint that is given up. */
  drop(checkpointId: number): void {
    this.#waiting = this.#waiting.filter((order) => order.kind !== 'trigger' || order.checkpointId !== checkpointId)
  }
}
