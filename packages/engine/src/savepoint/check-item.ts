/** What is to be written is checked as it comes, for nobody may have checked the program that gives it: what is written wrong is found out by the job that restores it, if at all. */
import { inspect } from 'node:util'
import { engineError } from '../errors.ts'
import { operatorKinds, stateKinds } from '../graph/graph.ts'
import { isAtom } from '../keys/key.ts'
import { entryKinds, type RawEntry, type SnapshotItem, type SnapshotOperator, type StateEntry } from './state-entry.ts'

/** @throws ARGUMENT_INVALID for what is no object, SAVEPOINT_STATE_INVALID */
export function checkItem(item: SnapshotItem): void {
  const given: unknown = item
  if (typeof given !== 'object' || given === null)
    throw engineError('ARGUMENT_INVALID', { call: 'writeSavepoint', argument: 'an item', expected: 'an object', value: shown(given) })
  if (item.kind === 'snapshot') return
  const operator: unknown = item.operator
  const problem = isName(operator)
    ? item.kind === 'operator'
      ? problemOfOperator(item)
      : problemOfEntry(item)
    : unfit('its uid', operator, 'text, which is not empty')
  if (problem !== undefined)
    throw engineError('SAVEPOINT_STATE_INVALID', { operator: typeof operator === 'string' ? operator : shown(operator), problem })
}

function problemOfOperator({ operatorKind, name, states }: SnapshotOperator): string | undefined {
  if (!operatorKinds.includes(operatorKind)) return unfit('operatorKind', operatorKind, `one of ${operatorKinds.join(', ')}`)
  if (typeof name !== 'string') return unfit('name', name, 'text')
  if (!Array.isArray(states)) return unfit('states', states, 'a list')
  const names = new Set<string>()
  for (const { name: state, kind, version } of states as SnapshotOperator['states']) {
    if (!isName(state)) return unfit('the name of a state', state, 'text, which is not empty')
    if (!stateKinds.includes(kind)) return unfit(`the kind of state "${state}"`, kind, `one of ${stateKinds.join(', ')}`)
    if (!Number.isInteger(version) || version < 1) return unfit(`the version of state "${state}"`, version, 'a whole number from 1')
    if (names.has(state)) return `it declares state "${state}" twice`
    names.add(state)
  }
  return undefined
}

function problemOfEntry(entry: StateEntry): string | undefined {
  switch (entry.kind) {
    case 'value':
    case 'reducing':
    case 'aggregating':
    case 'list':
      return problemOfState(entry) ?? problemOfUpdate(entry.updatedMs)
    case 'map':
      if (!isAtom(entry.entry)) return unfit('entry', entry.entry, 'a string, number, bigint, boolean or null')
      return problemOfState(entry) ?? problemOfUpdate(entry.updatedMs)
    case 'event-timer':
    case 'processing-timer':
      return Number.isFinite(entry.time) ? undefined : unfit('the time of a timer', entry.time, 'milliseconds since 1970')
    case 'split-list':
    case 'union-list':
      return problemOfState(entry)
    case 'raw':
    case 'raw-keyed':
      return problemOfState(entry) ?? problemOfRaw(entry)
    case 'in-flight':
    case 'enumerator':
    case 'split':
    case 'sink-handle':
    case 'async-input':
    case 'finished':
      return undefined
    default:
      return unfit('the kind of an entry', (entry satisfies never as StateEntry).kind, `one of ${entryKinds.join(', ')}`)
  }
}

function problemOfState({ state, coded }: { readonly state: string; readonly coded?: unknown }): string | undefined {
  if (!isName(state)) return unfit('state', state, 'the name of a state')
  return coded === undefined || coded instanceof Uint8Array ? undefined : unfit('coded', coded, 'bytes')
}

function problemOfUpdate(updatedMs: number | undefined): string | undefined {
  return updatedMs === undefined || Number.isFinite(updatedMs) ? undefined : unfit('updatedMs', updatedMs, 'milliseconds since 1970')
}

function problemOfRaw({ kind, keyGroup, bytes }: RawEntry): string | undefined {
  if (!((bytes as unknown) instanceof Uint8Array)) return unfit('bytes', bytes, 'a Uint8Array')
  const isGroup = keyGroup !== undefined && Number.isInteger(keyGroup) && keyGroup >= 0
  return kind === 'raw' || isGroup ? undefined : unfit('keyGroup', keyGroup, 'a whole number from 0')
}

function isName(given: unknown): boolean {
  return typeof given === 'string' && given !== ''
}

function unfit(what: string, given: unknown, expected: string): string {
  return `${what} is ${shown(given)}, and must be ${expected}`
}

function shown(given: unknown): string {
  return inspect(given, { depth: 1, maxStringLength: 80, breakLength: Infinity })
}
