/**
 * What each operator instance starts from, given a checkpoint and the plan of today's job: key groups by range, splits back to their enumerator,
 * sink handles and unfinished inputs dealt out, broadcast state to everyone. Pure.
 */
import type { CheckpointMetadata, OperatorState } from '../../checkpoint/metadata/metadata.ts'
import { engineError } from '../../errors.ts'
import type { OperatorNode } from '../../graph/graph.ts'
import type { ExecutionPlan, PlannedTask } from '../../graph/plan-types.ts'
import { formerGroups, keyGroupRange } from '../../keys/key-group.ts'
import { isTimer } from '../../operators/invocations.ts'
import { decodeAsyncInputs, encodeAsyncInputs } from '../snapshot/async-inputs.ts'
import { inFlightOf, listsOf, rawOf } from './deal-out.ts'
import type { RestoredOperator, RestoredSource } from '../deployment/restored.ts'

export interface RestorePlan {
  readonly operators: readonly RestoredOperator[]
  readonly sources: readonly RestoredSource[]
  readonly warnings: readonly string[]
}

export interface RestoreOptions {
  /** Whether state that no operator takes is left out instead of refused. */
  readonly allowNonRestoredState: boolean
  /** Whether an operator's function does something at the end of its input. */
  finishes(operator: number): boolean
}

export function planRestore(plan: ExecutionPlan, metadata: CheckpointMetadata | undefined, options: RestoreOptions): RestorePlan {
  if (metadata === undefined) return { operators: [], sources: [], warnings: [] }
  const former = new Map(metadata.operators.map((state) => [state.stateId, state]))
  if (!options.allowNonRestoredState) checkNothingLost(plan, metadata)
  const foreign = describeForeign(metadata, plan.graph.name)
  const placed = plan.tasks.flatMap((task) => task.operators.map((id) => ({ task, node: plan.graph.operators[id]! })))
  const known = placed.filter(({ node }) => former.has(node.stateId))
  return {
    operators: known.flatMap(({ task, node }) => restoreOperator(node, task, former.get(node.stateId)!, options.finishes(node.id))),
    sources: known.filter(({ node }) => node.kind === 'source').map(({ node }) => restoreSource(node, former.get(node.stateId)!)),
    warnings: [
      ...(inputHadEnded(plan, metadata)
        ? [
            `the input had ended when checkpoint ${metadata.checkpointId} was taken, so there is nothing left to do but for what sources find anew; to begin from the start: --restore none (in code, restore: 'none')`,
          ]
        : []),
      ...(foreign === undefined ? [] : [foreign]),
      ...placed
        .filter(({ node }) => !former.has(node.stateId) && isStateful(node))
        .map(({ node }) => `operator '${node.name}' is not in the checkpoint and starts empty`),
      ...known
        .filter(({ node, task }) => isRegrouped(node, task, former.get(node.stateId)!))
        .map(({ node, task }) => {
          const { maxParallelism } = former.get(node.stateId)!
          return `the keys of operator '${node.name}' are dealt out anew, from ${maxParallelism} key groups to ${task.maxParallelism}`
        }),
    ],
  }
}

/** Whether all there was has been read to its end and worked off. What was drained (a stop in the middle) has splits that have not ended. */
function inputHadEnded({ graph }: ExecutionPlan, { operators }: CheckpointMetadata): boolean {
  const isBounded = graph.operators.every(({ source }) => source?.bounded ?? true)
  const subtasks = operators.flatMap((operator) => operator.subtasks)
  const isWorkedOff = subtasks.every(({ finished, splits }) => finished === true && (splits ?? []).every(({ ended }) => ended === true))
  return isBounded && subtasks.length > 0 && isWorkedOff
}

/** Whose the snapshot is, where it is not the job's that restores it. */
export function describeForeign(
  metadata: Pick<CheckpointMetadata, 'jobName' | 'kind' | 'checkpointId'>,
  jobName: string,
): string | undefined {
  if (metadata.jobName === jobName || metadata.jobName === '') return undefined
  const snapshot = metadata.kind === 'savepoint' ? 'the savepoint' : `checkpoint ${metadata.checkpointId}`
  return `${snapshot} was written by job '${metadata.jobName}' and is restored by job '${jobName}': state goes to the operators with the same uid, and without uids to those in the same place`
}

function isStateful(node: OperatorNode): boolean {
  return node.states.length > 0 || node.kind === 'source'
}

function holdsState(state: OperatorState): boolean {
  return (
    state.kind === 'source' ||
    state.subtasks.some(
      ({ keyed, database, broadcast, lists, raw, sinkHandles, asyncInputs, inFlight }) =>
        keyed.length > 0 ||
        database !== undefined ||
        broadcast !== undefined ||
        lists !== undefined ||
        raw !== undefined ||
        inFlight !== undefined ||
        (sinkHandles?.length ?? 0) > 0 ||
        (asyncInputs?.length ?? 0) > 0,
    )
  )
}

function checkNothingLost(plan: ExecutionPlan, metadata: CheckpointMetadata): void {
  const taken = new Set(plan.graph.operators.map(({ stateId }) => stateId))
  const lost = metadata.operators.find((state) => !taken.has(state.stateId) && holdsState(state))
  if (lost === undefined) return
  const { kind, checkpointId, jobName } = metadata
  const snapshot = `${kind === 'savepoint' ? 'Savepoint' : 'Checkpoint'} ${checkpointId}${jobName === '' ? '' : ` of job "${jobName}"`}`
  throw engineError('RESTORE_STATE_UNMAPPED', { snapshot, operator: lost.name, stateId: lost.stateId, job: plan.graph.name })
}

