/**
 * OffsetFetch 1 to 10; several groups from version 8 on, by topic ids from version 10 on.
 *
 * What may not be described is left out where all offsets are asked for, and told where it is named. An error of the group stands where each version has a
 * place for it: beside the group, beside the topics, or beside each partition.
 */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import { fetchOffsets, type FetchedOffsets, type FetchedPartition } from '../../../coordinators/offsets/fetch.ts'
import { distinct } from '../distinct.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { groupErrorCode } from './group-error.ts'

type WantedGroup = ApiRequest<'OffsetFetch'>['groups'][number]
type WantedTopic = NonNullable<WantedGroup['topics']>[number]
type GroupResult = NonNullable<ApiResponseToSend<'OffsetFetch'>['groups']>[number]
type TopicResult = GroupResult['topics'][number] & { readonly name: string }

const GROUP_ERROR_SINCE_VERSION = 2
const GROUPS_SINCE_VERSION = 8
const TOPIC_ID_SINCE_VERSION = 10
const NO_ID = new Uint8Array(16)

export const offsetFetch: ApiHandler<'OffsetFetch'> = {
  name: 'OffsetFetch',
  async handle({ groupId, topics, groups, requireStable }, context) {
    if (context.version >= GROUPS_SINCE_VERSION) {
      return {
        groups: await Promise.all(
          distinct(groups, (group) => JSON.stringify(group)).map((group) => fetchGroup(group, requireStable, context)),
        ),
      }
    }
    const named = topics?.map((topic) => ({ ...topic, topicId: NO_ID })) ?? null
    const group: WantedGroup = { groupId, memberId: null, memberEpoch: -1, topics: named }
    const { topics: results, errorCode } = await fetchGroup(group, requireStable, context)
    if (errorCode === ERROR_CODE.NONE) return { topics: results.map(withName), errorCode }
    if (context.version >= GROUP_ERROR_SINCE_VERSION) return { topics: [], errorCode }
    return { topics: (named ?? []).map((topic) => withName(failedTopic(topic, errorCode))) }
  },
}

async function fetchGroup(wanted: WantedGroup, requireStable: boolean, context: RequestContext): Promise<GroupResult> {
  const { groupId } = wanted
  if (!context.allows('Describe', 'Group', groupId)) return { groupId, topics: [], errorCode: ERROR_CODE.GROUP_AUTHORIZATION_FAILED }
  try {
    return {
      groupId,
      ...(wanted.topics === null
        ? await fetchAll(wanted, requireStable, context)
        : await fetchSome(wanted, wanted.topics, requireStable, context)),
    }
  } catch (error) {
    return { groupId, topics: [], errorCode: groupErrorCode(error) }
  }
}

type Result = Pick<GroupResult, 'topics' | 'errorCode'>

async function fetchAll(wanted: WantedGroup, requireStable: boolean, context: RequestContext): Promise<Result> {
  const { broker, allows, version } = context
  const { errorCode, topics } = await submit(wanted, null, requireStable, context)
  const byId = version >= TOPIC_ID_SINCE_VERSION
  const told = topics.filter(({ topic }) => allows('Describe', 'Topic', topic))
  return {
    errorCode,
    topics: told.flatMap(({ topic, partitions }) => {
      const topicId = byId ? broker.topics.named(topic)?.id : NO_ID
      // A topic that is gone has no id to call it by.
      return topicId === undefined ? [] : [{ name: topic, topicId, partitions }]
    }),
  }
}

async function fetchSome(
  wanted: WantedGroup,
  wantedTopics: readonly WantedTopic[],
  requireStable: boolean,
  context: RequestContext,
): Promise<Result> {
  const found = wantedTopics.map((topic) => ({ topic, ...find(topic, context) }))
  const asked = found.filter(({ errorCode }) => errorCode === ERROR_CODE.NONE)
  const named = asked.map(({ topic, name }) => ({ topic: name, topicId: topic.topicId, partitions: topic.partitionIndexes }))
  const { errorCode, topics } = await submit(wanted, named, requireStable, context)
  if (errorCode !== ERROR_CODE.NONE) return { errorCode, topics: [] }
  let next = 0
  return {
    errorCode,
    topics: found.map((each) =>
      each.errorCode === ERROR_CODE.NONE
        ? { name: each.name, topicId: each.topic.topicId, partitions: topics[next++]!.partitions }
        : failedTopic(each.topic, each.errorCode),
    ),
  }
}

function find(
  { name, topicId }: WantedTopic,
  { broker, allows, version }: RequestContext,
): { readonly name: string; readonly errorCode: number } {
  const isById = version >= TOPIC_ID_SINCE_VERSION
  const known = isById ? broker.topics.withId(topicId)?.name : name
  if (known === undefined) return { name, errorCode: ERROR_CODE.UNKNOWN_TOPIC_ID }
  if (allows('Describe', 'Topic', known)) return { name: known, errorCode: ERROR_CODE.NONE }
  return { name: known, errorCode: ERROR_CODE.TOPIC_AUTHORIZATION_FAILED }
}

function submit(
  { groupId, memberId, memberEpoch }: WantedGroup,
  topics: Parameters<typeof fetchOffsets>[0]['topics'],
  requireStable: boolean,
  { broker }: RequestContext,
): Promise<FetchedOffsets> {
  return broker.groups.coordinator.submit(groupId, fetchOffsets({ groupId, memberId, memberEpoch, topics, requireStable }))
}

function failedTopic({ name, topicId, partitionIndexes }: WantedTopic, errorCode: number): GroupResult['topics'][number] {
  const failed = (partitionIndex: number): FetchedPartition => ({
    partitionIndex,
    committedOffset: -1,
    committedLeaderEpoch: -1,
    metadata: '',
    errorCode,
  })
  return { name, topicId, partitions: partitionIndexes.map(failed) }
}

function withName(topic: GroupResult['topics'][number]): TopicResult {
  return { ...topic, name: topic.name ?? '' }
}
