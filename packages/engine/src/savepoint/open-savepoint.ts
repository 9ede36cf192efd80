import type { StateFileStorage } from '../checkpoint/storage.ts'
import type { CheckpointMetadata, OperatorState, SubtaskState } from '../checkpoint/metadata/metadata.ts'
import { stateFilesOf } from '../checkpoint/metadata/metadata.ts'
import { decodeValue } from '../codec/value.ts'
import { engineError } from '../errors.ts'
import { hashKey } from '../keys/hash.ts'
import { keyGroupOf } from '../keys/key-group.ts'
import { canonicalKey, sameKey } from '../keys/key.ts'
import type { Key } from '../api/state.ts'
import { decodeAsyncInputs } from '../runtime/snapshot/async-inputs.ts'
import { checkOptions } from '../api/option-names.ts'
import { splitBroadcast } from '../state/operator/broadcast-state.ts'
import { SegmentReader } from '../state/segments/segment-reader.ts'
import { groupsOf, rowsOf } from './read-groups.ts'
import { findSnapshot, snapshotPorts, type SnapshotAccess } from './snapshot-place.ts'
import type { EntryValue, SnapshotFacts, SnapshotItem, SnapshotOperator, StateEntry } from './state-entry.ts'
import { StoredRows, type StoredCell, type StoredRow } from './stored-rows.ts'

/** Which entries of a snapshot are read; all that is given must hold. */
export interface EntryFilter {
  /** Of this operator, by its uid, alone. */
  readonly operator?: string
  /** Of the state of this name alone; timers have none. */
  readonly state?: string
  /** Of this key alone: only its key group is read. */
  readonly key?: Key
}

/** What a snapshot holds of an operator, in figures. */
export interface OperatorSize {
  readonly operator: string
  /** Rows of keyed state that are stored; in a chain of deltas a key counts each time that it is stored. */
  readonly storedRows: number
  readonly files: number
  readonly fileBytes: number
  /** Records that an unaligned checkpoint has overtaken on their way to it: they are handled first after a restore. */
  readonly inFlightRecords: number
}

/** A checkpoint or savepoint, to be read without the job. Holds nothing open. */
export interface OpenSavepoint {
  /** Its folder, absolute, or its URL. */
  readonly path: string
  readonly facts: SnapshotFacts
  readonly operators: readonly SnapshotOperator[]
  sizes(): readonly OperatorSize[]
  /**
   * Everything in it, operator by operator, key group by key group; never more than one key group is in memory. Deltas of incremental checkpoints are
   * resolved. What has expired and is still stored is among it.
   *
   * @throws SAVEPOINT_OPERATOR_UNKNOWN, SAVEPOINT_STATE_UNKNOWN, CHECKPOINT_DAMAGED, STATE_CORRUPT, CHECKPOINT_STORAGE_*
   */
  entries(filter?: EntryFilter): AsyncIterable<StateEntry>
  /** The same with what it is of, and each operator before its state: what `formatStateLine` makes lines of, and `writeSavepoint` reads. */
  items(filter?: EntryFilter): AsyncIterable<SnapshotItem>
}

/**
 * Opens a checkpoint or savepoint: a folder, or a URL of S3 or HDFS. Nothing needs to run, nothing is changed. As Flink's `SavepointReader`.
 *
 * @throws CHECKPOINT_NOT_FOUND, CHECKPOINT_DAMAGED, CHECKPOINT_FORMAT_UNKNOWN, CHECKPOINT_URL_INVALID, CHECKPOINT_STORAGE_*
 */
export async function openSavepoint(path: string, access?: SnapshotAccess): Promise<OpenSavepoint> {
  const { metadata, files, path: found } = await findSnapshot(path, snapshotPorts(access))
  return new SnapshotReader(metadata, files, found)
}

export class SnapshotReader implements OpenSavepoint {
  readonly path: string
  readonly facts: SnapshotFacts
  readonly operators: readonly SnapshotOperator[]
  readonly #metadata: CheckpointMetadata
  readonly #files: StateFileStorage

  constructor(metadata: CheckpointMetadata, files: StateFileStorage, path: string) {
    this.#metadata = metadata
    this.#files = files
    this.path = path
    const { jobName, fingerprint, params, checkpointId, kind, attempt, triggeredMs } = metadata
    this.facts = { jobName, fingerprint, params, checkpointId, kind, attempt, triggeredMs }
    this.operators = metadata.operators.map(describe)
  }

