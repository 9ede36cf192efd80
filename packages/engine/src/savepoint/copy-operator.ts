/**
 * Takes an operator over into another savepoint: its state files are written anew, one a subtask, without what has been superseded.
 *
 * 1. What is not changed is copied as it is, segment by segment, each checked; it is not decoded.
 */
import type { FileRun, KeyedStateFile, RawPart, RawStateFile, StateFileHandle } from '../checkpoint/handles.ts'
import type { OperatorState, SubtaskState } from '../checkpoint/metadata/metadata.ts'
import type { StateFileStorage, StateFileWriter } from '../checkpoint/storage.ts'
import { engineError } from '../errors.ts'
import { KeyedFileWriter } from './keyed-file-writer.ts'
import { broadcastCells } from './open-savepoint.ts'
import { encodeBroadcast, keyedStates, type CreateFile } from './operator-builder.ts'
import { groupsOf, rowsOf, type StoredGroup } from './read-groups.ts'
import { SegmentEncoder } from './segment-encoder.ts'
import { StoredRows, type StoredCell } from './stored-rows.ts'

/** By the name of a state: its new name, or undefined where it is left out. */
export type StateEdits = ReadonlyMap<string, string | undefined>

export class OperatorCopy {
  readonly #operator: OperatorState
  readonly #files: StateFileStorage
  readonly #create: CreateFile
  readonly #edits: StateEdits

  constructor(operator: OperatorState, files: StateFileStorage, create: CreateFile, edits: StateEdits) {
    this.#operator = operator
    this.#files = files
    this.#create = create
    this.#edits = edits
  }

  /** @throws SAVEPOINT_STATE_INVALID, CHECKPOINT_DAMAGED, STATE_CORRUPT, CHECKPOINT_STORAGE_* */
  async copy(): Promise<OperatorState> {
    this.#checkNames()
    const subtasks: SubtaskState[] = []
    for (const [at, subtask] of this.#operator.subtasks.entries()) subtasks.push(await this.#subtask(subtask, at))
    return { ...this.#operator, states: this.#states, subtasks }
  }

  get #states(): OperatorState['states'] {
    return this.#operator.states.flatMap((state) => {
      const name = this.#nameOf(state.name)
      return name === undefined ? [] : [{ ...state, name }]
    })
  }

  /** What a state is called from now on; undefined where it is left out. */
  #nameOf(name: string): string | undefined {
    return this.#edits.has(name) ? this.#edits.get(name) : name
  }

  #checkNames(): void {
    const { stateId, states } = this.#operator
    const invalid = (problem: string): Error => engineError('SAVEPOINT_STATE_INVALID', { operator: stateId, problem })
    for (const name of this.#edits.keys()) if (!states.some((state) => state.name === name)) throw invalid(`it has no state "${name}"`)
    const names = this.#states.map(({ name }) => name)
    const twice = names.find((name, at) => names.indexOf(name) !== at)
    if (twice !== undefined) throw invalid(`two states would be called "${twice}"`)
  }

  async #subtask(subtask: SubtaskState, at: number): Promise<SubtaskState> {
    const { broadcast, lists, raw, inFlight, ...rest } = subtask
    const keyed = await this.#keyed(subtask, at)
    const broadcastCopy = broadcast === undefined ? undefined : this.#broadcast(broadcast)
    const listCopies = lists?.flatMap((list) => {
      const name = this.#nameOf(list.name)
      return name === undefined ? [] : [{ ...list, name }]
    })
    const inFlightCopy =
      inFlight === undefined ? undefined : await this.#parts(inFlight, inFlight.parts, () => this.#create(at, 'in-flight'))
    const rawCopy = raw === undefined ? undefined : await this.#raw(raw, at)
    return {
      ...rest,
      keyed,
      ...(broadcastCopy === undefined ? {} : { broadcast: broadcastCopy }),
      ...(listCopies === undefined || listCopies.length === 0 ? {} : { lists: listCopies }),
      ...(rawCopy === undefined ? {} : { raw: rawCopy }),
      ...(inFlightCopy === undefined ? {} : { inFlight: inFlightCopy }),
    }
  }

  async #keyed(subtask: SubtaskState, at: number): Promise<readonly KeyedStateFile[]> {
    const writer = new KeyedFileWriter(() => this.#create(at, 'keyed'))
    const changed = keyedStates(this.#operator.states).some(({ name }) => this.#edits.has(name))
    try {
      for await (const group of groupsOf({ ...this.#operator, subtasks: [subtask] }, this.#files)) {
        if (changed) await this.#rewrite(group, writer)
        else for (const { segment, read } of group.segments) await writer.write(await read(), segment)
      }
      return await writer.finish()
    } catch (error) {
      await writer.abort()
      throw error
    }
  }

  async #rewrite(group: StoredGroup, writer: KeyedFileWriter): Promise<void> {
    const rows = await rowsOf(this.#operator, group)
    for (const row of rows) {
      this.#renameCells(row.cells)
      if (row.cells.size + row.eventTimers.size + row.processingTimers.size > 0) continue
      rows.use(row.key)
      rows.remove()
    }
    const encoder = new SegmentEncoder(this.#operator.name, keyedStates(this.#states))
    for (const { bytes, segment } of encoder.group(group.keyGroup, rows)) await writer.write(bytes, segment)
  }

  #renameCells(cells: Map<string, StoredCell>): void {
    const before = [...cells]
    cells.clear()
    for (const [name, cell] of before) {
      const after = this.#nameOf(name)
      if (after !== undefined) cells.set(after, cell)
    }
  }

  #broadcast(bytes: Uint8Array): Uint8Array | undefined {
    const { name, states } = this.#operator
    if (!states.some((state) => state.kind === 'broadcast' && this.#edits.has(state.name))) return bytes
    const rows = new StoredRows(name, 1)
    const { cells } = rows.row(null)
    for (const [state, cell] of broadcastCells(this.#operator, bytes)) cells.set(state, cell)
    this.#renameCells(cells)
    return cells.size === 0 ? undefined : encodeBroadcast(name, this.#states, rows)
  }

  async #raw(file: RawStateFile, at: number): Promise<RawStateFile | undefined> {
    const wanted = file.parts.filter(({ state }) => this.#nameOf(state) !== undefined)
    if (wanted.length === 0) return undefined
    const named = wanted.map((part): RawPart => ({ ...part, state: this.#nameOf(part.state)! }))
    return await this.#parts(file, named, () => this.#create(at, 'raw'))
  }

  /** Some parts of a file as a file of their own. */
  async #parts<P extends { readonly runs: readonly FileRun[] }>(
    file: StateFileHandle,
    wanted: readonly P[],
    create: () => Promise<StateFileWriter>,
  ): Promise<StateFileHandle & { readonly parts: readonly P[] }> {
    const reader = await this.#files.openStateFile(file)
    const writer = await create()
    try {
      const parts: P[] = []
      for (const part of wanted) {
        const runs: FileRun[] = []
        for (const run of part.runs) {
          runs.push({ ...run, offset: writer.length })
          await writer.write(await reader.read(run.offset, run.length, run.crc32))
        }
        parts.push({ ...part, runs })
      }
      return { ...(await writer.finish()), parts }
    } catch (error) {
      await writer.abort()
      throw error
    } finally {
      await reader.close()
    }
  }
}
