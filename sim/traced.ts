/** A record on its way: it tells which input it comes from and what happened to it. */
export interface Traced {
  readonly id: number
  /** Which of the streams that every input goes through. */
  readonly branch: number
  /** Where its source keeps the order of ids: the split it was read from. */
  readonly split: string | undefined
  /** What keyed operators counted on the way: stage, key, count. */
  readonly counts: readonly (readonly [stage: number, key: number, count: number])[]
}

export function traced(id: number, split?: string): Traced {
  return { id, branch: 0, split, counts: [] }
}
