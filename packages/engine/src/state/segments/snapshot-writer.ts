// Turns the marked state into bytes, slice by slice, while rows go on changing.
//
// 1. A snapshot holds each row as it was at the barrier: rows touched later (their epoch is beyond the boundary) were written before they changed.
// 2. Key groups are written one after the other, so that segments lie in the order of their groups; what is written early waits in `#early` for its group's turn.
// 3. A group's early bytes come before whatever needs them: a map's entries follow its row.
// 4. What cannot be encoded fails the snapshot, at the next call of `step` or `finish`, never the invocation whose touch made it be written.
import { engineError } from '../../errors.ts'
import { EarlyRecords } from './early-records.ts'
import type { CheckpointLineage, SnapshotPlan } from './lineage.ts'
import type { MapCell } from '../rows/map-cell.ts'
import { PendingMap } from './pending-map.ts'
import { RecordWriter } from './record-writer.ts'
import type { RowStore, SnapshotVisitor } from '../rows/row-store.ts'
import type { StateSchema } from '../rows/schema.ts'
import { SegmentOutput } from './segment-output.ts'
import type { SegmentCompression, SnapshotIndex, StateSnapshotWriter } from '../state-types.ts'
import { touchedEpoch, type Table } from '../rows/table.ts'

/** Rows looked at and left out that count as one written. */
const SKIPPED_A_ROW = 32

/** Rows that belong into a snapshot and are not in the tables. */
export interface RowsBelow {
  /** Goes to the next record of the group; false if there is none left. */
  next(keyGroup: number): boolean
  /** Writes its record, or one with more entries of its maps. Answers how many rows that is. */
  copy(out: RecordWriter): number
  /** What `copy` costs for this record, in rows. */
  readonly cost: number
  close(): void
}

export interface SnapshotParts {
  readonly plan: SnapshotPlan
  readonly store: RowStore
  readonly schema: StateSchema
  readonly lineage: Pick<CheckpointLineage, 'written'>
  /** For what expires. */
  readonly nowMs: number
  /** Of each segment. Default none. */
  readonly compression?: SegmentCompression | undefined
  /** The tables hold what changed over these alone: of each group they are written first, then the tables' rows that were touched. */
  readonly below?: RowsBelow | undefined
}

export class SnapshotWriter implements StateSnapshotWriter, SnapshotVisitor {
  readonly #plan: SnapshotPlan
  readonly #store: RowStore
  readonly #lineage: Pick<CheckpointLineage, 'written'>
  readonly #below: RowsBelow | undefined
  #belowOfGroup: boolean
  readonly #tables: readonly Table[]
  readonly #out: RecordWriter
  readonly #early: EarlyRecords
  readonly #pendingMaps: Map<number, PendingMap[]> = new Map()
  readonly #segments: SegmentOutput
  #next = 0
  #group: number
  #failure: unknown = undefined
  #state: 'writing' | 'done' | 'abandoned' = 'writing'

  constructor({ plan, store, schema, lineage, nowMs, compression = 'none', below }: SnapshotParts) {
    this.#plan = plan
    this.#below = below
    this.#belowOfGroup = below !== undefined
    this.#store = store
    this.#lineage = lineage
    const onLargeMap = (table: Table, row: number, column: number, cell: MapCell, whole: boolean): void =>
      this.#addPendingMap(table, row, column, cell, whole)
    // Records over rows below are those of a delta, also where the group's segments together are a full one.
    const rowPlan = below === undefined ? plan : { ...plan, isFull: () => false }
    this.#out = new RecordWriter(schema, rowPlan, nowMs, onLargeMap)
    this.#segments = new SegmentOutput(plan, this.#out, compression)
    this.#early = new EarlyRecords(new RecordWriter(schema, rowPlan, nowMs, onLargeMap))
    this.#tables = store.directory.tables()
    this.#group = store.directory.keyGroups.first
    for (const table of this.#tables) {
      table.pending = true
      table.position = 0
    }
  }

  get checkpointId(): number {
    return this.#plan.checkpointId
  }

  get done(): boolean {
    return this.#state !== 'writing'
  }

