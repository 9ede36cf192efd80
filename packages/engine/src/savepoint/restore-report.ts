/** What a restore of a snapshot by today's job would do to each state, told without running anything. */
import { messageOf } from '@millrace/core'
import type { BuiltJob } from '../api/build-job.ts'
import type { CheckpointMetadata, OperatorState } from '../checkpoint/metadata/metadata.ts'
import type { StateFileStorage } from '../checkpoint/storage.ts'
import { jobOptions } from '../config/job-options.ts'
import { engineError } from '../errors.ts'
import type { OperatorNode, StateNode } from '../graph/graph.ts'
import type { ExecutionPlan } from '../graph/plan-types.ts'
import { declarationOf, isStored, shapeOf } from '../runtime/restore/declared-states.ts'
import { describeForeign, planRestore } from '../runtime/restore/plan-restore.ts'
import { isInDatabase } from './read-groups.ts'
import { findSnapshot, settingsOf, snapshotPorts, type SnapshotAccess } from './snapshot-place.ts'
import { storedForms, type StoredForms } from './stored-forms.ts'

/** What becomes of a state: `empty` starts so, `lost` is refused unless it is allowed, and `dropped` then; `refused` is refused. */
export type StateOutcome = 'restored' | 'migrated' | 'empty' | 'dropped' | 'lost' | 'refused'

/** What a restore would do to one state, with the reason as a sentence in `detail`. */
export interface StateFate {
  /** Its uid, or the id that was derived for it. */
  readonly operator: string
  /** Undefined: of the operator as a whole. */
  readonly state: string | undefined
  readonly outcome: StateOutcome
  readonly detail: string
}

/** What `reportRestore` answers: one fate for each state of the snapshot and of the job. */
export interface RestoreReport {
  readonly path: string
  readonly checkpointId: number
  /** Name of the job that wrote it; empty for one that was written without a job. */
  readonly jobName: string
  /** What the start of the job would say besides. */
  readonly warnings: readonly string[]
  readonly fates: readonly StateFate[]
  /** Whether the job would start. */
  readonly restorable: boolean
}

/** How the snapshot is reached, and as what restore it is judged. */
export interface RestoreReportOptions extends SnapshotAccess {
  /** As `--allow-non-restored-state`: state that belongs to no operator of the job is dropped. False by default. */
  readonly allowNonRestoredState?: boolean
}

/**
 * Compares a checkpoint or savepoint with a job. Of the state itself only a sample is read, to see what codecs have written: that values pass a schema, or
 * `migrate` accepts them, shows only when they are restored.
 *
 * @throws CHECKPOINT_NOT_FOUND, CHECKPOINT_DAMAGED, CHECKPOINT_FORMAT_UNKNOWN, CHECKPOINT_STORAGE_*
 */
export async function reportRestore(
  path: string,
  job: BuiltJob,
  plan: ExecutionPlan,
  options: RestoreReportOptions = {},
): Promise<RestoreReport> {
  const { metadata, files, path: found } = await findSnapshot(path, snapshotPorts(options))
  const { backend } = jobOptions(settingsOf(options), job.graph.settings).values.state
  const fates: StateFate[] = []
  for (const stored of metadata.operators) fates.push(...(await storedFates(stored, metadata, files, job, plan, backend)))
  for (const node of plan.graph.operators) {
    const isStored = metadata.operators.some(({ stateId }) => stateId === node.stateId)
    if (!isStored && (node.states.length > 0 || node.kind === 'source'))
      fates.push({ operator: node.stateId, state: undefined, outcome: 'empty', detail: `operator '${node.name}' is new` })
  }
  const foreign = describeForeign(metadata, plan.graph.name)
  const told = options.allowNonRestoredState === true ? fates.map(dropped) : fates
  return {
    path: found,
    checkpointId: metadata.checkpointId,
    jobName: metadata.jobName,
    warnings: foreign === undefined ? [] : [foreign],
    fates: told,
    restorable: !told.some(({ outcome }) => outcome === 'lost' || outcome === 'refused'),
  }
}

