import { overrideOptions } from '@millrace/core'
import { buildJob } from '../api/build-job.ts'
import type { Job } from '../api/job.ts'
import type { Params } from '../api/params.ts'
import { isCheckpointUrl } from '../checkpoint/object-store/checkpoint-url.ts'
import { engineOptionTable, type EngineOptionInput, type ResolvedEngineOptions } from '../config/options.ts'
import { engineError } from '../errors.ts'
import { checkpointFolder } from '../runtime/storage/state-folder.ts'
import { copyNewestCheckpoint } from './copy-checkpoint.ts'

/**
 * Copies the newest completed checkpoint of a job to a folder, and answers its path there. The job's own folder is only read; the job may run.
 *
 * @throws SHADOW_NO_CHECKPOINT
 */
export async function newestCheckpointOf(job: Job<Params>, settings: ResolvedEngineOptions, to: string): Promise<string> {
  const { name, settings: own } = buildJob(job).graph
  const merged = overrideOptions(engineOptionTable, settings, own as EngineOptionInput)
  const { dir } = merged.values.checkpointing
  const isElsewhere = dir !== undefined && isCheckpointUrl(dir)
  const folder = isElsewhere ? dir : checkpointFolder(name, merged)
  const copied = isElsewhere ? undefined : await copyNewestCheckpoint(folder, to)
  if (copied === undefined) throw engineError('SHADOW_NO_CHECKPOINT', { job: name, dir: folder })
  return copied
}
