import type { Clock } from '@millrace/core'
import type { OperatorNode } from '../graph/graph.ts'
import type { Log, Metrics } from '../api/contexts.ts'
import type { ChainCursor, Receiver } from './receiver.ts'
import type { KeyLoad } from '../keys/load/key-load.ts'
import { OperatorFailure, type FailureSite } from './failure.ts'
import { isError } from './thrown.ts'

/** What an operator instance is given by its host. */
export interface OperatorHost {
  readonly node: OperatorNode
  readonly subtask: number
  readonly parallelism: number
  readonly cursor: ChainCursor
  readonly outputs: OperatorOutputs
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  /** Aborted when the task is cancelled or fails. */
  readonly signal: AbortSignal
  /** Invocations of an asynchronous function under way or waiting, at most. */
  readonly asyncCapacity: number
  /** Where the record that is passing came from. */
  position(): string | undefined
  /** Asks the task for a turn: an operator has room again, or a promise has settled. */
  readonly wake: () => void
  /** Fails the task from outside a call of the chain (a rejected promise). */
  fail(failure: OperatorFailure): void
}

export interface OperatorOutputs {
  readonly main: Receiver
  readonly sides: ReadonlyMap<string, Receiver>
  readonly failures: Receiver
}

/** What an operator keeps of its inputs in a checkpoint because their invocations had not finished at the barrier. */
export interface UnfinishedInput {
  readonly what: 'element' | 'left' | 'right' | 'event-timer' | 'processing-timer'
  /** The record; of a timer its key. */
  readonly value: unknown
  /** Event time of the record; of a timer the time it was due. */
  readonly timestamp: number
  /** Key hash; 0 in operators without keys. */
  readonly hash: number
}

/**
 * One instance of an operator in a chain. The host's order of calls: `open`, then records, watermarks and timers, then `fireOverdue` and `finish` (of bounded input,
 * once no invocation is under way), then `close`.
 */
export interface Operator {
  readonly host: OperatorHost
  /** Where records of an input go. */
  input(index: 0 | 1): Receiver
  open(): Promise<void>
  /** Time will not go on: fires the timers that were set for times past since it came to its end. Only called when `pending` is 0, which it may change. */
  fireOverdue(): void
  /** The end of bounded input; may emit. Only called when `pending` is 0. */
  finish(): Promise<void>
  close(): Promise<void>
  /** Invocations under way or waiting. */
  readonly pending: number
  /** The host turns to other things: no call that comes back from now on belongs to the record that was passing. */
  rest(): void
  /** Takes no further record for now. */
  readonly full: boolean
  /** An invocation that could not be buffered is under way: neither records nor barriers until it has settled. */
  readonly exclusive: boolean
  /** It has stopped in the middle of a watermark, and could go on: neither records nor timers until `goOn` has brought it to an end. */
  readonly stopped: boolean
  /** Goes on where it has stopped, for a while; `stopped` tells whether that was the rest. */
  goOn(): void
  /** Fires processing-time timers that are due; at most about a thousand, answers whether more are. */
  processingTime(nowMs: number): boolean
  /** When the next processing-time timer is due, or undefined. */
  readonly nextProcessingTimerMs: number | undefined
  /** The input has gone idle: what is buffered for the outside world goes out. */
  flush(): void
  /** How its records are spread over their keys; undefined without keys. */
  readonly keyLoad: KeyLoad | undefined
  /** The key of a record that is passing, the last one or the next, is a sample, for so many records. */
  sampleKey(records: number): void
  /** Applies the effects of invocations that have finished; called in the task's turn after `wake`. */
  settle(): void
  /** Inputs whose invocations have not finished, in order of arrival. */
  unfinished(): readonly UnfinishedInput[]
  /** Hands in again what `unfinished` gave; before the first record. */
  resume(inputs: readonly UnfinishedInput[]): void
}

/** Makes the failure known to the chain before it unwinds, and answers what to throw. `passing`: whether it is the record that is passing which it failed on. */
export function operatorFailed(
  host: OperatorHost,
  during: string,
  error: unknown,
  record: unknown,
  key?: unknown,
  passing: boolean = true,
  edge?: FailureSite['edge'],
): OperatorFailure {
  const { cursor } = host
  const position = passing ? host.position() : undefined
  if (cursor.failure !== undefined) return cursor.failure
  const failure =
    isError(error) && error instanceof OperatorFailure
      ? error
      : new OperatorFailure(
          { operator: host.node.name, stateId: host.node.stateId, subtask: host.subtask, during, position, key, record, edge },
          error,
        )
  cursor.failure = failure
  cursor.interrupted = true
  return failure
}

/** What an operator threw when it was closed. The chain takes no part any more. */
export function closeFailed({ node, subtask }: OperatorHost, error: unknown): OperatorFailure {
  return new OperatorFailure({ operator: node.name, stateId: node.stateId, subtask, during: 'close', position: undefined }, error)
}

/** What most operators are: no state, no timers, nothing under way. */
export abstract class PlainOperator implements Operator, Receiver {
  readonly host: OperatorHost
  protected readonly output: Receiver
  protected readonly cursor: ChainCursor

  constructor(host: OperatorHost) {
    this.host = host
    this.output = host.outputs.main
    this.cursor = host.cursor
  }

  abstract receive(value: unknown): void

  watermark(time: number): void {
    this.output.watermark(time)
    for (const side of this.host.outputs.sides.values()) side.watermark(time)
    this.host.outputs.failures.watermark(time)
  }

  input(_index: 0 | 1): Receiver {
    return this
  }

  async open(): Promise<void> {}
  fireOverdue(): void {}
  async finish(): Promise<void> {}
  async close(): Promise<void> {}

  get pending(): number {
    return 0
  }
  get full(): boolean {
    return false
  }
  get exclusive(): boolean {
    return false
  }
  get stopped(): boolean {
    return false
  }
  goOn(): void {}
  processingTime(_nowMs: number): boolean {
    return false
  }
  get nextProcessingTimerMs(): number | undefined {
    return undefined
  }
  get keyLoad(): KeyLoad | undefined {
    return undefined
  }
  sampleKey(_records: number): void {}
  flush(): void {}
  rest(): void {}
  settle(): void {}
  unfinished(): readonly UnfinishedInput[] {
    return []
  }
  resume(_inputs: readonly UnfinishedInput[]): void {}
}
