/** What an attempt of a job starts from: found in the storage of checkpoints, dealt out to the slots. */
import { messageOf } from '@millrace/core'
import type { JobFunctions } from '../../api/functions.ts'
import type { FilesystemSavepoints } from '../../checkpoint/savepoints.ts'
import type {
  CheckpointStorage,
  DamagedCheckpoint,
  LocalCopyCounts,
  ResolveOptions,
  RestoredCheckpoint,
  RestoreRequest,
  RestoreResolution,
  StorageReport,
} from '../../checkpoint/storage.ts'
import { engineError } from '../../errors.ts'
import type { ExecutionPlan } from '../../graph/plan-types.ts'
import type { Region } from '../../graph/regions.ts'
import { checkDeclared } from './declared-states.ts'
import { slotsOf, type Deployment, type SlotSettings } from '../deployment/deployment.ts'
import { fitsRegion } from './failover.ts'
import type { CompletedCheckpoint } from '../job-types.ts'
import { planRestore, type RestorePlan } from './plan-restore.ts'
import { findDatabaseDamage, type DatabaseCheck } from './unchecked-databases.ts'

/** What tasks restore. */
export interface Restored {
  readonly plan: RestorePlan
  /** The checkpoint that is restored; undefined: they start empty. */
  readonly checkpoint: CompletedCheckpoint | undefined
  /** Its id, if it is this job's own: only then may later ones build on it. */
  readonly ownId: number | undefined
  /** Who took it; 0: nobody. */
  readonly takenBy: number
}

/** What the whole job restores, with what there is besides. */
export interface Restoration extends Restored {
  /** Ids of the completed checkpoints there are. */
  readonly completed: readonly number[]
  /** Those of them that are known to be damaged, or are given up, before or for this. */
  readonly lost: readonly number[]
  readonly nextCheckpointId: number
  /** As of `RestoreResolution`. */
  readonly missingFrom: string | undefined
  /** The job goes on from there: before any sink undoes what it had staged for others, and not before all that is restored could be read. @throws as `CheckpointStorage.goOnFrom` */
  readonly goOn: () => Promise<void>
}

/** What is needed to say which checkpoints can be read. */
export interface ReadableParts extends DatabaseCheck {
  readonly storage: CheckpointStorage
}

export interface RestorationParts extends ReadableParts {
  readonly plan: ExecutionPlan
  readonly functions: JobFunctions
  readonly allowNonRestoredState: boolean
  /** Told of each restore, where copies are kept on this machine. */
  readonly copiesLookedAt?: (counts: LocalCopyCounts) => void
}

export type Warn = (message: string, fields: object) => void

/** `stopped`: the job is to end, and what takes a while is not waited for. @throws JOB_START_GIVEN_UP then; as `CheckpointStorage.open` and `resolveRestore`; CHECKPOINT_DAMAGED; what `planRestore` and `checkDeclared` refuse */
export async function findRestoration(
  parts: RestorationParts,
  request: RestoreRequest,
  warn: Warn,
  stopped?: AbortSignal,
): Promise<Restoration> {
  const { storage } = parts
  const report = await storage.open()
  for (const damaged of report.damaged) warn(`checkpoint ${damaged.checkpointId} is damaged: ${damaged.problem}`, { path: damaged.path })
  if (report.orphansRemoved.length > 0)
    warn('what a checkpoint that was not completed has left behind is removed', { files: report.orphansRemoved.length })
  const { checkpoint, damaged, localCopies, missingFrom } = await resolveReadable(parts, request, warn, { stopped })
  if (localCopies !== undefined) parts.copiesLookedAt?.(localCopies)
  const restored = restoredFrom(parts, checkpoint)
  if (checkpoint !== undefined) checkDeclared(parts.plan, parts.functions, checkpoint.metadata, parts.allowNonRestoredState)
  for (const warning of restored.plan.warnings) warn(warning, {})
  const { completed, nextCheckpointId } = report
  const lost = lostOf(report)
  const newer = completed.filter((id) => id > (restored.ownId ?? 0) && !lost.includes(id))
  const goOn = async (): Promise<void> => {
    const givenUp = await storage.goOnFrom(checkpoint, {
      waiting: (message) => warn(message, {}),
      ...(stopped === undefined ? {} : { stopped }),
    })
    warnOfGoingBack(
      checkpoint,
      givenUp.filter((id) => damaged.every(({ checkpointId }) => checkpointId !== id)),
      warn,
    )
  }
  return { ...restored, completed, lost: [...lost, ...newer], nextCheckpointId, missingFrom, goOn }
}

