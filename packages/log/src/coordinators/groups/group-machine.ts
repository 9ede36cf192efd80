/** The state machine of a `__consumer_offsets` partition: its records, and what begins with a load. */
import type { Facts, StateMachine, TimerChange } from '../framework/index.ts'
import { scheduleExpiry } from '../offsets/expiry.ts'
import type { OffsetSettings } from '../offsets/settings.ts'
import { loadedClassicGroup } from './classic/rebalance.ts'
import type { ClassicGroupSettings } from './classic/settings.ts'
import type { ConsumerGroup } from './consumer/consumer-group.ts'
import {
  applyGroupRecord,
  groupRecordFormat,
  isConsumerGroup,
  newGroupState,
  type GroupRecord,
  type GroupState,
  type GroupStateDecision,
} from './group-store.ts'

export type GroupSettings = ClassicGroupSettings & OffsetSettings

export type GroupMachine = StateMachine<GroupState, GroupRecord>

/** @param onConsumerGroupLoaded what a consumer group begins with: its members' timers */
export function groupMachine(
  settings: () => GroupSettings,
  onConsumerGroupLoaded: (group: ConsumerGroup, facts: Facts) => GroupStateDecision = () => ({}),
): GroupMachine {
  return {
    format: groupRecordFormat,
    empty: newGroupState,
    apply: applyGroupRecord,
    applyMarker: ({ offsets }, marker) => offsets.applyMarker(marker),
    onLoaded({ groups }, facts) {
      const decisions = [...groups.values()].map((group) =>
        isConsumerGroup(group) ? onConsumerGroupLoaded(group, facts) : loadedClassicGroup(group, settings(), facts),
      )
      return combined([...decisions, scheduleExpiry(settings())])
    },
  }
}

/** One decision of many that concern different groups and belong to no transaction. */
function combined(decisions: readonly GroupStateDecision[]): GroupStateDecision {
  const timers: TimerChange<GroupState, GroupRecord>[] = decisions.flatMap((decision) => decision.timers ?? [])
  const remembers = decisions.flatMap(({ remember }) => (remember === undefined ? [] : [remember]))
  return {
    records: decisions.flatMap(({ records }) => records ?? []),
    remember: (state) => remembers.forEach((remember) => remember(state)),
    answers: decisions.flatMap(({ answers }) => answers ?? []),
    timers,
  }
}
