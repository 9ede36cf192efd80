import { engineError } from '../../errors.ts'
import type { ErasedProcessFunction, OperatorFunctions } from '../functions.ts'
import type { StateDeclarations } from '../state.ts'
import { validated } from './schemas.ts'
import { checkProcessFunction, operatorStateNodes, stateNodes } from './checks.ts'
import type { OperatorSpec, Port } from './graph-builder.ts'

/** The members that each kind of process function must have. */
const required = {
  process: ['onElement'],
  'keyed-process': ['onElement'],
  'co-process': ['onLeft', 'onRight'],
  'keyed-co-process': ['onLeft', 'onRight'],
  'broadcast-process': ['onElement', 'onBroadcast'],
  'keyed-broadcast-process': ['onElement', 'onBroadcast'],
} as const

export type ProcessKind = keyof typeof required

/** An operator that runs a process function, with what the function declares. */
export function processSpec(
  kind: ProcessKind,
  name: string,
  fn: ErasedProcessFunction,
  inputs: readonly (readonly Port[])[],
  broadcast?: StateDeclarations,
): OperatorSpec {
  const keyed = kind.startsWith('keyed-')
  checkProcessFunction(name, fn, required[kind], keyed)
  const own = stateNodes(name, fn.state)
  const shared = stateNodes(name, broadcast).map((state) => ({ ...state, kind: 'broadcast' as const }))
  const expiring = Object.entries(broadcast ?? {}).find(([, { options }]) => options.ttl !== undefined)
  if (expiring !== undefined) {
    const problem = 'has a ttl, which broadcast state cannot have: clocks differ, and every subtask must hold the same'
    throw engineError('STATE_INVALID', { operator: name, state: expiring[0], problem })
  }
  const ofOperator = operatorStateNodes(name, fn.operatorState, keyed)
  const states = [...own, ...shared, ...ofOperator]
  const twice = states.find((state, index) => states.findIndex((other) => other.name === state.name) < index)
  if (twice !== undefined) {
    const others = own.some((state) => state.name === twice.name) ? 'per key' : 'for the broadcast'
    const problem = `is declared both ${others} and ${twice.kind === 'broadcast' ? 'for the broadcast' : 'for the operator'}`
    throw engineError('STATE_INVALID', { operator: name, state: twice.name, problem })
  }
  return {
    kind,
    name,
    inputs,
    functions: { kind, fn: validated(name, fn), ...(broadcast === undefined ? {} : { broadcast }) } as OperatorFunctions,
    states,
    timers: fn.onEventTimer !== undefined || fn.onProcessingTimer !== undefined,
    silent: fn.emits === undefined,
    sides: Object.keys(fn.sides ?? {}).sort(),
    onError: fn.onError ?? 'fail',
  }
}
