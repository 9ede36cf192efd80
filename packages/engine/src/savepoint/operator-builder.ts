/**
 * One operator of a savepoint that is written from entries: gathers them, and gives the operator's part of the metadata.
 *
 * 1. Keyed state goes through the spool, raw state straight into its files; all else is small, and kept.
 */
import { crc32 } from 'node:zlib'
import type { FileRun, RawPart } from '../checkpoint/handles.ts'
import type { OperatorState, SubtaskState } from '../checkpoint/metadata/metadata.ts'
import type { StateFileWriter } from '../checkpoint/storage.ts'
import type { Key } from '../api/state.ts'
import { encodeValue } from '../codec/value.ts'
import type { Split } from '../connectors/source.ts'
import { engineError } from '../errors.ts'
import type { StateNode } from '../graph/graph.ts'
import { hashKey } from '../keys/hash.ts'
import { keyGroupOf, keyGroupRange, subtaskOfKeyGroup } from '../keys/key-group.ts'
import { encodeAsyncInputs } from '../runtime/snapshot/async-inputs.ts'
import type { UnfinishedInput } from '../operators/operator.ts'
import { joinBroadcast } from '../state/operator/broadcast-state.ts'
import type { StoredList } from '../state/operator/operator-state.ts'
import type { GroupSpool } from './group-spool.ts'
import { InFlightFileWriter } from './in-flight-file-writer.ts'
import { valueToJson } from './json-value.ts'
import { KeyedFileWriter } from './keyed-file-writer.ts'
import { SegmentEncoder, type KeyedStateNode } from './segment-encoder.ts'
import type {
  EntryValue,
  InFlightEntry,
  ListEntry,
  MapEntry,
  OperatorListEntry,
  RawEntry,
  SnapshotOperator,
  StateEntry,
  TimerEntry,
  ValueEntry,
} from './state-entry.ts'
import { emptyCell, StoredRows, type KeyedKind, type StoredCell, type StoredRow, type StoredValue } from './stored-rows.ts'

/** Begins a file of a subtask. */
export type CreateFile = (subtask: number, name: string) => Promise<StateFileWriter>

type CellEntry = ValueEntry | ListEntry | MapEntry

interface RawFile {
  readonly writer: StateFileWriter
  readonly parts: Map<string, { state: string; keyGroup: number; runs: FileRun[] }>
}

interface Subtask {
  readonly lists: Map<string, { readonly list: Omit<StoredList, 'elements'>; readonly elements: Uint8Array[] }>
  readonly splits: Split[]
  readonly sinkHandles: unknown[]
  readonly asyncInputs: UnfinishedInput[]
  raw: RawFile | undefined
  inFlight: InFlightFileWriter | undefined
  finished: boolean
}

export class OperatorBuilder {
  readonly #operator: SnapshotOperator
  readonly #states: StateNode[]
  readonly #spool: GroupSpool
  readonly #create: CreateFile
  readonly #subtasks: readonly Subtask[]
  /** By subtask. */
  readonly #keyed: readonly KeyedFileWriter[]
  /** Broadcast state: one row under a key that nobody sees. */
  readonly #broadcast = new StoredRows('', 1)
  #enumerator: { readonly value: unknown } | undefined

