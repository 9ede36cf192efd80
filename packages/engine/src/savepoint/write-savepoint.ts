import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomId } from '@millrace/core'
import { isNotFound, withStorageErrors } from '../checkpoint/storage-errors.ts'
import type { OperatorState } from '../checkpoint/metadata/metadata.ts'
import { checkpointPlace, isCheckpointUrl } from '../checkpoint/object-store/checkpoint-url.ts'
import { withObjectStorageErrors } from '../checkpoint/object-store/store-errors.ts'
import type { StateFileStorage } from '../checkpoint/storage.ts'
import { engineError } from '../errors.ts'
import { checkOptions } from '../api/option-names.ts'
import { checkItem } from './check-item.ts'
import { OperatorCopy, type StateEdits } from './copy-operator.ts'
import { GroupSpool } from './group-spool.ts'
import { openSavepoint, type OpenSavepoint } from './open-savepoint.ts'
import { OperatorBuilder, type CreateFile } from './operator-builder.ts'
import {
  findSnapshot,
  snapshotAccessNames,
  snapshotPorts,
  type FoundSnapshot,
  type SnapshotAccess,
  type SnapshotPorts,
} from './snapshot-place.ts'
import type { SnapshotFacts, SnapshotItem } from './state-entry.ts'

/** What a new savepoint is made of: entries, another snapshot, or both. */
export interface WriteSavepointOptions extends SnapshotAccess {
  /** A checkpoint or savepoint whose operators are taken over, except those that `items` has or `edits` removes. It is only read. */
  readonly from?: string
  /** Each operator before its entries, which may come in any order. Of what comes first as `snapshot` the job's name and parameters are taken. */
  readonly items?: Iterable<SnapshotItem> | AsyncIterable<SnapshotItem>
  /** Changes to what is taken over of `from`. */
  readonly edits?: readonly SavepointEdit[]
  /** Default 32 MiB: above it, entries of keyed state wait in a file under the system's folder for temporary ones. */
  readonly memoryBytesMax?: number
}

/** A change to an operator of `from`, or to one state of it: without `to` it is left out, with it it is called so from now on. */
export interface SavepointEdit {
  readonly operator: string
  readonly state?: string
  readonly to?: string
}

const optionNames: readonly (keyof WriteSavepointOptions)[] = ['from', 'items', 'edits', 'memoryBytesMax', ...snapshotAccessNames]

const NO_FACTS: SnapshotFacts = { jobName: '', fingerprint: '', params: {}, checkpointId: 1, kind: 'savepoint', attempt: 0, triggeredMs: 0 }

/**
 * Writes a savepoint: from nothing but entries (to start a job with state that it has not computed), or from another one with operators or states removed,
 * renamed or replaced. `path` is its own folder, or URL, where nothing may be yet. It is complete when this resolves; if it rejects, nothing is left of it.
 * As Flink's `SavepointWriter`.
 *
 * @throws ARGUMENT_INVALID, SAVEPOINT_PLACE_TAKEN, SAVEPOINT_PLACE_UNUSABLE, SAVEPOINT_STATE_INVALID, SAVEPOINT_OPERATOR_UNKNOWN, SAVEPOINT_OPERATOR_TWICE, STATE_UNENCODABLE, CHECKPOINT_*
 */
export async function writeSavepoint(path: string, options: WriteSavepointOptions): Promise<OpenSavepoint> {
  checkOptions('writeSavepoint', options, optionNames)
  for (const edit of options.edits ?? []) checkEdit(edit)
  const ports = snapshotPorts(options)
  const place = checkpointPlace(path)
  const to = isCheckpointUrl(place) ? ports.places.place(place).url : place
  const from = options.from === undefined ? undefined : await findSnapshot(options.from, ports)
  await checkFree(to, ports)
  await ports.savepoints.begin(to)
  try {
    const { facts, operators } = await new Writing(to, from, options, ports).write()
    await ports.savepoints.persist(to, { ...facts, kind: 'savepoint', operators })
  } catch (error) {
    await ports.savepoints.discard(to).catch(() => {}) // without its metadata it is none
    throw error
  }
  return await openSavepoint(to, options)
}

function checkEdit(edit: SavepointEdit): void {
  checkOptions('an edit of writeSavepoint', edit, ['operator', 'state', 'to'])
  if (edit.to === '') throw engineError('SAVEPOINT_STATE_INVALID', { operator: edit.operator, problem: 'what it is renamed to is empty' })
}

async function checkFree(to: string, { disk, places }: SnapshotPorts): Promise<void> {
  const taken = isCheckpointUrl(to)
    ? await withObjectStorageErrors(to, async () => (await places.place(to).store.list(places.place(to).prefix)).length > 0)
    : await withStorageErrors(to, async () => {
        try {
          return (await disk.list(to)).length > 0
        } catch (error) {
          if (isNotFound(error)) return false
          throw error
        }
      })
  if (taken) throw engineError('SAVEPOINT_PLACE_TAKEN', { path: to })
}

