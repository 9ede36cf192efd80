/** Compares what two runs have put out, sink by sink, whatever the order: two runs of a parallel job never agree on one. */
import { inspect } from 'node:util'

/** The difference of one sink. */
export interface SinkComparison {
  /** Its uid, or what its place in the graph makes it. */
  readonly sink: string
  /** Records that both have put out. */
  readonly same: number
  readonly onlyOld: OutputDifference
  readonly onlyNew: OutputDifference
}

/** Records that only one of two runs has put out, or more often than the other. */
export interface OutputDifference {
  readonly count: number
  /** Some of them, as people read them, each with how often it is there. */
  readonly examples: readonly { readonly record: string; readonly times: number }[]
}

const EXAMPLES_MAX = 10

/** What came to each sink, as a multiset. */
export class Outputs {
  readonly #sinks: Map<string, Map<string, number>> = new Map()

  /** A sink that puts nothing out is compared as well. */
  declare(sink: string): Map<string, number> {
    let records = this.#sinks.get(sink)
    if (records === undefined) {
      records = new Map()
      this.#sinks.set(sink, records)
    }
    return records
  }

  add(sink: string, value: unknown): void {
    const records = this.declare(sink)
    const record = textOf(value)
    records.set(record, (records.get(record) ?? 0) + 1)
  }

  get sinks(): readonly string[] {
    return [...this.#sinks.keys()]
  }

  of(sink: string): ReadonlyMap<string, number> {
    return this.#sinks.get(sink) ?? new Map()
  }

  has(sink: string): boolean {
    return this.#sinks.has(sink)
  }
}

/** The same for equal records, also where their members have another order. */
function textOf(value: unknown): string {
  return inspect(value, {
    sorted: true,
    depth: Infinity,
    breakLength: Infinity,
    maxArrayLength: null,
    maxStringLength: null,
    compact: true,
  })
}

/** Compares as multisets; sinks by name, also those that one of the runs does not have. */
export function compareOutputs(old: Outputs, recent: Outputs): readonly SinkComparison[] {
  return [...new Set([...old.sinks, ...recent.sinks])].toSorted().map((sink) => compareSink(sink, old.of(sink), recent.of(sink)))
}

function compareSink(sink: string, old: ReadonlyMap<string, number>, recent: ReadonlyMap<string, number>): SinkComparison {
  let same = 0
  for (const [record, times] of old) same += Math.min(times, recent.get(record) ?? 0)
  return { sink, same, onlyOld: surplus(old, recent), onlyNew: surplus(recent, old) }
}

function surplus(of: ReadonlyMap<string, number>, over: ReadonlyMap<string, number>): OutputDifference {
  const examples: { record: string; times: number }[] = []
  let count = 0
  for (const [record, times] of of) {
    const more = times - (over.get(record) ?? 0)
    if (more <= 0) continue
    count += more
    if (examples.length < EXAMPLES_MAX) examples.push({ record, times: more })
  }
  return { count, examples }
}