/** What of an operator's kind its stored state depends on. */
function kindOfState(kind: OperatorNode['kind']): string {
  return kind === 'source' || kind === 'sink' ? kind : kind.startsWith('keyed') ? 'keyed' : 'other'
}

/** Whether a function tells its inputs apart. */
function hasSides(kind: OperatorNode['kind']): boolean {
  return kind.endsWith('co-process')
}

/** Whether records wait that had come by one of its inputs: handed to a function with other inputs they would be taken for something else. */
function recordsWait({ subtasks }: OperatorState): boolean {
  const inputs = subtasks.flatMap(({ asyncInputs }) => decodeAsyncInputs(asyncInputs ?? []))
  return subtasks.some(({ inFlight }) => inFlight !== undefined) || inputs.some(({ what }) => !isTimer(what))
}

function restoreOperator(node: OperatorNode, task: PlannedTask, state: OperatorState, finishes: boolean): readonly RestoredOperator[] {
  if (holdsState(state) && kindOfState(state.kind) !== kindOfState(node.kind)) {
    throw engineError('RESTORE_KIND_CHANGED', { operator: node.name, stateId: node.stateId, stored: state.kind, now: node.kind })
  }
  if (hasSides(state.kind) !== hasSides(node.kind) && recordsWait(state)) {
    throw engineError('RESTORE_INPUTS_CHANGED', { operator: node.name, stateId: node.stateId, stored: state.kind, now: node.kind })
  }
  const regrouped = isRegrouped(node, task, state)
  if (regrouped && state.subtasks.some(({ raw }) => raw?.parts.some(({ keyGroup }) => keyGroup >= 0))) {
    throw engineError('RESTORE_RAW_MAX_PARALLELISM', { operator: node.name, stored: state.maxParallelism, now: task.maxParallelism })
  }
  const finished = finishedSubtasks(node, task, state, finishes)
  // As they are declared now: they may have been stored as another kind of list.
  const unions = new Set(node.states.flatMap(({ name, kind }) => (kind === 'union-list' ? [name] : [])))
  const asyncInputs = state.subtasks.map((subtask) => {
    const stored = subtask.asyncInputs ?? []
    return regrouped ? encodeAsyncInputs(decodeAsyncInputs(stored), task.maxParallelism) : stored
  })
  return Array.from({ length: task.parallelism }, (_, subtask) => {
    const { first, end } = keyGroupRange(subtask, task.parallelism, task.maxParallelism)
    const former = regrouped ? formerGroups({ first, end }, task.maxParallelism, state.maxParallelism) : { first, end }
    const own = (group: number): boolean =>
      node.kind.startsWith('keyed') ? group >= first && group < end : group % task.parallelism === subtask
    return {
      operator: node.id,
      subtask,
      maxParallelism: state.maxParallelism,
      keyed: state.subtasks
        .map(({ keyed }) =>
          keyed.filter(({ segments }) => segments.some(({ keyGroup }) => keyGroup >= former.first && keyGroup < former.end)),
        )
        .filter((chain) => chain.length > 0),
      databases: state.subtasks.flatMap(({ database }) =>
        database !== undefined && database.keyGroups.first < former.end && database.keyGroups.end > former.first ? [database] : [],
      ),
      broadcast: state.subtasks.find(({ broadcast }) => broadcast !== undefined)?.broadcast,
      lists: listsOf(state.subtasks, subtask, task.parallelism),
      unions: state.subtasks.flatMap(({ lists }) => (lists ?? []).filter(({ name }) => unions.has(name))),
      raw: rawOf(state.subtasks, subtask, task.parallelism, { first, end }),
      // Of one former subtask all to one: a sink may tidy up after those whose handles it is given.
      sinkHandles: state.subtasks.flatMap(({ sinkHandles }, index) => (index % task.parallelism === subtask ? (sinkHandles ?? []) : [])),
      asyncInputs: asyncInputs.flatMap((stored, index) =>
        stored.filter(({ keyGroup }) => (node.kind.startsWith('keyed') ? own(keyGroup) : index % task.parallelism === subtask)),
      ),
      inFlight: inFlightOf(state, subtask, task),
      finished: finished[subtask]!,
    }
  })
}

/** Whether the operator has another number of key groups than when its state was stored. */
function isRegrouped(node: OperatorNode, task: PlannedTask, state: OperatorState): boolean {
  return node.kind.startsWith('keyed') && state.maxParallelism !== task.maxParallelism
}

function restoreSource(node: OperatorNode, state: OperatorState): RestoredSource {
  return { operator: node.id, enumerator: state.enumerator, splits: state.subtasks.flatMap(({ splits }) => splits ?? []) }
}

/** Whether each of today's subtasks had finished. At another parallelism that can only be told if all of them had, or none; where it makes no difference, none of them has. */
function finishedSubtasks(node: OperatorNode, { parallelism }: PlannedTask, state: OperatorState, finishes: boolean): readonly boolean[] {
  const stored = state.subtasks.map(({ finished }) => finished === true)
  if (stored.length === parallelism) return stored
  const all = stored.length > 0 && stored.every((finished) => finished)
  if (finishes && !all && stored.includes(true)) {
    throw engineError('RESTORE_PARTLY_FINISHED', { operator: node.name, stored: stored.length, now: parallelism })
  }
  return Array.from({ length: parallelism }, () => all)
}
