import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeMetadata } from '../../packages/engine/src/checkpoint/metadata/metadata-format.ts'

/** What a checkpoint wrote of keyed state. */
export interface WrittenBytes {
  readonly deltaBytes: number
  readonly deltaRows: number
  readonly fullBytes: number
  /** New files of RocksDB, and those that change. */
  readonly databaseBytes: number
}

/** Collects what each checkpoint wrote, and how large each key group is when it is written in full. */
export class WrittenBytesLog {
  readonly checkpoints: WrittenBytes[] = []
  readonly #fullByGroup: Map<number, number> = new Map()

  /** Reads the metadata of a checkpoint that has just been completed. */
  add(folder: string): void {
    const metadata = decodeMetadata(readFileSync(join(folder, '_metadata')))
    const files = metadata.operators.flatMap(({ subtasks }) => subtasks.flatMap(({ keyed }) => keyed))
    // Names are attempt, checkpoint, task, subtask and operator: what was written for an earlier checkpoint carries its number.
    const isOwn = ({ path }: { readonly path: string }): boolean => path.split('/').at(-1)!.split('-')[1] === String(metadata.checkpointId)
    const own = files.filter(isOwn)
    const databases = metadata.operators.flatMap(({ subtasks }) => subtasks.flatMap(({ database }) => database ?? []))
    const databaseFiles = databases.flatMap((database) => [...database.shared, database.own]).filter(isOwn)
    const segments = own.flatMap((file) => file.segments)
    const sum = (kind: 'full' | 'delta', of: 'length' | 'rows'): number =>
      segments.filter((segment) => segment.kind === kind).reduce((total, segment) => total + segment[of], 0)
    for (const { kind, keyGroup, length } of segments) if (kind === 'full') this.#fullByGroup.set(keyGroup, length)
    this.checkpoints.push({
      deltaBytes: sum('delta', 'length'),
      deltaRows: sum('delta', 'rows'),
      fullBytes: sum('full', 'length'),
      databaseBytes: databaseFiles.reduce((total, { length }) => total + length, 0),
    })
  }

  /** Of everything in full, as each key group was last written so. */
  get fullBytes(): number {
    return this.#fullByGroup.values().reduce((sum, length) => sum + length, 0)
  }
}
