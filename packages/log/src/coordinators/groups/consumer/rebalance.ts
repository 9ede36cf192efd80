/**
 * The three steps of KIP-848, which every request of a member goes through: the group's epoch grows when what it depends on has changed;
 * the target assignment is computed for the newest epoch; the member is brought towards it.
 */
import { sameAssignment, EMPTY_ASSIGNMENT, type Assignment } from './assignment.ts'
import { ASSIGNORS, type AssignorMember } from './assignors/index.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { cancelAllTimers, refusal, type ConsumerGroupFacts, type GroupClient, type MemberTimer, type Refusal } from './decision.ts'
import type { GroupDraft } from './draft.ts'
import { MEMBER_STATE, regexOf, sameNames, sameProgress, type ConsumerMember } from './member.ts'
import { reconcile } from './reconciliation.ts'
import {
  currentRecord,
  groupRecord,
  memberTombstones,
  partitionMetadataTombstone,
  regexRecord,
  regexTombstone,
  targetEpochRecord,
  targetRecord,
} from './records.ts'

/** Topics that come one after the other make one rebalance, not one each. */
const REGEX_REFRESH_INTERVAL_MIN_MS = 10_000

/**
 * Drops expressions nobody uses any more and looks again at those in use: when there is one that was never resolved, when topics have changed, and once in a while.
 * Gives whether the topics of any have changed.
 */
export function refreshRegexes(draft: GroupDraft, { nowMs, config, regexes }: ConsumerGroupFacts, client: GroupClient): boolean {
  const { groupId } = draft.group
  const used = draft.group.subscribedRegexes
  let changed = false
  for (const [regex, { topics }] of draft.group.regexes) {
    if (used.has(regex)) continue
    draft.add(regexTombstone(groupId, regex))
    changed ||= topics.length > 0
  }
  const found = new Map(
    [...used.keys()].map((regex) => [regex, { matches: regexes.matching(regex), resolved: draft.group.regexes.get(regex) }]),
  )
  const states = [...found.values()]
  const isDue = states.some(({ matches, resolved }) => {
    if (matches === undefined) return false
    if (resolved === undefined) return true
    const ageMs = nowMs - resolved.timestampMs
    if (ageMs >= 0 && ageMs <= REGEX_REFRESH_INTERVAL_MIN_MS) return false
    return matches.version !== resolved.version || ageMs < 0 || ageMs > config.regexRefreshIntervalMs
  })
  if (!isDue) return changed
  for (const [regex, { matches, resolved }] of found) {
    if (matches === undefined) continue
    const topics = matches.topics.filter((topic) => client.mayDescribe(topic))
    draft.add(regexRecord(groupId, regex, { topics, version: matches.version, timestampMs: nowMs }))
    changed ||= !sameNames(topics, resolved?.topics ?? [])
  }
  return changed
}

/** Raises the group's epoch if asked to, or if a topic it is subscribed to is no longer what it was. */
export function raiseEpoch(draft: GroupDraft, { topics }: ConsumerGroupFacts, isChanged: boolean): void {
  const { group } = draft
  const hash = group.metadataHashBy(topics)
  if (!isChanged && hash === group.metadataHash) return
  draft.add(groupRecord(group.groupId, group.groupEpoch + 1, hash))
  if (group.hasPartitionMetadata) draft.add(partitionMetadataTombstone(group.groupId))
}

/** Computes the target assignment anew where it is of an older epoch than the group's; records tell only of those whose target has changed. */
export function updateTarget(draft: GroupDraft, facts: ConsumerGroupFacts): void {
  const { group } = draft
  if (group.groupEpoch <= group.assignmentEpoch) return
  const { members, partitionCounts } = assignorInput(group, facts)
  const assignor = ASSIGNORS.get(preferredAssignor(group, facts.config.assignors))!
  const targets = assignor({ members, partitionCounts })
  for (const memberId of group.members.keys()) {
    const target = targets.get(memberId) ?? EMPTY_ASSIGNMENT
    const before = group.targets.get(memberId)
    if (before === undefined || !sameAssignment(before, target)) draft.add(targetRecord(group.groupId, memberId, target))
  }
  draft.add(targetEpochRecord(group.groupId, group.groupEpoch))
}

