import type { CoordinatorCommand } from '../../checkpoint/coordinator/coordinator-events.ts'
import type { CheckpointMetadata, OperatorState, SubtaskState } from '../../checkpoint/metadata/metadata.ts'
import type { OperatorNode } from '../../graph/graph.ts'
import type { ExecutionPlan, PlannedTask } from '../../graph/plan-types.ts'

type Persist = Extract<CoordinatorCommand, { kind: 'persist' }>

/** What the subtasks acknowledged, by operator: the metadata of a checkpoint. Pure. */
export function assembleMetadata(
  plan: ExecutionPlan,
  command: Persist,
  enumerators: ReadonlyMap<number, unknown>,
  attempt: number,
  triggeredMs: number,
): CheckpointMetadata {
  return {
    jobName: plan.graph.name,
    fingerprint: plan.fingerprint,
    params: plan.graph.params,
    checkpointId: command.checkpointId,
    kind: command.checkpoint === 'final' ? 'final' : 'checkpoint',
    attempt,
    triggeredMs,
    operators: plan.tasks.flatMap((task) =>
      task.operators.map((id) => operatorState(plan.graph.operators[id]!, task, command, enumerators)),
    ),
  }
}

function operatorState(node: OperatorNode, task: PlannedTask, command: Persist, enumerators: ReadonlyMap<number, unknown>): OperatorState {
  const subtasks = command.snapshots
    .filter(({ subtask }) => subtask.task === task.id)
    .toSorted((a, b) => a.subtask.subtask - b.subtask.subtask)
    .map(({ snapshot }): SubtaskState => {
      const { stateId: _, ...state } = snapshot.operators.find(({ stateId }) => stateId === node.stateId)!
      return state
    })
  return {
    stateId: node.stateId,
    kind: node.kind,
    name: node.name,
    maxParallelism: task.maxParallelism,
    parallelism: task.parallelism,
    states: node.states,
    ...(node.kind === 'source' ? { enumerator: enumerators.get(node.id) } : {}),
    subtasks,
  }
}
