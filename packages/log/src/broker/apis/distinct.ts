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
