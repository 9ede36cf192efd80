/** Who is to lead a partition: pure, over what is known of it and of the brokers. */
import type { PartitionState } from './registrations.ts'

export interface ElectionFacts {
  /** The assignment, preferred leader first. */
  readonly replicas: readonly number[]
  readonly state: PartitionState | undefined
  readonly liveBrokers: ReadonlySet<number>
  readonly controllerEpoch: number
  /** The highest epoch that is found in the log of a replica: it was led in it, whatever the state says. */
  readonly epochFloor: number
}

/** A new partition: the first live replica leads, all live ones are in sync. Undefined if none lives. */
export function electFirst({ replicas, liveBrokers, controllerEpoch, epochFloor }: ElectionFacts): PartitionState | undefined {
  const isr = replicas.filter((id) => liveBrokers.has(id))
  const [leader] = isr
  return leader === undefined ? undefined : { leader, isr, leaderEpoch: epochFloor + 1, controllerEpoch }
}

/** A partition whose leader has gone: the first replica that lives and is in sync, with those that are. Undefined if there is none. */
export function electOffline({ replicas, state, liveBrokers, controllerEpoch, epochFloor }: ElectionFacts): PartitionState | undefined {
  if (state === undefined) return electFirst({ replicas, state, liveBrokers, controllerEpoch, epochFloor })
  const isr = state.isr.filter((id) => liveBrokers.has(id))
  const leader = replicas.find((id) => isr.includes(id))
  if (leader === undefined) return undefined
  return { leader, isr, leaderEpoch: Math.max(state.leaderEpoch, epochFloor) + 1, controllerEpoch }
}

/** The head of the assignment leads, if it lives and is in sync. Undefined if it may not, or does already. */
export function electPreferred({ replicas, state, liveBrokers, controllerEpoch }: ElectionFacts): PartitionState | undefined {
  const [leader] = replicas
  if (state === undefined || leader === undefined || state.leader === leader) return undefined
  if (!liveBrokers.has(leader) || !state.isr.includes(leader)) return undefined
  return { ...state, leader, leaderEpoch: state.leaderEpoch + 1, controllerEpoch }
}
