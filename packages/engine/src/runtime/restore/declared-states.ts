/** Whether the states that a checkpoint holds are declared by today's job, as far as that can be told before any of them is read. */
import type { JobFunctions } from '../../api/functions.ts'
import type { StateOptions } from '../../api/state.ts'
import type { CheckpointMetadata, OperatorState } from '../../checkpoint/metadata/metadata.ts'
import { engineError } from '../../errors.ts'
import type { StateNode } from '../../graph/graph.ts'
import type { ExecutionPlan } from '../../graph/plan-types.ts'
import type { ColumnSchema } from '../../state/rows/schema.ts'
import { StoredShape } from '../../state/segments/stored-shape.ts'

/**
 * Refuses what the slots would refuse, while the job can still go on from another checkpoint: that it goes back to this one is for good. What only a look at the state
 * itself shows (a `migrate` that throws, a codec that is missing, what is in a database) is left to them.
 *
 * @throws STATE_UNMAPPED, STATE_KIND_CHANGED, STATE_VERSION_NEWER, STATE_MIGRATION_MISSING
 */
export function checkDeclared(plan: ExecutionPlan, functions: JobFunctions, metadata: CheckpointMetadata, allowNonRestored: boolean): void {
  const former = new Map(metadata.operators.map((state) => [state.stateId, state]))
  for (const node of plan.graph.operators) {
    const stored = former.get(node.stateId)
    for (const state of stored?.states.filter((each) => isStored(stored, each)) ?? []) {
      const declared = node.states.find(({ name }) => name === state.name)
      if (declared !== undefined) shapeOf(state, declared, node.name, declarationOf(functions, node.id, state.name).options)
      else if (!allowNonRestored) throw engineError('STATE_UNMAPPED', { operator: node.name, state: state.name })
    }
  }
}

interface KindOfState {
  readonly kind: string
  readonly version: number
}

/** @throws STATE_KIND_CHANGED, STATE_VERSION_NEWER, STATE_MIGRATION_MISSING */
export function shapeOf(
  stored: KindOfState,
  { name, kind, version }: KindOfState & { readonly name: string },
  operator: string,
  { migrate, schema, codec }: StateOptions<unknown>,
): StoredShape {
  // Both kinds of lists of the operator are lists: one may become the other.
  const isSame = stored.kind === kind || (isOperatorList(stored.kind) && isOperatorList(kind))
  const column = { name, kind, version, migrate, schema, codec, ttl: undefined, partner: -1 } as ColumnSchema
  return new StoredShape(operator, column, (isSame ? kind : stored.kind) as ColumnSchema['kind'], stored.version)
}

function isOperatorList(kind: string): boolean {
  return kind === 'split-list' || kind === 'union-list'
}

/** Whether a restore would come across it. Columns of keyed and broadcast state are there also where no key has anything in them. */
export function isStored({ subtasks }: OperatorState, { name, kind }: StateNode): boolean {
  if (isOperatorList(kind)) return subtasks.some(({ lists }) => lists?.some((list) => list.name === name && list.elements.length > 0))
  if (kind === 'raw' || kind === 'raw-keyed') return subtasks.some(({ raw }) => raw?.parts.some((part) => part.state === name))
  if (kind === 'broadcast') return subtasks.some(({ broadcast }) => broadcast !== undefined)
  return subtasks.some(({ keyed, database }) => keyed.length > 0 || database !== undefined)
}

interface DeclaredState {
  readonly kind: string
  readonly options: StateOptions<unknown>
}

/** How the function of an operator declares a state. */
export function declarationOf(functions: JobFunctions, operator: number, state: string): DeclaredState {
  const of = functions.operators.get(operator)
  if (of === undefined || !('fn' in of) || typeof of.fn !== 'object') return { kind: 'value', options: {} }
  const broadcast = 'broadcast' in of ? of.broadcast[state] : undefined
  return (of.fn.state?.[state] ?? of.fn.operatorState?.[state] ?? broadcast) as DeclaredState
}
