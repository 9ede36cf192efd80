/**
 * The records that the sources of one run have read, in their order over all sources, and sources that give them again.
 *
 * 1. Each run decodes the records anew: what one job does to a record another never sees.
 * 2. The order over all sources is kept: a source waits until those before it have been given.
 * 3. A source that had ended ends; one that had not waits for ever.
 */
import { decodeValue, encodeValue } from '../codec/value.ts'
import type { ReaderContext, Source, SourceOutput, SourceReader, SplitOutput } from '../connectors/source.ts'
import type { InputWatcher } from './watched-source.ts'

interface RecordedEvent {
  /** Stable id of the source. */
  readonly source: string
  readonly subtask: number
  readonly split: string | undefined
  /** Undefined: the split is closed. */
  readonly value: Uint8Array | undefined
  readonly timestamp: number | undefined
}

interface RecordedSource {
  parallelism: number
  /** Up to the last that gave a record. */
  subtasks: number
  /** Those that have been asked for records at all. */
  readonly asked: Set<number>
  readonly ended: Set<number>
}

const RECORDS_PER_POLL = 128

export class InputRecording {
  readonly #events: RecordedEvent[] = []
  readonly #sources: Map<string, RecordedSource> = new Map()
  records = 0

  /** Notes what a source reads, as long as `take` lets it. */
  watch(source: string, limit: InputWatcher): InputWatcher {
    const known: RecordedSource = { parallelism: 0, subtasks: 1, asked: new Set(), ended: new Set() }
    this.#sources.set(source, known)
    return {
      opened: (parallelism) => void (known.parallelism = parallelism),
      take: (subtask, value, timestamp, split) => {
        if (!limit.take(subtask, value, timestamp, split)) return false
        known.subtasks = Math.max(known.subtasks, subtask + 1)
        this.#events.push({ source, subtask, split, value: encodeValue(value), timestamp })
        this.records++
        return true
      },
      closed: (subtask, split) => void this.#events.push({ source, subtask, split, value: undefined, timestamp: undefined }),
      asked: (subtask) => void known.asked.add(subtask),
      ended: (subtask) => void known.ended.add(subtask),
      get over() {
        return limit.over
      },
    }
  }

  /** Whether all sources run: before that they are opened, and state is loaded, for as long as it takes. */
  get hasBegun(): boolean {
    const sources = [...this.#sources.values()]
    return sources.length > 0 && sources.every(({ parallelism, asked }) => parallelism > 0 && asked.size >= parallelism)
  }

  get sources(): readonly string[] {
    return [...this.#sources.keys()]
  }

  has(source: string): boolean {
    return this.#sources.has(source)
  }

  /** Plays everything once, to the sources of one run. `done`: all has been given. */
  player(done: () => void): InputPlayer {
    return new InputPlayer(this.#events, this.#sources, done)
  }
}

export class InputPlayer {
  readonly #events: readonly RecordedEvent[]
  readonly #sources: ReadonlyMap<string, RecordedSource>
  readonly #done: () => void
  readonly #readers: Map<string, { readonly subtasks: number; readonly wake: () => void }> = new Map()
  #next = 0
  #isDone = false

  constructor(events: readonly RecordedEvent[], sources: ReadonlyMap<string, RecordedSource>, done: () => void) {
    this.#events = events
    this.#sources = sources
    this.#done = done
  }

  /** In place of a source: reads nothing from outside. */
  source(
    id: string,
    {
      connector,
      replayable,
      bounded,
      timesSplits,
    }: Omit<Source<unknown>, 'createReader' | 'createEnumerator'> & { readonly timesSplits?: boolean },
  ): Source<unknown> {
    return {
      connector,
      replayable,
      bounded,
      createEnumerator: () => ({
        start: () => {},
        addSplitsBack: () => {},
        addReader: () => {},
        snapshot: () => undefined,
        close: () => {},
      }),
      createReader: (context) =>
        this.#reader(id, context, timesSplits === true || this.#events.some(({ source, split }) => source === id && split !== undefined)),
    }
  }

  #reader(id: string, context: ReaderContext, timesSplits: boolean): SourceReader<unknown> {
    const { subtask, parallelism } = context
    this.#readers.set(`${id} ${subtask}`, { subtasks: parallelism, wake: () => context.wake() })
    const splits = new Map<string, SplitOutput<unknown>>()
    return {
      timesSplits,
      addSplits: () => {},
      noMoreSplits: () => {},
      poll: (output) => this.#poll(id, subtask, parallelism, output, splits),
      snapshot: () => [],
      close: () => {},
    }
  }

  #poll(
    id: string,
    subtask: number,
    parallelism: number,
    output: SourceOutput<unknown>,
    splits: Map<string, SplitOutput<unknown>>,
  ): 'more' | 'wait' | 'end' {
    for (let given = 0; given < RECORDS_PER_POLL; given++) {
      const event = this.#events[this.#next]
      if (event === undefined) return this.#atEnd(id, subtask, parallelism)
      // Records of a source that the job does not have are nobody's.
      const owner = this.#readers.get(`${event.source} ${event.subtask % (this.#parallelismOf(event.source) ?? 1)}`)
      if (owner !== undefined && (event.source !== id || event.subtask % parallelism !== subtask)) {
        owner.wake()
        return this.#mayStillCome(id, subtask, parallelism) ? 'wait' : 'end'
      }
      this.#next++
      if (owner !== undefined) give(event, output, splits)
    }
    return 'more'
  }

  #parallelismOf(source: string): number | undefined {
    return this.#readers.get(`${source} 0`)?.subtasks
  }

  #atEnd(id: string, subtask: number, parallelism: number): 'wait' | 'end' {
    if (!this.#isDone) {
      this.#isDone = true
      for (const { wake } of this.#readers.values()) wake()
      if (![...this.#sources.values()].every(({ ended, parallelism: all }) => ended.size >= all)) this.#done()
    }
    return this.#hasEnded(id, subtask, parallelism) ? 'end' : 'wait'
  }

  /** Whether the former subtasks whose records this one gives had all ended; one that gives none does not hold back the others' time. */
  #hasEnded(id: string, subtask: number, parallelism: number): boolean {
    const recorded = this.#sources.get(id)
    if (recorded === undefined) return false
    for (let former = subtask; former < recorded.subtasks; former += parallelism) if (!recorded.ended.has(former)) return false
    return true
  }

  #mayStillCome(id: string, subtask: number, parallelism: number): boolean {
    const recorded = this.#sources.get(id)
    return recorded === undefined || subtask < recorded.subtasks || parallelism === 1
  }
}

function give(event: RecordedEvent, output: SourceOutput<unknown>, splits: Map<string, SplitOutput<unknown>>): void {
  const { split, value, timestamp } = event
  if (split === undefined) {
    output.emit(decodeValue(value!), timestamp)
    return
  }
  let into = splits.get(split)
  if (into === undefined) {
    into = output.ofSplit?.(split) ?? output
    splits.set(split, into)
  }
  if (value === undefined) into.close?.()
  else into.emit(decodeValue(value), timestamp)
}
