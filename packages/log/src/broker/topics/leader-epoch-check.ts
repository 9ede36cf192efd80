import { ERROR_CODE } from '../../protocol/index.ts'

/** What is wrong with the leader epoch a client believes in; `NONE` if nothing, or if it does not say (-1). */
export function leaderEpochError(believed: number, leaderEpoch: number): number {
  if (believed < 0 || believed === leaderEpoch) return ERROR_CODE.NONE
  return believed < leaderEpoch ? ERROR_CODE.FENCED_LEADER_EPOCH : ERROR_CODE.UNKNOWN_LEADER_EPOCH
}
