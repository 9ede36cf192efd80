/** Moments that a run must have met: a simulation that never meets one proves nothing about it. */
export const situations = [
  'power failure',
  'kill',
  'crash in recovery',
  'torn batch',
  'lost index',
  'crash between append and acknowledgement',
  'crash in a roll',
  'crash in a compaction swap',
  "crash in a transaction's end",
  'crash in a commit of offsets',
  'crash in a move between directories',
  'crash between the last two steps of a move',
  'a move that went on',
  'a move that ended',
] as const

export type Situation = (typeof situations)[number]

export type SituationCounts = Record<Situation, number>

export function noSituations(): SituationCounts {
  return Object.fromEntries(situations.map((name) => [name, 0])) as SituationCounts
}