function warnOfGoingBack(checkpoint: RestoredCheckpoint | undefined, abandoned: readonly number[], warn: Warn): void {
  if (abandoned.length === 0) return
  const start =
    checkpoint === undefined
      ? 'starts without state'
      : `goes back to ${checkpoint.path ?? `checkpoint ${checkpoint.metadata.checkpointId}`}`
  warn(`the job ${start}: its checkpoints ${abandoned.join(', ')} are given up`, {})
}

/** What there is that nothing is restored from, as `open` has found it. */
function lostOf({ givenUp, damaged }: StorageReport): readonly number[] {
  return [...givenUp, ...damaged.map(({ checkpointId }) => checkpointId)]
}

/** As `resolveRestore`, where also the state backend can read what there is of it. */
async function resolveReadable(
  parts: ReadableParts,
  request: RestoreRequest,
  warn: Warn,
  { stopped, ...options }: Pick<ResolveOptions, 'before'> & { readonly stopped: AbortSignal | undefined },
): Promise<RestoreResolution> {
  const passedOver: DamagedCheckpoint[] = []
  for (;;) {
    const known = new Map(passedOver.map((damaged) => [damaged.checkpointId, damaged]))
    const found = await parts.storage.resolveRestore(request, { ...options, stopped, damaged: known })
    for (const damaged of found.damaged) warnOfDamage(damaged, warn)
    passedOver.push(...found.damaged)
    const { checkpoint } = found
    const damage = checkpoint === undefined ? undefined : await findDatabaseDamage(checkpoint.metadata, parts, stopped)
    if (checkpoint === undefined || damage === undefined) return { ...found, damaged: passedOver }
    const { checkpointId } = checkpoint.metadata
    const damaged = { checkpointId, path: checkpoint.path ?? `checkpoint ${checkpointId}`, ...damage }
    // Where this very one is asked for, there is no other.
    if (request !== 'latest' || !checkpoint.own)
      throw engineError('CHECKPOINT_DAMAGED', { path: damaged.path, problem: damage.problem }, damage.cause)
    warnOfDamage(damaged, warn)
    passedOver.push(damaged)
  }
}

function warnOfDamage({ checkpointId, problem, path }: DamagedCheckpoint, warn: Warn): void {
  warn(`checkpoint ${checkpointId} is damaged and passed over: ${problem}`, { path })
}

/** What is restored of a checkpoint, or of none. @throws what `planRestore` refuses */
function restoredFrom({ plan, functions, allowNonRestoredState }: RestorationParts, checkpoint: RestoredCheckpoint | undefined): Restored {
  return {
    plan: planRestore(plan, checkpoint?.metadata, {
      allowNonRestoredState,
      finishes: (operator) => finishes(functions, operator),
    }),
    checkpoint: checkpoint === undefined ? undefined : { id: checkpoint.metadata.checkpointId, path: checkpoint.path },
    ownId: checkpoint?.own === true ? checkpoint.metadata.checkpointId : undefined,
    takenBy: checkpoint?.metadata.attempt ?? 0,
  }
}

function finishes(functions: JobFunctions, operator: number): boolean {
  const of = functions.operators.get(operator)
  return of !== undefined && 'fn' in of && typeof of.fn === 'object' && of.fn.finish !== undefined
}

