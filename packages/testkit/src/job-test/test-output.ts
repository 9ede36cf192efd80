import type { Sink, SinkWriter } from '@millrace/engine'

/** A value as it came to a `TestOutput`, with its time. */
export interface Timed<T> {
  readonly value: T
  /** Event time, milliseconds since 1970; undefined where there is none. */
  readonly timestampMs: number | undefined
}

/** Event time of records that have none. */
const NO_TIMESTAMP = -(2 ** 53)

/**
 * A sink that keeps what comes, for a test to look at. Of several subtasks values stand in the order in which they came. Nothing is held back for a checkpoint: after a failure
 * some values come again.
 */
export class TestOutput<T> implements Sink<T> {
  readonly connector: string = 'test output'
  readonly delivery = 'none'
  #values: Timed<T>[] = []

  /** What has come since it was last asked. */
  take(): T[] {
    return this.takeTimed().map(({ value }) => value)
  }

  /** As `take`, with event times. */
  takeTimed(): Timed<T>[] {
    const values = this.#values
    this.#values = []
    return values
  }

  createWriter(): SinkWriter<T> {
    return {
      open: () => {},
      write: (value, timestamp) => void this.#values.push({ value, timestampMs: timestamp === NO_TIMESTAMP ? undefined : timestamp }),
      prepare: async () => [],
      close: () => {},
    }
  }
}
