import type { Sink } from './sink.ts'

/** Takes every record and does nothing with it: for benchmarks. */
export function discard<T = unknown>(): Sink<T> {
  return {
    connector: 'discard',
    delivery: 'none',
    createWriter: () => ({ open: () => {}, write: () => {}, prepare: async () => [], close: () => {} }),
  }
}