  constructor(operator: SnapshotOperator, spool: GroupSpool, create: CreateFile) {
    keyGroupRange(0, operator.parallelism, operator.maxParallelism)
    this.#operator = operator
    this.#states = [...operator.states]
    this.#spool = spool
    this.#create = create
    this.#subtasks = Array.from({ length: operator.parallelism }, () => ({
      lists: new Map(),
      splits: [],
      sinkHandles: [],
      asyncInputs: [],
      raw: undefined,
      inFlight: undefined,
      finished: false,
    }))
    this.#keyed = this.#subtasks.map((_, subtask) => new KeyedFileWriter(() => create(subtask, 'keyed')))
  }

  /** @throws SAVEPOINT_STATE_INVALID, CHECKPOINT_STORAGE_* */
  async add(entry: StateEntry): Promise<void> {
    switch (entry.kind) {
      case 'value':
      case 'reducing':
      case 'aggregating':
      case 'list':
      case 'map':
        return entry.broadcast === true ? this.#addBroadcast(entry) : await this.#addKeyed(entry)
      case 'event-timer':
      case 'processing-timer':
        return await this.#addKeyed(entry)
      case 'split-list':
      case 'union-list':
        return this.#addToList(entry)
      case 'raw':
      case 'raw-keyed':
        return await this.#addRaw(entry)
      case 'in-flight':
        return await this.#addInFlight(entry)
      case 'enumerator':
        this.#enumerator = { value: entry.value }
        return
      case 'split':
        this.#subtask(entry.subtask).splits.push(entry.value as Split)
        return
      case 'sink-handle':
        this.#subtask(entry.subtask).sinkHandles.push(entry.value)
        return
      case 'async-input':
        this.#subtask(entry.subtask).asyncInputs.push(this.#input(entry.value))
        return
      case 'finished':
        this.#subtask(entry.subtask).finished = true
        return
      default:
        entry satisfies never
    }
  }

  /** @throws SAVEPOINT_STATE_INVALID, STATE_UNENCODABLE, CHECKPOINT_STORAGE_* */
  async finish(): Promise<OperatorState> {
    const { operator, operatorKind, name, maxParallelism, parallelism } = this.#operator
    await this.#writeKeyed()
    const subtasks: SubtaskState[] = []
    for (const [at, subtask] of this.#subtasks.entries()) subtasks.push(await this.#finishSubtask(subtask, this.#keyed[at]!))
    const enumerator = operatorKind === 'source' ? { enumerator: this.#enumerator?.value } : {}
    return { stateId: operator, kind: operatorKind, name, maxParallelism, parallelism, states: this.#states, ...enumerator, subtasks }
  }

  /** Gives up every file. */
  async abort(): Promise<void> {
    for (const writer of this.#keyed) await writer.abort()
    for (const { raw, inFlight } of this.#subtasks) {
      await raw?.writer.abort()
      await inFlight?.abort()
    }
  }

  async #writeKeyed(): Promise<void> {
    const { operator, maxParallelism, parallelism } = this.#operator
    const encoder = new SegmentEncoder(operator, keyedStates(this.#states))
    for (const group of this.#spool.groups) {
      const rows = new StoredRows(operator, maxParallelism)
      for await (const entry of this.#spool.read(group)) this.#apply(rows, entry as CellEntry | TimerEntry)
      this.#checkTimes(rows)
      const writer = this.#keyed[subtaskOfKeyGroup(group, maxParallelism, parallelism)]!
      for (const { bytes, segment } of encoder.group(group, rows)) await writer.write(bytes, segment)
    }
  }

  async #finishSubtask(subtask: Subtask, keyed: KeyedFileWriter): Promise<SubtaskState> {
    const { lists, splits, sinkHandles, asyncInputs, raw, finished } = subtask
    const { operatorKind, maxParallelism } = this.#operator
    const broadcast = this.#broadcast.size === 0 ? undefined : encodeBroadcast(this.#operator.operator, this.#states, this.#broadcast)
    const parts: RawPart[] = raw === undefined ? [] : [...raw.parts.values()]
    const rawFile = raw === undefined ? undefined : { ...(await raw.writer.finish()), parts }
    subtask.raw = undefined
    const { inFlight } = subtask
    const inFlightFile = await inFlight?.finish()
    subtask.inFlight = undefined
    return {
      keyed: await keyed.finish(),
      ...(broadcast === undefined ? {} : { broadcast }),
      ...(lists.size === 0 ? {} : { lists: Array.from(lists.values(), ({ list, elements }) => ({ ...list, elements })) }),
      ...(rawFile === undefined ? {} : { raw: rawFile }),
      ...(inFlightFile === undefined ? {} : { inFlight: inFlightFile }),
      ...(operatorKind === 'source' ? { splits } : {}),
      ...(sinkHandles.length === 0 && operatorKind !== 'sink' ? {} : { sinkHandles }),
      ...(asyncInputs.length === 0 ? {} : { asyncInputs: encodeAsyncInputs(asyncInputs, maxParallelism) }),
      ...(finished ? { finished: true } : {}),
    }
  }

  async #addKeyed(entry: CellEntry | TimerEntry): Promise<void> {
    const { operatorKind, maxParallelism } = this.#operator
    if (!operatorKind.startsWith('keyed')) throw this.#invalid(`it is of the kind ${operatorKind}, which has no keyed state`)
    if ('state' in entry) this.#declare(entry.state, entry.kind)
    await this.#spool.add(keyGroupOf(hashKey(entry.key!), maxParallelism), entry)
  }

  #addBroadcast(entry: CellEntry): void {
    this.#declare(entry.state, 'broadcast')
    this.#put(this.#broadcast.row(null), entry)
  }

  #apply(rows: StoredRows, entry: CellEntry | TimerEntry): void {
    const row = rows.row(entry.key!)
    if ('time' in entry) (entry.kind === 'event-timer' ? row.eventTimers : row.processingTimers).add(entry.time)
    else this.#put(row, entry)
  }

  #put(row: StoredRow, entry: CellEntry): void {
    const cell = row.cells.get(entry.state) ?? emptyCell(entry.kind satisfies KeyedKind, this.#version(entry.state))
    row.cells.set(entry.state, cell)
    const { updatedMs } = entry
    const stored = storedValue(entry)
    if (entry.kind === 'list') return putElement(cell, stored, updatedMs)
    // Which of two is meant nobody knows.
    if (entry.kind === 'map' ? cell.entries.has(entry.entry) : cell.values.length > 0)
      throw this.#invalid(`${placeOf(entry)} is there twice`)
    if (entry.kind === 'map') cell.entries.set(entry.entry, { stored, updatedMs })
    else {
      cell.values = [stored]
      cell.updatedMs = updatedMs === undefined ? undefined : [updatedMs]
    }
  }

  #checkTimes(rows: StoredRows): void {
    for (const { key, cells } of rows) {
      for (const [state, { updatedMs, values }] of cells)
        if (updatedMs !== undefined && updatedMs.length !== values.length)
          throw this.#invalid(`of list "${state}" of key ${String(key)} some elements have an updatedMs, and some have none`)
    }
  }

  #addToList({ subtask, state, kind, ...value }: OperatorListEntry): void {
    this.#declare(state, kind)
    const { lists } = this.#subtask(subtask)
    const coded = value.coded !== undefined
    const version = this.#version(state)
    const list = lists.get(state) ?? { list: { name: state, kind, version, coded }, elements: [] }
    if (list.list.coded !== coded) throw this.#invalid(`some elements of "${state}" were written by a codec, and some were not`)
    lists.set(state, list)
    list.elements.push(value.coded ?? encodeValue(value.value, state))
  }

  async #addRaw({ subtask, kind, state, keyGroup = -1, part, bytes }: RawEntry): Promise<void> {
    this.#declare(state, kind)
    if (keyGroup >= this.#operator.maxParallelism) throw this.#invalid(`there is no key group ${keyGroup}`)
    const place = this.#subtask(subtask)
    place.raw ??= { writer: await this.#create(subtask, 'raw'), parts: new Map() }
    const { writer, parts } = place.raw
    const name = `${part} ${keyGroup} ${state}`
    const known = parts.get(name) ?? { state, keyGroup, runs: [] }
    parts.set(name, known)
    if (bytes.length === 0) return
    known.runs.push({ offset: writer.length, length: bytes.length, crc32: crc32(bytes) })
    await writer.write(bytes)
  }

  async #addInFlight(entry: InFlightEntry): Promise<void> {
    if (this.#operator.operatorKind === 'source') throw this.#invalid('it is a source: nothing is in flight to it')
    const place = this.#subtask(entry.subtask)
    place.inFlight ??= new InFlightFileWriter(await this.#create(entry.subtask, 'in-flight'), (problem) => this.#invalid(problem))
    await place.inFlight.add(entry)
  }

  /** A state that the operator does not declare is added to what it declares. */
  #declare(name: string, kind: StateNode['kind']): void {
    const declared = this.#states.find((state) => state.name === name)
    if (declared === undefined) this.#states.push({ name, kind, version: 1 })
    else if (declared.kind !== kind) throw this.#invalid(`its state "${name}" is declared as ${declared.kind}, and is ${kind}`)
  }

  #version(name: string): number {
    return this.#states.find((state) => state.name === name)!.version
  }

  #subtask(subtask: number): Subtask {
    return this.#subtasks[subtask] ?? fail(this.#invalid(`it has ${this.#subtasks.length} subtasks, and none with the number ${subtask}`))
  }

  #input(value: unknown): UnfinishedInput {
    const { what, timestamp, hash } = (value ?? {}) as Partial<UnfinishedInput>
    if (typeof what !== 'string' || typeof timestamp !== 'number' || typeof hash !== 'number')
      throw this.#invalid('an async-input has no what, timestamp and hash')
    return value as UnfinishedInput
  }

  #invalid(problem: string): Error {
    return engineError('SAVEPOINT_STATE_INVALID', { operator: this.#operator.operator, problem })
  }
}

