/** What is measured beside Flink: the queries, their sizes, and what is asked of each group. */
export interface QueryGroup {
  readonly name: string
  readonly queries: readonly string[]
  /** Least geometric mean of the ratios of throughput, ours to Flink's. */
  readonly meanMin: number
  /** Least ratio of each query. */
  readonly eachMin: number
}

export const groups: readonly QueryGroup[] = [
  { name: 'threads and state', queries: ['count', 'state-machine', 'q4', 'q9', 'q17', 'q18', 'q19', 'q20'], meanMin: 2.5, eachMin: 1.5 },
  { name: 'generator', queries: ['q0', 'q1', 'q2', 'q3', 'q22'], meanMin: 1, eachMin: 0 },
]

/** Events of one run: some 3 warm seconds of Flink at parallelism 2. Larger inputs fill its heap of 4 GiB, so runs are repeated instead. */
const eventsByQuery: { readonly [query: string]: number } = {
  q0: 16_000_000,
  q1: 16_000_000,
  q2: 40_000_000,
  q3: 25_000_000,
  q4: 6_000_000,
  q9: 6_000_000,
  q17: 14_000_000,
  q18: 3_000_000,
  q19: 4_000_000,
  q20: 6_000_000,
  q22: 20_000_000,
  count: 12_000_000,
  'state-machine': 20_000_000,
}

export const queryNames: readonly string[] = groups.flatMap(({ queries }) => queries)

export function eventsOf(query: string): number {
  const events = eventsByQuery[query]
  if (events === undefined) throw new Error(`no such query: ${query}; there are ${queryNames.join(', ')}`)
  return events
}
