/** What the objects of a job's checkpoints are called, below its place. */
import { METADATA } from '../foreign-checkpoint.ts'

/** Beside metadata: says that a start has gone on from another checkpoint. */
const GIVEN_UP = 'given-up'

export function metadataName(checkpointId: number): string {
  return `chk-${checkpointId}/${METADATA}`
}

export function givenUpName(checkpointId: number): string {
  return `chk-${checkpointId}/${GIVEN_UP}`
}

export function isMetadata(name: string): boolean {
  return name.endsWith(`/${METADATA}`)
}

/** Of the checkpoint that an object belongs to; 0 for all others. */
export function idOf(name: string): number {
  return Number(/^chk-([1-9]\d{0,14})\//.exec(name)?.[1] ?? 0)
}

/** Of the checkpoint that an object was written for, state files included; 0 for all others. */
export function writtenFor(name: string): number {
  return idOf(name) || Number(/^shared\/\d+-(\d+)-/.exec(name)?.[1] ?? 0)
}

/** Ids of all checkpoints of which there is anything, ascending. */
export function idsOf(names: Iterable<string>): readonly number[] {
  return [...new Set(Array.from(names, idOf))].filter((id) => id > 0).toSorted((a, b) => a - b)
}
