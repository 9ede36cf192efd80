import type { KeyedStateFile, KeyGroupSegment } from '../../checkpoint/handles.ts'
import type { KeyGroupRange } from '../../keys/key-group.ts'

/**
 * The files that hold an operator's keyed state, oldest first, without what later ones have made superfluous: a full segment of a group
 * replaces everything before it. Pure.
 */
export function neededFiles(files: readonly KeyedStateFile[]): readonly KeyedStateFile[] {
  const sealed = new Set<number>()
  const needed: KeyedStateFile[] = []
  for (const file of files.toReversed()) {
    const segments = file.segments.filter((segment) => !sealed.has(segment.keyGroup))
    for (const segment of segments) if (segment.kind === 'full') sealed.add(segment.keyGroup)
    if (segments.length > 0) needed.push({ ...file, segments })
  }
  return needed.toReversed()
}

/** The same files with the segments of some key groups only. */
export function filesOfRange(files: readonly KeyedStateFile[], range: KeyGroupRange): readonly KeyedStateFile[] {
  return files
    .map((file) => ({ ...file, segments: file.segments.filter(({ keyGroup }) => keyGroup >= range.first && keyGroup < range.end) }))
    .filter((file) => file.segments.length > 0)
}

/** A segment, and the file that it lies in. */
export interface LocatedSegment {
  readonly file: KeyedStateFile
  readonly segment: KeyGroupSegment
}

/** For each key group its segments in the order in which they are to be read, and the file of each. */
export function segmentsByGroup(files: readonly KeyedStateFile[]): ReadonlyMap<number, readonly LocatedSegment[]> {
  const groups = new Map<number, LocatedSegment[]>()
  for (const file of files) {
    for (const segment of file.segments) {
      const list = groups.get(segment.keyGroup)
      if (list === undefined) groups.set(segment.keyGroup, [{ file, segment }])
      else list.push({ file, segment })
    }
  }
  return groups
}
