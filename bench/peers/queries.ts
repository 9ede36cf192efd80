import type { Backend } from './engine-run.ts'

/** What is measured beside Flink: the queries, their sizes, and what is asked of each group. */
export interface QueryGroup {
  readonly name: string
  readonly queries: readonly string[]
  /** Least geometric mean of the ratios of throughput, ours to Flink's. */
  readonly meanMin: number
  /** Least ratio of each query. */
  readonly eachMin: number
}

const stateful = ['count', 'state-machine', 'q4', 'q9', 'q17', 'q18', 'q19', 'q20']

export const groupsOf: { readonly [backend in Backend]: readonly QueryGroup[] } = {
  heap: [
    { name: 'threads and state', queries: stateful, meanMin: 2.5, eachMin: 1.5 },
    { name: 'generator', queries: ['q0', 'q1', 'q2', 'q3', 'q22'], meanMin: 1, eachMin: 0 },
  ],
  // What is in use fits into the cache.
  rocksdb: [{ name: 'threads and state on RocksDB', queries: stateful, meanMin: 4, eachMin: 0 }],
}

/** Ours on RocksDB: rows in memory of all slots together. Flink's RocksDB has as much for its blocks and buffers. */
export const CACHE_MB = 1024

/**
 * Events of one run: some 3 warm seconds of Flink at parallelism 2 on its heap. Larger inputs fill that, of 4 GiB, so runs are repeated instead. On RocksDB the same: what is kept fits into our
 * cache, and a run of ours lasts long enough that the threads it begins with, and what they have to compile, are no large part of it.
 */
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

export function queryNamesOf(backend: Backend): readonly string[] {
  return groupsOf[backend].flatMap(({ queries }) => queries)
}

export function eventsOf(query: string, backend: Backend): number {
  const events = queryNamesOf(backend).includes(query) ? eventsByQuery[query] : undefined
  if (events === undefined) throw new Error(`no such query on ${backend}: ${query}; there are ${queryNamesOf(backend).join(', ')}`)
  return events
}

/** `count` with state beyond memory. */
export const beyondMemory = {
  /** Of each a kilobyte that does not compress: 2.4 GB. */
  keys: 2_400_000,
  rowBytes: 1_000,
  checkpointMs: '10000',
  /** Behind the first record of each key. */
  events: { uniform: 1_000_000, 'zipf:0.99': 2_000_000 } as { readonly [distribution: string]: number },
  /** Ours: rows in memory of all slots, as estimated; of the memory there is. */
  cacheShare: 0.12,
} as const
