import { inspect } from 'node:util'
import { nearestName } from '@millrace/core'
import { engineError } from '../../errors.ts'
import type { StateNode } from '../../graph/graph.ts'
import { optionProblem } from '../../state/rows/schema.ts'
import { isAsyncFunction } from '../../operators/thenable.ts'
import type { ErasedProcessFunction } from '../functions.ts'
import { didYouMean } from '../option-names.ts'
import type { OperatorStateDeclarations } from '../operator-state.ts'
import type { StateDeclarations, StateOptions } from '../state.ts'

/** The largest parallelism and number of key groups, as in Flink (2^15). */
export const maxParallelismLimit = 32_768

export function show(value: unknown): string {
  const text = inspect(value, { depth: 0, breakLength: Infinity })
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

export function checkFunction(call: string, argument: string, value: unknown): void {
  if (typeof value !== 'function') throw engineError('ARGUMENT_INVALID', { call, argument, expected: 'a function', value: show(value) })
}

export function checkChoice(call: string, argument: string, value: unknown, choices: readonly string[]): void {
  if (!choices.includes(value as string)) {
    throw engineError('ARGUMENT_INVALID', { call, argument, expected: `one of ${choices.join(', ')}`, value: show(value) })
  }
}

export function checkCount(call: string, argument: string, value: unknown): void {
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= maxParallelismLimit) return
  throw engineError('ARGUMENT_INVALID', {
    call,
    argument,
    expected: `a whole number from 1 to ${maxParallelismLimit}`,
    value: show(value),
  })
}

// oxlint-disable-next-line no-control-regex
const readable = /^[^\u0000-\u001f\u007f]{1,255}$/

export function checkName(what: string, name: unknown): void {
  if (typeof name !== 'string' || !readable.test(name)) throw engineError('NAME_INVALID', { what, name: show(name) })
}

const stateKinds = ['value', 'list', 'map', 'reducing', 'aggregating']

