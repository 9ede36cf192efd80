import type { MillraceError } from '@millrace/core'
import { ERROR_CODE } from '../../protocol/index.ts'
import { isUnconnected, refusal } from '../errors.ts'
import type { Cluster } from '../metadata/cluster.ts'
import { isAboutLeader } from '../producer/answers.ts'
import { checkOneOf, checkPlace } from '../option-checks.ts'
import type { Wait } from '../waits.ts'

/** Which offset to look up: the first, the end, the first at or after a time, that of the largest time stamp. */
export type OffsetSpec = 'earliest' | 'latest' | 'max-timestamp' | { readonly timestampMs: number }

/** A place in a partition whose offset is asked for. */
export interface OffsetQuery {
  readonly topic: string
  readonly partition: number
  readonly spec: OffsetSpec
}

/** An answer to an `OffsetQuery`; `leaderEpoch` is -1 where the broker does not tell. */
export interface FoundOffset {
  readonly topic: string
  readonly partition: number
  /** The end where no record is at or after the time. */
  readonly offset: number
  /** Of that record; -1 where there is none, and for the first and the end. */
  readonly timestamp: number
  readonly leaderEpoch: number
}

const SPECIAL = { earliest: -2, latest: -1, 'max-timestamp': -3 } as const

/** Offsets, asked of the leaders, again while they change. In the order of the queries. @throws `CLIENT_OPTION`, `CLIENT_*` */
export async function listOffsets(
  cluster: Cluster,
  queries: readonly OffsetQuery[],
  isolation: 'read_committed' | 'read_uncommitted' = 'read_uncommitted',
): Promise<readonly FoundOffset[]> {
  // What is spelled otherwise must not be taken for another one: the end of all is not the end of what is committed.
  checkOneOf('isolation', isolation, ['read_committed', 'read_uncommitted'])
  for (const { spec } of queries) checkPlace('spec', spec, Object.keys(SPECIAL), ['timestampMs'])
  const deadlineMs = cluster.settings.clock.monotonic() + cluster.settings.apiTimeoutMs
  const found = new Map<OffsetQuery, FoundOffset>()
  let wait: Wait | undefined
  try {
    for (let attempt = 1; ; attempt++) {
      const left = onceEach(queries.filter((query) => !found.has(query)))
      if (left.length === 0) return queries.map((query) => found.get(query)!)
      const problem = await askLeaders(cluster, left, isolation, found)
      if (problem === undefined) continue
      if (!problem.retry || cluster.settings.clock.monotonic() >= deadlineMs) throw problem
      if (!isUnconnected(problem))
        wait ??= cluster.waits.begin('answer to', `ListOffsets for ${left[0]!.topic}-${left[0]!.partition}`, problem.message)
      await cluster.backOff(attempt)
    }
  } finally {
    wait?.end(true)
  }
}

/** A request may name a partition once: what else is asked of it is asked in the next. */
function onceEach(queries: readonly OffsetQuery[]): readonly OffsetQuery[] {
  const named = new Map<string, OffsetQuery>()
  for (const query of queries) {
    const key = `${query.topic} ${query.partition}`
    if (!named.has(key)) named.set(key, query)
  }
  return [...named.values()]
}

async function askLeaders(
  cluster: Cluster,
  queries: readonly OffsetQuery[],
  isolation: 'read_committed' | 'read_uncommitted',
  found: Map<OffsetQuery, FoundOffset>,
): Promise<MillraceError | undefined> {
  const leaders = await Promise.all(queries.map(async (query) => ({ query, view: await cluster.leader(query.topic, query.partition) })))
  const byLeader = Map.groupBy(leaders, ({ view }) => view.leader)
  const problems = await Promise.all(
    [...byLeader].map(async ([nodeId, list]) => {
      try {
        return await askLeader(cluster, nodeId, list, isolation, found)
      } catch (error) {
        for (const { query } of list) cluster.view.invalidate(query.topic, query.partition)
        return error as MillraceError
      }
    }),
  )
  return problems.find((problem) => problem !== undefined && !problem.retry) ?? problems.find((problem) => problem !== undefined)
}

async function askLeader(
  cluster: Cluster,
  nodeId: number,
  list: readonly { readonly query: OffsetQuery; readonly view: { readonly leaderEpoch: number } }[],
  isolation: 'read_committed' | 'read_uncommitted',
  found: Map<OffsetQuery, FoundOffset>,
): Promise<MillraceError | undefined> {
  const topics = [...Map.groupBy(list, ({ query }) => query.topic)].map(([name, ofTopic]) => ({
    name,
    partitions: ofTopic.map(({ query, view }) => ({
      partitionIndex: query.partition,
      currentLeaderEpoch: view.leaderEpoch,
      timestamp: typeof query.spec === 'string' ? SPECIAL[query.spec] : query.spec.timestampMs,
    })),
  }))
  const link = cluster.link(nodeId)
  const response = await link.ask('ListOffsets', {
    replicaId: -1,
    isolationLevel: isolation === 'read_committed' ? 1 : 0,
    topics,
    timeoutMs: 30_000,
  })
  const answers = new Map(
    response.topics.flatMap(({ name, partitions }) => partitions.map((answer) => [`${name} ${answer.partitionIndex}`, answer])),
  )
  let problem: MillraceError | undefined
  for (const { query } of list) {
    const { topic, partition, spec } = query
    const answer = answers.get(`${topic} ${partition}`)
    const code = answer?.errorCode ?? ERROR_CODE.UNKNOWN_SERVER_ERROR
    if (answer !== undefined && code === ERROR_CODE.NONE) {
      // No record is so late: a reader goes on at the end.
      if (answer.offset < 0 && typeof spec === 'object') {
        const [end] = await listOffsets(cluster, [{ topic, partition, spec: 'latest' }], isolation)
        found.set(query, end!)
      } else found.set(query, { topic, partition, offset: answer.offset, timestamp: answer.timestamp, leaderEpoch: answer.leaderEpoch })
      continue
    }
    if (isAboutLeader(code)) cluster.view.invalidate(topic, partition)
    problem ??= refusal({
      api: 'ListOffsets',
      subject: `${topic}-${partition}`,
      broker: link.broker,
      errorCode: code,
      details: { topic, partition },
    })
  }
  return problem
}
