import { defineJob, generator, type, type Sink } from '@millrace/engine'

interface Reading {
  readonly sensor: number
  readonly index: number
}

/** Ten times as many records a second as the sinks take. */
export default defineJob('slow-sink', { params: { sinkMs: 1, parallelism: 2 } }, (env, { sinkMs, parallelism }) => {
  env
    .fromSource(
      generator<Reading>({
        count: Number.MAX_SAFE_INTEGER,
        ratePerSecond: (10 * parallelism * 1_000) / sinkMs,
        generate: (index) => ({ sensor: index % 1_000, index }),
      }),
      { uid: 'readings' },
    )
    .keyBy(({ sensor }) => sensor)
    .process({ emits: type<Reading>(), onElement: (reading, ctx) => ctx.emit(reading) })
    .uid('by-sensor')
    .sinkTo(slowSink(sinkMs))
    .uid('slow')
})

/** Takes so long for each record, and its thread does nothing else meanwhile. */
function slowSink(recordMs: number): Sink<Reading> {
  const nothing = new Int32Array(new SharedArrayBuffer(4))
  return {
    connector: 'slow',
    delivery: 'none',
    createWriter: () => ({
      open: () => {},
      write: () => {
        Atomics.wait(nothing, 0, 0, recordMs)
      },
      prepare: async () => [],
      close: () => {},
    }),
  }
}
