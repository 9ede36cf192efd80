/**
 * The file `_metadata`, version 1, or 2 where state files have been merged: a header line, then JSON. Described in `docs/internals/checkpoint-format.md`; what is written here is read for ever.
 *
 *   millrace-checkpoint <version> <bytes of what follows> <CRC-32 of "version bytes\n" and what follows, 8 hexadecimal digits>\n
 *   {"jobName":…}
 *
 * The header is the same in all versions, so that any release can tell damage from a format it does not know.
 */
import { crc32 } from 'node:zlib'
import { decodeValue, encodeValue } from '../codec/value.ts'
import { engineError } from '../errors.ts'
import { operatorKinds, stateKinds } from '../graph/graph.ts'
import type { StoredList } from '../state/operator-state.ts'
import type {
  AsyncInputs,
  FileRun,
  InFlightFile,
  KeyedStateFile,
  KeyGroupSegment,
  RawStateFile,
  StateFileHandle,
  StoredDatabase,
} from './handles.ts'
import { JsonFields } from './json-fields.ts'
import { stateFilesOf, type CheckpointMetadata, type OperatorState, type SubtaskState } from './metadata.ts'
import type { Split } from '../connectors/source.ts'

/** Of metadata that refer to merged files. All others are written as version 1, which every release reads. */
export const METADATA_FORMAT_VERSION = 2

const MAGIC = 'millrace-checkpoint'
const HEADER = /^millrace-checkpoint (\d{1,9}) (\d{1,15}) ([0-9a-f]{8})\n/
const HEADER_BYTES_MAX = 64
const PATH = /^shared\/[A-Za-z0-9-]+$/

/** @throws CHECKPOINT_UNENCODABLE where a source or sink gave something that is no plain data */
export function encodeMetadata(metadata: CheckpointMetadata): Uint8Array<ArrayBuffer> {
  const { jobName, fingerprint, checkpointId, kind, attempt, triggeredMs } = metadata
  const params = Object.fromEntries(Object.entries(metadata.params).map(([name, value]) => [name, encodeParameter(value)]))
  const operators = metadata.operators.map(encodeOperator)
  const body = Buffer.from(JSON.stringify({ jobName, fingerprint, params, checkpointId, kind, attempt, triggeredMs, operators }))
  const isMerged = stateFilesOf(metadata).some(({ within }) => within !== undefined)
  const facts = `${isMerged ? METADATA_FORMAT_VERSION : 1} ${body.length}`
  return new Uint8Array(Buffer.concat([Buffer.from(`${MAGIC} ${facts} ${checksum(facts, body)}\n`), body]))
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

type Parameter = string | number | boolean

/** JSON has no way to write these four numbers. */
function encodeParameter(value: Parameter): Parameter | { readonly number: string } {
  if (typeof value !== 'number' || (Number.isFinite(value) && !Object.is(value, -0))) return value
  return { number: Object.is(value, -0) ? '-0' : String(value) }
}

function decodeParameter(fields: JsonFields, value: unknown): Parameter {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  return Number(new JsonFields(value ?? fields.fail('params', 'hold something else'), 'metadata.params').text('number'))
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
    keyed: keyed.map(encodeFile),
    ...(database === undefined ? {} : { database: encodeDatabase(database) }),
    ...(broadcast === undefined ? {} : { broadcast: encodeBytes(broadcast) }),
    ...(lists === undefined ? {} : { lists: lists.map(encodeStoredList) }),
    ...(raw === undefined ? {} : { raw: encodeRaw(raw) }),
    ...(splits === undefined ? {} : { splits: encodePlain(splits, `the reader of '${operator}'`) }),
    ...(sinkHandles === undefined ? {} : { sinkHandles: encodePlain(sinkHandles, `the writer of '${operator}'`) }),
    ...(asyncInputs === undefined
      ? {}
      : { asyncInputs: asyncInputs.map(({ keyGroup, bytes }) => ({ keyGroup, bytes: encodeBytes(bytes) })) }),
    ...(inFlight === undefined ? {} : { inFlight: encodeInFlight(inFlight) }),
    ...(finished === undefined ? {} : { finished }),
  }
}

function decodeSubtask(fields: JsonFields, maxParallelism: number): SubtaskState {
  return {
    keyed: fields.list('keyed', (file) => decodeFile(file, maxParallelism)),
    ...(fields.has('database') ? { database: decodeDatabase(fields.fields('database'), maxParallelism) } : {}),
    ...(fields.has('broadcast') ? { broadcast: fields.bytes('broadcast') } : {}),
    ...(fields.has('lists') ? { lists: fields.list('lists', decodeStoredList) } : {}),
    ...(fields.has('raw') ? { raw: decodeRaw(fields.fields('raw'), maxParallelism) } : {}),
    ...(fields.has('splits') ? { splits: decodeList(fields, 'splits') as readonly Split[] } : {}),
    ...(fields.has('sinkHandles') ? { sinkHandles: decodeList(fields, 'sinkHandles') } : {}),
    ...(fields.has('asyncInputs') ? { asyncInputs: fields.list('asyncInputs', (input) => decodeAsyncInputs(input, maxParallelism)) } : {}),
    ...(fields.has('inFlight') ? { inFlight: decodeInFlight(fields.fields('inFlight')) } : {}),
    ...(fields.get('finished') === true ? { finished: true } : {}),
  }
}

