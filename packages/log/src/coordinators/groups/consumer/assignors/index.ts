/** The assignors a broker has, by the names that `group.consumer.assignors` and clients use. */
import type { Assignor } from './assignor.ts'
import { assignRange } from './range.ts'
import { assignUniform } from './uniform.ts'

export type { Assignor, AssignorInput, AssignorMember } from './assignor.ts'

export const ASSIGNORS: ReadonlyMap<string, Assignor> = new Map([
  ['uniform', assignUniform],
  ['range', assignRange],
])
