/**
 * The file `_metadata`, version 1, 2 where state files have been merged, 3 where some have no checksum, or 4 where some hold values of a database: a header line, then JSON. Described in `docs/internals/checkpoint-format.md`; what is written here is read for ever.
 *
 *   millrace-checkpoint <version> <bytes of what follows> <CRC-32 of "version bytes\n" and what follows, 8 hexadecimal digits>\n
 *   {"jobName":…}
 *
 * The header is the same in all versions, so that any release can tell damage from a format it does not know.
 */
import { crc32 } from 'node:zlib'
import { engineError } from '../../errors.ts'
import { operatorKinds, stateKinds } from '../../graph/graph.ts'
import type { Split } from '../../connectors/source.ts'
import type { AsyncInputs } from '../handles.ts'
import { isValueFile } from '../../state/rocksdb/values/value-files.ts'
import { JsonFields } from './json-fields.ts'
import {
  decodeList,
  decodeParameter,
  decodePlain,
  decodeStoredList,
  encodeBytes,
  encodeParameter,
  encodePlain,
  encodeStoredList,
} from './metadata-values.ts'
import { stateFilesOf, type CheckpointMetadata, type OperatorState, type SubtaskState } from './metadata.ts'
import {
  decodeDatabase,
  decodeInFlightFile,
  decodeKeyedFile,
  decodeRawFile,
  encodeDatabase,
  encodeInFlightFile,
  encodeKeyedFile,
  encodeRawFile,
} from './state-file-format.ts'

/** The newest. What an older version can say is written as that, which more releases read. */
export const METADATA_FORMAT_VERSION = 4

const MAGIC = 'millrace-checkpoint'
const HEADER = /^millrace-checkpoint (\d{1,9}) (\d{1,15}) ([0-9a-f]{8})\n/
const HEADER_BYTES_MAX = 64

/** @throws CHECKPOINT_UNENCODABLE where a source or sink gave something that is no plain data */
export function encodeMetadata(metadata: CheckpointMetadata): Uint8Array<ArrayBuffer> {
  const { jobName, fingerprint, checkpointId, kind, attempt, triggeredMs } = metadata
  const params = Object.fromEntries(Object.entries(metadata.params).map(([name, value]) => [name, encodeParameter(value)]))
  const operators = metadata.operators.map(encodeOperator)
  const body = Buffer.from(JSON.stringify({ jobName, fingerprint, params, checkpointId, kind, attempt, triggeredMs, operators }))
  const facts = `${versionFor(metadata)} ${body.length}`
  return new Uint8Array(Buffer.concat([Buffer.from(`${MAGIC} ${facts} ${checksum(facts, body)}\n`), body]))
}

function versionFor(metadata: CheckpointMetadata): number {
  const files = stateFilesOf(metadata)
  if (metadata.operators.some(({ subtasks }) => subtasks.some(({ database }) => database?.shared.some(({ name }) => isValueFile(name)))))
    return 4
  if (files.some(({ crc32: sum }) => sum === undefined)) return 3
  return files.some(({ within }) => within !== undefined) ? 2 : 1
}

/** @throws TypeError naming the damage; CHECKPOINT_FORMAT_UNKNOWN for a whole file of a newer format */
export function decodeMetadata(bytes: Uint8Array): CheckpointMetadata {
  const header = HEADER.exec(Buffer.from(bytes.subarray(0, HEADER_BYTES_MAX)).toString('latin1'))
  if (header === null) throw new TypeError('it does not begin as checkpoint metadata do')
  const [line, version, length, expected] = header as unknown as [string, string, string, string]
  const body = bytes.subarray(line.length)
  if (body.length !== Number(length)) throw new TypeError(`it has ${body.length} bytes where ${length} were written`)
  if (checksum(`${version} ${length}`, body) !== expected) throw new TypeError('its checksum does not match')
  if (Number(version) < 1 || Number(version) > METADATA_FORMAT_VERSION)
    throw engineError('CHECKPOINT_FORMAT_UNKNOWN', { version, newest: METADATA_FORMAT_VERSION })
  return decodeBody(new JsonFields(JSON.parse(Buffer.from(body).toString('utf8')), 'metadata'))
}

function checksum(facts: string, body: Uint8Array): string {
  return crc32(body, crc32(Buffer.from(`${facts}\n`)))
    .toString(16)
    .padStart(8, '0')
}

