/** What decisions about a consumer group are made of. */
import { ERROR_CODE, type ErrorCodeName } from '../../../protocol/index.ts'
import type { ConsumerGroupRecord } from './records.ts'
import type { RegexTopics } from './regex-topics.ts'
import type { GroupTopics } from './topics.ts'

/** Why a request is refused, in the words of the protocol. */
export interface Refusal {
  readonly refused: ErrorCodeName
  readonly message: string
}

export function refusal(refused: ErrorCodeName, message: string): Refusal {
  return { refused, message }
}

export function isRefusal(value: object): value is Refusal {
  return 'refused' in value
}

export function refusalCode({ refused }: Refusal): number {
  return ERROR_CODE[refused]
}

/**
 * Timers of a member. Each ends it when it runs out:
 *
 * - session: not heard of for too long.
 * - rebalance: it did not revoke in time what it was asked to; it holds for the epoch it was set in.
 * - join: a classic member did not join again in time after it was told to.
 * - sync: a classic member did not fetch its assignment in time after it had joined.
 */
export type MemberTimer =
  | { readonly set: 'session' | 'sync'; readonly memberId: string; readonly delayMs: number }
  | { readonly set: 'rebalance'; readonly memberId: string; readonly delayMs: number; readonly memberEpoch: number }
  /** Leaves one that runs already as it is. */
  | { readonly set: 'join'; readonly memberId: string; readonly delayMs: number }
  | { readonly cancel: MemberTimerKind; readonly memberId: string }

export type MemberTimerKind = 'session' | 'rebalance' | 'join' | 'sync'

export function cancelAllTimers(memberId: string): MemberTimer[] {
  return (['session', 'rebalance', 'join', 'sync'] as const).map((cancel) => ({ cancel, memberId }))
}

/** The outcome of a request or a timer: records for the log, what is answered once they are written, and timers to change. */
export interface GroupDecision<T> {
  readonly records: readonly ConsumerGroupRecord[]
  readonly timers: readonly MemberTimer[]
  readonly reply: T
}

export function refused<T>(problem: Refusal): GroupDecision<T | Refusal> {
  return { records: [], timers: [], reply: problem }
}

/** Settings of one group, from the broker's and its own. Kafka's names without `group.consumer.`. */
export interface ConsumerGroupConfig {
  readonly heartbeatIntervalMs: number
  readonly sessionTimeoutMs: number
  readonly maxSize: number
  /** Names that `ASSIGNORS` has, at least one; the first is the default. */
  readonly assignors: readonly string[]
  readonly regexRefreshIntervalMs: number
}

/** What a decision may know besides the group and the request. */
export interface ConsumerGroupFacts {
  /** Wall clock, milliseconds since 1970. */
  readonly nowMs: number
  readonly config: ConsumerGroupConfig
  readonly topics: GroupTopics
  readonly regexes: Pick<RegexTopics, 'isValid' | 'matching'>
}

/** Whose request it is. */
export interface GroupClient {
  readonly id: string
  readonly host: string
  readonly mayDescribe: (topic: string) => boolean
}