  step(rows: number): boolean {
    let budget = rows
    while (budget > 0 && this.#state === 'writing') {
      if (this.#failure !== undefined) this.#fail()
      budget -= this.#work(budget)
    }
    this.#store.refresh()
    return this.done
  }

  take(): Uint8Array<ArrayBuffer>[] {
    return this.#segments.take()
  }

  finish(): SnapshotIndex {
    while (!this.step(1_000_000));
    if (this.#failure !== undefined) throw this.#failure
    if (this.#state === 'abandoned') throw engineError('STATE_SNAPSHOT_ABANDONED', { checkpointId: this.checkpointId })
    const { checkpointId, baseCheckpointId } = this.#plan
    const { segments, emittedBytes: sizeBytes } = this.#segments
    const fullBytes = segments.reduce((sum, { keyGroup, length }) => (this.#plan.isFull(keyGroup) ? sum + length : sum), 0)
    return { checkpointId, baseCheckpointId, sizeBytes, fullBytes, segments }
  }

  /** Writes what is left, for its owner to find; a failure too. */
  complete(): void {
    try {
      while (!this.step(1_000_000));
    } catch (error) {
      this.#failure = error
    }
  }

  /** Stops; nothing of it is kept. */
  abandon(): void {
    if (this.#state !== 'writing') return
    this.#end('abandoned')
    this.#segments.take()
  }

  beforeTouch(table: Table, row: number): void {
    if (row < table.position || !this.#covers(table, row)) return
    this.#attempt(() => this.#early.row(table, row))
  }

  finishTable(table: Table): void {
    this.#attempt(() => {
      for (; table.position < table.used; table.position++) {
        if (this.#covers(table, table.position)) this.#early.row(table, table.position)
      }
    })
    table.pending = false
  }

  /** Does something, answers what it cost. */
  #work(budget: number): number {
    if (this.#belowOfGroup) return this.#copyBelow(this.#below!, budget)
    const table = this.#tables[this.#next]
    if (table !== undefined && table.keyGroup === this.#group) return this.#scan(table, budget)
    const map = this.#pendingMaps.get(this.#group)?.[0]
    if (map !== undefined) return this.#continueMap(map, budget)
    this.#closeGroup()
    return 1
  }

  #copyBelow(below: RowsBelow, budget: number): number {
    let copied = 0
    this.#attempt(() => {
      for (; copied < budget && below.next(this.#group); copied += below.cost) {
        this.#segments.open(this.#group)
        this.#segments.count(below.copy(this.#out))
      }
    })
    this.#belowOfGroup = copied >= budget
    this.#segments.sealIfLarge()
    return copied + 1
  }

  /** Whether every row of the group is written, not only those that were touched. */
  #isWhole(keyGroup: number): boolean {
    return this.#below === undefined && this.#plan.isFull(keyGroup)
  }

  /** Writes rows of a table, in the order of their numbers. */
  #scan(table: Table, budget: number): number {
    const { since, boundary } = this.#plan
    const whole = this.#isWhole(table.keyGroup)
    if (!whole && table.isCleanSince(since)) table.position = table.used
    const from = table.position
    const until = Math.min(table.used, from + budget * SKIPPED_A_ROW)
    let written = 0
    this.#attempt(() => {
      const start = this.#out.position
      while (table.pending && table.position < until && written < budget) {
        const row = whole ? table.position : table.nextTouched(table.position, until, since, boundary)
        if (row < until) written += this.#visit(table, row)
        table.position = Math.min(row + 1, until)
      }
      if (whole && written > 0) table.rowBytes = (this.#out.position - start) / written
    })
    if (!table.pending || table.position >= table.used) {
      table.pending = false
      this.#next++
    }
    this.#segments.sealIfLarge()
    return written + Math.ceil((table.position - from - written) / SKIPPED_A_ROW) + 1
  }

  /** Writes the row if it belongs into the snapshot, frees it if it is dead and no delta needs it any more. Answers the records written. */
  #visit(table: Table, row: number): number {
    if (this.#covers(table, row)) return this.#write(table, row)
    const mark = table.epochs[row]!
    if (mark < -1 && touchedEpoch(mark) <= this.#plan.since) table.free(row)
    return 0
  }

  #write(table: Table, row: number): number {
    this.#segments.open(this.#group)
    const records = this.#out.row(table, row)
    this.#segments.count(records)
    return records
  }

  /** Whether the row belongs into the snapshot: touched no later than the barrier, and alive, or in a delta touched after its base. */
  #covers(table: Table, row: number): boolean {
    const mark = table.epochs[row]!
    const epoch = touchedEpoch(mark)
    if (epoch < 0 || epoch > this.#plan.boundary) return false
    return this.#isWhole(table.keyGroup) ? mark >= 0 : epoch > this.#plan.since
  }

  #addPendingMap(table: Table, row: number, column: number, cell: MapCell, whole: boolean): void {
    const group = table.keyGroup
    const map = new PendingMap(table.key(row), column, cell, whole, this.#plan, (entry) =>
      this.#attempt(() => this.#early.entry(group, map, entry)),
    )
    const others = this.#pendingMaps.get(group)
    if (others === undefined) this.#pendingMaps.set(group, [map])
    else others.push(map)
  }

  #continueMap(map: PendingMap, budget: number): number {
    const entries = map.next(budget)
    this.#attempt(() => {
      this.#takeEarly()
      if (entries.length === 0) return
      this.#segments.open(this.#group)
      this.#out.entries(map, entries)
    })
    if (map.finished) {
      map.end()
      this.#pendingMaps.get(this.#group)!.shift()
    }
    this.#segments.sealIfLarge()
    return map.looked + 1
  }

  #takeEarly(): void {
    if (!this.#early.has(this.#group)) return
    this.#segments.open(this.#group)
    this.#segments.count(this.#early.moveTo(this.#group, this.#out))
  }

  #closeGroup(): void {
    this.#attempt(() => {
      this.#takeEarly()
      // A group written in full that has become empty must say so: older segments of it are stale.
      const { baseCheckpointId, isFull } = this.#plan
      if (baseCheckpointId !== undefined && isFull(this.#group) && !this.#segments.has(this.#group)) this.#segments.open(this.#group)
    })
    this.#segments.seal()
    this.#group++
    this.#belowOfGroup = this.#below !== undefined
    if (this.#group < this.#store.directory.keyGroups.end || this.#failure !== undefined) return
    this.#segments.emit()
    this.#lineage.written(this.#plan, this.#segments.segments, this.#store.rows)
    this.#end('done')
  }

  #attempt(write: () => void): void {
    if (this.#failure !== undefined) return
    try {
      write()
    } catch (error) {
      this.#failure = error
    }
  }

  #fail(): never {
    this.#end('abandoned')
    throw this.#failure
  }

  #end(state: 'done' | 'abandoned'): void {
    this.#state = state
    for (const table of this.#tables) table.pending = false
    for (const maps of this.#pendingMaps.values()) for (const map of maps) map.end()
    this.#pendingMaps.clear()
    this.#below?.close()
    if (this.#store.visitor === this) this.#store.visitor = undefined
  }
}
