import { RELATIVE_OFFSET_MAX } from '../index/offset-index.ts'

export interface GroupableSegment {
  readonly baseOffset: number
  readonly nextOffset: number
  readonly sizeBytes: number
}

/** Consecutive segments that together make one: no larger than a segment, and with offsets that its indexes can tell. */
export function groupSegments<T extends GroupableSegment>(segments: readonly T[], segmentBytes: number): T[][] {
  const groups: T[][] = []
  let sizeBytes = 0
  for (const segment of segments) {
    const group = groups.at(-1)
    const fits =
      group !== undefined &&
      sizeBytes + segment.sizeBytes <= segmentBytes &&
      segment.nextOffset - 1 - group[0]!.baseOffset <= RELATIVE_OFFSET_MAX
    if (fits) group.push(segment)
    else groups.push([segment])
    sizeBytes = (fits ? sizeBytes : 0) + segment.sizeBytes
  }
  return groups
}
