import { constants, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'

/** Above it a share of what is in use is room enough. */
const SMALL_HEAP_BYTES = 32 * 1024 * 1024
/** To four times what is in use, as far as V8 goes by itself where that costs it little time. */
const SMALL_HEAP_GROWTH_PERCENT = 300

/**
 * By how much of itself a heap may grow until it is looked through again; 0 leaves it to V8.
 * @param usedBytes what was in use when it was looked through last
 */
export function growthPercentOf(usedBytes: number): number {
  return usedBytes <= SMALL_HEAP_BYTES ? SMALL_HEAP_GROWTH_PERCENT : 0
}

interface CollectionEntry extends PerformanceEntry {
  readonly detail?: unknown
}

/**
 * Lets a small heap hold garbage for longer. It is of the whole process, so only what owns the process may call it; the result ends it.
 *
 * The more slowly a heap fills, the less V8 lets it grow, down to a quarter more than is in use. For a broker that is 15 MB, so that a few megabytes of buffers
 * which live a little longer than others make it mark the whole heap, up to five times a second under load. Each time costs 20 to 30 ms of processor time, and
 * where the process has one core only, the marking threads take it from the one that answers. See docs/decisions/0007-heap-room.md.
 */
export function giveHeapRoom(setFlag: (flag: string) => void = setFlagsFromString): () => void {
  setFlag(`--heap-growing-percent=${SMALL_HEAP_GROWTH_PERCENT}`)
  const observer = new PerformanceObserver((list) => {
    if (!list.getEntries().some(isOfWholeHeap)) return
    setFlag(`--heap-growing-percent=${growthPercentOf(getHeapStatistics().used_heap_size)}`)
  })
  observer.observe({ entryTypes: ['gc'] })
  return () => {
    observer.disconnect()
    setFlag('--heap-growing-percent=0')
  }
}

function isOfWholeHeap({ detail }: CollectionEntry): boolean {
  return (detail as { readonly kind?: number } | undefined)?.kind === constants.NODE_PERFORMANCE_GC_MAJOR
}