  sizes(): readonly OperatorSize[] {
    return this.#metadata.operators.map((operator) => {
      const files = stateFilesOf({ ...this.#metadata, operators: [operator] })
      const rows = operator.subtasks.flatMap(({ keyed }) => keyed.flatMap(({ segments }) => segments.map((segment) => segment.rows)))
      return {
        operator: operator.stateId,
        storedRows: rows.reduce((sum, count) => sum + count, 0),
        files: files.length,
        fileBytes: files.reduce((sum, { length }) => sum + length, 0),
        inFlightRecords: operator.subtasks.flatMap(({ inFlight }) => inFlight?.parts ?? []).reduce((sum, { records }) => sum + records, 0),
      }
    })
  }

  async *entries(filter: EntryFilter = {}): AsyncIterable<StateEntry> {
    for (const operator of this.#chosen(filter)) yield* entriesOf(operator, this.#files, filter)
  }

  async *items(filter: EntryFilter = {}): AsyncIterable<SnapshotItem> {
    const chosen = this.#chosen(filter)
    yield { kind: 'snapshot', snapshot: this.facts }
    for (const operator of chosen) {
      yield { kind: 'operator', ...describe(operator) }
      yield* entriesOf(operator, this.#files, filter)
    }
  }

  #chosen(filter: EntryFilter): readonly OperatorState[] {
    checkOptions('entries', filter, ['operator', 'state', 'key'])
    const { operator, state } = filter
    const chosen = this.#operators(operator)
    const known = chosen.flatMap(({ states }) => states.map(({ name }) => name))
    if (state === undefined || known.includes(state)) return chosen
    const where = operator === undefined ? `in ${this.path}` : `of operator ${operator} in ${this.path}`
    throw engineError('SAVEPOINT_STATE_UNKNOWN', { state, where, known: [...new Set(known)].join(', ') || 'none' })
  }

  #operators(operator: string | undefined): readonly OperatorState[] {
    const { operators } = this.#metadata
    if (operator === undefined) return operators
    const found = operators.filter(({ stateId }) => stateId === operator)
    if (found.length > 0) return found
    throw engineError('SAVEPOINT_OPERATOR_UNKNOWN', {
      operator,
      path: this.path,
      known: operators.map(({ stateId }) => stateId).join(', '),
    })
  }
}

export function describe({ stateId, kind, name, maxParallelism, parallelism, states }: OperatorState): SnapshotOperator {
  return { operator: stateId, operatorKind: kind, name, maxParallelism, parallelism, states }
}

async function* entriesOf(operator: OperatorState, files: StateFileStorage, filter: EntryFilter): AsyncIterable<StateEntry> {
  yield* keyedEntries(operator, files, filter)
  if (filter.key !== undefined) return
  yield* broadcastEntries(operator, filter)
  for (const [subtask, state] of operator.subtasks.entries()) {
    yield* listEntries(operator, subtask, state, filter)
    yield* rawEntries(operator, subtask, state, files, filter)
    if (filter.state !== undefined) continue
    yield* inFlightEntries(operator, subtask, state, files)
    yield* otherEntries(operator, subtask, state)
  }
  if (operator.kind === 'source' && filter.state === undefined && Object.hasOwn(operator, 'enumerator'))
    yield { operator: operator.stateId, kind: 'enumerator', value: operator.enumerator }
}

async function* keyedEntries(operator: OperatorState, files: StateFileStorage, { key, state }: EntryFilter): AsyncIterable<StateEntry> {
  const wanted = key === undefined ? undefined : canonicalKey(key)
  const group = wanted === undefined ? undefined : keyGroupOf(hashKey(wanted), operator.maxParallelism)
  const range = group === undefined ? undefined : { first: group, end: group + 1 }
  for await (const stored of groupsOf(operator, files, range)) {
    for (const row of await rowsOf(operator, stored)) {
      if (wanted === undefined || sameKey(row.key, wanted)) yield* rowEntries(operator.stateId, row, state)
    }
  }
}

function* rowEntries(operator: string, row: StoredRow, state: string | undefined): Iterable<StateEntry> {
  const { key } = row
  for (const [name, cell] of row.cells) {
    if (state === undefined || state === name) yield* cellEntries(operator, { key }, name, cell)
  }
  if (state !== undefined) return
  for (const time of row.eventTimers) yield { operator, kind: 'event-timer', key, time }
  for (const time of row.processingTimers) yield { operator, kind: 'processing-timer', key, time }
}

