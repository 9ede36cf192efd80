import { checkCombinations, unheededFolder } from '../config/job-options.ts'
import type { EngineOptions, ResolvedEngineOptions } from '../config/options.ts'
import type { JobGraph } from './graph.ts'
import { graphWarnings, requireUids, type GraphWarning } from './warnings.ts'

/**
 * What is refused of a job before anything of it starts: the job master, and the commands that tell of a job without running it, ask the same.
 *
 * @throws UID_MISSING, STATE_BACKEND_SYNCHRONOUS, CHECKPOINT_MEMORY_LIMITS_CONFLICT, CHECKPOINT_UNALIGNED_CONFLICT
 */
export function checkJob(graph: JobGraph, options: EngineOptions): void {
  checkCombinations(options)
  if (options.requireUids) requireUids(graph)
}

/** What is allowed, and told of as the job starts and by the same commands. */
export function jobWarnings(graph: JobGraph, settings: ResolvedEngineOptions): readonly GraphWarning[] {
  const warnings = graphWarnings(graph, settings.values.checkpointing.storage)
  const unheeded = unheededFolder(settings)
  return unheeded === undefined ? warnings : [...warnings, { code: 'FOLDER_UNHEEDED', message: unheeded }]
}
