/** A snapshot as JSON lines and back: an object a line, values as `json-value.ts` has them. */
import type { Key } from '../api/state.ts'
import { operatorKinds, stateKinds } from '../graph/graph.ts'
import { canonicalKey, isAtom } from '../keys/key.ts'
import { bytesFromJson, bytesToJson, valueFromJson, valueToJson } from './json-value.ts'
import { entryKinds, type EntryValue, type SnapshotItem, type StateEntry } from './state-entry.ts'

/** One line, without its end. */
export function formatStateLine(item: SnapshotItem): string {
  if (item.kind === 'snapshot') {
    const params = Object.fromEntries(Object.entries(item.snapshot.params).map(([name, value]) => [name, valueToJson(value)]))
    return JSON.stringify({ kind: item.kind, snapshot: { ...item.snapshot, params } })
  }
  if (item.kind === 'operator') {
    const { operator, operatorKind, name, maxParallelism, parallelism, states } = item
    return JSON.stringify({ kind: 'operator', operator, operatorKind, name, maxParallelism, parallelism, states })
  }
  const { kind, operator, ...rest } = item
  const fields = Object.entries(rest).flatMap(([name, value]): [string, unknown][] => {
    if (value === undefined && name !== 'value') return []
    if (name === 'coded' || name === 'bytes') return [[name, bytesToJson(value as Uint8Array)]]
    return [[name, valueToJson(value)]]
  })
  return JSON.stringify({ operator, kind, ...Object.fromEntries(fields) })
}

type Fields = { readonly [name: string]: unknown }

/** What is left out has its default: a bootstrapped operator needs no more than `operator`. @throws TypeError naming what is wrong with the line */
export function parseStateLine(line: string): SnapshotItem {
  const parsed: unknown = JSON.parse(line)
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new TypeError('it is no object')
  const fields = parsed as Fields
  if (fields['kind'] === 'snapshot') return parseSnapshot(fields)
  if (fields['kind'] === 'operator') return parseOperator(fields)
  return parseEntry(fields)
}

function parseSnapshot(fields: Fields): SnapshotItem {
  const facts = record(fields, 'snapshot')
  const params = facts['params'] === undefined ? {} : record(facts, 'params')
  return {
    kind: 'snapshot',
    snapshot: {
      jobName: text(facts, 'jobName', ''),
      fingerprint: text(facts, 'fingerprint', ''),
      params: Object.fromEntries(Object.entries(params).map(([name, value]) => [name, valueFromJson(value) as string | number | boolean])),
      checkpointId: integer(facts, 'checkpointId', 1, 1),
      kind: oneOf(facts, 'kind', ['checkpoint', 'final', 'savepoint'], 'savepoint'),
      attempt: integer(facts, 'attempt', 0, 0),
      triggeredMs: integer(facts, 'triggeredMs', Number.MIN_SAFE_INTEGER, 0),
    },
  }
}

function parseOperator(fields: Fields): SnapshotItem {
  const operator = uidOf(fields)
  const states = fields['states'] ?? []
  if (!Array.isArray(states)) throw new TypeError('states is no list')
  return {
    kind: 'operator',
    operator,
    operatorKind: oneOf(fields, 'operatorKind', operatorKinds, 'keyed-process'),
    name: text(fields, 'name', operator),
    maxParallelism: integer(fields, 'maxParallelism', 1, 128),
    parallelism: integer(fields, 'parallelism', 1, 1),
    states: (states as readonly unknown[]).map((state) => {
      const node = asRecord(state, 'a state')
      return { name: text(node, 'name'), kind: oneOf(node, 'kind', stateKinds), version: integer(node, 'version', 1, 1) }
    }),
  }
}

function uidOf(fields: Fields): string {
  const uid = text(fields, 'operator')
  if (uid === '') throw new TypeError('operator is empty: it is the uid that state is found by')
  return uid
}