function encodeDatabase({ format, keyGroups, rows, header, shared, own }: StoredDatabase): object {
  return {
    format,
    keyGroups: [keyGroups.first, keyGroups.end],
    rows,
    header: encodeBytes(header),
    shared: shared.map((file) => ({ name: file.name, ...encodeHandle(file) })),
    own: { ...encodeHandle(own), parts: own.parts.map(({ name, offset, length, crc32 }) => ({ name, offset, length, crc32 })) },
  }
}

/** The names become those of files in a folder of ours. */
const DATABASE_FILE = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/

function decodeDatabase(fields: JsonFields, maxParallelism: number): StoredDatabase {
  const [first, end] = fields.integers('keyGroups', 0, maxParallelism)
  if (first === undefined || end === undefined) fields.fail('keyGroups', 'is no range')
  const name = (file: JsonFields): string => {
    const text = file.text('name')
    return DATABASE_FILE.test(text) ? text : file.fail('name', `is no name of a file: ${text}`)
  }
  const own = fields.fields('own')
  const handle = decodeHandle(own)
  const parts = own.list('parts', (part) => ({
    name: name(part),
    offset: part.integer('offset', 0, handle.length),
    length: part.integer('length', 0, handle.length),
    crc32: part.integer('crc32', 0, 0xffff_ffff),
  }))
  return {
    format: fields.oneOf('format', ['rocksdb']),
    keyGroups: { first, end },
    rows: fields.integer('rows'),
    header: fields.bytes('header'),
    shared: fields.list('shared', (file) => ({ ...decodeHandle(file), name: name(file) })),
    own: { ...handle, parts },
  }
}

function decodeAsyncInputs(fields: JsonFields, maxParallelism: number): AsyncInputs {
  return { keyGroup: fields.integer('keyGroup', 0, maxParallelism - 1), bytes: fields.bytes('bytes') }
}

/** All elements in one text: few lists have many, but then they are small. */
function encodeStoredList({ name, kind, version, coded, elements }: StoredList): object {
  return {
    name,
    kind,
    version,
    ...(coded ? { coded } : {}),
    lengths: elements.map(({ length }) => length),
    bytes: encodeBytes(Buffer.concat(elements)),
  }
}

function decodeStoredList(fields: JsonFields): StoredList {
  const bytes = fields.bytes('bytes')
  let end = 0
  const elements = fields.integers('lengths').map((length) => bytes.slice(end, (end += length)))
  if (end !== bytes.length) fields.fail('lengths', `add up to ${end} where there are ${bytes.length} bytes`)
  return {
    name: fields.text('name'),
    kind: fields.oneOf('kind', ['split-list', 'union-list']),
    version: fields.integer('version', 1),
    coded: fields.get('coded') === true,
    elements,
  }
}

function encodeRaw(file: RawStateFile): object {
  return {
    ...encodeHandle(file),
    parts: file.parts.map(({ state, keyGroup, runs }) => ({
      state,
      ...(keyGroup < 0 ? {} : { keyGroup }),
      ...encodeRuns(runs),
    })),
  }
}

function encodeRuns(runs: readonly FileRun[]): object {
  return {
    offsets: runs.map((run) => run.offset),
    lengths: runs.map((run) => run.length),
    crc32s: runs.map((run) => run.crc32),
  }
}

function encodeInFlight(file: InFlightFile): object {
  const { parts } = file
  return { ...encodeHandle(file), parts: parts.map(({ input, keyed, records, runs }) => ({ input, keyed, records, ...encodeRuns(runs) })) }
}

function decodeInFlight(fields: JsonFields): InFlightFile {
  const handle = decodeHandle(fields)
  return {
    ...handle,
    parts: fields.list('parts', (part) => ({
      input: part.integer('input', 0, 1) === 0 ? 0 : 1,
      keyed: part.get('keyed') === true,
      records: part.integer('records'),
      runs: decodeRuns(part, handle.length),
    })),
  }
}

function decodeRaw(fields: JsonFields, maxParallelism: number): RawStateFile {
  const handle = decodeHandle(fields)
  return {
    ...handle,
    parts: fields.list('parts', (part) => ({
      state: part.text('state'),
      keyGroup: part.has('keyGroup') ? part.integer('keyGroup', 0, maxParallelism - 1) : -1,
      runs: decodeRuns(part, handle.length),
    })),
  }
}

