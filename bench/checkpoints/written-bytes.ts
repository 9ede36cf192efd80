import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeMetadata } from '../../packages/engine/src/checkpoint/metadata-format.ts'

/** What a checkpoint wrote of keyed state. */
export interface WrittenBytes {
  readonly deltaBytes: number
  readonly deltaRows: number
  readonly fullBytes: number
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
    const own = files.filter(({ path }) => path.split('/').at(-1)!.split('-')[1] === String(metadata.checkpointId))
    const segments = own.flatMap((file) => file.segments)
    const sum = (kind: 'full' | 'delta', of: 'length' | 'rows'): number =>
      segments.filter((segment) => segment.kind === kind).reduce((total, segment) => total + segment[of], 0)
    for (const { kind, keyGroup, length } of segments) if (kind === 'full') this.#fullByGroup.set(keyGroup, length)
    this.checkpoints.push({ deltaBytes: sum('delta', 'length'), deltaRows: sum('delta', 'rows'), fullBytes: sum('full', 'length') })
  }

  /** Of everything in full, as each key group was last written so. */
  get fullBytes(): number {
    return this.#fullByGroup.values().reduce((sum, length) => sum + length, 0)
  }
}