function dropped(fate: StateFate): StateFate {
  if (fate.outcome !== 'lost') return fate
  // Of a whole operator it says what to do about it, which is done.
  return { ...fate, outcome: 'dropped', detail: fate.state === undefined ? 'no operator of the job has this uid' : fate.detail }
}

async function storedFates(
  stored: OperatorState,
  metadata: CheckpointMetadata,
  files: StateFileStorage,
  job: BuiltJob,
  plan: ExecutionPlan,
  backend: string,
): Promise<readonly StateFate[]> {
  const operator = stored.stateId
  const alone = { ...metadata, operators: [stored] }
  const finishes = (id: number): boolean => {
    const of = job.functions.operators.get(id)
    return of !== undefined && 'fn' in of && typeof of.fn === 'object' && of.fn.finish !== undefined
  }
  const node = plan.graph.operators.find(({ stateId }) => stateId === operator)
  try {
    const { warnings } = planRestore(plan, alone, { allowNonRestoredState: false, finishes })
    if (node === undefined) return []
    if (isInDatabase(stored) && backend !== 'rocksdb') throw engineError('STATE_BACKEND_OTHER', { operator: node.name })
    const regrouped = warnings.find((warning) => warning.includes('dealt out anew'))
    const fates = await stateFates(stored, node, files, job)
    return regrouped === undefined ? fates : [{ operator, state: undefined, outcome: 'restored', detail: regrouped }, ...fates]
  } catch (error) {
    const detail = messageOf(error)
    return [{ operator, state: undefined, outcome: node === undefined ? 'lost' : 'refused', detail }]
  }
}

async function stateFates(
  stored: OperatorState,
  node: OperatorNode,
  files: StateFileStorage,
  job: BuiltJob,
): Promise<readonly StateFate[]> {
  const operator = stored.stateId
  const forms = await storedForms(stored, files)
  const known = stored.states.filter((state) => isStored(stored, state))
  const fates = known.map((state): StateFate => {
    const declared = node.states.find(({ name }) => name === state.name)
    if (declared === undefined) return { operator, state: state.name, outcome: 'lost', detail: 'it is not declared any more' }
    return { operator, state: state.name, ...fateOf(state, declared, node, job, forms) }
  })
  const added = node.states.filter(({ name }) => !known.some((state) => state.name === name))
  return [
    ...(stored.kind === 'source' ? [{ operator, state: undefined, outcome: 'restored', detail: 'its positions' } as const] : []),
    ...fates,
    ...added.map(({ name }): StateFate => ({ operator, state: name, outcome: 'empty', detail: 'it is new, or nothing is stored of it' })),
  ]
}

function fateOf(
  stored: StateNode,
  declared: StateNode,
  node: OperatorNode,
  job: BuiltJob,
  { coded, plain, broadcastKinds }: StoredForms,
): Pick<StateFate, 'outcome' | 'detail'> {
  const { name, kind, version } = declared
  const declaration = declarationOf(job.functions, node.id, name)
  const { options } = declaration
  const isBroadcast = stored.kind === 'broadcast' && kind === 'broadcast'
  try {
    const shape = isBroadcast
      ? shapeOf(
          { ...stored, kind: broadcastKinds.get(name) ?? declaration.kind },
          { ...declared, kind: declaration.kind },
          node.name,
          options,
        )
      : shapeOf(stored, declared, node.name, options)
    if (coded.has(name) && options.codec === undefined) shape.coded(new Uint8Array(0))
    if (plain.has(name)) shape.checkPlain()
    if (shape.older) return { outcome: 'migrated', detail: `from version ${stored.version} to ${version}` }
    return { outcome: 'restored', detail: options.schema === undefined ? kind : `${kind}, checked against its schema` }
  } catch (error) {
    return { outcome: 'refused', detail: messageOf(error) }
  }
}