/** Checked declarations as nodes of the graph, in the order of their names, so that the order in the source does not matter. */
export function stateNodes(operator: string, states: StateDeclarations | undefined): StateNode[] {
  if (states === undefined) return []
  if (typeof states !== 'object' || states === null) {
    throw engineError('ARGUMENT_INVALID', { call: operator, argument: 'state', expected: 'an object of declarations', value: show(states) })
  }
  return Object.entries(states)
    .map(([name, declaration]) => {
      const problem = stateProblem(name, declaration)
      if (problem !== undefined) throw engineError('STATE_INVALID', { operator, state: name, problem })
      return { name, kind: declaration.kind, version: declaration.options.version ?? 1 }
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

function stateProblem(name: string, declaration: StateDeclarations[string]): string | undefined {
  if (!readable.test(name)) return 'must have a name of 1 to 255 characters, without control characters'
  if (typeof declaration !== 'object' || declaration === null || !stateKinds.includes(declaration.kind)) {
    return 'must be declared with value(), list(), map(), reducing() or aggregating()'
  }
  const problem = optionsProblem(declaration.options)
  if (problem !== undefined) return problem
  if (declaration.kind === 'reducing' && typeof declaration.reduce !== 'function') return 'needs a function that reduces'
  const aggregate = declaration.aggregate as { readonly [member: string]: unknown } | undefined
  const missing = ['create', 'add', 'result'].find((member) => typeof aggregate?.[member] !== 'function')
  return declaration.kind === 'aggregating' && missing !== undefined ? `needs the function ${missing}` : undefined
}

const operatorStateKinds = ['split-list', 'union-list', 'raw', 'raw-keyed']

/** Checked declarations of operator state as nodes of the graph, in the order of their names. */
export function operatorStateNodes(operator: string, states: OperatorStateDeclarations | undefined, keyed: boolean): StateNode[] {
  if (states === undefined) return []
  if (typeof states !== 'object' || states === null) {
    throw engineError('ARGUMENT_INVALID', {
      call: operator,
      argument: 'operatorState',
      expected: 'an object of declarations',
      value: show(states),
    })
  }
  return Object.entries(states)
    .map(([name, declaration]) => {
      const problem = operatorStateProblem(name, declaration)
      if (problem !== undefined) throw engineError('STATE_INVALID', { operator, state: name, problem })
      if (!keyed && declaration.kind === 'raw-keyed')
        throw engineError('STATE_NOT_KEYED', { operator, member: `keyed raw state "${name}"` })
      return { name, kind: declaration.kind, version: declaration.options.version ?? 1 }
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

function operatorStateProblem(name: string, declaration: OperatorStateDeclarations[string]): string | undefined {
  if (!readable.test(name)) return 'must have a name of 1 to 255 characters, without control characters'
  if (typeof declaration !== 'object' || declaration === null || !operatorStateKinds.includes(declaration.kind)) {
    return 'must be declared with splitList(), unionList(), raw() or rawKeyed()'
  }
  if (!declaration.kind.startsWith('raw')) {
    if ((declaration.options as { ttl?: unknown }).ttl !== undefined) return 'has a ttl, which only keyed state has'
    return optionsProblem(declaration.options)
  }
  const raw = declaration.raw as { readonly [member: string]: unknown } | undefined
  const missing = ['create', 'snapshot', 'restore'].find((member) => typeof raw?.[member] !== 'function')
  return missing === undefined ? undefined : `needs the function ${missing}`
}

const stateOptionNames: { readonly [name in keyof Required<StateOptions<unknown>>]: true } = {
  version: true,
  migrate: true,
  ttl: true,
  schema: true,
  codec: true,
}

function optionsProblem(options: StateOptions<unknown>): string | undefined {
  const { version = 1, migrate } = options
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(stateOptionNames, name))
  if (unknown !== undefined)
    return `is declared with the option ${unknown}, which there is not${didYouMean(unknown, Object.keys(stateOptionNames))}`
  if (!Number.isInteger(version) || version < 1) return `must have a whole version of 1 or more, and has ${show(version)}`
  if (migrate !== undefined && typeof migrate !== 'function') return 'must have a function as migrate'
  const problem = optionProblem(options)
  return problem === undefined ? undefined : `is declared with ${problem}`
}

const optionalMembers = ['open', 'finish', 'close', 'onEventTimer', 'onProcessingTimer'] as const
const allMembers = [
  ...optionalMembers,
  'emits',
  'sides',
  'state',
  'operatorState',
  'onError',
  'capacity',
  'onElement',
  'onLeft',
  'onRight',
  'onBroadcast',
]

/** Checks a process function: `required` are the members its kind of stream calls. */
export function checkProcessFunction(operator: string, fn: ErasedProcessFunction, required: readonly string[], keyed: boolean): void {
  if (typeof fn !== 'object' || fn === null) {
    throw engineError('ARGUMENT_INVALID', { call: 'process', argument: 'its argument', expected: 'an object', value: show(fn) })
  }
  const members = fn as { readonly [member: string]: unknown }
  for (const member of required) checkFunction('process', member, members[member])
  for (const member of optionalMembers) if (members[member] !== undefined) checkFunction('process', member, members[member])
  checkSpelling(fn)
  if (fn.onError !== undefined) checkChoice('process', 'onError', fn.onError, ['fail', 'side'])
  if (fn.capacity !== undefined) checkCapacity(fn.capacity)
  if (isAsyncFunction(members['onBroadcast'])) {
    const expected = 'no async function: it must be done when it returns'
    throw engineError('ARGUMENT_INVALID', { call: 'process', argument: 'onBroadcast', expected, value: show(members['onBroadcast']) })
  }
  const unkeyedOnly = ['state', 'onEventTimer', 'onProcessingTimer'].find((member) => members[member] !== undefined)
  if (!keyed && unkeyedOnly !== undefined) throw engineError('STATE_NOT_KEYED', { operator, member: unkeyedOnly })
  for (const side of Object.keys(fn.sides ?? {})) checkName('side output', side)
}

const capacityMax = 1_000_000

function checkCapacity(capacity: unknown): void {
  if (Number.isInteger(capacity) && (capacity as number) >= 1 && (capacity as number) <= capacityMax) return
  throw engineError('ARGUMENT_INVALID', {
    call: 'process',
    argument: 'capacity',
    expected: `a whole number from 1 to ${capacityMax}`,
    value: show(capacity),
  })
}

/** A function may have members of its own, above all where it is a class; in an object that is written out, what is nearly one of ours is meant to be it. */
function checkSpelling(fn: object): void {
  if (Object.getPrototypeOf(fn) !== Object.prototype) return
  for (const name of Object.keys(fn)) {
    if (allMembers.includes(name) || nearestName(name, allMembers) === undefined) continue
    const expected = `one of ${allMembers.join(', ')}`
    throw engineError('ARGUMENT_INVALID', {
      call: 'process',
      argument: 'a member',
      expected,
      value: `${name}${didYouMean(name, allMembers)}`,
    })
  }
}
