/** What users change of a job's options while it runs. */
import { randomBelow } from '@millrace/core'
import type { SeededRandom } from '@millrace/testkit'

/** An order as `millrace config` gives it. */
export interface OptionChange {
  readonly atMs: number
  readonly changes: { readonly [key: string]: string }
}

const values: readonly (readonly [key: string, values: readonly string[]])[] = [
  ['checkpointing.interval', ['1ms', '3ms', '10ms', '50ms', '300ms', 'none']],
  ['checkpointing.timeout', ['10ms', '30ms', '100ms', '2s']],
  ['checkpointing.minPause', ['0ms', '5ms', '30ms']],
  ['checkpointing.maxConcurrent', ['1', '2', '3']],
  ['checkpointing.tolerableFailures', ['0', '3', '1000']],
  ['checkpointing.numRetained', ['1', '2', '3', '5']],
  ['sources.maxRecordsPerSecond', ['300', '2000', 'none']],
]

/** For one life, in the order of their times. */
export function drawOptionChanges(random: SeededRandom, durationMs: number): readonly OptionChange[] {
  const count = random.pick([0, 1, 2, 5])
  const changes = Array.from({ length: count }, (): OptionChange => {
    const first = randomBelow(random, values.length)
    const second = randomBelow(random, values.length)
    return {
      atMs: randomBelow(random, durationMs),
      changes: Object.fromEntries([first, second].map((index) => [values[index]![0], random.pick(values[index]![1])])),
    }
  })
  return changes.toSorted((a, b) => a.atMs - b.atMs)
}
