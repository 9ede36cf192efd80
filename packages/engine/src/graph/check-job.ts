import { checkCombinations } from '../config/job-options.ts'
import type { EngineOptions } from '../config/options.ts'
import type { JobGraph } from './graph.ts'
import { requireUids } from './warnings.ts'

/**
 * What is refused of a job before anything of it starts: the job master, and the commands that tell of a job without running it, ask the same.
 *
 * @throws UID_MISSING, STATE_BACKEND_SYNCHRONOUS, CHECKPOINT_MEMORY_LIMITS_CONFLICT, CHECKPOINT_UNALIGNED_CONFLICT
 */
export function checkJob(graph: JobGraph, options: EngineOptions): void {
  checkCombinations(options)
  if (options.requireUids) requireUids(graph)
}
