/** Requests to a store under way at once, of one operation: enough to hide their latency, few enough not to be throttled. */
const CONCURRENT_MAX = 16

/** As `Promise.all` over `items`, with some of them at a time. */
export async function inGroups<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = []
  for (let at = 0; at < items.length; at += CONCURRENT_MAX) {
    results.push(...(await Promise.all(items.slice(at, at + CONCURRENT_MAX).map(work))))
  }
  return results
}