type Owner = { readonly key: Key } | { readonly broadcast: true }

function* cellEntries(operator: string, owner: Owner, state: string, cell: StoredCell): Iterable<StateEntry> {
  const { kind } = cell
  if (kind === 'map') {
    for (const [entry, { stored, updatedMs }] of cell.entries)
      yield { operator, kind, state, ...owner, entry, ...stored, ...(updatedMs === undefined ? {} : { updatedMs }) }
    return
  }
  for (const [at, stored] of cell.values.entries()) {
    const updatedMs = cell.updatedMs?.[at]
    yield { operator, kind, state, ...owner, ...stored, ...(updatedMs === undefined ? {} : { updatedMs }) } as StateEntry
  }
}

/** The same in every subtask: once. */
function* broadcastEntries(operator: OperatorState, { state }: EntryFilter): Iterable<StateEntry> {
  const bytes = operator.subtasks.find(({ broadcast }) => broadcast !== undefined)?.broadcast
  if (bytes === undefined) return
  for (const [name, cell] of broadcastCells(operator, bytes)) {
    if (state === undefined || state === name) yield* cellEntries(operator.stateId, { broadcast: true }, name, cell)
  }
}

export function broadcastCells({ name }: OperatorState, bytes: Uint8Array): ReadonlyMap<string, StoredCell> {
  const rows = new StoredRows(name, 1)
  const reader = new SegmentReader(rows, 0)
  for (const segment of splitBroadcast(bytes, name)) reader.load(segment.bytes)
  return [...rows][0]?.cells ?? new Map<string, StoredCell>()
}

function* listEntries({ stateId }: OperatorState, subtask: number, { lists }: SubtaskState, { state }: EntryFilter): Iterable<StateEntry> {
  for (const { name, kind, coded, elements } of lists ?? []) {
    if (state !== undefined && state !== name) continue
    for (const element of elements) {
      const value: EntryValue = coded ? { coded: element } : { value: decodeValue(element) }
      yield { operator: stateId, kind, subtask, state: name, ...value }
    }
  }
}

async function* rawEntries(
  { stateId }: OperatorState,
  subtask: number,
  { raw }: SubtaskState,
  files: StateFileStorage,
  { state }: EntryFilter,
): AsyncIterable<StateEntry> {
  if (raw === undefined) return
  const reader = await files.openStateFile(raw)
  try {
    for (const [part, { state: name, keyGroup, runs }] of raw.parts.entries()) {
      if (state !== undefined && state !== name) continue
      const common = { operator: stateId, subtask, state: name, part }
      const keyed = keyGroup < 0 ? ({ kind: 'raw' } as const) : ({ kind: 'raw-keyed', keyGroup } as const)
      if (runs.length === 0) yield { ...common, ...keyed, bytes: new Uint8Array(0) }
      for (const run of runs) yield { ...common, ...keyed, bytes: await reader.read(run.offset, run.length, run.crc32) }
    }
  } finally {
    await reader.close()
  }
}

async function* inFlightEntries(
  { stateId }: OperatorState,
  subtask: number,
  { inFlight }: SubtaskState,
  files: StateFileStorage,
): AsyncIterable<StateEntry> {
  if (inFlight === undefined) return
  const reader = await files.openStateFile(inFlight)
  try {
    for (const [part, { input, keyed, records, runs }] of inFlight.parts.entries()) {
      for (const run of runs) {
        const bytes = await reader.read(run.offset, run.length, run.crc32)
        yield { operator: stateId, kind: 'in-flight', subtask, part, input, keyed, records, bytes }
      }
    }
  } finally {
    await reader.close()
  }
}

function* otherEntries({ stateId }: OperatorState, subtask: number, state: SubtaskState): Iterable<StateEntry> {
  const { splits, sinkHandles, asyncInputs, finished } = state
  for (const value of splits ?? []) yield { operator: stateId, kind: 'split', subtask, value }
  for (const value of sinkHandles ?? []) yield { operator: stateId, kind: 'sink-handle', subtask, value }
  for (const value of decodeAsyncInputs(asyncInputs ?? [])) yield { operator: stateId, kind: 'async-input', subtask, value }
  if (finished === true) yield { operator: stateId, kind: 'finished', subtask }
}