function decodeRuns(fields: JsonFields, fileLength: number): FileRun[] {
  const offsets = fields.integers('offsets')
  const lengths = fields.integers('lengths')
  const crc32s = fields.integers('crc32s', 0, 0xffff_ffff)
  if (lengths.length !== offsets.length || crc32s.length !== offsets.length)
    fields.fail('offsets', 'has another length than the other columns')
  return offsets.map((offset, index) => {
    if (offset + lengths[index]! > fileLength) fields.fail('offsets', `lead beyond the end of the file in run ${index}`)
    return { offset, length: lengths[index]!, crc32: crc32s[index]! }
  })
}

function checkPath(path: string): void {
  if (!PATH.test(path)) throw engineError('CHECKPOINT_UNENCODABLE', { owner: 'a subtask', problem: `${path} is no path of a state file` })
}

function encodeHandle({ path, length, crc32, within }: StateFileHandle): object {
  checkPath(path)
  if (within !== undefined) checkPath(within.path)
  return { path, length, crc32, ...(within === undefined ? {} : { within: [within.path, within.offset] }) }
}

/** Segments by column: a file has as many as a subtask has key groups, and most of their text would be field names. */
function encodeFile(file: KeyedStateFile): object {
  const { segments } = file
  return {
    ...encodeHandle(file),
    segments: {
      keyGroups: segments.map((segment) => segment.keyGroup),
      kinds: segments.map((segment) => (segment.kind === 'full' ? 'f' : 'd')).join(''),
      offsets: segments.map((segment) => segment.offset),
      lengths: segments.map((segment) => segment.length),
      crc32s: segments.map((segment) => segment.crc32),
      rows: segments.map((segment) => segment.rows),
    },
  }
}

function decodeFile(fields: JsonFields, maxParallelism: number): KeyedStateFile {
  const handle = decodeHandle(fields)
  return { ...handle, segments: decodeSegments(fields.fields('segments'), maxParallelism, handle.length) }
}

function decodeHandle(fields: JsonFields): StateFileHandle {
  const path = fields.text('path')
  if (!PATH.test(path)) fields.fail('path', `is no path of a state file: ${path}`)
  const handle = { path, length: fields.integer('length'), crc32: fields.integer('crc32', 0, 0xffff_ffff) }
  return fields.has('within') ? { ...handle, within: decodeWithin(fields) } : handle
}

function decodeWithin(fields: JsonFields): { readonly path: string; readonly offset: number } {
  const value = fields.get('within')
  const [path, offset] = Array.isArray(value) ? (value as readonly unknown[]) : []
  if (typeof path !== 'string' || !PATH.test(path) || !Number.isSafeInteger(offset) || Number(offset) < 0)
    return fields.fail('within', 'is no place in another file')
  return { path, offset: Number(offset) }
}

function decodeSegments(fields: JsonFields, maxParallelism: number, fileLength: number): KeyGroupSegment[] {
  const keyGroups = fields.integers('keyGroups', 0, maxParallelism - 1)
  const kinds = fields.text('kinds')
  const offsets = fields.integers('offsets')
  const lengths = fields.integers('lengths')
  const crc32s = fields.integers('crc32s', 0, 0xffff_ffff)
  const rows = fields.integers('rows')
  for (const column of [kinds, offsets, lengths, crc32s, rows]) {
    if (column.length !== keyGroups.length) fields.fail('keyGroups', 'has another length than the other columns')
  }
  if (!/^[fd]*$/.test(kinds)) fields.fail('kinds', 'has a letter that is no kind')
  return keyGroups.map((keyGroup, index) => {
    const [offset, length] = [offsets[index]!, lengths[index]!]
    if (offset + length > fileLength) fields.fail('offsets', `lead beyond the end of the file in segment ${index}`)
    return { keyGroup, kind: kinds[index] === 'f' ? 'full' : 'delta', offset, length, crc32: crc32s[index]!, rows: rows[index]! }
  })
}

function encodeBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

function encodePlain(value: unknown, owner: string): string {
  try {
    return encodeBytes(encodeValue(value, 'it'))
  } catch (error) {
    throw engineError('CHECKPOINT_UNENCODABLE', { owner, problem: error instanceof Error ? error.message : String(error) }, error)
  }
}

function decodePlain(fields: JsonFields, name: string): unknown {
  try {
    return decodeValue(fields.bytes(name))
  } catch (error) {
    return fields.fail(name, `cannot be decoded: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function decodeList(fields: JsonFields, name: string): readonly unknown[] {
  const value = decodePlain(fields, name)
  return Array.isArray(value) ? value : fields.fail(name, 'is no list')
}
