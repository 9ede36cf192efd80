import { isStandardSchema } from '../../api/standard-schema.ts'
import type { StandardSchema, StateCodec, StateDeclaration, StateDeclarations, StateOptions } from '../../api/state.ts'
import { engineError } from '../../errors.ts'
import { ttlOf, type Ttl } from '../ttl.ts'

/** What a column of a row is for. Its place in this list is what segments say: never change one, append. */
export const columnKinds = ['value', 'list', 'map', 'reducing', 'aggregating', 'event-timers', 'processing-timers', 'update-times'] as const
export type ColumnKind = (typeof columnKinds)[number]

export interface ColumnSchema {
  /** The state's name; of timers, empty. Update times have that of their state. */
  readonly name: string
  readonly kind: ColumnKind
  readonly version: number
  readonly migrate: StateOptions<unknown>['migrate']
  readonly schema: StandardSchema<unknown> | undefined
  readonly codec: StateCodec<unknown> | undefined
  readonly ttl: Ttl | undefined
  /** The column with the times of the last update; of times, that of their state; -1 if there is none. Entries of maps hold their times themselves. */
  readonly partner: number
}

/** The columns of an operator's rows: its states in the order of declaration, then its timers, then the update times of states that expire. */
export interface StateSchema {
  readonly operator: string
  readonly columns: readonly ColumnSchema[]
  readonly eventTimers: number
  readonly processingTimers: number
  /** Whether some state expires. */
  readonly expires: boolean
  /** Whether some state expires or has a codec, which takes more than the first version of the format. */
  readonly special: boolean
}

/** @throws STATE_DECLARATION_INVALID */
export function schemaOf(operator: string, states: StateDeclarations): StateSchema {
  const columns = Object.entries(states).map(([name, declaration]) => columnOf(operator, name, declaration))
  const eventTimers = columns.push(hidden('', 'event-timers')) - 1
  const processingTimers = columns.push(hidden('', 'processing-timers')) - 1
  for (const [at, column] of columns.entries()) {
    if (column.ttl === undefined || column.kind === 'map' || column.kind === 'update-times') continue
    const partner = columns.push({ ...hidden(column.name, 'update-times'), ttl: column.ttl, partner: at }) - 1
    columns[at] = { ...column, partner }
  }
  const expires = columns.some(({ ttl }) => ttl !== undefined)
  const special = expires || columns.some(({ codec }) => codec !== undefined)
  return { operator, columns, eventTimers, processingTimers, expires, special }
}

function hidden(name: string, kind: ColumnKind): ColumnSchema {
  return { name, kind, version: 1, migrate: undefined, schema: undefined, codec: undefined, ttl: undefined, partner: -1 }
}

function columnOf(operator: string, state: string, { kind, options, reduce, aggregate }: StateDeclaration<unknown>): ColumnSchema {
  const invalid = (problem: string): Error => engineError('STATE_DECLARATION_INVALID', { operator, state, problem })
  const { version = 1, migrate, schema, codec } = options
  if (state === '') throw invalid('an empty name')
  if (!columnKinds.slice(0, 5).includes(kind)) throw invalid(`the unknown kind ${kind}`)
  if (!Number.isSafeInteger(version) || version < 1) throw invalid(`version ${version}, which is not a whole number from 1`)
  if (kind === 'reducing' && typeof reduce !== 'function') throw invalid('no reduce function')
  if (kind === 'aggregating' && aggregate === undefined) throw invalid('no aggregate')
  const problem = optionProblem(options)
  if (problem !== undefined) throw invalid(problem)
  return { name: state, kind, version, migrate, schema, codec, ttl: ttlOf(options.ttl), partner: -1 }
}

/** What is wrong with the options that all kinds of state have; undefined if nothing is. */
export function optionProblem({ ttl, schema, codec }: StateOptions<unknown>): string | undefined {
  if (schema !== undefined && !isStandardSchema(schema)) return 'a schema that is no Standard Schema'
  if (codec !== undefined && (typeof codec?.encode !== 'function' || typeof codec.decode !== 'function')) {
    return 'a codec without the functions encode and decode'
  }
  try {
    ttlOf(ttl)
    return undefined
  } catch (error) {
    return error instanceof TypeError ? error.message : String(error)
  }
}
