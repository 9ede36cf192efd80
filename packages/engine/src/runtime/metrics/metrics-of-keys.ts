import type { Clock } from '@millrace/core'
import { hotKeys } from '../../keys/load/hot-keys.ts'
import { hottestRatio } from '../../keys/load/key-load.ts'
import type { Operator } from '../../operators/operator.ts'
import type { ExecutionPlan } from '../../graph/plan-types.ts'
import type { KeysReport } from '../deployment/messages.ts'
import type { OperatorHotKeys } from '../job-types.ts'
import type { TaskMetricsRegistry } from './user-instruments.ts'

/**
 * A gauge of how much the hottest key of each operator has. Which key that is goes another way: as a label each key would be a series of its own, for ever, and whoever may read
 * metrics would read what may be the name of a person.
 */
export function measureKeys(operators: readonly Operator[], metrics: TaskMetricsRegistry, clock: Pick<Clock, 'monotonic'>): void {
  for (const { keyLoad, host } of operators) {
    if (keyLoad === undefined) continue
    const { node, subtask } = host
    const read = (): number => hottestRatio(keyLoad.report(clock.monotonic())) ?? Number.NaN
    metrics.ofConnector({ operator: node.name, stateId: node.stateId, subtask }).gauge('hottest_key_ratio', read, {})
  }
}

/** Of one subtask of a task. */
export function reportKeys(operators: readonly Operator[], nowMs: number): readonly KeysReport[] {
  return operators.flatMap(({ keyLoad, host }) =>
    keyLoad === undefined ? [] : [{ operator: host.node.id, subtask: host.subtask, load: keyLoad.report(nowMs) }],
  )
}

/** Of a job, from what its subtasks say; only operators that have hot keys. */
export function hotKeysOf({ graph }: ExecutionPlan, reports: readonly KeysReport[]): readonly OperatorHotKeys[] {
  return graph.operators.flatMap(({ id, name, stateId }) => {
    const keys = hotKeys(reports.filter(({ operator }) => operator === id))
    return keys.length === 0 ? [] : [{ operator: name, operatorId: stateId, keys }]
  })
}
