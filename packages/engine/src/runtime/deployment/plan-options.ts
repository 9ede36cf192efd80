import type { ResolvedEngineOptions } from '../../config/options.ts'
import type { PlanOptions } from '../../graph/plan.ts'

/** How a job with these options is laid out. */
export function planOptions({ parallelism, maxParallelism, development, state }: ResolvedEngineOptions['values']): PlanOptions {
  // Rows that are not in memory are looked up ahead, many at once; one by one the thread would wait for the disk each time.
  return { parallelism, maxParallelism, encodeAll: development, batchKeyed: state.backend === 'rocksdb' }
}
