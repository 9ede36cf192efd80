import { stateFilesOf, storedPathsOf, type CheckpointMetadata } from '../metadata/metadata.ts'
import type { Location } from './merged-files.ts'

interface KnownCheckpoint {
  readonly attempt: number
  /** Of objects with its state files. */
  readonly paths: ReadonlySet<string>
  /** Where its merged files are, by their paths. */
  readonly merged: ReadonlyMap<string, Location>
}

/** Each checkpoint that is complete, or may be, with what it refers to: all else may go. */
export class KnownCheckpoints {
  readonly #known: Map<number, KnownCheckpoint> = new Map()

  add(metadata: CheckpointMetadata): void {
    const { checkpointId, attempt } = metadata
    const merged = new Map(stateFilesOf(metadata).flatMap(({ path, within }) => (within === undefined ? [] : [[path, within] as const])))
    this.#known.set(checkpointId, { attempt, paths: storedPathsOf(metadata), merged })
  }

  remove(checkpointId: number): void {
    this.#known.delete(checkpointId)
  }

  /** Paths that no other refers to. */
  ownPaths(checkpointId: number): readonly string[] {
    const others = [...this.#known].filter(([id]) => id !== checkpointId)
    return [...(this.#known.get(checkpointId)?.paths ?? [])].filter((path) => !others.some(([, { paths }]) => paths.has(path)))
  }

  clear(): void {
    this.#known.clear()
  }

  isReferenced(path: string): boolean {
    return this.#known.values().some(({ paths }) => paths.has(path))
  }

  /** Where a merged file is, as the newest checkpoint has it. Not one that was given up: it may have been for damage, and that file is whole where an older one has it. */
  locate(path: string, givenUp: ReadonlySet<number>): Location | undefined {
    return [...this.#known].findLast(([id, { merged }]) => merged.has(path) && !givenUp.has(id))?.[1].merged.get(path)
  }

  /** By attempt, then by id. Those that could not be read at the start come first: they are looked at, and reported. */
  newestFirst(ids: readonly number[]): readonly number[] {
    const attempt = (id: number): number => this.#known.get(id)?.attempt ?? Number.MAX_SAFE_INTEGER
    return ids.toSorted((a, b) => attempt(b) - attempt(a) || b - a)
  }
}
