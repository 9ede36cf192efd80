/**
 * As `Promise.all` over `items`, with no more than `limit` of them at a time. After a failure none is begun, and it rejects once none is under way.
 */
export async function atOnce<T, R>(limit: number, items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = []
  let next = 0
  const workThrough = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++
      try {
        results[at] = await work(items[at]!)
      } catch (error) {
        next = items.length
        throw error
      }
    }
  }
  const settled = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, workThrough))
  for (const outcome of settled) if (outcome.status === 'rejected') throw outcome.reason
  return results
}
