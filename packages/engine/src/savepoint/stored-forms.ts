/** What the metadata does not say of the states of an operator, and a look at what is stored does. */
import type { OperatorState } from '../checkpoint/metadata/metadata.ts'
import type { StateFileStorage } from '../checkpoint/storage.ts'
import { splitBroadcast } from '../state/operator/broadcast-state.ts'
import { SegmentReader } from '../state/segments/segment-reader.ts'
import type { ColumnKind } from '../state/rows/schema.ts'
import type { StoredColumn } from '../state/segments/stored-column.ts'
import { groupsOf, isInDatabase, rowsOf } from './read-groups.ts'
import { StoredRows, type StoredCell } from './stored-rows.ts'

/** States by name. */
export interface StoredForms {
  /** Those with values that a codec has written. */
  readonly coded: ReadonlySet<string>
  /** Those with values that none has. */
  readonly plain: ReadonlySet<string>
  /** Of which kind broadcast states are. */
  readonly broadcastKinds: ReadonlyMap<string, ColumnKind>
}

/** Of keyed state one key group is read, the first that has rows; of what is in a database, what is said of it. @throws STATE_CORRUPT, STATE_FORMAT_NEWER, CHECKPOINT_DAMAGED */
export async function storedForms(stored: OperatorState, files: StateFileStorage): Promise<StoredForms> {
  const coded = new Set<string>()
  const plain = new Set<string>()
  const look = (rows: StoredRows): void => {
    for (const { cells } of rows) {
      for (const [name, cell] of cells) for (const value of valuesOf(cell)) ('coded' in value ? coded : plain).add(name)
    }
  }
  for (const { lists, database } of stored.subtasks) {
    for (const list of lists ?? []) if (list.elements.length > 0) (list.coded ? coded : plain).add(list.name)
    for (const name of database?.options?.coded ?? []) coded.add(name)
  }
  const broadcast = new BroadcastRows(stored.name)
  broadcast.load(stored)
  look(broadcast)
  if (!isInDatabase(stored)) {
    for await (const group of groupsOf(stored, files)) {
      const rows = await rowsOf(stored, group)
      look(rows)
      if (rows.size > 0) break
    }
  }
  return { coded, plain, broadcastKinds: broadcast.kinds }
}

function valuesOf(cell: StoredCell): readonly object[] {
  return [...cell.values, ...Array.from(cell.entries.values(), ({ stored }) => stored)]
}

/** Broadcast state, which is the same in every subtask. */
class BroadcastRows extends StoredRows {
  readonly kinds: Map<string, ColumnKind> = new Map()

  constructor(operator: string) {
    super(operator, 1)
  }

  load({ subtasks }: OperatorState): void {
    const bytes = subtasks.find(({ broadcast }) => broadcast !== undefined)?.broadcast
    if (bytes === undefined) return
    const reader = new SegmentReader(this, 0)
    for (const segment of splitBroadcast(bytes, this.operator)) reader.load(segment.bytes)
  }

  override column(name: string, kind: ColumnKind, version: number): StoredColumn {
    this.kinds.set(name, kind)
    return super.column(name, kind, version)
  }
}
