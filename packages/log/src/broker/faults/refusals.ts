/** Answers that refuse a whole request, in the shape of its API: for requests that change something and are not to be performed. */
import { StreamedBytes, type ApiName, type ApiDeclaration, type ApiRequest, type ApiResponseToSend } from '../../protocol/index.ts'
import * as declarations from '../../protocol/apis/index.ts'

type Refusals = { readonly [N in ApiName]?: (request: ApiRequest<N>, errorCode: number) => ApiResponseToSend<N> }

/** Of the APIs that change something and have their errors inside of lists. */
const REFUSALS: Refusals = {
  Produce: ({ topicData }, errorCode) => ({
    responses: topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => ({ index, errorCode, baseOffset: -1 })),
    })),
  }),
  CreateTopics: ({ topics }, errorCode) => ({ topics: topics.map(({ name }) => ({ name, errorCode, errorMessage: null })) }),
  DeleteTopics: ({ topics, topicNames }, errorCode) => ({
    responses: [...topics, ...topicNames.map((name) => ({ name }))].map((topic) => ({ ...topic, errorCode })),
  }),
  CreatePartitions: ({ topics }, errorCode) => ({ throttleTimeMs: 0, results: topics.map(({ name }) => ({ name, errorCode })) }),
  DeleteRecords: ({ topics }, errorCode) => ({
    throttleTimeMs: 0,
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, lowWatermark: -1, errorCode })),
    })),
  }),
  OffsetCommit: ({ topics }, errorCode) => ({
    topics: topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  }),
  TxnOffsetCommit: ({ topics }, errorCode) => ({
    throttleTimeMs: 0,
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  }),
  AddPartitionsToTxn: ({ transactions, v3AndBelowTopics }, partitionErrorCode) => {
    const refuse = (topics: typeof v3AndBelowTopics) =>
      topics.map(({ name, partitions }) => ({
        name,
        resultsByPartition: partitions.map((partitionIndex) => ({ partitionIndex, partitionErrorCode })),
      }))
    return {
      throttleTimeMs: 0,
      resultsByTransaction: transactions.map(({ transactionalId, topics }) => ({ transactionalId, topicResults: refuse(topics) })),
      resultsByTopicV3AndBelow: refuse(v3AndBelowTopics),
    }
  },
  WriteTxnMarkers: ({ markers }, errorCode) => ({
    markers: markers.map(({ producerId, topics }) => ({
      producerId,
      topics: topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode })),
      })),
    })),
  }),
  AlterConfigs: ({ resources }, errorCode) => ({ throttleTimeMs: 0, responses: refuseResources(resources, errorCode) }),
  IncrementalAlterConfigs: ({ resources }, errorCode) => ({ throttleTimeMs: 0, responses: refuseResources(resources, errorCode) }),
  DeleteGroups: ({ groupsNames }, errorCode) => ({ throttleTimeMs: 0, results: groupsNames.map((groupId) => ({ groupId, errorCode })) }),
  CreateAcls: ({ creations }, errorCode) => ({ throttleTimeMs: 0, results: creations.map(() => ({ errorCode, errorMessage: null })) }),
  DeleteAcls: ({ filters }, errorCode) => ({
    throttleTimeMs: 0,
    filterResults: filters.map(() => ({ errorCode, errorMessage: null, matchingAcls: [] })),
  }),
  AlterUserScramCredentials: ({ deletions, upsertions }, errorCode) => ({
    throttleTimeMs: 0,
    results: [...new Set([...deletions, ...upsertions].map(({ name }) => name))].map((user) => ({ user, errorCode, errorMessage: null })),
  }),
  AlterClientQuotas: ({ entries }, errorCode) => ({
    throttleTimeMs: 0,
    entries: entries.map(({ entity }) => ({ errorCode, errorMessage: null, entity })),
  }),
}

function refuseResources(
  resources: readonly { readonly resourceType: number; readonly resourceName: string }[],
  errorCode: number,
): { readonly errorCode: number; readonly errorMessage: null; readonly resourceType: number; readonly resourceName: string }[] {
  return resources.map(({ resourceType, resourceName }) => ({ errorCode, errorMessage: null, resourceType, resourceName }))
}

/** An answer that refuses the request without its being performed; undefined for requests that only look, whose real answer is to be changed. */
export function refusalOf<N extends ApiName>(name: N, request: ApiRequest<N>, errorCode: number): ApiResponseToSend<N> | undefined {
  const refuse = REFUSALS[name]
  if (refuse !== undefined) return refuse(request, errorCode)
  // What is left out is written as its default.
  return isTopLevel(name) ? ({ errorCode } as unknown as ApiResponseToSend<N>) : undefined
}

const topLevel: ReadonlySet<string> = new Set(
  Object.values<ApiDeclaration>(declarations).flatMap(({ name, response }) => ('errorCode' in response ? [name] : [])),
)

/** APIs that only look, and have their errors inside of lists, whatever else they have. */
const LOOKING: ReadonlySet<ApiName> = new Set([
  'Fetch',
  'Metadata',
  'ListOffsets',
  'OffsetForLeaderEpoch',
  'OffsetFetch',
  'FindCoordinator',
])

/** Whether the whole answer has one error code. */
function isTopLevel(name: ApiName): boolean {
  return topLevel.has(name) && !LOOKING.has(name)
}

const ERROR_FIELDS: ReadonlySet<string> = new Set(['errorCode', 'partitionErrorCode'])

/** The answer with the error codes of its parts set, and no records; with its own one set where that is all it has. What was to be streamed is released. */
export function falsify<N extends ApiName>(name: N, answer: ApiResponseToSend<N>, errorCode: number): ApiResponseToSend<N> {
  const falsified = withError(answer, errorCode)
  return LOOKING.has(name) && 'errorCode' in answer ? { ...falsified, errorCode: answer.errorCode } : falsified
}

function withError<T>(answer: T, errorCode: number): T {
  if (answer instanceof StreamedBytes) {
    answer.release()
    return new Uint8Array(0) as T
  }
  if (typeof answer !== 'object' || answer === null || answer instanceof Uint8Array) return answer
  if (Array.isArray(answer)) return answer.map((each: unknown) => withError(each, errorCode)) as T
  const fields = Object.entries(answer).map(([name, value]) => [
    name,
    ERROR_FIELDS.has(name) ? errorCode : withError<unknown>(value, errorCode),
  ])
  return Object.fromEntries(fields) as T
}
