/** Work of a slot besides its tasks that goes on in slices: snapshots being written, what has expired being removed. */
export interface Background {
  /** Does a slice of about `budgetMs`; answers whether there is more to do at once. */
  step(budgetMs: number): boolean
}

/** Who does such work, a slice a turn until there is no more. */
export interface BackgroundHost {
  addBackground(work: Background): void
}
