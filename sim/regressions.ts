/** Seeds that once failed, with their scenarios: replayed first, always. */
import type { Scenario } from './scenario.ts'

export interface Regression {
  readonly about: string
  readonly seed: number
  readonly scenario: Scenario
}

export const regressions: readonly Regression[] = []
