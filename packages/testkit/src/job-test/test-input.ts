import {
  watermarks as strategies,
  type Environment,
  type ReaderContext,
  type Source,
  type SourceOutput,
  type SourceReader,
  type Split,
  type Stream,
  type WatermarkStrategy,
} from '@millrace/engine'
import { checkOptions, FixedSplits } from '@millrace/engine/simulation'

/** How values get their event time; at most one of the two may be given. */
export interface TestInputOptions<T> {
  /** Event time of a value, milliseconds since 1970. Watermarks come when the test says so: `JobTest.watermark`. Without it values have no event time. */
  readonly timestamp?: (value: T) => number
  /** Event time as in production, instead. Periodic watermarks come while the time of the test passes: `JobTest.advance`. */
  readonly watermarks?: WatermarkStrategy<T>
}

/** What a test has put in: a value, or a watermark between two of them. */
type Entry<T> = { readonly value: T } | { readonly watermarkMs: number }

interface InputSplit extends Split {
  /** Position of the next entry. */
  readonly next: number
}

const inputs = new WeakMap<Environment, Set<unknown>>()

/** @internal The `TestInput`s that are built into a job. */
export function inputsOf(env: Environment): Set<unknown> {
  const known = inputs.get(env) ?? new Set()
  inputs.set(env, known)
  return known
}

/** Of one poll: a reader gives way to the rest of its task. */
const ENTRIES_A_POLL = 256

/**
 * An input that a test fills, entry by entry.
 *
 * 1. Entries are kept: after a failure they are read again from where the checkpoint stood, and so they are by a job that starts from a savepoint with the same input.
 * 2. A job that starts from a savepoint with a new input of the same name reads what is put into that.
 */
export class TestInput<T> {
  readonly name: string
  readonly #options: TestInputOptions<T>
  readonly #entries: Entry<T>[] = []
  /** Position of the first entry; undefined until the first job reads. */
  #firstPosition: number | undefined
  /** Of the readers of all jobs that run. */
  readonly #wakes: Set<() => void> = new Set()

  /** `name`: its uid in the job, by which a savepoint finds it. */
  constructor(name: string, options: TestInputOptions<T> = {}) {
    checkOptions('TestInput', options, ['timestamp', 'watermarks'] satisfies (keyof TestInputOptions<T>)[])
    if (options.timestamp !== undefined && options.watermarks !== undefined)
      throw new Error(`${name}: a watermark strategy has time stamps of its own: give timestamp or watermarks, not both`)
    this.name = name
    this.#options = options
  }

  /** @internal */
  get takesWatermarks(): boolean {
    return this.#options.watermarks === undefined
  }

  /** What is put in, as a stream; once in a job. One subtask reads it, so order is kept up to the first exchange. */
  stream(env: Environment): Stream<T> {
    inputsOf(env).add(this)
    const entries = env.fromSource(this.#source(), { uid: this.name, name: this.name, parallelism: 1, watermarks: this.#strategy() })
    return entries
      .flatMap((entry) => ('value' in entry ? [entry.value] : []))
      .name(`${this.name}: values`)
      .parallelism(1)
  }

  /** @internal */
  put(entries: readonly Entry<T>[]): void {
    for (const entry of entries) this.#entries.push(entry)
    for (const wake of this.#wakes) wake()
  }

  /** @internal Gives out what is at this position and behind it; answers the next position. @throws Error where it has less than was read of it */
  read(position: number, output: SourceOutput<Entry<T>>): number {
    const first = (this.#firstPosition ??= position)
    // One that was new where another savepoint was restored has nothing before that.
    const from = Math.max(position - first, 0)
    if (from > this.#entries.length) {
      const read = `${position} entries of ${this.name} had been read when the savepoint was taken`
      throw new Error(`${read}, and this one has ${first + this.#entries.length}: give the job the TestInput that it had, or a new one`)
    }
    const end = Math.min(this.#entries.length, from + ENTRIES_A_POLL)
    let next = from
    while (next < end) {
      output.emit(this.#entries[next++]!)
      if (output.enough === true) break
    }
    return first + next
  }

  /** @internal Who is to be told of more. Answers how to be told no longer. */
  readBy(wake: () => void): () => void {
    this.#wakes.add(wake)
    return () => void this.#wakes.delete(wake)
  }

  #source(): Source<Entry<T>> {
    return {
      connector: 'test input',
      replayable: true,
      bounded: false,
      createEnumerator: (context) => new FixedSplits<InputSplit>(context, { initial: () => [{ id: 'input', next: 0 }] }),
      createReader: (context) => new InputReader(this, context),
    }
  }

  #strategy(): WatermarkStrategy<Entry<T>> {
    const { timestamp, watermarks: given } = this.#options
    if (given === undefined) {
      return strategies.custom<Entry<T>>({
        timestamp: (entry, known) => ('value' in entry && timestamp !== undefined ? timestamp(entry.value) : known),
        generator: () => ({ onRecord: (entry) => ('watermarkMs' in entry ? entry.watermarkMs : undefined) }),
      })
    }
    const { createGenerator } = given
    return {
      ...given,
      timestamp: (entry, known) => given.timestamp(valueOf(entry), known),
      createGenerator:
        createGenerator === undefined
          ? undefined
          : () => {
              const generator = createGenerator()
              return {
                onRecord: (entry, time) => generator.onRecord(valueOf(entry), time),
                ...(generator.onPeriod === undefined ? {} : { onPeriod: () => generator.onPeriod!() }),
              }
            },
    }
  }
}

/** Inputs that have a strategy of their own are given values alone. */
function valueOf<T>(entry: Entry<T>): T {
  return (entry as { readonly value: T }).value
}

class InputReader<T> implements SourceReader<Entry<T>> {
  readonly #input: TestInput<T>
  readonly #leave: () => void
  #next: number | undefined

  constructor(input: TestInput<T>, context: ReaderContext) {
    this.#input = input
    this.#leave = input.readBy(() => context.wake())
  }

  addSplits(splits: readonly Split[]): void {
    for (const split of splits as readonly InputSplit[]) this.#next = split.next
  }

  noMoreSplits(): void {}

  poll(output: SourceOutput<Entry<T>>): 'more' | 'wait' {
    const next = this.#next
    if (next === undefined) return 'wait'
    this.#next = this.#input.read(next, output)
    return this.#next === next ? 'wait' : 'more'
  }

  snapshot(): readonly InputSplit[] {
    return this.#next === undefined ? [] : [{ id: 'input', next: this.#next }]
  }

  position(): string {
    return this.#next === undefined || this.#next === 0 ? this.#input.name : `${this.#input.name}[${this.#next - 1}]`
  }

  close(): void {
    this.#leave()
  }
}