/** The assignor that most members ask for; among equals, and where none asks, the one that is configured first. */
export function preferredAssignor(group: ConsumerGroup, configured: readonly string[]): string {
  const votes = new Map<string, number>(configured.map((name) => [name, 0]))
  for (const { serverAssignor } of group.members.values()) {
    const known = serverAssignor === null ? undefined : votes.get(serverAssignor)
    if (known !== undefined) votes.set(serverAssignor!, known + 1)
  }
  let preferred = configured[0]!
  for (const name of configured) if (votes.get(name)! > votes.get(preferred)!) preferred = name
  return preferred
}

function assignorInput(
  group: ConsumerGroup,
  { topics }: ConsumerGroupFacts,
): {
  members: Map<string, AssignorMember>
  partitionCounts: Map<string, number>
} {
  const partitionCounts = new Map<string, number>()
  /** Members that want the same mostly have the very same list of names. */
  const known = new Map<readonly string[], Map<string | undefined, ReadonlySet<string>>>()
  const idsOf = (member: ConsumerMember): ReadonlySet<string> => {
    const { subscribedTopicNames } = member
    const regex = regexOf(member)
    const byRegex = known.get(subscribedTopicNames) ?? new Map<string | undefined, ReadonlySet<string>>()
    const ids = byRegex.get(regex) ?? find(new Set([...subscribedTopicNames, ...(group.regexes.get(regex ?? '')?.topics ?? [])]))
    byRegex.set(regex, ids)
    known.set(subscribedTopicNames, byRegex)
    return ids
  }
  const find = (names: ReadonlySet<string>): ReadonlySet<string> => {
    const ids = new Set<string>()
    for (const name of names) {
      const topic = topics.named(name)
      if (topic === undefined) continue
      ids.add(topic.id)
      partitionCounts.set(topic.id, topic.partitionCount)
    }
    return ids
  }
  const members = new Map<string, AssignorMember>()
  for (const [memberId, member] of group.members) {
    members.set(memberId, { instanceId: member.instanceId, topicIds: idsOf(member), current: group.targetOf(memberId) })
  }
  return { members, partitionCounts }
}

/** Brings the member a step towards its target. @param owned what it says it has */
export function reconcileMember(draft: GroupDraft, memberId: string, owned: Assignment | undefined): MemberTimer[] | Refusal {
  const { group } = draft
  const before = group.members.get(memberId)!
  const after = reconcile({
    member: before,
    targetEpoch: group.assignmentEpoch,
    target: group.targetOf(memberId),
    ownerOf: (topicId, partition) => group.ownerOf(topicId, partition),
    owned,
  })
  if (after === 'rejoin')
    return refusal('FENCED_MEMBER_EPOCH', 'The member is in a state of a newer broker: it has to give up all partitions and join again.')
  if (sameProgress(before, after)) return []
  draft.add(currentRecord(group.groupId, after))
  // Members of the classic protocol have timers for joining and synchronising instead.
  if (after.classic !== null) return []
  if (after.state !== MEMBER_STATE.unrevoked) return [{ cancel: 'rebalance', memberId }]
  return [{ set: 'rebalance', memberId, delayMs: after.rebalanceTimeoutMs, memberEpoch: after.memberEpoch }]
}

/** Removes members: what they had is free at once, and the others' target is to be computed anew. */
export function removeMembers(draft: GroupDraft, memberIds: readonly string[], facts: ConsumerGroupFacts): MemberTimer[] {
  const { groupId } = draft.group
  for (const memberId of memberIds) draft.add(...memberTombstones(groupId, memberId))
  const used = draft.group.subscribedRegexes
  for (const regex of draft.group.regexes.keys()) if (!used.has(regex)) draft.add(regexTombstone(groupId, regex))
  raiseEpoch(draft, facts, true)
  return memberIds.flatMap(cancelAllTimers)
}
