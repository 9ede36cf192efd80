/** What the master says to a task and is not yet acted on, in its order. */
import type { SavepointTarget } from '../checkpoint/coordinator-events.ts'
import type { SourceHead } from './source-head.ts'

export interface Trigger {
  readonly kind: 'trigger'
  readonly checkpointId: number
  readonly triggeredMs: number
  readonly completedId: number
  readonly stopSources: boolean
  readonly unaligned?: boolean
  readonly savepoint?: SavepointTarget
}

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

  /** Whether a snapshot is asked for that waits for nothing. */
  get overtakes(): boolean {
    return this.#waiting.some((order) => order.kind === 'trigger' && order.unaligned === true)
  }

  add(order: Trigger | Telling): void {
    this.#waiting.push(order)
  }

  /** All of them, once. */
  take(): (Trigger | Telling)[] {
    return this.#waiting.splice(0)
  }

  /** The trigger of a checkpoint that is given up. */
  drop(checkpointId: number): void {
    this.#waiting = this.#waiting.filter((order) => order.kind !== 'trigger' || order.checkpointId !== checkpointId)
  }
}
