/**
 * What a request names more than once is answered once: an answer that repeats itself for a request of a few bytes a name would outgrow any memory.
 *
 * The first of each key, in their order.
 */
export function distinct<T>(wanted: readonly T[], keyOf: (each: T) => string | number): readonly T[] {
  if (wanted.length < 2) return wanted
  const byKey = new Map<string | number, T>()
  for (const each of wanted) {
    const key = keyOf(each)
    if (!byKey.has(key)) byKey.set(key, each)
  }
  return byKey.size === wanted.length ? wanted : [...byKey.values()]
}

/** How often each key is named: looked up, where a look through all for each would take the square of their number. */
export function countsOf<T>(wanted: readonly T[], keyOf: (each: T) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const each of wanted) {
    const key = keyOf(each)
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}
