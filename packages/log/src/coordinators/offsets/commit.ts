/** OffsetCommit and TxnOffsetCommit, once topics are found and allowed. */
import { ERROR_CODE } from '../../protocol/index.ts'
import { answer, type Producer } from '../framework/index.ts'
import { emptyClassicGroup } from '../groups/classic/classic-group.ts'
import { sessionExtension } from '../groups/classic/rebalance.ts'
import type { ClassicGroupSettings } from '../groups/classic/settings.ts'
import { commitError, type OffsetClient } from '../groups/group-questions.ts'
import { isClassicGroup, type Group, type GroupOperation, type GroupRecord, type GroupState } from '../groups/group-store.ts'
import type { OffsetSettings } from './settings.ts'

export interface OffsetToCommit {
  readonly topic: string
  /** Sixteen bytes; zeros where it is not known. */
  readonly topicId: Uint8Array
  readonly partition: number
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string | null
}

export interface CommitRequest extends OffsetClient {
  readonly groupId: string
  readonly offsets: readonly OffsetToCommit[]
  /** The API's version of a plain commit; undefined within a transaction. */
  readonly version: number | undefined
  /** A retention that the client asked for; -1 for the broker's. */
  readonly retentionTimeMs: number
  /** The producer whose transaction the offsets belong to. */
  readonly producer?: Producer
}

export type CommitSettings = OffsetSettings & ClassicGroupSettings

/** OffsetCommit's version from which a missing group is called by its name. */
const GROUP_ID_NOT_FOUND_SINCE_VERSION = 9

/** Commits; the reply is an error code for each offset, in order. */
export function commitOffsets(request: CommitRequest, settings: CommitSettings): GroupOperation<readonly number[]> {
  return ({ groups }, facts, ticket) => {
    const group = groups.get(request.groupId)
    const problem = refusalOf(group, request)
    if (problem !== undefined)
      return {
        answers: [
          answer(
            ticket,
            request.offsets.map(() => problem),
          ),
        ],
      }
    const codes = request.offsets.map(({ metadata }) =>
      (metadata ?? '').length > settings.metadataMaxBytes ? ERROR_CODE.OFFSET_METADATA_TOO_LARGE : ERROR_CODE.NONE,
    )
    const accepted = request.offsets.filter((_, index) => codes[index] === ERROR_CODE.NONE)
    const simple = emptyClassicGroup(request.groupId, facts.nowMs)
    return {
      records: accepted.map((offset) => recordOf(request, offset, facts.nowMs)),
      ...(request.producer === undefined ? {} : { producer: request.producer }),
      ...(group === undefined ? { remember: ({ groups: all }: GroupState) => void all.set(request.groupId, simple) } : {}),
      answers: [answer(ticket, codes)],
      timers: isClassicGroup(group) && request.producer === undefined ? sessionExtension(group, request.memberId, settings) : [],
    }
  }
}

function refusalOf(group: Group | undefined, request: CommitRequest): number | undefined {
  if (group !== undefined) return commitError(group, request, request.version)
  // Whoever is no member keeps its offsets in a group without any.
  if (request.generationOrEpoch < 0) return undefined
  return (request.version ?? 0) >= GROUP_ID_NOT_FOUND_SINCE_VERSION ? ERROR_CODE.GROUP_ID_NOT_FOUND : ERROR_CODE.ILLEGAL_GENERATION
}

function recordOf({ groupId, retentionTimeMs }: CommitRequest, committed: OffsetToCommit, nowMs: number): GroupRecord {
  const { topic, topicId, partition, offset, leaderEpoch, metadata } = committed
  return {
    name: 'offsetCommit',
    key: { groupId, topic, partition },
    value: {
      offset,
      leaderEpoch,
      metadata: metadata ?? '',
      commitTimestamp: nowMs,
      expireTimestamp: retentionTimeMs === -1 ? -1 : nowMs + retentionTimeMs,
      topicId,
    },
  }
}
