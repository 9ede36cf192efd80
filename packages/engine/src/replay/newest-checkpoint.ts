import { nodeDisk } from '@millrace/core'
import { buildJob } from '../api/build-job.ts'
import type { Job } from '../api/job.ts'
import type { Params } from '../api/params.ts'
import { FileHistoryNote } from '../checkpoint/history-note.ts'
import { isCheckpointUrl } from '../checkpoint/object-store/checkpoint-url.ts'
import type { EngineOptionInput, ResolvedEngineOptions } from '../config/options.ts'
import { jobOptions } from '../config/job-options.ts'
import { engineError } from '../errors.ts'
import { checkpointFolder, jobStateFolder } from '../runtime/storage/state-folder.ts'
import { copyNewestCheckpoint } from './copy-checkpoint.ts'

/**
 * Copies the newest completed checkpoint of a job to a folder, and answers its path there. The job's own folder is only read; the job may run.
 *
 * @throws SHADOW_NO_CHECKPOINT
 */
export async function newestCheckpointOf(job: Job<Params>, settings: ResolvedEngineOptions, to: string): Promise<string> {
  const noted = await new FileHistoryNote({ disk: nodeDisk, folder: jobStateFolder(job.name, settings), place: '' }).read()
  const asSet = placeAsSet(job, settings)
  // A state folder that was copied from elsewhere notes a place that is not here.
  for (const place of noted === undefined ? [asSet] : [noted, asSet]) {
    if (isCheckpointUrl(place)) break
    const copied = await copyNewestCheckpoint(place, to)
    if (copied !== undefined) return copied
  }
  throw engineError('SHADOW_NO_CHECKPOINT', { job: job.name, dir: noted ?? asSet })
}

/** Where the job keeps its checkpoints by what is set here, as far as that can be told: it may not be built without the parameters that it was started with. */
function placeAsSet(job: Job<Params>, settings: ResolvedEngineOptions): string {
  let own: EngineOptionInput = {}
  try {
    own = buildJob(job).graph.settings
  } catch {
    // Whoever builds it with its parameters is told what is wrong with it.
  }
  const merged = jobOptions(settings, own)
  const { dir } = merged.values.checkpointing
  return dir !== undefined && isCheckpointUrl(dir) ? dir : checkpointFolder(job.name, merged)
}