class Writing {
  readonly #options: WriteSavepointOptions
  readonly #ports: SnapshotPorts
  readonly #files: StateFileStorage
  readonly #from: FoundSnapshot | undefined
  readonly #builders: Map<string, { readonly builder: OperatorBuilder; readonly spool: GroupSpool }> = new Map()
  #facts: SnapshotFacts
  #operators = 0

  constructor(to: string, from: FoundSnapshot | undefined, options: WriteSavepointOptions, ports: SnapshotPorts) {
    this.#options = options
    this.#ports = ports
    this.#from = from
    this.#files = ports.files.inFolder(to)
    this.#facts = from?.metadata ?? { ...NO_FACTS, triggeredMs: ports.clock.now() }
  }

  async write(): Promise<{ readonly facts: SnapshotFacts; readonly operators: readonly OperatorState[] }> {
    try {
      await this.#readItems()
      const built: OperatorState[] = []
      for (const { builder, spool } of this.#builders.values()) {
        built.push(await builder.finish())
        await spool.close()
      }
      const kept = await this.#copy()
      const operators = [...kept, ...built]
      const twice = operators.find(({ stateId }, at) => operators.findIndex((other) => other.stateId === stateId) !== at)
      if (twice !== undefined) throw engineError('SAVEPOINT_OPERATOR_TWICE', { operator: twice.stateId })
      const { jobName, fingerprint, params, checkpointId, kind, attempt, triggeredMs } = this.#facts
      return { facts: { jobName, fingerprint, params, checkpointId, kind, attempt, triggeredMs }, operators }
    } catch (error) {
      for (const { builder } of this.#builders.values()) await builder.abort()
      throw error
    } finally {
      for (const { spool } of this.#builders.values()) await spool.close().catch(() => {})
    }
  }

  async #readItems(): Promise<void> {
    for await (const item of this.#options.items ?? []) {
      checkItem(item)
      if (item.kind === 'snapshot') {
        if (this.#from === undefined) this.#facts = item.snapshot
      } else if (item.kind === 'operator') {
        if (this.#builders.has(item.operator)) throw engineError('SAVEPOINT_OPERATOR_TWICE', { operator: item.operator })
        const path = join(tmpdir(), `millrace-state-${randomId(this.#ports.random)}`)
        const spool = new GroupSpool(this.#ports.disk, path, this.#options.memoryBytesMax)
        this.#builders.set(item.operator, { builder: new OperatorBuilder(item, spool, this.#creator()), spool })
      } else {
        const found = this.#builders.get(item.operator)
        if (found === undefined)
          throw engineError('SAVEPOINT_STATE_INVALID', { operator: item.operator, problem: 'an entry comes before its operator' })
        await found.builder.add(item)
      }
    }
  }

  async #copy(): Promise<readonly OperatorState[]> {
    const { edits = [] } = this.#options
    const from = this.#from
    const known = from?.metadata.operators.map(({ stateId }) => stateId) ?? []
    const lost = edits.find(({ operator }) => !known.includes(operator))
    if (lost !== undefined)
      throw engineError('SAVEPOINT_OPERATOR_UNKNOWN', { operator: lost.operator, path: from?.path ?? '', known: known.join(', ') })
    const twice = edits.find((edit) => edits.some((other) => other !== edit && isAgainst(edit, other)))
    if (twice !== undefined)
      throw engineError('SAVEPOINT_STATE_INVALID', { operator: twice.operator, problem: 'there are two changes that cannot both be made' })
    const copies: OperatorState[] = []
    for (const operator of from?.metadata.operators ?? []) {
      const own = edits.filter((edit) => edit.operator === operator.stateId)
      const whole = own.find(({ state }) => state === undefined)
      if (this.#builders.has(operator.stateId) || (whole !== undefined && whole.to === undefined)) continue
      const copy = new OperatorCopy(operator, from!.files, this.#creator(), stateEdits(own))
      copies.push({ ...(await copy.copy()), stateId: whole?.to ?? operator.stateId })
    }
    return copies
  }

  /** Begins files of one operator more. */
  #creator(): CreateFile {
    const task = this.#operators++
    return (subtask, name) => {
      const { attempt, checkpointId } = this.#facts
      return this.#files.createStateFile({ attempt, task, subtask }, checkpointId, name)
    }
  }
}

/** Whether an edit leaves nothing for the other, or is of the same thing. */
function isAgainst({ operator, state, to }: SavepointEdit, other: SavepointEdit): boolean {
  return operator === other.operator && (state === other.state || (state === undefined && to === undefined))
}

/** By the name of a state: its new name, or undefined where it is left out. */
function stateEdits(edits: readonly SavepointEdit[]): StateEdits {
  return new Map(edits.flatMap(({ state, to }) => (state === undefined ? [] : [[state, to] as const])))
}
