/**
 * Merges small state files of a checkpoint into few objects, so that it takes few requests, whatever the number of subtasks and operators. As Flink's FLIP-306.
 *
 * 1. A file is where one of the checkpoints says that are complete, or may be, and were not given up; else it is merged now, and the checkpoint that is about to be complete says where it is.
 * 2. An object stays while a checkpoint has any file in it. Where less than half of it is still needed by the newest, what is needed is merged anew: then
 *    the object goes with the checkpoints before.
 */
import { withoutMergedBytes, type StateFileHandle } from '../handles.ts'
import { stateFilesOf, withFiles, type CheckpointMetadata } from '../metadata/metadata.ts'
import type { StateFileWriter } from '../storage.ts'
import type { ObjectStateFiles } from './object-state-files.ts'

export type Location = NonNullable<StateFileHandle['within']>

/** An object of merged files, up to this size. */
export const MERGED_OBJECT_BYTES_MAX: number = 32 * 1024 * 1024

/** How much larger an object may be than what the newest checkpoint needs of it: as `max-space-amplification` of Flink. */
const SPACE_AMPLIFICATION_MAX = 2

const MERGED = /^shared\/\d+-\d+-merged-\d+$/

export interface MergedCheckpoint {
  /** With the place of each merged file. */
  readonly metadata: CheckpointMetadata
  /** Removes what was written: nothing refers to it. Never rejects. */
  readonly abort: () => Promise<void>
}

export class MergedFiles {
  readonly #files: ObjectStateFiles
  readonly #objectBytesMax: number
  /** Of merged files in checkpoints that are known. */
  readonly #locate: (path: string) => Location | undefined
  /** Sizes of objects, by path. */
  readonly #sizes: Map<string, number> = new Map()

  constructor(files: ObjectStateFiles, locate: (path: string) => Location | undefined, objectBytesMax: number = MERGED_OBJECT_BYTES_MAX) {
    this.#files = files
    this.#locate = locate
    this.#objectBytesMax = objectBytesMax
  }

  /** What is there at a start. */
  found(path: string, sizeBytes: number): void {
    if (MERGED.test(path)) this.#sizes.set(path, sizeBytes)
  }

  removed(paths: readonly string[]): void {
    for (const path of paths) this.#sizes.delete(path)
  }

  /** Writes the objects that the checkpoint needs and that are not there yet. @throws as the store; nothing is left then, as far as it lets us */
  async merge(metadata: CheckpointMetadata): Promise<MergedCheckpoint> {
    const all = stateFilesOf(metadata)
    const located = new Map(
      all.flatMap((file) => {
        const location = this.#locate(file.path) ?? file.within
        return location === undefined ? [] : [[file.path, location] as const]
      }),
    )
    if (located.size === 0 && all.every(({ toMerge }) => toMerge === undefined)) return { metadata, abort: async () => {} }
    const fresh = all.flatMap(({ path, inline, toMerge }) => (toMerge === true && !located.has(path) ? [{ path, bytes: inline! }] : []))
    const waiting = [...fresh, ...(await this.#thinned(all, located))]
    const writers: StateFileWriter[] = []
    const abort = async (): Promise<void> => {
      for (const writer of writers) await writer.abort()
    }
    try {
      for (const [number, group] of this.#groups(waiting).entries()) {
        const writer = this.#files.createMerged(metadata.attempt, metadata.checkpointId, `merged-${number}`)
        writers.push(writer)
        const places = group.map(({ path, bytes }) => ({ path, bytes, offset: 0 }))
        for (const place of places) {
          place.offset = writer.length
          await writer.write(place.bytes)
        }
        const handle = await writer.finish()
        this.#sizes.set(handle.path, handle.length)
        for (const { path, offset } of places) located.set(path, { path: handle.path, offset })
      }
    } catch (error) {
      await abort()
      throw error
    }
    const change = <F extends StateFileHandle>(file: F): F => {
      const within = located.get(file.path)
      return within === undefined ? file : { ...withoutMergedBytes(file), within }
    }
    return { metadata: withFiles(metadata, change), abort }
  }

  /** Files in objects of which too little is still needed, read; they are merged anew. What cannot be read stays where it is. */
  async #thinned(all: readonly StateFileHandle[], located: ReadonlyMap<string, Location>): Promise<readonly Waiting[]> {
    const needed = Map.groupBy(
      all.filter(({ path }) => located.has(path)),
      ({ path }) => located.get(path)!.path,
    )
    const read: Waiting[] = []
    for (const [object, files] of needed) {
      const sizeBytes = this.#sizes.get(object) ?? 0
      if (files.reduce((sum, { length }) => sum + length, 0) * SPACE_AMPLIFICATION_MAX >= sizeBytes) continue
      try {
        for (const file of files) read.push({ path: file.path, bytes: await this.#read(file, located.get(file.path)!) })
      } catch {
        // The next checkpoint tries again; until then it takes more space than it should.
      }
    }
    return read
  }

  async #read(file: StateFileHandle, within: Location): Promise<Uint8Array> {
    const reader = await this.#files.openStateFile({ ...withoutMergedBytes(file), within })
    try {
      return await reader.read(0, file.length, file.crc32)
    } finally {
      await reader.close()
    }
  }

  /** In their order, each group no larger than an object may be. */
  #groups(waiting: readonly Waiting[]): readonly (readonly Waiting[])[] {
    const groups: Waiting[][] = []
    let sizeBytes = Infinity
    for (const file of waiting) {
      sizeBytes += file.bytes.length
      if (sizeBytes > this.#objectBytesMax) {
        groups.push([])
        sizeBytes = file.bytes.length
      }
      groups.at(-1)!.push(file)
    }
    return groups
  }
}

interface Waiting {
  readonly path: string
  readonly bytes: Uint8Array
}
