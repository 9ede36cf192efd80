/** Sizes of the heap to try, from small to large, each a fifth above the one before; the last is what the peer has otherwise. */
export const FULL_HEAP_MB = 4096
const SMALLEST_HEAP_MB = 96
const STEP = 1.2

export function heapSizes(): readonly number[] {
  const sizes: number[] = []
  for (let size = FULL_HEAP_MB; size >= SMALLEST_HEAP_MB; size = Math.round(size / STEP)) sizes.unshift(size)
  return sizes
}

/** The smallest size that is enough, given that the largest is, and that whatever is above one that is enough is too. */
export async function smallestEnough(sizes: readonly number[], isEnough: (size: number) => Promise<boolean>): Promise<number> {
  let low = 0
  let high = sizes.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (await isEnough(sizes[middle]!)) high = middle
    else low = middle + 1
  }
  return sizes[low]!
}