function decodeBody(fields: JsonFields): CheckpointMetadata {
  return {
    jobName: fields.text('jobName'),
    fingerprint: fields.text('fingerprint'),
    params: Object.fromEntries(
      fields
        .fields('params')
        .entries()
        .map(([name, value]) => [name, decodeParameter(fields, value)]),
    ),
    checkpointId: fields.integer('checkpointId', 1),
    kind: fields.oneOf('kind', ['checkpoint', 'final', 'savepoint']),
    attempt: fields.integer('attempt'),
    triggeredMs: fields.integer('triggeredMs', Number.MIN_SAFE_INTEGER),
    operators: fields.list('operators', decodeOperator),
  }
}

function encodeOperator(operator: OperatorState): object {
  const { stateId, kind, name, maxParallelism, parallelism } = operator
  const states = operator.states.map((state) => ({ name: state.name, kind: state.kind, version: state.version }))
  return {
    stateId,
    kind,
    name,
    maxParallelism,
    parallelism,
    states,
    ...(Object.hasOwn(operator, 'enumerator') ? { enumerator: encodePlain(operator.enumerator, `the enumerator of '${name}'`) } : {}),
    subtasks: operator.subtasks.map((subtask) => encodeSubtask(subtask, name)),
  }
}

function decodeOperator(fields: JsonFields): OperatorState {
  const maxParallelism = fields.integer('maxParallelism', 1)
  const parallelism = fields.integer('parallelism', 1)
  const subtasks = fields.list('subtasks', (subtask) => decodeSubtask(subtask, maxParallelism))
  if (subtasks.length !== parallelism) fields.fail('subtasks', `are ${subtasks.length} where the parallelism is ${parallelism}`)
  return {
    stateId: fields.text('stateId'),
    kind: fields.oneOf('kind', operatorKinds),
    name: fields.text('name'),
    maxParallelism,
    parallelism,
    states: fields.list('states', (state) => ({
      name: state.text('name'),
      kind: state.oneOf('kind', stateKinds),
      version: state.integer('version'),
    })),
    ...(fields.has('enumerator') ? { enumerator: decodePlain(fields, 'enumerator') } : {}),
    subtasks,
  }
}

function encodeSubtask(subtask: SubtaskState, operator: string): object {
  const { keyed, database, broadcast, lists, raw, splits, sinkHandles, asyncInputs, inFlight, finished } = subtask
  return {
    keyed: keyed.map(encodeKeyedFile),
    ...(database === undefined ? {} : { database: encodeDatabase(database) }),
    ...(broadcast === undefined ? {} : { broadcast: encodeBytes(broadcast) }),
    ...(lists === undefined ? {} : { lists: lists.map(encodeStoredList) }),
    ...(raw === undefined ? {} : { raw: encodeRawFile(raw) }),
    ...(splits === undefined ? {} : { splits: encodePlain(splits, `the reader of '${operator}'`) }),
    ...(sinkHandles === undefined ? {} : { sinkHandles: encodePlain(sinkHandles, `the writer of '${operator}'`) }),
    ...(asyncInputs === undefined
      ? {}
      : { asyncInputs: asyncInputs.map(({ keyGroup, bytes }) => ({ keyGroup, bytes: encodeBytes(bytes) })) }),
    ...(inFlight === undefined ? {} : { inFlight: encodeInFlightFile(inFlight) }),
    ...(finished === undefined ? {} : { finished }),
  }
}

function decodeSubtask(fields: JsonFields, maxParallelism: number): SubtaskState {
  return {
    keyed: fields.list('keyed', (file) => decodeKeyedFile(file, maxParallelism)),
    ...(fields.has('database') ? { database: decodeDatabase(fields.fields('database'), maxParallelism) } : {}),
    ...(fields.has('broadcast') ? { broadcast: fields.bytes('broadcast') } : {}),
    ...(fields.has('lists') ? { lists: fields.list('lists', decodeStoredList) } : {}),
    ...(fields.has('raw') ? { raw: decodeRawFile(fields.fields('raw'), maxParallelism) } : {}),
    ...(fields.has('splits') ? { splits: decodeList(fields, 'splits') as readonly Split[] } : {}),
    ...(fields.has('sinkHandles') ? { sinkHandles: decodeList(fields, 'sinkHandles') } : {}),
    ...(fields.has('asyncInputs') ? { asyncInputs: fields.list('asyncInputs', (input) => decodeAsyncInputs(input, maxParallelism)) } : {}),
    ...(fields.has('inFlight') ? { inFlight: decodeInFlightFile(fields.fields('inFlight')) } : {}),
    ...(fields.get('finished') === true ? { finished: true } : {}),
  }
}

function decodeAsyncInputs(fields: JsonFields, maxParallelism: number): AsyncInputs {
  return { keyGroup: fields.integer('keyGroup', 0, maxParallelism - 1), bytes: fields.bytes('bytes') }
}
