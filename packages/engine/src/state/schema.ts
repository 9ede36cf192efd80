import type { StateDeclaration, StateDeclarations } from '../api/state.ts'
import { engineError } from '../errors.ts'

/** What a column of a row is for. Its place in this list is what segments say: never change one, append. */
export const columnKinds = ['value', 'list', 'map', 'reducing', 'aggregating', 'event-timers', 'processing-timers'] as const
export type ColumnKind = (typeof columnKinds)[number]

export interface ColumnSchema {
  /** The state's name; of timers, empty. */
  readonly name: string
  readonly kind: ColumnKind
  readonly version: number
  readonly migrate: ((old: unknown, fromVersion: number) => unknown) | undefined
}

/** The columns of an operator's rows: its states in the order of declaration, then its timers. */
export interface StateSchema {
  readonly operator: string
  readonly columns: readonly ColumnSchema[]
  readonly eventTimers: number
  readonly processingTimers: number
}

/** @throws STATE_DECLARATION_INVALID */
export function schemaOf(operator: string, states: StateDeclarations): StateSchema {
  const columns = Object.entries(states).map(([name, declaration]) => columnOf(operator, name, declaration))
  const eventTimers = columns.push({ name: '', kind: 'event-timers', version: 1, migrate: undefined }) - 1
  const processingTimers = columns.push({ name: '', kind: 'processing-timers', version: 1, migrate: undefined }) - 1
  return { operator, columns, eventTimers, processingTimers }
}

function columnOf(operator: string, state: string, { kind, options, reduce, aggregate }: StateDeclaration<unknown>): ColumnSchema {
  const invalid = (problem: string): Error => engineError('STATE_DECLARATION_INVALID', { operator, state, problem })
  const version = options.version ?? 1
  if (state === '') throw invalid('an empty name')
  if (!columnKinds.slice(0, 5).includes(kind)) throw invalid(`the unknown kind ${kind}`)
  if (!Number.isSafeInteger(version) || version < 1) throw invalid(`version ${version}, which is not a whole number from 1`)
  if (kind === 'reducing' && typeof reduce !== 'function') throw invalid('no reduce function')
  if (kind === 'aggregating' && aggregate === undefined) throw invalid('no aggregate')
  return { name: state, kind, version, migrate: options.migrate }
}
