const TOPIC_LISTS = ['topics', 'topicData', 'topicNames', 'v3AndBelowTopics', 'forgottenTopicsData'] as const

/** The topics that a request names, by name or by id. A request that goes on with what an earlier one has named (an incremental fetch) names none. */
export function requestTopics(request: object, nameOf: (id: Uint8Array) => string | undefined): ReadonlySet<string> {
  const names = new Set<string>()
  for (const list of TOPIC_LISTS) {
    const topics = (request as { readonly [field: string]: unknown })[list]
    if (!Array.isArray(topics)) continue
    for (const topic of topics as readonly unknown[]) {
      const name = typeof topic === 'string' ? topic : namedBy(topic, nameOf)
      if (name !== undefined) names.add(name)
    }
  }
  return names
}

function namedBy(topic: unknown, nameOf: (id: Uint8Array) => string | undefined): string | undefined {
  if (typeof topic !== 'object' || topic === null) return undefined
  const { name, topic: other, topicId } = topic as { readonly name?: unknown; readonly topic?: unknown; readonly topicId?: unknown }
  const said = [name, other].find((each) => typeof each === 'string' && each !== '')
  if (typeof said === 'string') return said
  return topicId instanceof Uint8Array ? nameOf(topicId) : undefined
}