function fail(error: Error): never {
  throw error
}

const keyedKinds: readonly string[] = ['value', 'list', 'map', 'reducing', 'aggregating']

export function keyedStates(states: readonly StateNode[]): readonly KeyedStateNode[] {
  return states.filter((state): state is KeyedStateNode => keyedKinds.includes(state.kind))
}

/** Broadcast state as it is stored. `rows` has one row. */
export function encodeBroadcast(operator: string, states: readonly StateNode[], rows: StoredRows): Uint8Array<ArrayBuffer> {
  const [row] = rows
  const columns = states.flatMap(({ name, kind, version }): KeyedStateNode[] => {
    const cell = row?.cells.get(name)
    return kind === 'broadcast' && cell !== undefined ? [{ name, kind: cell.kind, version }] : []
  })
  const segments = [...new SegmentEncoder(operator, columns).group(0, rows)]
  return joinBroadcast(
    segments.map(({ bytes }) => bytes.length),
    segments.map(({ bytes }) => bytes),
  )
}

/** As it stands in a line. */
function placeOf(entry: CellEntry): string {
  const keyText = (of: Key): string => JSON.stringify(valueToJson(of))
  const { kind, state, key, broadcast } = entry
  const what = kind === 'map' ? `entry ${keyText(entry.entry)} of map "${state}"` : `state "${state}"`
  return broadcast === true ? `${what} of broadcast state` : `${what} of key ${keyText(key)}`
}

function putElement(cell: StoredCell, stored: StoredValue, updatedMs: number | undefined): void {
  ;(cell.values as StoredValue[]).push(stored)
  if (updatedMs === undefined) return
  cell.updatedMs ??= []
  ;(cell.updatedMs as number[]).push(updatedMs)
}

function storedValue({ value, coded }: EntryValue): StoredValue {
  return coded === undefined ? { value } : { coded }
}
