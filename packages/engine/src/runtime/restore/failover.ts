/** What starts again after a failure. Pure. */
import type { FailureReport } from '../deployment/messages.ts'

export interface FailoverFacts {
  /** Of the job; with one there is no part of it that could go on. */
  readonly regions: number
  /** Whether all tasks of the region have run, and its enumerators: what cannot even begin is wrong with the job. */
  readonly hasRun: boolean
  /** Whether the last checkpoint is under way, or is to come: it needs the subtasks that there are. */
  readonly ending: boolean
  readonly failure: Pick<FailureReport, 'restoreBefore'>
}

/** The region alone, where all others can go on as if nothing had happened; else the whole job. */
export function failoverScope({ regions, hasRun, ending, failure }: FailoverFacts): 'region' | 'job' {
  return regions > 1 && hasRun && !ending && failure.restoreBefore === undefined ? 'region' : 'job'
}

/**
 * Whether a region may start from what was found: only from what all others take for the newest checkpoint, or what the whole job started from while there is none.
 * What sinks of the region committed with a newer one would come again, and what is taken from now on builds on it.
 */
export function fitsRegion(
  found: { readonly ownId: number | undefined; readonly path: string | undefined },
  expected: { readonly completedId: number | undefined; readonly startedFrom: string | undefined },
): boolean {
  return found.ownId === expected.completedId && (found.ownId !== undefined || found.path === expected.startedFrom)
}
