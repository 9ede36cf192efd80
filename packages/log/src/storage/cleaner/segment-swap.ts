import type { LogState } from '../partition/log-state.ts'
import type { Segment } from '../segment/segment.ts'

/**
 * Puts a compacted segment, durable under `.cleaned`, in the place of those it was made from. Only in the lane, holding `syncing`.
 *
 * 1. Under `.swap` it is complete: from then on a crash is followed by the rest of the swap, before it by its removal.
 * 2. The old ones have lost their names, durably, before it gets its own: never do both count.
 *
 * False, and the new one is gone, if the old ones are not the log's any longer.
 */
export async function swapSegments(state: LogState, old: readonly Segment[], compacted: Segment): Promise<boolean> {
  const first = state.segments.indexOf(old[0]!)
  const isPresent = first >= 0 && old.every((segment, index) => state.segments[first + index] === segment && segment !== state.active)
  if (!isPresent) {
    await compacted.remove()
    return false
  }
  try {
    await compacted.rename('.swap')
    await state.host.disk.syncDirectory(state.directory)
    state.segments = [...state.segments.slice(0, first), compacted, ...state.segments.slice(first + old.length)]
    for (const segment of old) await state.discard(segment, segment.baseOffset === compacted.baseOffset)
    // An old index under the new log's name would be worse than none.
    await state.host.disk.syncDirectory(state.directory)
    // Not synced: under either name it is complete, and alone. Before it could grow again, what is behind it goes, which is.
    await compacted.rename('')
    return true
  } catch (error) {
    throw state.host.failed(error, state.directory, true)
  }
}
