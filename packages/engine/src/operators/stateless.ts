import { inspect } from 'node:util'
import type { RecordContext } from '../api/contexts.ts'
import { AsyncExecution, type StartedInvocation } from './async-execution.ts'
import { CursorContext } from './contexts.ts'
import { operatorFailed, PlainOperator, type OperatorHost, type UnfinishedInput } from './operator.ts'
import { isThenable } from './thenable.ts'

type StatelessFunction = (value: unknown, ctx: RecordContext) => unknown

/**
 * map, flatMap and filter: a function of one record whose only effect is its answer. That makes asynchronous ones simple: an answer that is a
 * promise joins the queue, and answers leave it in the order of the records.
 */
abstract class StatelessOperator extends PlainOperator {
  readonly #during: string
  readonly #fn: StatelessFunction
  #context: CursorContext
  #execution: AsyncExecution | undefined

  constructor(host: OperatorHost, during: string, fn: StatelessFunction) {
    super(host)
    this.#during = during
    this.#fn = fn
    this.#context = new CursorContext(host)
  }

  /** Emits what the function's answer stands for. */
  protected abstract answer(value: unknown, result: unknown): void

  receive(value: unknown): void {
    if (this.#execution !== undefined && this.#execution.pending > 0) return this.#submit(value)
    const result = this.#call(value)
    if (isThenable(result)) this.#adopt(value, result)
    else this.answer(value, result)
  }

  override watermark(time: number): void {
    if (this.#execution === undefined || this.#execution.idle) super.watermark(time)
    else this.#execution.watermark(time)
  }

  override get pending(): number {
    return this.#execution?.pending ?? 0
  }

  override get full(): boolean {
    return this.#execution?.full ?? false
  }

  override settle(): void {
    this.#execution?.settle()
  }

  override unfinished(): readonly UnfinishedInput[] {
    return this.#execution?.unfinished() ?? []
  }

  override resume(inputs: readonly UnfinishedInput[]): void {
    for (const input of inputs) this.#queue().submit(input)
  }

  #call(value: unknown): unknown {
    try {
      return this.#fn(value, this.#context)
    } catch (error) {
      throw operatorFailed(this.host, this.#during, error, value)
    }
  }

  /** Others are under way: this one must not overtake them, whatever it answers. */
  #submit(value: unknown): void {
    this.#queue().submit({ what: 'element', value, timestamp: this.cursor.timestamp, hash: 0 })
    this.#interruptIfFull()
  }

  #adopt(value: unknown, promise: PromiseLike<unknown>): void {
    const { timestamp } = this.cursor
    const input: UnfinishedInput = { what: 'element', value, timestamp, hash: 0 }
    this.#context.keep(timestamp)
    this.#context = new CursorContext(this.host)
    this.#queue().adopt(input, this.#started(input, promise))
    this.#interruptIfFull()
  }

  #interruptIfFull(): void {
    if (this.full) this.cursor.interrupted = true
  }

  #queue(): AsyncExecution {
    this.#execution ??= new AsyncExecution(
      { keyed: false, capacity: this.host.asyncCapacity },
      {
        start: (input) => {
          const context = new CursorContext(this.host).keep(input.timestamp)
          return this.#started(
            input,
            callAsync(() => this.#fn(input.value, context)),
          )
        },
        fireEventTimers: () => {},
        forwardWatermark: (time) => super.watermark(time),
        wake: this.host.wake,
      },
    )
    return this.#execution
  }

  #started(input: UnfinishedInput, promise: PromiseLike<unknown>): StartedInvocation {
    return {
      done: Promise.resolve(promise),
      apply: (result) => {
        this.cursor.timestamp = input.timestamp
        this.answer(input.value, result)
      },
      reject: (error) => {
        this.cursor.timestamp = input.timestamp
        throw operatorFailed(this.host, this.#during, error, input.value, undefined, false)
      },
    }
  }
}

/** Calls a function that may answer a promise, answer at once, or throw; always answers a promise. */
async function callAsync(fn: () => unknown): Promise<unknown> {
  return await fn()
}

export class MapOperator extends StatelessOperator {
  constructor(host: OperatorHost, fn: StatelessFunction) {
    super(host, 'map', fn)
  }

  protected override answer(_value: unknown, result: unknown): void {
    this.output.receive(result)
  }
}

export class FilterOperator extends StatelessOperator {
  constructor(host: OperatorHost, fn: StatelessFunction) {
    super(host, 'filter', fn)
  }

  protected override answer(value: unknown, result: unknown): void {
    if (result) this.output.receive(value)
  }
}

export class FlatMapOperator extends StatelessOperator {
  constructor(host: OperatorHost, fn: StatelessFunction) {
    super(host, 'flatMap', fn)
  }

  protected override answer(value: unknown, result: unknown): void {
    const { timestamp } = this.cursor
    if (Array.isArray(result)) {
      for (let i = 0; i < result.length; i++) {
        this.cursor.timestamp = timestamp
        this.output.receive(result[i])
      }
      return
    }
    for (const each of this.#iterate(value, result)) {
      this.cursor.timestamp = timestamp
      this.output.receive(each)
    }
  }

  /** The user's iterable: what it throws while it is read is the user's failure, what the chain throws meanwhile is not. */
  *#iterate(value: unknown, result: unknown): Iterable<unknown> {
    let iterator: Iterator<unknown>
    try {
      if (typeof (result as Partial<Iterable<unknown>> | null | undefined)?.[Symbol.iterator] !== 'function') {
        throw new TypeError(`it must answer records to iterate over, such as an array, and answered ${inspect(result, { depth: 0 })}`)
      }
      iterator = (result as Iterable<unknown>)[Symbol.iterator]()
    } catch (error) {
      throw operatorFailed(this.host, 'flatMap', error, value)
    }
    for (;;) {
      let next: IteratorResult<unknown>
      try {
        next = iterator.next()
      } catch (error) {
        throw operatorFailed(this.host, 'flatMap', error, value)
      }
      if (next.done === true) return
      yield next.value
    }
  }
}
