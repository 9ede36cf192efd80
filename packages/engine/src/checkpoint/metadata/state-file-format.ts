/** State files in `_metadata`: where one is, what it holds, and where in it. Described in `docs/internals/checkpoint-format.md`. */
import { engineError } from '../../errors.ts'
import type { FileRun, InFlightFile, KeyedStateFile, KeyGroupSegment, RawStateFile, StateFileHandle, StoredDatabase } from '../handles.ts'
import type { StoredOptions } from '../../state/state-types.ts'
import type { JsonFields } from './json-fields.ts'
import { encodeBytes } from './metadata-values.ts'

const PATH = /^shared\/[A-Za-z0-9-]+$/

/** Segments by column: a file has as many as a subtask has key groups, and most of their text would be field names. */
export function encodeKeyedFile(file: KeyedStateFile): object {
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

export function decodeKeyedFile(fields: JsonFields, maxParallelism: number): KeyedStateFile {
  const handle = decodeHandle(fields)
  return { ...handle, segments: decodeSegments(fields.fields('segments'), maxParallelism, handle.length) }
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

export function encodeDatabase({ format, keyGroups, rows, header, options, shared, own }: StoredDatabase): object {
  return {
    format,
    keyGroups: [keyGroups.first, keyGroups.end],
    rows,
    header: encodeBytes(header),
    ...(options === undefined ? {} : { options: { timed: options.timed, coded: options.coded } }),
    shared: shared.map((file) => ({ name: file.name, ...encodeHandle(file) })),
    own: { ...encodeHandle(own), parts: own.parts.map(({ name, offset, length, crc32 }) => ({ name, offset, length, crc32 })) },
  }
}

/** The names become those of files in a folder of ours. */
const DATABASE_FILE = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/

export function decodeDatabase(fields: JsonFields, maxParallelism: number): StoredDatabase {
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
    ...(fields.has('options') ? { options: decodeOptions(fields.fields('options')) } : {}),
    shared: fields.list('shared', (file) => ({ ...(file.has('crc32') ? decodeHandle(file) : decodePlace(file)), name: name(file) })),
    own: { ...handle, parts },
  }
}

function decodeOptions(fields: JsonFields): StoredOptions {
  return { timed: fields.texts('timed'), coded: fields.texts('coded') }
}

export function encodeRawFile(file: RawStateFile): object {
  return {
    ...encodeHandle(file),
    parts: file.parts.map(({ state, keyGroup, runs }) => ({
      state,
      ...(keyGroup < 0 ? {} : { keyGroup }),
      ...encodeRuns(runs),
    })),
  }
}

export function decodeRawFile(fields: JsonFields, maxParallelism: number): RawStateFile {
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

export function encodeInFlightFile(file: InFlightFile): object {
  const { parts } = file
  return { ...encodeHandle(file), parts: parts.map(({ input, keyed, records, runs }) => ({ input, keyed, records, ...encodeRuns(runs) })) }
}

export function decodeInFlightFile(fields: JsonFields): InFlightFile {
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

function encodeRuns(runs: readonly FileRun[]): object {
  return {
    offsets: runs.map((run) => run.offset),
    lengths: runs.map((run) => run.length),
    crc32s: runs.map((run) => run.crc32),
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

function encodeHandle({ path, length, crc32, within }: StateFileHandle): object {
  checkPath(path)
  if (within !== undefined) checkPath(within.path)
  return { path, length, crc32, ...(within === undefined ? {} : { within: [within.path, within.offset] }) }
}

function checkPath(path: string): void {
  if (!PATH.test(path)) throw engineError('CHECKPOINT_UNENCODABLE', { owner: 'a subtask', problem: `${path} is no path of a state file` })
}

function decodeHandle(fields: JsonFields): StateFileHandle {
  return { ...decodePlace(fields), crc32: decodeChecksum(fields) }
}

function decodeChecksum(fields: JsonFields): number {
  return fields.integer('crc32', 0, 0xffff_ffff)
}

/** Without a checksum. */
function decodePlace(fields: JsonFields): StateFileHandle {
  const path = fields.text('path')
  if (!PATH.test(path)) fields.fail('path', `is no path of a state file: ${path}`)
  const length = fields.integer('length')
  return fields.has('within') ? { path, length, within: decodeWithin(fields) } : { path, length }
}

function decodeWithin(fields: JsonFields): { readonly path: string; readonly offset: number } {
  const value = fields.get('within')
  const [path, offset] = Array.isArray(value) ? (value as readonly unknown[]) : []
  if (typeof path !== 'string' || !PATH.test(path) || !Number.isSafeInteger(offset) || Number(offset) < 0)
    return fields.fail('within', 'is no place in another file')
  return { path, offset: Number(offset) }
}