function parseEntry(fields: Fields): StateEntry {
  const operator = uidOf(fields)
  const kind = oneOf(fields, 'kind', entryKinds)
  switch (kind) {
    case 'value':
    case 'reducing':
    case 'aggregating':
      return { operator, kind, state: text(fields, 'state'), ...owner(fields), ...valueOf(fields), ...updated(fields) }
    case 'list':
      return { operator, kind, state: text(fields, 'state'), ...owner(fields), ...valueOf(fields), ...updated(fields) }
    case 'map': {
      const entry = valueFromJson(fields['entry'])
      if (!isAtom(entry)) throw new TypeError('entry is no string, number, bigint, boolean or null')
      return { operator, kind, state: text(fields, 'state'), ...owner(fields), entry, ...valueOf(fields), ...updated(fields) }
    }
    case 'event-timer':
    case 'processing-timer': {
      const time = valueFromJson(fields['time'])
      if (typeof time !== 'number') throw new TypeError('time is no number')
      return { operator, kind, key: keyOf(fields), time }
    }
    case 'split-list':
    case 'union-list':
      return { operator, kind, subtask: integer(fields, 'subtask', 0, 0), state: text(fields, 'state'), ...valueOf(fields) }
    case 'raw':
    case 'raw-keyed':
      return {
        operator,
        kind,
        subtask: integer(fields, 'subtask', 0, 0),
        state: text(fields, 'state'),
        ...(kind === 'raw' ? {} : { keyGroup: integer(fields, 'keyGroup', 0) }),
        part: integer(fields, 'part', 0, 0),
        bytes: bytesFromJson(fields['bytes']),
      }
    case 'in-flight':
      return {
        operator,
        kind,
        subtask: integer(fields, 'subtask', 0, 0),
        part: integer(fields, 'part', 0, 0),
        input: integer(fields, 'input', 0, 0) === 0 ? 0 : 1,
        keyed: fields['keyed'] === true,
        records: integer(fields, 'records', 0),
        bytes: bytesFromJson(fields['bytes']),
      }
    case 'enumerator':
      return { operator, kind, value: valueFromJson(fields['value']) }
    case 'split':
    case 'sink-handle':
    case 'async-input':
      return { operator, kind, subtask: integer(fields, 'subtask', 0, 0), value: valueFromJson(fields['value']) }
    case 'finished':
      return { operator, kind, subtask: integer(fields, 'subtask', 0, 0) }
    default:
      return kind satisfies never
  }
}

/** A key as JSON: `"text"`, `7`, `{"$bigint":"7"}`, `["a", 1]`. @throws SyntaxError, TypeError, KEY_* */
export function parseKeyText(text: string): Key {
  return canonicalKey(valueFromJson(JSON.parse(text)))
}

function owner(fields: Fields): { readonly key: Key; readonly broadcast?: never } | { readonly key?: never; readonly broadcast: true } {
  return fields['broadcast'] === true ? { broadcast: true } : { key: keyOf(fields) }
}

function keyOf(fields: Fields): Key {
  if (!Object.hasOwn(fields, 'key')) throw new TypeError('key is missing')
  return canonicalKey(valueFromJson(fields['key']))
}

function valueOf(fields: Fields): EntryValue {
  if (Object.hasOwn(fields, 'coded')) return { coded: bytesFromJson(fields['coded']) }
  if (!Object.hasOwn(fields, 'value')) throw new TypeError('value is missing')
  return { value: valueFromJson(fields['value']) }
}

function updated(fields: Fields): { readonly updatedMs?: number } {
  if (fields['updatedMs'] === undefined) return {}
  const updatedMs = valueFromJson(fields['updatedMs'])
  if (typeof updatedMs !== 'number') throw new TypeError('updatedMs is no number')
  return { updatedMs }
}

function record(fields: Fields, name: string): Fields {
  return asRecord(fields[name], name)
}

function asRecord(value: unknown, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError(`${name} is no object`)
  return value as Fields
}

function text(fields: Fields, name: string, otherwise?: string): string {
  const value = fields[name] ?? otherwise
  if (typeof value !== 'string') throw new TypeError(`${name} is no text`)
  return value
}

function integer(fields: Fields, name: string, from: number, otherwise?: number): number {
  const value = fields[name] ?? otherwise
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < from)
    throw new TypeError(`${name} is no whole number from ${from}`)
  return value
}

function oneOf<T extends string>(fields: Fields, name: string, values: readonly T[], otherwise?: T): T {
  const value = fields[name] ?? otherwise
  return values.find((each) => each === value) ?? fail(`${name} is none of ${values.join(', ')}`)
}

function fail(problem: string): never {
  throw new TypeError(problem)
}