/**
 * Removes the checkpoint with this id and all later ones, so that the newest is the one before them, which it answers; undefined, and nothing is removed, where none can be read before them,
 * or the job is to end before that is known (`stopped`).
 * Nothing of the attempt may be left running.
 *
 * The job first goes on from the one before them, as a start does: with that they are given up, and a crash while they are removed leaves none that could be the latest, nor one that
 * would be missed. Which of them have damaged state is not known before they are read.
 */
export async function dropCheckpointsFrom(
  parts: ReadableParts,
  checkpointId: number,
  warn: Warn,
  stopped?: AbortSignal,
): Promise<CompletedCheckpoint | undefined> {
  const { storage } = parts
  const { completed } = await storage.open()
  let problem = 'none is there'
  const found = await resolveReadable(parts, 'latest', warn, { before: checkpointId, stopped }).catch((error: unknown) => {
    problem = messageOf(error)
  })
  if (found === undefined && stopped?.aborted === true) return undefined
  if (found?.checkpoint === undefined) {
    warn(`there is no checkpoint before ${checkpointId} to go back to: checkpointing.numRetained says how many are kept`, { problem })
    return undefined
  }
  await storage.goOnFrom(found.checkpoint)
  const dropped = completed.filter((id) => id >= checkpointId)
  for (const id of dropped) await storage.retire(id)
  warn(`the job goes back to checkpoint ${found.checkpoint.metadata.checkpointId}`, { dropped: dropped.join() })
  return { id: found.checkpoint.metadata.checkpointId, path: found.checkpoint.path }
}

/** What a former process was killed over. */
export async function recoverSavepoints(savepoints: FilesystemSavepoints, warn: Warn): Promise<void> {
  for (const { path, found, problem } of await savepoints.recover()) {
    if (found === 'unknown')
      warn(`whether a former process has left half of a savepoint is not known now, and is looked at again at the next start: ${problem}`, {
        path,
      })
    else if (found === 'removed') warn('a savepoint was not completed by a former process: what was there of it is removed', { path })
    else warn('a savepoint was completed by a former process, which ended before it could say so: it is there', { path })
  }
}

/**
 * What a region starts from while others run: nothing is opened anew, for that removes files that they are writing. Undefined where something else was found than is
 * `expected`, for then all have to go back.
 *
 * @throws as `CheckpointStorage.resolveRestore`, to which `stopped` goes; what `planRestore` refuses
 */
export async function findRegionRestoration(
  parts: RestorationParts,
  request: RestoreRequest,
  expected: Parameters<typeof fitsRegion>[1],
  stopped?: AbortSignal,
): Promise<Restored | undefined> {
  const { storage } = parts
  const { checkpoint, localCopies } = await storage.resolveRestore(request, { stopped })
  if (localCopies !== undefined) parts.copiesLookedAt?.(localCopies)
  const ownId = checkpoint?.own === true ? checkpoint.metadata.checkpointId : undefined
  return fitsRegion({ ownId, path: checkpoint?.path }, expected) ? restoredFrom(parts, checkpoint) : undefined
}

/** What each slot of a region is told to run. */
export function deploymentsOf(
  { plan, allowNonRestoredState }: RestorationParts,
  region: Region,
  restoration: Restored,
  { attempt, oldestAttempt }: Pick<Deployment, 'attempt' | 'oldestAttempt'>,
  settings: SlotSettings,
): readonly Deployment[] {
  const slots = slotsOf(plan, region)
  const operators = new Set(region.tasks.flatMap((task) => plan.tasks[task]!.operators))
  const restored = restoration.plan.operators.filter(({ operator }) => operators.has(operator))
  return Array.from({ length: slots }, (_, slot) => ({
    jobName: plan.graph.name,
    attempt,
    oldestAttempt,
    region,
    slot,
    slots,
    plan,
    settings,
    restoredCheckpointId: restoration.ownId ?? 0,
    restoring: restoration.checkpoint !== undefined,
    restored: restored.filter((operator) => operator.subtask % slots === slot),
    allowNonRestoredState,
  }))
}
